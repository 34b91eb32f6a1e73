package optimizer_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job/optimizer"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

var (
	first  = []float64{1, -2, 0.5}
	second = []float64{0.25, 0}
)

// slope is the gradient that the tests take steps by: of p³.
func slope(p float64) float64 { return 3 * p * p }

// ran records so many steps of an optimizer on two parameters, of float32 and of float64, and runs them on a node.
func ran(t *testing.T, steps int, step func(b *graph.Graph, i graph.Value, params, grads, kept []graph.Value) (next,
	keep []graph.Value), begin func(b *graph.Graph, params []graph.Value) []graph.Value) [][]float64 {
	t.Helper()
	ctx := context.Background()
	g := graph.New("optimizer")
	here := g.Place("here")
	g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: []graph.Place{here}})
	of := []types.Type{types.Tensors(tensor.Float32, 3), types.Tensors(tensor.Float64, 2)}
	in := g.Input(here, "start", of...)
	one, err := tensor.FromInt64(nil, []int64{1})
	if err != nil {
		t.Fatal(err)
	}
	none, err := tensor.FromInt64(nil, []int64{0})
	if err != nil {
		t.Fatal(err)
	}
	turn := g.Constant(value.Tensor{Tensor: none})
	carried := append(append([]graph.Value{turn}, in...), begin(g, in)...)
	end := g.Loop(g.Constant(value.Int(steps)), carried, func(b *graph.Graph, _ graph.Value,
		carried []graph.Value) []graph.Value {
		at := b.Typed(carried[0], types.Tensors(tensor.Int64))
		params := []graph.Value{b.Typed(carried[1], of[0]), b.Typed(carried[2], of[1])}
		var grads []graph.Value
		for _, p := range params {
			square := b.Mul(p, p)
			grads = append(grads, b.Add(square, b.Add(square, square)))
		}
		next, keep := step(b, at, params, grads, carried[3:])
		return append(append([]graph.Value{b.Add(at, b.Constant(value.Tensor{Tensor: one}))}, next...), keep...)
	})
	g.AppEmit("end", g.Bundle(end[1], end[2]))
	p, err := rhizome.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	n, err := rhizome.Open(ctx, t.TempDir(), rhizome.Config{Program: p})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	x := make([]float32, len(first))
	for i := range x {
		x[i] = float32(first[i])
	}
	narrow, err := tensor.FromFloat32([]int{len(first)}, x)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := tensor.FromFloat64([]int{len(second)}, append([]float64(nil), second...))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Call(ctx, "start", value.Tensor{Tensor: narrow}, value.Tensor{Tensor: wide}); err != nil {
		t.Fatal(err)
	}
	var out [][]float64
	for ev := range n.Events(ctx) {
		for i := range 2 {
			got := ev.Value.(*value.List).At(i).(value.Tensor)
			v := append([]float64(nil), got.Float64()...)
			for _, x := range got.Float32() {
				v = append(v, float64(x))
			}
			out = append(out, v)
		}
		break
	}
	return out
}

// byHand steps every element by itself: f has the parameter, its gradient, the step from 1 and what it keeps.
func byHand(steps int, f func(p, g float64, t int, kept []float64) float64) [][]float64 {
	var out [][]float64
	for _, of := range [][]float64{first, second} {
		v := append([]float64(nil), of...)
		for i := range v {
			kept := make([]float64, 3)
			for t := 1; t <= steps; t++ {
				v[i] = f(v[i], slope(v[i]), t, kept)
			}
		}
		out = append(out, v)
	}
	return out
}

func near(t *testing.T, name string, got, want [][]float64) {
	t.Helper()
	for i := range want {
		for j, w := range want[i] {
			if g := got[i][j]; !(math.Abs(g-w) <= 2e-6*(1+math.Abs(w))) {
				t.Errorf("%s: element %d of parameter %d is %v; want %v", name, j, i, g, w)
			}
		}
	}
}

// TestOptimizers: five steps of each optimizer, with and without what its settings switch on, are those of PyTorch's
// formulas, computed apart in float64.
func TestOptimizers(t *testing.T) {
	const n = 5
	sqrt, pow := math.Sqrt, math.Pow
	adam := func(rate, b1, b2, eps, l2, apart float64) func(p, g float64, t int, k []float64) float64 {
		return func(p, g float64, t int, k []float64) float64 {
			g += l2 * p
			p -= rate * apart * p
			k[0] = b1*k[0] + (1-b1)*g
			k[1] = b2*k[1] + (1-b2)*g*g
			return p - rate/(1-pow(b1, float64(t)))*k[0]/(sqrt(k[1])/sqrt(1-pow(b2, float64(t)))+eps)
		}
	}
	for _, c := range []struct {
		text string
		f    func(p, g float64, t int, k []float64) float64
	}{
		{"sgd rate=0.05", func(p, g float64, _ int, _ []float64) float64 { return p - 0.05*g }},
		{"sgd rate=0.05 decay=0.1", func(p, g float64, _ int, _ []float64) float64 { return p - 0.05*(g+0.1*p) }},
		{"sgd rate=0.02 momentum=0.9 decay=0.1", func(p, g float64, _ int, k []float64) float64 {
			k[0] = 0.9*k[0] + g + 0.1*p
			return p - 0.02*k[0]
		}},
		{"sgd rate=0.02 momentum=0.9 nesterov=1", func(p, g float64, _ int, k []float64) float64 {
			k[0] = 0.9*k[0] + g
			return p - 0.02*(g+0.9*k[0])
		}},
		{"adam rate=0.01", adam(0.01, 0.9, 0.999, 1e-8, 0, 0)},
		{"adam rate=0.01 beta1=0.8 beta2=0.9 epsilon=0.001 decay=0.1", adam(0.01, 0.8, 0.9, 1e-3, 0.1, 0)},
		{"adamw rate=0.01", adam(0.01, 0.9, 0.999, 1e-8, 0, 0.01)},
		{"adagrad rate=0.1 decay=0.2", func(p, g float64, _ int, k []float64) float64 {
			g += 0.2 * p
			k[0] += g * g
			return p - 0.1*g/(sqrt(k[0])+1e-10)
		}},
		{"rmsprop", func(p, g float64, _ int, k []float64) float64 {
			k[0] = 0.99*k[0] + 0.01*g*g
			return p - 0.01*g/(sqrt(k[0])+1e-8)
		}},
		{"rmsprop rate=0.005 alpha=0.9 momentum=0.5 centered=1 decay=0.1 epsilon=0.01", func(p, g float64, _ int,
			k []float64) float64 {
			g += 0.1 * p
			k[0] = 0.9*k[0] + 0.1*g*g
			k[1] = 0.9*k[1] + 0.1*g
			k[2] = 0.5*k[2] + g/(sqrt(k[0]-k[1]*k[1])+0.01)
			return p - 0.005*k[2]
		}},
	} {
		o, err := optimizer.Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		near(t, c.text, ran(t, n, func(b *graph.Graph, _ graph.Value, params, grads, kept []graph.Value) (_,
			_ []graph.Value) {
			return o.Step(b, nil, params, grads, kept)
		}, o.Begin), byHand(n, c.f))
	}
}

// TestLAMB: the step of a parameter is as long as the parameter by the rate, and where the parameter is 0 as Adam's.
func TestLAMB(t *testing.T) {
	o, err := optimizer.Parse("lamb rate=0.01 decay=0.1")
	if err != nil {
		t.Fatal(err)
	}
	var want [][]float64
	for _, of := range [][]float64{first, second} {
		p := append([]float64(nil), of...)
		m, v, r := make([]float64, len(p)), make([]float64, len(p)), make([]float64, len(p))
		for s := 1.0; s <= 3; s++ {
			var pp, rr float64
			for i := range p {
				g := slope(p[i])
				m[i], v[i] = 0.9*m[i]+0.1*g, 0.999*v[i]+0.001*g*g
				r[i] = m[i]/(1-math.Pow(0.9, s))/(math.Sqrt(v[i]/(1-math.Pow(0.999, s)))+1e-6) + 0.1*p[i]
				pp, rr = pp+p[i]*p[i], rr+r[i]*r[i]
			}
			for i := range p {
				p[i] -= 0.01 * math.Sqrt(pp) / math.Sqrt(rr) * r[i]
			}
		}
		want = append(want, p)
	}
	near(t, "lamb", ran(t, 3, func(b *graph.Graph, _ graph.Value, params, grads, kept []graph.Value) (_,
		_ []graph.Value) {
		return o.Step(b, nil, params, grads, kept)
	}, o.Begin), want)
}

// TestClipping: gradients whose norm is too large are scaled down together, and others stay; by value each element is
// bounded by itself.
func TestClipping(t *testing.T) {
	o, err := optimizer.Parse("sgd rate=1")
	if err != nil {
		t.Fatal(err)
	}
	clipped := func(f func(b *graph.Graph, g []graph.Value) []graph.Value) [][]float64 {
		return ran(t, 1, func(b *graph.Graph, _ graph.Value, params, grads, kept []graph.Value) (_, _ []graph.Value) {
			return o.Step(b, nil, params, f(b, grads), kept)
		}, o.Begin)
	}
	sum := 0.0
	for _, p := range append(append([]float64(nil), first...), second...) {
		sum += slope(p) * slope(p)
	}
	for _, most := range []float64{1, 1e3} {
		got := clipped(func(b *graph.Graph, g []graph.Value) []graph.Value { return optimizer.ClipNorm(b, g, most) })
		share := math.Min(1, most/(math.Sqrt(sum)+1e-6))
		near(t, "norm", got, byHand(1, func(p, g float64, _ int, _ []float64) float64 { return p - share*g }))
	}
	got := clipped(func(b *graph.Graph, g []graph.Value) []graph.Value { return optimizer.ClipValue(b, g, 2) })
	near(t, "value", got, byHand(1, func(p, g float64, _ int, _ []float64) float64 { return p - math.Min(g, 2) }))
}

// TestSchedules: the rates of a job's turns, in Go and as recorded.
func TestSchedules(t *testing.T) {
	o, err := optimizer.Parse("sgd")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		want []float64 // of 8 turns of a rate of 0.1
	}{
		{"constant", []float64{0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}},
		{"constant warmup=4", []float64{0.025, 0.05, 0.075, 0.1, 0.1, 0.1, 0.1, 0.1}},
		{"step every=3 factor=0.5", []float64{0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025}},
		{"cosine", []float64{0.1, 0.0961939766, 0.0853553391, 0.0691341716, 0.05, 0.0308658284, 0.0146446609,
			0.0038060234}},
		{"cosine warmup=4 least=0.2", []float64{0.025, 0.05, 0.075, 0.1, 0.1, 0.0882842712, 0.06, 0.0317157288}},
		{"linear", []float64{0.1, 0.0875, 0.075, 0.0625, 0.05, 0.0375, 0.025, 0.0125}},
	} {
		s, err := optimizer.ParseSchedule(c.text)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range c.want {
			if g := s.At(0.1, i, 8); math.Abs(g-w) > 1e-9 {
				t.Errorf("%s: the rate of turn %d is %v; want %v", c.text, i, g, w)
			}
		}
		got := ran(t, 10, func(b *graph.Graph, at graph.Value, params, grads, kept []graph.Value) (_, _ []graph.Value) {
			return o.Step(b, s.Rate(0.005, at, 8), params, grads, kept)
		}, o.Begin)
		near(t, c.text, got, byHand(10, func(p, g float64, t int, _ []float64) float64 {
			return p - c.want[min(t-1, 7)]/20*g
		}))
	}
}

// TestSGDIsRecordedAsEver: plain descent and momentum are the nodes that jobs of earlier releases had, so that their
// artifacts say the same.
func TestSGDIsRecordedAsEver(t *testing.T) {
	of := types.Tensors(tensor.Float32, 3)
	number := func(b *graph.Graph, x float64) graph.Value {
		v, err := tensor.FromFloat32(nil, []float32{float32(x)})
		if err != nil {
			t.Fatal(err)
		}
		return b.Constant(value.Tensor{Tensor: v})
	}
	record := func(momentum float64, begin func(g *graph.Graph, in []graph.Value) []graph.Value,
		step func(b *graph.Graph, params, grads, kept []graph.Value) []graph.Value) *onnx.ModelProto {
		g := graph.New("sgd")
		in := g.Input(g.Place("here"), "start", of, of)
		end := g.Loop(g.Constant(value.Int(2)), append(in, begin(g, in)...), func(b *graph.Graph, _ graph.Value,
			carried []graph.Value) []graph.Value {
			params := []graph.Value{b.Typed(carried[0], of), b.Typed(carried[1], of)}
			return step(b, params, []graph.Value{b.Mul(params[0], params[0]), params[1]}, carried[2:])
		})
		g.AppEmit("end", end[0])
		m, err := g.Model()
		if err != nil {
			t.Fatal(err)
		}
		forget(m.Graph)
		return m
	}
	for text, momentum := range map[string]float64{"sgd rate=0.1": 0, "sgd rate=0.1 momentum=0.9": 0.9} {
		o, err := optimizer.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		ever := record(momentum, func(g *graph.Graph, in []graph.Value) (kept []graph.Value) {
			if momentum > 0 {
				for _, p := range in {
					kept = append(kept, g.Mul(p, number(g, 0)))
				}
			}
			return kept
		}, func(b *graph.Graph, params, steps, kept []graph.Value) (next []graph.Value) {
			if momentum > 0 {
				share := number(b, momentum)
				for i, v := range kept {
					steps[i] = b.Add(b.Mul(b.Typed(v, of), share), steps[i])
				}
			}
			rate := number(b, 0.1)
			for i, p := range params {
				next = append(next, b.Sub(p, b.Mul(steps[i], rate)))
			}
			if momentum > 0 {
				next = append(next, steps...)
			}
			return next
		})
		now := record(momentum, o.Begin, func(b *graph.Graph, params, grads, kept []graph.Value) []graph.Value {
			next, keep := o.Step(b, nil, params, grads, kept)
			return append(next, keep...)
		})
		if !proto.Equal(ever, now) {
			t.Errorf("%s is recorded as something else", text)
		}
	}
}

// forget takes the authors' lines out of a graph.
func forget(g *onnx.GraphProto) {
	for _, n := range g.GetNode() {
		n.DocString, n.MetadataProps = "", nil
		for _, a := range n.GetAttribute() {
			forget(a.GetG())
		}
	}
}

func TestParse(t *testing.T) {
	for _, name := range optimizer.Names() {
		o, err := optimizer.Parse(name)
		if err != nil || o.Doc() == "" || o.Get("rate") <= 0 {
			t.Errorf("%s: %v", name, err)
		}
		if again, err := optimizer.Parse(o.String()); err != nil || again.String() != o.String() {
			t.Errorf("%s is read back as %s, %v", o, again, err)
		}
	}
	for _, name := range optimizer.Schedules() {
		if s, err := optimizer.ParseSchedule(name); err != nil || s.Doc() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "ada", "sgd speed=1", "adam beta1=1", "sgd rate=-1", "sgd momentum",
		"sgd nesterov=0.5"} {
		var e *optimizer.Error
		if _, err := optimizer.Parse(text); !errors.As(err, &e) || !strings.Contains(err.Error(), "want") {
			t.Errorf("%q: got %v; want an Error", text, err)
		}
		if _, err := optimizer.ParseSchedule(text); !errors.As(err, &e) {
			t.Errorf("%q: got %v; want an Error", text, err)
		}
	}
}
