package compile_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// drawnPrograms is how many programs TestDrawnPrograms draws, by the seeds from 0 on.
const drawnPrograms = 60

// drawnProgram records ops on vectors of three, and among them gradients: of any scalar by any values, those that are
// gradients themselves too.
type drawnProgram struct {
	*rand.Rand
	orders int // how many Gradients may follow
}

// grow records some ops and returns the last value; the pool is what they may read.
func (d *drawnProgram) grow(m maths, pool []graph.Value, ops int) graph.Value {
	pick := func() graph.Value { return pool[len(pool)-1-d.IntN(min(len(pool), 4))] }
	for range ops {
		x, y := pick(), pick()
		switch k := d.IntN(10); {
		case k < 2:
			pool = append(pool, m.Add(x, m.tanh(y)))
		case k < 3:
			pool = append(pool, m.Sub(x, y))
		case k < 5:
			pool = append(pool, m.tanh(m.Mul(x, y)))
		case k < 6:
			pool = append(pool, m.Mul(x, m.list(0.3, -0.7, 1.2)))
		case d.orders > 0:
			d.orders--
			xs := []graph.Value{x}
			if d.IntN(2) == 0 && len(pool) > 1 {
				xs = pool[len(pool)-2:]
			}
			grads := m.Gradient(m.sum(m.Mul(m.Mul(y, m.tanh(pick())), m.list(1.1, 0.4, -0.6))), xs...)
			for _, g := range grads {
				pool = append(pool, m.tanh(g))
			}
		}
	}
	return pool[len(pool)-1]
}

// TestDrawnPrograms holds the gradients of programs that compute with gradients against finite differences of the whole
// program, in the main graph and in a branch. A program is named by its seed.
func TestDrawnPrograms(t *testing.T) {
	gen := rapid.Custom(func(t *rapid.T) *drawnProgram {
		return &drawnProgram{Rand: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"),
			rapid.Uint64().Draw(t, "stream"))), orders: 3}
	})
	for seed := range drawnPrograms {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			d := gen.Example(seed)
			g, p := single("drawn")
			vector := types.Tensors(tensor.Float64, 3)
			in := g.Input(p, "f", vector, vector)
			body := func(b *graph.Graph) []graph.Value {
				v := maths{b}
				last := d.grow(v, []graph.Value{in[0], in[1], v.Mul(in[0], in[1])}, 4+d.IntN(6))
				s := v.sum(v.Mul(v.Add(last, v.Mul(in[0], v.tanh(in[1]))), v.list(0.5, 1.5, -0.8)))
				return append([]graph.Value{s}, b.Gradient(s, in...)...)
			}
			if d.IntN(2) == 0 {
				g.AppEmit("out", g.Bundle(body(g)...))
			} else {
				g.AppEmit("out", g.Bundle(g.At(p).If(g.Constant(value.Bool(true)), body, body)...))
			}
			r := run(t, g)
			r.zeros = true
			r.check(points...)
		})
	}
}
