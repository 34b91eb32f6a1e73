package model

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Graph is the forward pass of a model. It is immutable and safe for concurrent use; what its methods return must not
// be changed, unless they say that it is a copy.
type Graph struct {
	// as loaded; the initializers of parameters hold their initial values, or nothing where those are zeros
	proto  *onnx.ModelProto
	input  string // the one input that is no initializer
	output string
	params []Param
	index  []int // of each parameter in the graph's initializers

	imported  *importer.Model // where the graph is one that was imported; proto is nil then
	at        *importer.Graph // its forward pass, where it is for one batch
	own       *importer.Graph // the same with the running statistics that are local
	train     *importer.Graph // the pass of a step, where that is another one
	averaged  int             // running statistics among params, behind what is trained
	local     []Param         // what is none: of what is trained, the first ones, and running statistics
	personal  int             // how many of these are trained
	variances []int           // places of running variances among params
}

// Param is a parameter: a float32 initializer of the graph. Running statistics that change in training are parameters
// too, behind those that are trained (Trained).
type Param struct {
	Name  string
	Shape []int
	Given *tensor.Tensor // the value in the file; nil means zeros, which take no memory
	Rule  Rule           // how an initial value is drawn
	FanIn int            // values that one output of the layer is summed from; for the rules that draw
	FanUp int            // outputs that one value goes into
}

// Len returns how many elements the parameter has.
func (p *Param) Len() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// Rule says how the initial value of a parameter comes about.
type Rule uint8

// The rules.
const (
	RuleGiven  Rule = iota // as in the file: biases, scales, and whatever is not known better
	RuleWeight             // a weight of Gemm, MatMul or Conv: drawn by the fans of its layer
)

// Forward returns a copy of the forward nodes in topological order, the names of their input and output, and the
// parameters in the order in which all lists of tensors here hold them. The nodes also read the initializers that
// Constants returns.
func (g *Graph) Forward() (nodes []*onnx.NodeProto, input, output string, params []Param) {
	if g.imported != nil {
		at := g.forwardOf()
		return copies(at.Nodes), g.input, at.Outputs[0].Name, slices.Clone(g.params)
	}
	for _, n := range g.proto.Graph.Node {
		nodes = append(nodes, proto.CloneOf(n))
	}
	return nodes, g.input, g.output, slices.Clone(g.params)
}

// Constants returns copies of the initializers that are no parameters, such as the shape of a Reshape.
func (g *Graph) Constants() []*onnx.TensorProto {
	if g.imported != nil {
		return g.constantsOf()
	}
	var out []*onnx.TensorProto
	for i, t := range g.proto.Graph.Initializer {
		if !slices.Contains(g.index, i) {
			out = append(out, proto.CloneOf(t))
		}
	}
	return out
}

// Input returns a copy of the declaration of the input: name, element type and shape.
func (g *Graph) Input() *onnx.ValueInfoProto {
	if g.imported != nil {
		return g.Inputs()[0]
	}
	i := slices.IndexFunc(g.proto.Graph.Input, func(v *onnx.ValueInfoProto) bool { return v.GetName() == g.input })
	return proto.CloneOf(g.proto.Graph.Input[i])
}

// Opset returns the version of the standard operators that the nodes mean.
func (g *Graph) Opset() int64 {
	if g.imported != nil {
		return onnxop.Opset // what they were written as
	}
	return g.proto.OpsetImport[0].GetVersion()
}

// Shapes returns the shape of each parameter.
func (g *Graph) Shapes() [][]int {
	out := make([][]int, len(g.params))
	for i, p := range g.params {
		out[i] = p.Shape
	}
	return out
}

// Bytes returns the size of all parameters.
func (g *Graph) Bytes() int {
	n := 0
	for i := range g.params {
		n += 4 * g.params[i].Len()
	}
	return n
}

// Check says whether the tensors can be the graph's parameters: as many, float32, of the same shapes.
func (g *Graph) Check(params []*tensor.Tensor) error { return g.check(params, false) }

// check is Check, perhaps with floats of 16 bits among them.
func (g *Graph) check(params []*tensor.Tensor, halves bool) error {
	if len(params) != len(g.params) {
		return fmt.Errorf("%d tensors, the model has %d parameters", len(params), len(g.params))
	}
	for i, t := range params {
		p := &g.params[i]
		if t.DType() != tensor.Float32 && !(halves && half.Is(t.DType())) || !slices.Equal(t.Shape(), p.Shape) {
			return fmt.Errorf("parameter %d (%q) is %s %v, want float32 %v", i, p.Name, t.DType(), t.Shape(), p.Shape)
		}
	}
	return nil
}

// Export returns the graph with these parameters as an ONNX file. Equal parameters give equal bytes.
func (g *Graph) Export(params []*tensor.Tensor) ([]byte, error) {
	if err := g.Check(params); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if g.imported != nil {
		m, err := g.exported(params)
		if err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
		return onnx.Marshal(m)
	}
	m := g.with()
	for i, t := range params {
		m.Graph.Initializer[g.index[i]] = t.Proto(g.params[i].Name)
	}
	return onnx.Marshal(m)
}

// with returns the model with a list of initializers of its own, for other parameters.
func (g *Graph) with() *onnx.ModelProto {
	// Only the list of initializers is new; everything else is shared with the graph and not changed.
	return &onnx.ModelProto{
		IrVersion: g.proto.IrVersion, ProducerName: Producer, Domain: g.proto.Domain,
		ModelVersion: g.proto.ModelVersion,
		DocString:    g.proto.DocString, OpsetImport: g.proto.OpsetImport, MetadataProps: g.proto.MetadataProps,
		Graph: &onnx.GraphProto{
			Node: g.proto.Graph.Node, Name: g.proto.Graph.Name, DocString: g.proto.Graph.DocString,
			Input: g.proto.Graph.Input, Output: g.proto.Graph.Output, ValueInfo: g.proto.Graph.ValueInfo,
			MetadataProps: g.proto.Graph.MetadataProps, Initializer: slices.Clone(g.proto.Graph.Initializer),
		},
	}
}

// Producer is the producer_name of exported files.
const Producer = "rhizome"
