package model

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The bounds of a model that is loaded.
const (
	bytesMax    = 256 << 20
	nodesMax    = 1 << 14
	tensorsMax  = 1 << 14
	elementsMax = 1 << 26 // of one initializer
	opsetMin    = 13
	opsetMax    = 21
)

// FormatError says that a file is no model that can be trained here.
type FormatError struct {
	Where  string // the node, initializer or part at fault
	Reason string // what is wrong and what would be right
}

// Error describes the refusal.
func (e *FormatError) Error() string { return "model: " + e.Where + ": " + e.Reason }

func badf(where, format string, args ...any) error {
	return &FormatError{Where: where, Reason: fmt.Sprintf(format, args...)}
}

// Load reads a model from bytes that nobody vouches for: a file that stands for itself, or the bare form of one that
// was imported (importer.Model.Bare). A file that holds nothing to import is taken as it stands: operators of set 13 to
// 21 that a backend runs, one float32 input of an open batch, one output, and no float32 initializer but parameters.
// Every other one is
// imported, and its forward pass is one for a batch. What cannot be trained is refused with all reasons at once: errors
// are *importer.RefusedError, *FormatError, and those of onnx.Load.
func Load(b []byte) (*Graph, error) {
	m, err := onnx.Load(b, limits())
	if err != nil {
		return nil, err
	}
	if importer.IsBare(m) {
		return load(m, importer.Options{})
	}
	g, err := plain(m)
	im, imErr := load(m, importer.Options{})
	switch {
	case err == nil && (imErr != nil || sameParams(g, im) && im.imported.FixedBatch() == 0):
		return g, nil
	case imErr == nil:
		return im, nil
	}
	return nil, imErr
}

// limits bounds what is loaded.
func limits() onnx.Limits {
	return onnx.Limits{
		Bytes: bytesMax, Depth: 64, Nodes: nodesMax, Tensors: tensorsMax, Attributes: 8 * nodesMax,
		Messages: 32 * nodesMax, Strings: 16 * nodesMax,
	}
}

// runs says whether a backend runs a node as it stands.
func runs(i int, n *onnx.NodeProto, opset int64) error {
	if onnxop.Supported("", n.GetOpType(), opset) {
		return nil
	}
	return badf(fmt.Sprintf("node %d (%s %s)", i, quote(n.GetOpType()), quote(n.GetName())),
		"no backend here runs this operator; want a model without it (the operators are those of "+
			"SPECIFICATION.md, section 6)")
}

// fromProto checks a model and keeps it. The parameters of a bare one are all zero, and its initializers hold no data.
func fromProto(m *onnx.ModelProto, bare bool) (*Graph, error) {
	g := m.GetGraph()
	if g == nil {
		return nil, badf("file", "there is no graph")
	}
	if len(m.OpsetImport) != 1 || m.OpsetImport[0].GetDomain() != "" && m.OpsetImport[0].GetDomain() != "ai.onnx" {
		return nil, badf("opset_import", "%d domains; want the standard one alone", len(m.OpsetImport))
	}
	if v := m.OpsetImport[0].GetVersion(); v < opsetMin || v > opsetMax {
		return nil, badf("opset_import", "version %d; want %d to %d", v, opsetMin, opsetMax)
	}
	if len(m.Functions) > 0 || len(g.SparseInitializer) > 0 || len(g.QuantizationAnnotation) > 0 {
		return nil, badf("file", "functions, sparse initializers and quantization are not supported")
	}
	out := &Graph{proto: m}
	known := map[string]bool{}
	if err := out.initializers(known, bare); err != nil {
		return nil, err
	}
	if err := out.ends(known); err != nil {
		return nil, err
	}
	for i, n := range g.Node {
		if err := checkNode(i, n, known); err != nil {
			return nil, err
		}
	}
	if !known[out.output] {
		return nil, badf("output "+quote(out.output), "no node makes it")
	}
	out.fans(g.Node)
	return out, nil
}

// initializers collects the parameters and marks all names as known.
func (g *Graph) initializers(known map[string]bool, bare bool) error {
	lim := tensor.Limits{Elements: elementsMax, Bytes: 8 * elementsMax, Rank: 8}
	for i, p := range g.proto.Graph.Initializer {
		where := "initializer " + quote(p.GetName())
		if p.GetName() == "" || known[p.GetName()] {
			return badf(where, "the name is empty or taken")
		}
		known[p.GetName()] = true
		if bare {
			shape, size := make([]int, len(p.Dims)), int64(1)
			for k, d := range p.Dims {
				if d < 0 || d > elementsMax || size*d > elementsMax || len(p.Dims) > tensor.MaxRank {
					return badf(where, "is of the shape %v; want at most %d dimensions and %d elements", p.Dims,
						tensor.MaxRank, elementsMax)
				}
				shape[k], size = int(d), size*max(d, 1)
			}
			g.params = append(g.params, Param{Name: p.GetName(), Shape: shape})
			g.index = append(g.index, i)
			continue
		}
		t, err := tensor.FromProto(p, lim)
		if err != nil {
			return fmt.Errorf("model: %s: %w", where, err)
		}
		if t.DType() == tensor.Float32 {
			g.params = append(g.params, Param{Name: p.GetName(), Shape: slices.Clone(t.Shape()), Given: t})
			g.index = append(g.index, i)
		}
	}
	if len(g.params) == 0 {
		return badf("graph", "it has no float32 initializer, so there is nothing to train")
	}
	return nil
}

// ends finds the one input and the one output.
func (g *Graph) ends(known map[string]bool) error {
	for _, in := range g.proto.Graph.Input {
		name := in.GetName()
		if known[name] {
			continue // files of older tools list initializers as inputs too
		}
		if g.input != "" || name == "" {
			return badf("graph", "inputs %s and %s; want one that is no initializer", quote(g.input), quote(name))
		}
		if in.GetType().GetTensorType().GetElemType() != int32(tensor.Float32) {
			return badf("input "+quote(name), "want a float32 tensor")
		}
		g.input = name
	}
	if g.input == "" || len(g.proto.Graph.Output) != 1 {
		return badf("graph", "want one input and one output; it has %d outputs", len(g.proto.Graph.Output))
	}
	known[g.input] = true
	if g.output = g.proto.Graph.Output[0].GetName(); g.output == "" || known[g.output] {
		return badf("output "+quote(g.output), "the name is empty or not that of a node's result")
	}
	return nil
}

// checkNode checks that the node reads what is known, makes what is new, and is plain.
func checkNode(i int, n *onnx.NodeProto, known map[string]bool) error {
	where := fmt.Sprintf("node %d (%s %s)", i, n.GetOpType(), quote(n.GetName()))
	if d := n.GetDomain(); d != "" && d != "ai.onnx" {
		return badf(where, "domain %s; want a standard operator", quote(d))
	}
	for _, a := range n.GetAttribute() {
		if a.GetG() != nil || len(a.GetGraphs()) > 0 || a.GetRefAttrName() != "" {
			return badf(where, "attribute %s is a sub-graph or a reference, which is not supported", quote(a.GetName()))
		}
	}
	for _, in := range n.GetInput() {
		if in != "" && !known[in] {
			return badf(where, "it reads %s, which nothing before it makes", quote(in))
		}
	}
	for _, out := range n.GetOutput() {
		if out == "" {
			continue
		}
		if known[out] {
			return badf(where, "it makes %s, which exists", quote(out))
		}
		known[out] = true
	}
	return nil
}

// fans finds how each weight is used: the fans of a layer decide the range of its initial values.
func (g *Graph) fans(nodes []*onnx.NodeProto) {
	at := map[string]*Param{}
	for i := range g.params {
		at[g.params[i].Name] = &g.params[i]
	}
	for _, n := range nodes {
		if len(n.GetInput()) < 2 {
			continue
		}
		p := at[n.GetInput()[1]]
		if p == nil || p.Rule != RuleGiven {
			continue
		}
		rank, size := len(p.Shape), p.Len()
		switch op := n.GetOpType(); {
		case size == 0:
		case op == "Gemm" && rank == 2, op == "MatMul" && rank == 2:
			p.Rule, p.FanIn, p.FanUp = RuleWeight, p.Shape[0], p.Shape[1]
			if t, _ := onnx.GetInt(n, "transB"); t != 0 {
				p.FanIn, p.FanUp = p.FanUp, p.FanIn
			}
		case op == "Conv" && rank >= 3:
			// [outputs, inputs, kernel…]
			p.Rule, p.FanIn = RuleWeight, size/p.Shape[0]
			p.FanUp = size / p.Shape[1]
		}
	}
}

// Proto returns a copy of the model as it was loaded.
func (g *Graph) Proto() *onnx.ModelProto {
	if g.imported != nil {
		return proto.CloneOf(g.imported.File())
	}
	m := proto.CloneOf(g.proto)
	for i, p := range g.params {
		if p.Given == nil {
			m.Graph.Initializer[g.index[i]].RawData = make([]byte, 4*p.Len())
		}
	}
	return m
}

// quote makes a name from a file fit for an error: quoted and short.
func quote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return fmt.Sprintf("%q", s)
}
