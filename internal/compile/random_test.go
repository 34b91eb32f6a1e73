package compile_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// author records a random choreography that is sound: it keeps the values of each activation apart.
type author struct {
	t      *rapid.T
	p      pair
	places []graph.Place
	left   int // ops that may still be recorded
}

// activation is what one activation has: values at one place.
type activation struct {
	g       *graph.Graph
	at      graph.Place
	numbers []graph.Value
	tensors []graph.Value    // float32[4]
	asked   []*graph.Arrival // requests that can be answered here
	body    bool             // it is a body: what arrives elsewhere stays apart from it
}

func (a *author) pick(label string, n int) int { return rapid.IntRange(0, n-1).Draw(a.t, label) }

func (a *author) number(x *activation) graph.Value {
	if len(x.numbers) == 0 || a.pick("constant", 6) == 0 {
		return x.g.Constant(value.Int(a.pick("value", 3)))
	}
	return x.numbers[a.pick("number", len(x.numbers))]
}

func (a *author) tensor(x *activation) graph.Value {
	if len(x.tensors) == 0 {
		x.tensors = append(x.tensors, a.p.batch(x.g, x.numbers[0], types.Tensors(tensor.Float32, 4)))
	}
	return x.tensors[a.pick("tensor", len(x.tensors))]
}

// grow records up to n ops of one activation.
func (a *author) grow(x *activation, n, depth int) {
	for range n {
		if a.left--; a.left < 0 {
			return
		}
		switch k := a.pick("op", 15); k {
		case 0:
			x.numbers = append(x.numbers, x.g.Clock(x.numbers[a.pick("n", len(x.numbers))]))
		case 1:
			x.numbers = append(x.numbers, x.g.Unbundle(x.g.Bundle(x.numbers[0], a.number(x)), 2)...)
		case 2:
			x.g.AppEmit("e", x.g.Gate(a.number(x), x.numbers[0]))
		case 3:
			x.numbers = append(x.numbers, x.g.Sleep(x.numbers[a.pick("n", len(x.numbers))], time.Second))
		case 4:
			x.numbers = append(x.numbers, x.g.Any(x.numbers[0], x.numbers[a.pick("n", len(x.numbers))]))
		case 5, 6, 7:
			x.tensors = append(x.tensors, x.g.Tensor([]string{"Add", "Mul", "Sub"}[k-5], nil, a.tensor(x), a.tensor(x)))
		case 8:
			h := fmt.Sprintf("h%d", a.left)
			v := x.g.HoldTake(h, x.g.HoldPut(h, a.tensor(x)))
			x.tensors = append(x.tensors, x.g.Typed(v, types.Tensors(tensor.Float32, 4)))
		case 9:
			// y does not depend on apart
			by, apart := a.tensor(x), a.p.batch(x.g, x.numbers[0], types.Tensors(tensor.Float32, 4))
			y := x.g.Tensor("ReduceSum", graph.Attrs{"keepdims": false}, x.g.Mul(by, by))
			x.tensors = append(x.tensors, x.g.Gradient(y, by, apart)...)
		case 10, 11, 12:
			if depth < 3 {
				a.frame(x, k, depth)
			}
		case 13:
			if depth < 4 {
				a.send(x, depth)
			}
		case 14:
			if len(x.asked) > 0 {
				a.answer(x, depth)
			}
		}
	}
}

// frame records an op with bodies, which may read what is around them.
func (a *author) frame(x *activation, kind, depth int) {
	inside := func(b *graph.Graph, more ...graph.Value) *activation {
		return &activation{g: b, at: x.at, numbers: append(more, x.numbers...), tensors: append([]graph.Value(nil),
			x.tensors...), asked: x.asked, body: true}
	}
	results := func(y *activation, n int) []graph.Value {
		out := make([]graph.Value, n)
		for i := range out {
			out[i] = y.numbers[a.pick("result", len(y.numbers))]
		}
		return out
	}
	n := a.pick("carried", 3)
	var in []graph.Value
	if kind == 11 {
		n++ // its place is that of its inputs
	}
	for range n {
		in = append(in, x.numbers[a.pick("in", len(x.numbers))])
	}
	switch kind {
	case 10:
		x.numbers = append(x.numbers,
			x.g.Loop(x.numbers[0], in, func(b *graph.Graph, i graph.Value, c []graph.Value) []graph.Value {
				y := inside(b, append([]graph.Value{i}, c...)...)
				a.grow(y, 4, depth+1)
				x.asked = y.asked
				return results(y, n)
			})...)
	case 11:
		x.numbers = append(x.numbers, x.g.Frame(in, func(b *graph.Graph, c []graph.Value) []graph.Value {
			y := inside(b, c...)
			a.grow(y, 4, depth+1)
			x.asked = y.asked
			return results(y, n)
		})...)
	case 12:
		branch := func(b *graph.Graph) []graph.Value {
			y := inside(b)
			a.grow(y, 3, depth+1)
			x.asked = y.asked
			return results(y, n)
		}
		cond := x.g.Peer("Health", x.g.Gate(x.g.Constant(value.Peer("a")), x.numbers[0]))
		x.numbers = append(x.numbers, x.g.If(cond, branch, branch)...)
	}
}

// send records a crossing and what it starts.
func (a *author) send(x *activation, depth int) {
	to := a.places[a.pick("to", len(a.places))]
	who := x.g.Gate(x.g.Constant(value.Peer("a")), x.numbers[0])
	vals := []graph.Value{a.number(x), x.numbers[0], a.tensor(x)}
	var arr *graph.Arrival
	y := &activation{g: x.g, at: to}
	if a.pick("request", 2) == 0 {
		arr = x.g.Request(graph.Edge{To: to}, who, a.number(x), vals...)
		y.asked = []*graph.Arrival{arr}
	} else {
		arr = x.g.Send(graph.Edge{To: to, BestEffort: true}, who, vals...)
	}
	x.numbers = append(x.numbers, x.g.Clock(arr.Sent()))
	y.numbers = []graph.Value{arr.Value(0), arr.Value(1)}
	y.tensors = []graph.Value{arr.Value(2)}
	a.grow(y, 4, depth+1)
	for len(y.asked) > 0 {
		a.answer(y, depth)
	}
}

// answer records the answer to an open request of the activation, and what it starts at the asker.
func (a *author) answer(x *activation, depth int) {
	back := x.g.Reply(x.asked[0], graph.Edge{}, x.numbers[0], a.number(x))
	x.asked = nil
	y := &activation{g: x.g, numbers: []graph.Value{back.Value(0), back.Value(1)}}
	y.tensors = []graph.Value{a.p.batch(x.g, back.Value(0), types.Tensors(tensor.Float32, 4))}
	a.grow(y, 2, depth+2)
}

func (a *author) record() *graph.Graph {
	a.p = newPair()
	a.places = []graph.Place{a.p.server, a.p.clients}
	a.p.backend("cpu", a.places...)
	a.left = rapid.IntRange(1, 60).Draw(a.t, "ops")
	for range 1 + a.pick("activations", 4) {
		at := a.places[a.pick("at", 2)]
		x := &activation{g: a.p.Graph, at: at}
		switch a.pick("opener", 4) {
		case 0:
			x.numbers = []graph.Value{x.g.Interval(at, time.Second)}
		case 1:
			x.numbers = x.g.Input(at, fmt.Sprintf("call%d", a.left), types.Int())
		case 2:
			x.numbers = []graph.Value{a.p.at(at)}
		case 3:
			a.p.Bootstrap(at, func(b *graph.Graph) {
				a.grow(&activation{g: b, at: at, numbers: []graph.Value{b.Clock(b.Pulse())}}, 6, 0)
			})
			continue
		}
		a.grow(x, 12, 0)
	}
	return a.p.Graph
}

// TestRandomPrograms compiles random choreographies, loads every part, and holds that the joints fit and that the same
// model gives the same artifact.
func TestRandomPrograms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := (&author{t: t}).record()
		m, err := g.Model()
		if err != nil {
			t.Fatalf("author: %v", err)
		}
		a, _, err := compile.Compile(m, compile.Options{})
		if err != nil {
			t.Fatalf("compile: %v", err)
		}
		b, _, err := compile.Compile(m, compile.Options{})
		if err != nil || a.Digest != b.Digest {
			t.Fatalf("compiled again: %x, %x, %v", a.Digest, b.Digest, err)
		}
		checkJoints(t, a, "server", "clients")
		raw, err := onnx.Marshal(a.Model)
		if err != nil {
			t.Fatal(err)
		}
		again, err := onnx.Load(raw, onnx.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		checkJoints(t, &compile.Artifact{Model: again, Digest: a.Digest}, "server", "clients")
	})
}
