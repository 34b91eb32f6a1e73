package loss_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/compile/gradient"
	"github.com/rhizome-ml/rhizome/internal/job/loss"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
)

func typed(d tensor.DType, shape ...int) onnxop.Type { return onnxop.Type{DType: d, Shape: shape} }

// run computes a loss and its gradient by the outputs.
func run(t *testing.T, l loss.Loss, output, labels *tensor.Tensor) (float64, []float32) {
	t.Helper()
	a, b := onnxop.Of(output), onnxop.Of(labels)
	nodes, err := l.Nodes(a, b)
	if err != nil {
		t.Fatal(err)
	}
	a.Value, b.Value = nil, nil
	extra, grads, err := gradient.Build(nodes, map[string]onnxop.Type{"output": a, "labels": b}, "loss",
		[]string{"output"}, "grad")
	if err != nil {
		t.Fatal(err)
	}
	g := &onnx.GraphProto{Name: "loss", Node: append(nodes, extra...)}
	for name, v := range map[string]*tensor.Tensor{"output": output, "labels": labels} {
		dims := make([]int64, len(v.Shape()))
		for i, d := range v.Shape() {
			dims[i] = int64(d)
		}
		g.Input = append(g.Input, onnx.ValueInfo(name, v.DType(), dims...))
	}
	g.Output = []*onnx.ValueInfoProto{{Name: "loss"}, {Name: grads[0]}}
	p, err := backend.Compile(g, backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in := []*tensor.Tensor{output, labels}
	if g.Input[0].GetName() == "labels" {
		in[0], in[1] = labels, output
	}
	out, err := p.Run(in)
	if err != nil {
		t.Fatal(err)
	}
	return float64(out[0].Float32()[0]), out[1].Float32()
}

// TestLosses: what PyTorch's losses of these names give (BCEWithLogitsLoss, MSELoss, L1Loss, HuberLoss), by their
// formulas, and gradients that are right far out and at 0 too.
func TestLosses(t *testing.T) {
	x := []float32{0, 1.5, -2, 90, -90, 0.25}
	y := []float32{1, 0, 0, 1, 0, 0.5}
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	for _, c := range []struct {
		text string
		f, d func(x, y float64) float64
	}{
		{"bce", func(x, y float64) float64 { return math.Max(x, 0) - x*y + math.Log1p(math.Exp(-math.Abs(x))) },
			func(x, y float64) float64 { return sigmoid(x) - y }},
		{"mse", func(x, y float64) float64 { return (x - y) * (x - y) },
			func(x, y float64) float64 { return 2 * (x - y) }},
		{"mae", func(x, y float64) float64 { return math.Abs(x - y) },
			func(x, y float64) float64 { return math.Copysign(1, x-y) }},
		{"huber delta=1.25", func(x, y float64) float64 {
			if d := math.Abs(x - y); d > 1.25 {
				return 1.25 * (d - 1.25/2)
			}
			return (x - y) * (x - y) / 2
		}, func(x, y float64) float64 { return math.Max(-1.25, math.Min(1.25, x-y)) }},
	} {
		l, err := loss.Of(c.text)
		if err != nil {
			t.Fatal(err)
		}
		output, err := tensor.FromFloat32([]int{6, 1}, append([]float32(nil), x...))
		if err != nil {
			t.Fatal(err)
		}
		for _, shape := range [][]int{{6, 1}, {6}} {
			labels, err := tensor.FromFloat32(shape, append([]float32(nil), y...))
			if err != nil {
				t.Fatal(err)
			}
			got, grads := run(t, l, output, labels)
			want := 0.0
			for i := range x {
				want += c.f(float64(x[i]), float64(y[i])) / float64(len(x))
				if w := c.d(float64(x[i]), float64(y[i])) / float64(len(x)); math.Abs(float64(grads[i])-w) > 1e-6*(1+
					math.Abs(w)) {
					t.Errorf("%s: the gradient by %v for %v is %v; want %v", c.text, x[i], y[i], grads[i], w)
				}
			}
			if math.Abs(got-want) > 1e-5*(1+want) {
				t.Errorf("%s is %v; want %v", c.text, got, want)
			}
		}
	}
}

// TestFits: a loss says in words what labels it wants.
func TestFits(t *testing.T) {
	f, l := tensor.Float32, tensor.Int64
	for _, c := range []struct {
		loss        string
		out, labels onnxop.Type
		want        string // "" fits
	}{
		{"cross-entropy", typed(f, 8, 3), typed(l, 8), ""},
		{"cross-entropy", typed(f, -1, 3), typed(l, 8), ""},
		{"cross-entropy", typed(f, 8, 3, 5), typed(l, 8, 5), ""},
		{"cross-entropy", typed(f, 8, 3), typed(f, 8), "numbers of classes"},
		{"cross-entropy", typed(f, 8), typed(l, 8), "one score for each class"},
		{"cross-entropy", typed(f, 8, 3), typed(l, 8, 3), "one class for each position"},
		{"bce", typed(f, 8, 1), typed(l, 8), ""},
		{"bce", typed(f, 8), typed(f, 8, 1), ""},
		{"mse", typed(f, 8, 3), typed(f, 8), "as many labels"},
		{"mae", typed(l, 8), typed(f, 8), "float32"},
		{"huber", typed(f, 8, 3), typed(f, 8, 3), ""},
		{"given", typed(f), onnxop.Type{}, ""},
		{"given", typed(l), onnxop.Type{}, "float32"},
	} {
		of, err := loss.Of(c.loss)
		if err != nil {
			t.Fatal(err)
		}
		var e *loss.Error
		if err := of.Fits(c.out, c.labels); (err != nil) != (c.want != "") || err != nil && (!errors.As(err, &e) ||
			!strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s of %v by %v: got %v; want %q", c.loss, c.out, c.labels, err, c.want)
		}
	}
	for _, text := range []string{"", "hinge", "huber delta=0", "mse delta=1"} {
		var e *loss.Error
		if _, err := loss.Of(text); !errors.As(err, &e) {
			t.Errorf("%q: got %v; want an Error", text, err)
		}
	}
	for _, name := range loss.Names() {
		if l, err := loss.Of(name); err != nil || l.Doc() == "" || l.Name() != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRecord: each loss is recorded as a scalar in a choreography, with a gradient by the outputs; one that does not
// fit is refused.
func TestRecord(t *testing.T) {
	record := func(name string, out, labels types.Type) error {
		l, err := loss.Of(name)
		if err != nil {
			t.Fatal(err)
		}
		g := graph.New("loss")
		here := g.Place("here")
		g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: []graph.Place{here}})
		in := g.Input(here, "start", out, labels)
		z, err := l.Record(g, in[0], in[1])
		if err != nil {
			return err
		}
		if typ := z.Type().Tensor; typ.Rank() != 0 || typ.DType != tensor.Float32 {
			t.Errorf("%s is %v", name, typ)
		}
		g.AppEmit("end", g.Gradient(z, in[0])[0])
		_, err = g.Model()
		return err
	}
	f, l := tensor.Float32, tensor.Int64
	for _, name := range loss.Names() {
		labels := types.Tensors(f, 4, 3)
		if name == loss.CrossEntropy {
			labels = types.Tensors(l, 4)
		}
		if err := record(name, types.Tensors(f, 4, 3), labels); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := record(loss.MSE, types.Tensors(f, 4, 3), types.Tensors(f, 4)); err == nil ||
		!strings.Contains(err.Error(), "as many labels") {
		t.Errorf("got %v; want an error that says which labels", err)
	}
}
