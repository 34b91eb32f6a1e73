package compile_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

func f64(shape []int, v ...float64) *tensor.Tensor {
	t, err := tensor.FromFloat64(shape, v)
	if err != nil {
		panic(err)
	}
	return t
}

func i64(v ...int64) *tensor.Tensor {
	t, err := tensor.FromInt64([]int{len(v)}, v)
	if err != nil {
		panic(err)
	}
	return t
}

// maths is a graph with the few ops that the programs of these tests are made of.
type maths struct{ *graph.Graph }

func (m maths) number(v float64) graph.Value {
	return m.Constant(value.Tensor{Tensor: f64([]int{}, v)})
}
func (m maths) list(v ...float64) graph.Value {
	return m.Constant(value.Tensor{Tensor: f64([]int{len(v)}, v...)})
}
func (m maths) sum(x graph.Value) graph.Value {
	return m.Tensor("ReduceSum", graph.Attrs{"keepdims": 0}, x)
}
func (m maths) tanh(x graph.Value) graph.Value { return m.Tensor("Tanh", nil, x) }

// loss is Σ (tanh(x)·w + x²·w²)·k: not linear in x nor in w, and not symmetric.
func (m maths) loss(x, w graph.Value) graph.Value {
	a := m.Mul(m.tanh(x), w)
	b := m.Mul(m.Mul(x, x), m.Mul(w, w))
	return m.sum(m.Mul(m.Add(a, b), m.list(0.7, -1.1, 0.4)))
}

// secondOrders give a scalar that was computed of gradients of x and w.
var secondOrders = map[string]func(m maths, x, w graph.Value) graph.Value{
	"second order": func(m maths, x, w graph.Value) graph.Value {
		return m.sum(m.Gradient(m.loss(x, w), x)[0])
	},
	"Hessian times a vector": func(m maths, x, w graph.Value) graph.Value {
		return m.sum(m.Mul(m.Gradient(m.loss(x, w), x)[0], m.list(0.3, -0.2, 0.9)))
	},
	"gradient penalty": func(m maths, x, w graph.Value) graph.Value {
		d := m.Gradient(m.loss(x, w), x)[0]
		over := m.Sub(m.Tensor("Sqrt", nil, m.sum(m.Mul(d, d))), m.number(1))
		return m.Add(m.loss(x, w), m.Mul(over, over))
	},
	"an inner step of MAML": func(m maths, x, w graph.Value) graph.Value {
		inner := m.Sub(w, m.Mul(m.Gradient(m.loss(x, w), w)[0], m.number(0.1)))
		return m.loss(m.Mul(x, x), inner)
	},
	"three inner steps": func(m maths, x, w graph.Value) graph.Value {
		for range 3 {
			w = m.Sub(w, m.Mul(m.Gradient(m.loss(x, w), w)[0], m.number(0.1)))
		}
		return m.loss(m.Mul(x, x), w)
	},
	"third order": func(m maths, x, w graph.Value) graph.Value {
		d := m.Gradient(m.loss(x, w), x)[0]
		return m.sum(m.Gradient(m.sum(m.Mul(d, d)), x)[0])
	},
	"both gradients": func(m maths, x, w graph.Value) graph.Value {
		d := m.Gradient(m.loss(x, w), x, w)
		return m.sum(m.Mul(d[0], d[1]))
	},
	"a constant gradient": func(m maths, x, w graph.Value) graph.Value {
		d := m.Gradient(m.sum(m.Mul(x, m.list(2, 3, 4))), x)[0]
		return m.sum(m.Mul(m.Mul(d, d), m.Mul(x, w)))
	},
	"convolutions and pools": func(m maths, x, w graph.Value) graph.Value {
		shape := m.Constant(value.Tensor{Tensor: i64(1, 1, 3)})
		line := func(v graph.Value) graph.Value { return m.Tensor("Reshape", nil, v, shape) }
		y := m.Tensor("Conv", graph.Attrs{"pads": []int64{1, 1}, "kernel_shape": []int64{3}}, line(x), line(m.tanh(w)))
		pools := graph.Attrs{"kernel_shape": []int64{2}}
		y = m.Add(m.Tensor("MaxPool", pools, y), m.Tensor("AveragePool", pools, m.Mul(y, y)))
		d := m.Gradient(m.sum(m.Mul(y, y)), x, w)
		return m.sum(m.Mul(d[0], d[1]))
	},
	"a gradient whose type is said": func(m maths, x, w graph.Value) graph.Value {
		d := m.Typed(m.Gradient(m.loss(x, w), x)[0], types.Tensors(tensor.Float64, 3))
		return m.sum(m.Mul(d, d))
	},
}

// check holds what a program gives for the scalar and its gradients against finite differences of the scalar.
func (r *running) check(in ...*tensor.Tensor) {
	r.t.Helper()
	out := r.call(in...)
	for i := range in {
		for j, d := range out[1+i].Float64() {
			at := func(h float64) float64 {
				moved := slices.Clone(in)
				v := slices.Clone(in[i].Float64())
				v[j] += h
				moved[i] = f64(in[i].Shape(), v...)
				return r.call(moved...)[0].Float64()[0]
			}
			const h = 1e-3
			want := (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
			if !(math.Abs(d-want) <= 1e-7*(1+math.Abs(want))) {
				r.t.Errorf("by input %d[%d]: %.12g; finite differences give %.12g", i, j, d, want)
			}
			if d == 0 && !r.zeros {
				r.t.Errorf("by input %d[%d]: 0; want a test that can tell", i, j)
			}
		}
	}
}

var points = []*tensor.Tensor{f64([]int{3}, 0.4, -0.8, 1.1), f64([]int{3}, 0.6, 0.9, -0.5)}

// TestGradientsOfGradients: a gradient of what was computed of gradients is right, where the shapes are known and
// where they are open.
func TestGradientsOfGradients(t *testing.T) {
	for name, f := range secondOrders {
		for _, dim := range []int{3, -1} {
			if dim < 0 && strings.HasSuffix(name, "said") {
				continue
			}
			t.Run(name, func(t *testing.T) {
				g, p := single("second")
				typ := types.Tensors(tensor.Float64, dim)
				in := g.Input(p, "f", typ, typ)
				m := maths{g}
				s := f(m, in[0], in[1])
				g.AppEmit("out", g.Bundle(append([]graph.Value{s}, g.Gradient(s, in...)...)...))
				run(t, g).check(points...)
			})
		}
	}
}

// TestGradientsOfGradientsInBodies takes them in the branch of an If, of values of the function around it too, and in a
// Loop.
func TestGradientsOfGradientsInBodies(t *testing.T) {
	typ := types.Tensors(tensor.Float64, 3)
	for name, f := range secondOrders {
		t.Run("If "+name, func(t *testing.T) {
			g, p := single("branch")
			in := g.Input(p, "f", typ, typ)
			yes := g.Constant(value.Bool(true))
			body := func(b *graph.Graph) []graph.Value {
				s := f(maths{b}, in[0], in[1])
				return append([]graph.Value{s}, b.Gradient(s, in...)...)
			}
			g.AppEmit("out", g.Bundle(g.At(p).If(yes, body, body)...))
			run(t, g).check(points...)
		})
		t.Run("If outside "+name, func(t *testing.T) {
			g, p := single("around")
			in := g.Input(p, "f", typ, typ)
			s := f(maths{g}, in[0], in[1])
			body := func(b *graph.Graph) []graph.Value {
				twice := b.Add(s, s)
				return append([]graph.Value{twice}, b.Gradient(twice, in...)...)
			}
			g.AppEmit("out", g.Bundle(g.At(p).If(g.Constant(value.Bool(true)), body, body)...))
			run(t, g).check(points...)
		})
		t.Run("Loop "+name, func(t *testing.T) {
			g, p := single("loop")
			in := g.Input(p, "f", typ, typ)
			scalar := g.Gate(g.Constant(value.Tensor{Tensor: f64([]int{}, 0)}), in[0])
			zero := g.Gate(g.Constant(value.Tensor{Tensor: f64([]int{3}, 0, 0, 0)}), in[0])
			first := []graph.Value{scalar, zero, zero, in[0], in[1]}
			out := g.Loop(g.Gate(g.Constant(value.Int(2)), in[0]), first, func(b *graph.Graph, i graph.Value,
				c []graph.Value) []graph.Value {
				x, w := b.Typed(c[3], typ), b.Typed(c[4], typ)
				s := f(maths{b}, x, w)
				return append(append([]graph.Value{s}, b.Gradient(s, x, w)...), x, w)
			})
			g.AppEmit("out", g.Bundle(out[:3]...))
			run(t, g).check(points...)
		})
	}
}

// TestOutputsOfAGradientAreTheirOwn: no output of a Gradient depends on another one of it, also where one value is
// both.
func TestOutputsOfAGradientAreTheirOwn(t *testing.T) {
	g, p := single("own")
	typ := types.Tensors(tensor.Float64, 3)
	in := g.Input(p, "f", typ, typ)
	m := maths{g}
	both := m.Add(in[0], in[1])
	d := g.Gradient(m.sum(m.Mul(m.Mul(both, both), both)), in...) // 3(x+w)² twice
	by := g.Gradient(m.sum(m.Mul(d[0], d[1])), d...)
	square := g.Gradient(m.sum(m.Mul(d[0], d[0])), d[0])[0]
	g.AppEmit("out", g.Bundle(d[0], by[0], by[1], square))
	out := run(t, g).call(points...)
	want := out[0].Float64()
	for i, k := range []float64{1, 1, 1, 2} {
		for j, v := range out[i].Float64() {
			if math.Abs(v-k*want[j]) > 1e-12 {
				t.Errorf("value %d is %v; want %v times %v", i, out[i].Float64(), k, want)
				break
			}
		}
	}
}

// TestGradientsThatAreRefused: what cannot be computed is an error at the author's line, and never 0.
func TestGradientsThatAreRefused(t *testing.T) {
	typ := types.Tensors(tensor.Float64, 3)
	for name, c := range map[string]struct {
		record func(m maths, p graph.Place, x graph.Value)
		want   string
	}{
		"through what a loop carries": {func(m maths, p graph.Place, x graph.Value) {
			m.Loop(m.Gate(m.Constant(value.Int(2)), x), []graph.Value{m.Mul(x, x)}, func(b *graph.Graph, i graph.Value,
				c []graph.Value) []graph.Value {
				b.AppEmit("out", b.Gradient(maths{b}.sum(b.Mul(c[0], c[0])), x)[0])
				return c
			})
		}, "leaves the body"},
		"through what a run before it made": {func(m maths, p graph.Place, x graph.Value) {
			m.Loop(m.Gate(m.Constant(value.Int(2)), x), []graph.Value{m.Gate(m.list(1, 2, 3), x)},
				func(b *graph.Graph, i graph.Value, c []graph.Value) []graph.Value {
					b.AppEmit("out", b.Gradient(maths{b}.sum(b.Mul(c[0], c[0])), x)[0])
					return []graph.Value{b.Mul(c[0], x)}
				})
		}, "leaves the body"},
		"through a loop": {func(m maths, p graph.Place, x graph.Value) {
			out := m.Loop(m.Gate(m.Constant(value.Int(2)), x), []graph.Value{x}, func(b *graph.Graph, i graph.Value,
				c []graph.Value) []graph.Value {
				d := b.Gradient(maths{b}.sum(b.Mul(c[0], c[0])), c[0])[0]
				return []graph.Value{b.Sub(c[0], d)}
			})
			m.AppEmit("out", m.Gradient(m.sum(out[0]), x)[0])
		}, "passes Loop"},
		"through a gate": {func(m maths, p graph.Place, x graph.Value) {
			d := m.Gradient(m.sum(m.Mul(x, x)), x)[0]
			m.AppEmit("out", m.Gradient(m.sum(m.Gate(d, x)), x)[0])
		}, "passes Gate"},
		"of an operator without one": {func(m maths, p graph.Place, x graph.Value) {
			d := m.Gradient(m.sum(m.Mul(x, x)), x)[0]
			whole := func(v ...int64) graph.Value {
				t, err := tensor.FromInt64([]int{len(v)}, v)
				if err != nil {
					panic(err)
				}
				return m.Constant(value.Tensor{Tensor: t})
			}
			two := m.Tensor("Slice", nil, d, whole(0), whole(2))
			m.AppEmit("out", m.Gradient(m.sum(m.Tensor("OneHot", nil, whole(1), whole(4), two)), x)[0])
		}, "OneHot has no gradient"},
		"of an order that grows without end": {func(m maths, p graph.Place, x graph.Value) {
			y := m.sum(m.Mul(m.tanh(x), m.tanh(m.Mul(x, x))))
			for range 20 {
				y = m.sum(m.Gradient(y, x)[0])
			}
			m.AppEmit("out", y)
		}, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			g, p := single("refused")
			c.record(maths{g}, p, g.Input(p, "f", typ)[0])
			m, err := g.Model()
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = compile.Compile(m, compile.Options{})
			var list compile.Errors
			if !errors.As(err, &list) || !strings.Contains(err.Error(), c.want) || !strings.Contains(list[0].Line,
				"secondorder_test.go:") {
				t.Errorf("got %v; want an error of this file about %q", err, c.want)
			}
		})
	}
}

// TestTypesThatDoNotHold: what an author says of a tensor's type between two tensor ops, and a gradient was made by,
// has to hold in the run: the run fails, and no gradient of another shape comes out.
func TestTypesThatDoNotHold(t *testing.T) {
	g, p := single("said")
	x := g.Input(p, "f", types.Tensors(tensor.Float64, -1))[0]
	v := g.Typed(g.Relu(x), types.Tensors(tensor.Float64, 3))
	y := g.Tensor("ReduceMean", graph.Attrs{"keepdims": 0}, g.Mul(v, v))
	g.AppEmit("out", g.Bundle(y, g.Gradient(y, v)[0]))
	r := run(t, g)
	out, failure := r.try(f64([]int{3}, 1, 2, 3))
	if failure != nil || !slices.Equal(out[1].Float64(), []float64{2. / 3, 4. / 3, 2}) {
		t.Errorf("three as said: %v, %v", out, failure)
	}
	for _, bad := range []*tensor.Tensor{f64([]int{1}, 2), f64([]int{2}, 1, 2)} {
		if out, failure := r.try(bad); failure == nil || !strings.Contains(failure.Error(),
			"is declared as float64[3]") {
			t.Errorf("%v where three are said: %v, %v", bad.Shape(), out, failure)
		}
	}
}
