package gradient_test

import (
	"errors"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/compile/gradient"
	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
)

// Trap hostile-length: whatever graph a model holds, differentiating it gives nodes or an error; and the nodes make a
// graph that compiles where the graph itself does.
func FuzzBuild(f *testing.F) {
	for i, c := range cases() {
		nodes, in := c.scalar(f)
		g := &onnx.GraphProto{Node: nodes, Output: []*onnx.ValueInfoProto{{Name: "y"}}}
		for _, v := range as32(in) {
			typ := typeOf(v, i%2 == 0)
			dims := []int64{}
			for _, d := range typ.Shape {
				dims = append(dims, int64(d))
			}
			g.Input = append(g.Input, onnx.ValueInfo(v.name, typ.DType, dims...))
		}
		b, err := onnx.Marshal(&onnx.ModelProto{IrVersion: 8, Graph: g})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	lim := onnx.Limits{Bytes: 1 << 16, Depth: 32, Nodes: 64, Tensors: 64, Attributes: 256, Messages: 1024,
		Strings: 1024}
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		m, err := onnx.Load(b, lim)
		if err != nil || len(m.GetGraph().GetOutput()) == 0 {
			return
		}
		g := m.GetGraph()
		types, xs := map[string]onnxop.Type{}, []string{}
		for _, in := range g.GetInput() {
			typ, ok := onnxop.FromProto(in.GetType())
			if !ok {
				return
			}
			types[in.GetName()], xs = typ, append(xs, in.GetName())
		}
		for i := 0; i < len(xs); i++ {
			if d := types[xs[i]].DType; d != 1 && d != 11 {
				xs = append(xs[:i], xs[i+1:]...)
				i--
			}
		}
		extra, grads, err := gradient.Build(g.GetNode(), types, g.GetOutput()[0].GetName(), xs, "gradient")
		if err != nil {
			return
		}
		if len(grads) != len(xs) {
			t.Fatalf("%d gradients of %d values", len(grads), len(xs))
		}
		if _, err := backend.Compile(g, backend.Options{}); err != nil {
			return
		}
		g.Node = append(g.Node, extra...)
		for _, name := range grads {
			g.Output = append(g.Output, &onnx.ValueInfoProto{Name: name})
		}
		var lim *backend.LimitError
		if _, err := backend.Compile(g, backend.Options{}); err != nil && !errors.As(err, &lim) {
			t.Fatalf("the gradient of a good graph does not compile: %v", err)
		}
	})
}
