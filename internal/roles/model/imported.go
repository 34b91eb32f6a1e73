package model

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Open returns the graph of a model that was imported: its parameters are what is trained, in the order of the file,
// and, where they are averaged, the running statistics.
// Its forward pass is one for a batch, which At gives.
func Open(m *importer.Model) (*Graph, error) {
	g := &Graph{imported: m, output: m.Output()}
	for _, p := range m.Trained() {
		if p.Value != nil && p.Value.DType() != tensor.Float32 {
			return nil, badf("initializer "+quote(p.Name), "is %v; only float32 is trained", p.Value.DType())
		}
		g.params = append(g.params, Param{Name: p.Name, Shape: slices.Clone(p.Shape), Given: p.Value})
	}
	if len(g.params) == 0 {
		return nil, badf("graph", "it has no parameter that is trained, so there is nothing to train")
	}
	g.statistics(m)
	g.input = m.Inputs()[0].Name
	g.fans(m.Nodes())
	return g, nil
}

// Imported returns the model that the graph was opened from, or nil for one that is a plain graph.
func (g *Graph) Imported() *importer.Model { return g.imported }

// At returns the graph for a batch. One whose batch is open, as that of an MLP, is itself. Errors are
// *importer.RefusedError, with all reasons.
func (g *Graph) At(batch int) (*Graph, error) {
	if g.imported == nil {
		return g, nil
	}
	at, err := g.imported.For(g.mode(), batch)
	if err != nil {
		return nil, err
	}
	out := *g
	out.at, out.output = at, at.Outputs[0].Name
	return &out, out.modes(batch)
}

// Batch returns the batch that the graph is for, 0 where it is open.
func (g *Graph) Batch() int {
	if g.at == nil {
		return 0
	}
	return g.at.Batch
}

// Inputs returns copies of the declarations of all inputs. Their order is that of the file.
func (g *Graph) Inputs() []*onnx.ValueInfoProto {
	if g.imported == nil {
		return []*onnx.ValueInfoProto{g.Input()}
	}
	var out []*onnx.ValueInfoProto
	if g.at != nil {
		for _, v := range g.at.Inputs {
			out = append(out, declared(v.Name, v.DType, v.Shape))
		}
		return out
	}
	for _, p := range g.imported.Inputs() {
		out = append(out, declared(p.Name, p.DType, p.Dims))
	}
	return out
}

func declared(name string, d tensor.DType, shape []int) *onnx.ValueInfoProto {
	dims := make([]int64, len(shape))
	for i, n := range shape {
		dims[i] = int64(n)
	}
	return onnx.ValueInfo(name, d, dims...)
}

// Result returns the type of the output: its element type and its shape, -1 for what is open; the zero type and nil
// where it is not known.
func (g *Graph) Result() (tensor.DType, []int) {
	switch {
	case g.at != nil:
		return g.at.Outputs[0].DType, slices.Clone(g.at.Outputs[0].Shape)
	case g.imported != nil:
		for _, p := range g.imported.Outputs() {
			if p.Name == g.output {
				return p.DType, slices.Clone(p.Dims)
			}
		}
		return 0, nil
	}
	tt := g.proto.Graph.Output[0].GetType()
	dims, ok := onnx.Dims(tt)
	if !ok {
		return 0, nil
	}
	shape := make([]int, len(dims))
	for i, d := range dims {
		shape[i] = int(d)
	}
	return tensor.DType(tt.GetTensorType().GetElemType()), shape
}

// forwardOf returns the nodes for the batch that the graph is for, or for one that is chosen where none was.
func (g *Graph) forwardOf() *importer.Graph {
	if g.at != nil {
		return g.at
	}
	at, err := g.imported.For(g.mode(), max(g.imported.FixedBatch(), 1))
	if err != nil {
		return &importer.Graph{} // a model that was imported runs for its own batch
	}
	return at
}

// exported returns the author's file with these parameters.
func (g *Graph) exported(params []*tensor.Tensor) (*onnx.ModelProto, error) {
	return g.imported.Export(params[:g.Trained()], g.named(params))
}

// load reads a model that is no plain graph.
func load(m *onnx.ModelProto, o importer.Options) (*Graph, error) {
	im, err := importer.ImportTold(m, o)
	if err != nil {
		return nil, err
	}
	for _, p := range im.Trained() {
		if p.Value == nil && !importer.IsBare(m) { // only what travels has none
			return nil, badf("initializer "+quote(p.Name), "holds no raw_data; want the numbers of %v", p.Shape)
		}
	}
	return Open(im)
}

// plain returns the graph of a file that has nothing to import: its operators run as they stand, with the batch open,
// and all its float32 initializers are what is trained.
func plain(m *onnx.ModelProto) (*Graph, error) {
	g, err := fromProto(m, false)
	if err != nil {
		return nil, err
	}
	for i, n := range m.GetGraph().GetNode() {
		if err := runs(i, n, g.Opset()); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// sameParams says whether both hold the same parameters in the same order.
func sameParams(a, b *Graph) bool {
	return slices.EqualFunc(a.params, b.params, func(x, y Param) bool {
		return x.Name == y.Name && slices.Equal(x.Shape, y.Shape)
	})
}

// copies returns copies of nodes.
func copies(nodes []*onnx.NodeProto) []*onnx.NodeProto {
	out := make([]*onnx.NodeProto, len(nodes))
	for i, n := range nodes {
		out[i] = proto.CloneOf(n)
	}
	return out
}

// constantsOf returns the constants of an imported graph as initializers.
func (g *Graph) constantsOf() []*onnx.TensorProto { return initializers(g.forwardOf()) }

// initializers returns the constants of a pass.
func initializers(at *importer.Graph) []*onnx.TensorProto {
	var out []*onnx.TensorProto
	for _, c := range at.Constants {
		out = append(out, c.Value.Proto(c.Name))
	}
	return out
}

// fileOf returns what Export returns as a file that is written in pieces, for a model that was imported.
func (g *Graph) fileOf(params []*tensor.Tensor) (*File, error) {
	m, err := g.exported(params)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return pieces(m)
}
