package importer

import (
	"encoding/json"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// bareKey is the metadata of a bare model: what the import decided of the whole one.
const bareKey = "rhizome.import"

// decided is what a bare model says of itself, since the numbers that decided it are not in it.
type decided struct {
	Options Options  `json:"options"`
	Trained []string `json:"trained"`
	Buffers []Buffer `json:"buffers,omitempty"`
}

// Bare returns the model as it travels: the graph with what is not trained, without the values of what is, and without
// any metadata, names of files and stack traces of the author's machine among it. Equal models give equal bytes. Load
// reads it.
func (m *Model) Bare() ([]byte, error) {
	out, g := shallow(m.file)
	trained := map[string]bool{}
	d := decided{Options: m.o, Buffers: m.buffers}
	for _, p := range m.Trained() {
		trained[p.Name] = true
		d.Trained = append(d.Trained, p.Name)
	}
	// Patterns were applied, and merged tensors were taken apart: what is trained is told by name.
	d.Options.Train, d.Options.Freeze, d.Options.SplitShared, d.Options.AddBias = nil, nil, false, false
	d.Options.Output = m.output
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	out.DocString, out.ProducerVersion, out.MetadataProps, out.TrainingInfo = "", "", nil, nil
	out.MetadataProps = onnx.SetMeta(nil, bareKey, string(text))
	g.DocString, g.MetadataProps, g.ValueInfo, g.QuantizationAnnotation = "", nil, nil, nil
	for i, n := range g.Node {
		g.Node[i] = stripped(n)
	}
	for i, t := range g.Initializer {
		c := &onnx.TensorProto{Dims: t.Dims, DataType: t.DataType, Name: t.Name}
		if !trained[t.GetName()] {
			c = proto.CloneOf(t)
			c.DocString, c.MetadataProps = "", nil
		}
		g.Initializer[i] = c
	}
	g.Input, g.Output = strippedInfos(g.Input), strippedInfos(g.Output)
	out.Functions = nil
	for _, f := range m.file.GetFunctions() {
		c := &onnx.FunctionProto{Name: f.Name, Input: f.Input, Output: f.Output, Attribute: f.Attribute,
			OpsetImport: f.OpsetImport, Domain: f.Domain, AttributeProto: f.AttributeProto, Overload: f.Overload}
		for _, n := range f.GetNode() {
			c.Node = append(c.Node, stripped(n))
		}
		out.Functions = append(out.Functions, c)
	}
	out.ProtoReflect().SetUnknown(nil)
	g.ProtoReflect().SetUnknown(nil)
	return onnx.Marshal(out)
}

// stripped returns a node, and the graphs in it, without metadata.
func stripped(n *onnx.NodeProto) *onnx.NodeProto {
	c := bareNode(n)
	for _, a := range c.Attribute {
		for _, g := range append([]*onnx.GraphProto{a.GetG()}, a.GetGraphs()...) {
			if g == nil {
				continue
			}
			g.DocString, g.MetadataProps, g.ValueInfo = "", nil, nil
			g.Input, g.Output = strippedInfos(g.Input), strippedInfos(g.Output)
			for i, b := range g.Node {
				g.Node[i] = stripped(b)
			}
		}
	}
	return c
}

func strippedInfos(list []*onnx.ValueInfoProto) []*onnx.ValueInfoProto {
	out := make([]*onnx.ValueInfoProto, len(list))
	for i, v := range list {
		out[i] = &onnx.ValueInfoProto{Name: v.GetName(), Type: v.GetType()}
	}
	return out
}

// Load reads a model from bytes that nobody vouches for: a bare one, or a file that stands for itself. What a bare one
// says of itself holds, and o is not looked at.
func Load(b []byte, lim onnx.Limits, o Options) (*Model, error) {
	p, err := onnx.Load(b, lim)
	if err != nil {
		return nil, err
	}
	return ImportTold(p, o)
}

// ImportTold is Import, but for a bare model, whose own options hold.
func ImportTold(p *onnx.ModelProto, o Options) (*Model, error) {
	if d, ok := told(p); ok {
		o = d.Options
		o.Train, o.Freeze, o.SplitShared, o.AddBias = nil, nil, false, false
	}
	return Import(p, o)
}

// IsBare says whether a model is one that Bare made.
func IsBare(p *onnx.ModelProto) bool {
	_, ok := told(p)
	return ok
}

// told returns what a bare model says of itself.
func told(p *onnx.ModelProto) (decided, bool) {
	text, ok := onnx.Meta(p.GetMetadataProps(), bareKey)
	if !ok {
		return decided{}, false
	}
	var d decided
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return decided{}, false
	}
	return d, true
}

// applyTold takes the parameters and buffers that a bare model names.
func (m *Model) applyTold(d decided, bad *refusals) {
	for i, x := range m.d.initials {
		if !slices.Contains(d.Trained, x.name) {
			continue
		}
		m.params = append(m.params, Param{Name: x.name, Shape: x.shape, Value: x.value, Trainable: true,
			Why: "as the model was imported", index: i})
	}
	if len(m.params) != len(d.Trained) {
		bad.add(-1, "", "", "the model names %d trained parameters and has %d of them", len(d.Trained), len(m.params))
	}
	for _, b := range d.Buffers {
		x := m.d.named[b.Name]
		if x == nil {
			bad.add(-1, "", b.Name, "the model names a buffer that it does not have")
			continue
		}
		b.Value, b.Shape = x.value, x.shape
		m.buffers = append(m.buffers, b)
	}
}
