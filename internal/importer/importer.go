package importer

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The operator sets and file formats that are read.
const (
	OpsetMin = 7
	OpsetMax = 28
	IRMax    = 14
)

// Options say what a user wants of a file. The zero value is a good one.
type Options struct {
	Output string   `json:"output,omitempty"` // the output to train; "" means the first one of floating-point numbers
	Train  []string `json:"train,omitempty"`  // patterns of names (as of path.Match): only these are trained
	Freeze []string `json:"freeze,omitempty"` // patterns of names that are not trained
	// SplitShared gives each reader of a tensor that the exporter merged a tensor of its own.
	SplitShared bool `json:"split_shared,omitempty"`
	// AddBias puts back biases that were all zero and that the exporter left out.
	AddBias bool `json:"add_bias,omitempty"`
	// TrainMode keeps Dropout, and lets BatchNormalization use the statistics of the batch.
	TrainMode bool `json:"train_mode,omitempty"`
	// Buffers says what becomes of running statistics, and Dropout that the pass for training drops, whatever mode the
	// file was exported in.
	Buffers string `json:"buffers,omitempty"`
	Dropout bool   `json:"dropout,omitempty"`
	// Dims gives symbolic dimensions other than the batch a size, by name.
	Dims map[string]int `json:"dims,omitempty"`
	// Evaluate reads a model that is only to be run: what stands in the way of training is no reason to refuse it.
	Evaluate bool `json:"evaluate,omitempty"`
}

// Port is an input or an output of a model.
type Port struct {
	Name  string       `json:"name"`
	DType tensor.DType `json:"-"`
	Type  string       `json:"type"`
	Dims  []int        `json:"dims"`            // -1 for the batch, and for what the file leaves open
	Names []string     `json:"names,omitempty"` // of the dimensions, "" where they have none
}

// Param is a floating-point initializer that is no buffer.
type Param struct {
	Name      string         `json:"name"`
	Shape     []int          `json:"shape"`
	Value     *tensor.Tensor `json:"-"` // nil where the model was loaded without its values
	Trainable bool           `json:"trainable"`
	Why       string         `json:"why"` // why it is a parameter, or why it is not trained
	index     int            // in the model's initials
	learned   bool           // it is a parameter, whether it is trained or not
}

// Buffer is state of training that no gradient changes: the running statistics of a BatchNormalization.
type Buffer struct {
	Name  string         `json:"name"`
	Shape []int          `json:"shape"`
	Value *tensor.Tensor `json:"-"`
	Role  string         `json:"role"` // "mean" or RoleVariance
	Node  string         `json:"node"`
	// Frozen says that it stays as it is in the file, whatever Options.Buffers says.
	Frozen bool `json:"frozen,omitempty"`
}

// Model is a file that was understood. It is immutable and safe for concurrent use; what its methods return must not
// be changed.
type Model struct {
	file    *onnx.ModelProto
	o       Options
	d       *draft
	inputs  []Port
	outputs []Port
	output  string
	params  []Param
	buffers []Buffer
	sig     *signature
	batch   batching
	rows    map[string]bool // parameters that have a row for each sample of the batch that the file is fixed to
	report  *Report
	runs    refusals // what stands in the way of running
	trains  refusals // what stands in the way of training alone
	ends    string   // what the output goes through last
	scores  string   // the value before that
	shape   []int    // of the output, for a batch of the file's size or of 2
}

// Import reads a model for training, or, with Evaluate, for being run. What cannot be is refused by a *RefusedError
// with all reasons at once. The model keeps m, which must not be changed any more.
func Import(m *onnx.ModelProto, o Options) (*Model, error) {
	out, err := Inspect(m, o)
	if err != nil {
		return nil, err
	}
	if err := out.Refused(); err != nil {
		return nil, err
	}
	return out, nil
}

// Inspect reads a model and says what there is to say of it. It refuses only what is no model at all, or what the
// options name and the file does not have; whether the model can be used is told by Refused.
func Inspect(m *onnx.ModelProto, o Options) (*Model, error) {
	out, err := inspect(m, o)
	if err != nil || !o.SplitShared && !o.AddBias && o.Buffers == "" {
		return out, err
	}
	if file := out.undone(o); file != nil {
		return inspect(file, o)
	}
	return out, nil
}

func inspect(m *onnx.ModelProto, o Options) (*Model, error) {
	var bad refusals
	out := &Model{file: m, o: o}
	g := m.GetGraph()
	if g == nil {
		bad.add(-1, "", "", "there is no graph in the file; want an ONNX model")
		return nil, bad.err("read")
	}
	if v := m.GetIrVersion(); v > IRMax {
		bad.add(-1, "", "", "the file format is version %d; want at most %d", v, IRMax)
	}
	out.d = newDraft(m, &bad)
	if len(bad.list) > 0 {
		return nil, bad.err("read")
	}
	out.d.convert(out)
	out.ports(&bad)
	if len(bad.list) > 0 {
		return nil, bad.err("read")
	}
	out.sig = parseSignature(m)
	if d, ok := told(m); ok {
		out.applyTold(d, &bad)
		out.settle(true)
	} else {
		out.classify(&bad)
		out.settle(false)
	}
	if len(bad.list) > 0 {
		return nil, bad.err("read")
	}
	out.batch = out.findBatch()
	out.judge()
	out.report = out.makeReport()
	return out, nil
}

// Refused returns a *RefusedError with all that stands in the way of training the model, or, where it was read for
// evaluation, of running it; nil where nothing does.
func (m *Model) Refused() error {
	if m.o.Evaluate {
		return m.runs.err("run")
	}
	all := refusals{list: slices.Concat(m.runs.list, m.trains.list)}
	return all.err("trained")
}

// Runs returns a *RefusedError with all that stands in the way of running the model, or nil.
func (m *Model) Runs() error { return m.runs.err("run") }

// Inputs returns the inputs that are no initializers.
func (m *Model) Inputs() []Port { return m.inputs }

// Outputs returns the outputs that are tensors.
func (m *Model) Outputs() []Port { return m.outputs }

// Output returns the name of the output that is trained.
func (m *Model) Output() string { return m.output }

// Params returns the floating-point initializers that are no buffers, in the order of the file.
func (m *Model) Params() []Param { return m.params }

// Trained returns the parameters that are trained, in the order of the file: the order of Export's values.
func (m *Model) Trained() []Param {
	var out []Param
	for _, p := range m.params {
		if p.Trainable {
			out = append(out, p)
		}
	}
	return out
}

// Buffers returns the running statistics.
func (m *Model) Buffers() []Buffer { return m.buffers }

// FixedBatch returns the batch that the file is fixed to, 0 where it is open.
func (m *Model) FixedBatch() int { return m.batch.Fixed }

// File returns the file that was read, with merged tensors taken apart and biases put back where that was asked for.
func (m *Model) File() *onnx.ModelProto { return m.file }

// Nodes returns the nodes in the canonical form, for those who look at how values are used.
func (m *Model) Nodes() []*onnx.NodeProto {
	out := make([]*onnx.NodeProto, len(m.d.nodes))
	for i, n := range m.d.nodes {
		out[i] = n.NodeProto
	}
	return out
}

// Report returns what there is to say of the model.
func (m *Model) Report() *Report { return m.report }

// ports finds the inputs and outputs, and the output to train.
func (m *Model) ports(bad *refusals) {
	g := m.file.GetGraph()
	for _, v := range g.GetInput() {
		if m.d.named[v.GetName()] != nil {
			continue // files of older tools list initializers as inputs too
		}
		p, ok := port(v)
		if !ok {
			bad.add(-1, "", v.GetName(), "the input is no tensor; want tensors alone")
			continue
		}
		m.inputs = append(m.inputs, p)
	}
	for _, v := range g.GetOutput() {
		if p, ok := port(v); ok {
			m.outputs = append(m.outputs, p)
		} else if p, ok := m.d.zipped(v.GetName()); ok {
			m.outputs = append(m.outputs, p)
		}
	}
	var names []string
	for _, p := range m.outputs {
		names = append(names, quote(p.Name))
		if m.o.Output == "" && m.output == "" && isFloat(p.DType) {
			m.output = p.Name
		}
		if m.o.Output == p.Name {
			m.output = p.Name
		}
	}
	switch {
	case len(m.inputs) == 0:
		bad.add(-1, "", "", "the model has no input; want at least one that is no initializer")
	case len(m.outputs) == 0:
		bad.add(-1, "", "", "the model has no output that is a tensor")
	case m.output == "" && m.o.Output != "":
		bad.add(-1, "", m.o.Output, "there is no such output; want one of %s", strings.Join(names, ", "))
	case m.output == "" && m.o.Evaluate:
		m.output = m.outputs[0].Name
	case m.output == "":
		m.output = m.outputs[0].Name
		m.trains.add(-1, "", m.output, "the output is %s; want one of floating-point numbers", m.outputs[0].Type)
	}
}

// port reads a declaration.
func port(v *onnx.ValueInfoProto) (Port, bool) {
	tt := v.GetType().GetTensorType()
	if tt == nil || v.GetName() == "" || tt.GetElemType() <= 0 || tt.GetElemType() > 255 {
		return Port{}, false
	}
	p := Port{Name: v.GetName(), DType: tensor.DType(tt.GetElemType())}
	p.Type = typeName(tt.GetElemType())
	if isHalf(tt.GetElemType()) {
		p.DType = tensor.Float32
	}
	for _, d := range tt.GetShape().GetDim() {
		n, name := -1, d.GetDimParam()
		if _, ok := d.GetValue().(*onnx.TensorShapeProto_Dimension_DimValue); ok && d.GetDimValue() > 0 {
			n = int(min(d.GetDimValue(), 1<<30))
		}
		p.Dims, p.Names = append(p.Dims, n), append(p.Names, short(name))
	}
	return p, len(p.Dims) <= tensor.MaxRank
}

// typeName is the name of an element type, also of those that no tensor here has.
func typeName(t int32) string {
	if d := tensor.DType(t); t > 0 && t < 256 && d.Valid() {
		return d.String()
	}
	return strings.ToLower(onnx.TensorProto_DataType(t).String())
}

// isFloat says whether a type is one of floating-point numbers.
func isFloat(d tensor.DType) bool {
	switch onnx.TensorProto_DataType(d) {
	case onnx.TensorProto_FLOAT, onnx.TensorProto_DOUBLE, onnx.TensorProto_FLOAT16, onnx.TensorProto_BFLOAT16:
		return true
	}
	return false
}

// matches says whether a name matches one of the patterns; a pattern may also be the name itself.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if p == name {
			return true
		}
		// A name with a slash is one name here: the star stands for slashes as well.
		ok, err := path.Match(strings.ReplaceAll(p, "/", "\x00"), strings.ReplaceAll(name, "/", "\x00"))
		return err == nil && ok
	})
}

// checkPatterns refuses patterns that match nothing or are none.
func checkPatterns(what string, patterns, names []string, bad *refusals) {
	for _, p := range patterns {
		if !slices.ContainsFunc(names, func(n string) bool { return matches([]string{p}, n) }) {
			bad.add(-1, "", p, "%s names no parameter; want one of %s", what, few(names))
		}
	}
}

// few lists names, at most eight.
func few(names []string) string {
	var out []string
	for i, n := range names {
		if i == 8 {
			out = append(out, fmt.Sprintf("and %d more", len(names)-i))
			break
		}
		out = append(out, quote(n))
	}
	return strings.Join(out, ", ")
}
