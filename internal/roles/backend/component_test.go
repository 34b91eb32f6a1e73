package backend_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// artifact holds one tensor subgraph, "axpy": x·w + b, and a function of another domain.
func sealed() *onnx.ModelProto {
	opset := []*onnx.OperatorSetIdProto{{Version: 17}}
	return &onnx.ModelProto{Functions: []*onnx.FunctionProto{
		{Name: "main", Domain: "rhizome.flow"},
		{Name: "typed", Domain: artifact.TensorDomain, OpsetImport: opset, Input: []string{"x"}, Output: []string{"y"},
			ValueInfo: []*onnx.ValueInfoProto{onnx.ValueInfo("x", tensor.Float32, 2)},
			Node:      []*onnx.NodeProto{onnx.Node("", "Neg", "neg", []string{"x"}, []string{"y"})}},
		{Name: "axpy", Domain: artifact.TensorDomain, OpsetImport: opset, Input: []string{"x", "w", "b"},
			Output: []string{"y", "m"}, Node: []*onnx.NodeProto{
				onnx.Node("", "Mul", "mul", []string{"x", "w"}, []string{"m"}),
				onnx.Node("", "Add", "add", []string{"m", "b"}, []string{"y"}),
			}},
	}}
}

func vector(t testing.TB, x ...float32) value.Value {
	v, err := tensor.FromFloat32([]int{len(x)}, x)
	if err != nil {
		t.Fatal(err)
	}
	return value.Tensor{Tensor: v}
}

func setup() componenttest.Setup {
	return componenttest.Setup{Artifact: sealed(), Slots: []componenttest.Slot{{
		Name: "cpu", Factory: backend.Factory(backend.Version), Derived: []string{"plans"}, Ops: []componenttest.Op{
			{Method: "Run:axpy", In: 3, Out: 2}, {Method: "Run:none", In: 1, Out: 1},
			{Method: "Run:typed", In: 1, Out: 1}, {Method: "axpy", In: 3, Out: 2},
		},
	}}}
}

func TestComponentRunsASubgraph(t *testing.T) {
	s := setup()
	b, err := componenttest.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	c := b.Invoke("cpu", "Run:axpy", vector(t, 1, 2), vector(t, 3, 4), vector(t, 5, 6))
	out, ok := c.Outputs()
	if !ok || c.Failure != nil {
		t.Fatal(c.Failure)
	}
	if y, m := out[0].(value.Tensor).Float32(), out[1].(value.Tensor).Float32(); !slices.Equal(y, []float32{8, 14}) ||
		!slices.Equal(m, []float32{3, 8}) {
		t.Errorf("got %v and %v", y, m)
	}
	if out, ok := b.Invoke("cpu", "Run:typed", vector(t, 1, 2)).Outputs(); !ok ||
		out[0].(value.Tensor).Float32()[1] != -2 {
		t.Errorf("Run:typed gives %v", out)
	}
	for _, c := range []struct {
		method, code, says string
		in                 []value.Value
	}{
		{"Run:none", value.CodeError, `"axpy"`, []value.Value{vector(t, 1)}},
		{"Run:typed", value.CodeError, "[2]", []value.Value{vector(t, 1, 2, 3)}},
		{"axpy", value.CodeError, "Run:", []value.Value{vector(t, 1), vector(t, 1), vector(t, 1)}},
		{"Run:axpy", value.CodeType, `"w"`, []value.Value{vector(t, 1), value.Int(3), vector(t, 1)}},
		{"Run:axpy", value.CodeError, "axpy", []value.Value{vector(t, 1, 2), vector(t, 1, 2, 3), vector(t, 1)}},
	} {
		f := b.Invoke("cpu", c.method, c.in...).Failure
		if f == nil || f.Code != c.code || !strings.Contains(f.Message, c.says) {
			t.Errorf("%s: got %v, want code %q saying %s", c.method, f, c.code, c.says)
		}
	}
}

func TestComponentRefusesABadFunction(t *testing.T) {
	a := sealed()
	a.Functions[2].Node[0].OpType = "NoSuchOp"
	if _, err := backend.NewComponent("cpu", kernel.Fused, backend.Config{}, a); err == nil ||
		!strings.Contains(err.Error(),
			"axpy") {
		t.Errorf("got %v, want an error that names the function", err)
	}
	for _, in := range []string{`{"threads":2}`, `{"bytes_max":-1}`} {
		if _, err := backend.ParseConfig([]byte(in)); err == nil {
			t.Errorf("%s was accepted", in)
		}
	}
}

func TestComponentConforms(t *testing.T) {
	componenttest.Run(t, componenttest.Suite{Setup: setup(), Steps: []componenttest.Step{
		{Name: "run", Do: func(b *componenttest.Bench) {
			b.Invoke("cpu", "Run:axpy", vector(t, 1, 2), vector(t, 3, 4), vector(t, 5, 6))
		}},
		{Name: "refused", Do: func(b *componenttest.Bench) { b.Invoke("cpu", "Run:none", vector(t, 1)) }},
		{Name: "run again", Do: func(b *componenttest.Bench) {
			b.Invoke("cpu", "Run:axpy", vector(t, 1), vector(t, 3), vector(t, 5))
		}},
	}})
}
