package lower_test

import (
	"errors"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/lower"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Trap hostile-length: whatever graph a model holds, with whatever attributes, shapes and bodies, it is written as
// primitive nodes or refused, and the types of what was written are those that are inferred.
func FuzzGraph(f *testing.F) {
	seed := func(nodes []*onnx.NodeProto, in given, constants ...string) {
		g := &onnx.GraphProto{Node: nodes}
		for name, v := range in {
			typ, dims := typesOf(in, constants...)[name], []int64{}
			for _, d := range typ.Shape {
				dims = append(dims, int64(d))
			}
			if typ.Value != nil {
				g.Initializer = append(g.Initializer, v.Proto(name))
			} else {
				g.Input = append(g.Input, onnx.ValueInfo(name, v.DType(), dims...))
			}
		}
		b, err := onnx.Marshal(&onnx.ModelProto{IrVersion: 8, Graph: g})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, c := range gradientCases() {
		seed(c.nodes, c.in)
	}
	for _, c := range activationCases() {
		seed([]*onnx.NodeProto{c.n}, given{"x": f32([]int{2}, 1, 2), "s": f32([]int{1}, 1), "b": f32([]int{2}, 1, 2)})
	}
	for _, c := range controlCases() {
		seed([]*onnx.NodeProto{c.n}, controlInputs(), c.constants...)
	}
	seed([]*onnx.NodeProto{node("a b = Split x l"), node("c d = Dropout a"), node("e = HannWindow n")},
		given{"x": f32([]int{3}, 1, 2, 3), "l": i64([]int{2}, 1, 2), "n": i64([]int{}, 5)}, "l", "n")
	lim := onnx.Limits{Bytes: 1 << 16, Depth: 32, Nodes: 64, Tensors: 64, Attributes: 256, Messages: 1024,
		Strings: 1024}
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		m, err := onnx.Load(b, lim)
		if err != nil {
			return
		}
		types := map[string]onnxop.Type{}
		for _, in := range m.GetGraph().GetInput() {
			typ, ok := onnxop.FromProto(in.GetType())
			if !ok {
				return
			}
			types[in.GetName()] = typ
		}
		for _, p := range m.GetGraph().GetInitializer() {
			v, err := tensor.FromProto(p, tensor.Limits{Elements: 1 << 12, Bytes: 1 << 16, Rank: tensor.MaxRank})
			if err != nil {
				return
			}
			types[p.GetName()] = onnxop.Of(v)
		}
		before := map[string]onnxop.Type{}
		for name, typ := range types {
			before[name] = typ
		}
		nodes, err := lower.Graph(m.GetGraph().GetNode(), types, "low/")
		var refused *lower.Error
		var rule *onnxop.RuleError
		var unsupported *onnxop.UnsupportedError
		if err != nil {
			if !errors.As(err, &refused) && !errors.As(err, &rule) && !errors.As(err, &unsupported) {
				t.Fatalf("refused without a name: %v", err)
			}
			return
		}
		for _, n := range nodes {
			in := make([]onnxop.Type, len(n.GetInput()))
			for i, name := range n.GetInput() {
				typ, ok := before[name]
				if name != "" && !ok {
					t.Fatalf("%s reads %q before it is made", n.GetOpType(), name)
				}
				in[i] = typ
			}
			out, err := onnxop.Infer(n, in)
			if err != nil {
				t.Fatalf("what was written is not sound: %v", err)
			}
			for i, name := range n.GetOutput() {
				before[name] = out[i]
			}
		}
	})
}
