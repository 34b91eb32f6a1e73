package strategy_test

import (
	"context"
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// A few clients whose losses are quadratic, in one program: what a strategy records runs as it does in a job, and what
// should come of it is computed apart, in plain Go.

// fitter is a client whose loss is the sum of bend/2·(x - goal)² over the numbers of its parameters, and which takes so
// many steps in a round. Its update weighs that part of all.
type fitter struct {
	bend, goal []float64
	steps      int
	weight     float64
}

const fitRate = 0.125 // of their steps

// gradient is that of the loss.
func (f fitter) gradient(x []float64) []float64 {
	return each(func(i int) float64 { return f.bend[i] * (x[i] - f.goal[i]) })
}

func (f fitter) loss(x []float64) (sum float64) {
	for i := range x {
		sum += f.bend[i] / 2 * (x[i] - f.goal[i]) * (x[i] - f.goal[i])
	}
	return sum
}

// fitWidth is how many numbers the parameters have.
const fitWidth = 3

func each(of func(i int) float64) []float64 {
	out := make([]float64, fitWidth)
	for i := range out {
		out[i] = of(i)
	}
	return out
}

// unlike are clients that want different things, by losses of different curvature, in different numbers of steps.
func unlike() []fitter {
	return []fitter{
		{bend: []float64{1, 2, 0.5}, goal: []float64{1, -1, 2}, steps: 2, weight: 0.5},
		{bend: []float64{3, 0.5, 1}, goal: []float64{-2, 0.5, 1}, steps: 4, weight: 0.25},
		{bend: []float64{0.25, 1, 4}, goal: []float64{3, 2, -1}, steps: 3, weight: 0.25},
	}
}

// best is where the weighted mean of their losses is least.
func best(of []fitter) []float64 {
	return each(func(i int) float64 {
		above, below := 0.0, 0.0
		for _, f := range of {
			above += f.weight * f.bend[i] * f.goal[i]
			below += f.weight * f.bend[i]
		}
		return above / below
	})
}

func vector(x []float64) value.Value {
	out := make([]float32, len(x))
	for i := range x {
		out[i] = float32(x[i])
	}
	shape := []int{len(x)}
	if len(x) == 1 {
		shape = nil
	}
	t, err := tensor.FromFloat32(shape, out)
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}

// fitted returns the parameters after so many rounds of a strategy, from zeros on.
func fitted(t *testing.T, text string, clients []fitter, rounds int) []float64 {
	t.Helper()
	ctx := context.Background()
	c, err := strategy.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	of := types.Tensors(tensor.Float32, fitWidth)
	g := graph.New("fitted")
	here := g.Place("here")
	g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: []graph.Place{here}})
	in := g.Input(here, "start", of)
	begin, owns := append(in, lined(c.Begin(g, in))...), 1+c.Kept
	for range len(clients) * c.Own {
		begin = append(begin, g.Mul(in[0], g.Constant(vector([]float64{0}))))
	}
	end := g.Loop(g.Constant(value.Int(rounds)), begin, func(b *graph.Graph, _ graph.Value,
		carried []graph.Value) []graph.Value {
		for i := range carried {
			carried[i] = b.Typed(carried[i], of)
		}
		global, kept := carried[:1:1], single(carried[1:owns])
		var own, sums []graph.Value // what all clients keep, and the weighted sum of all that they send
		for i, f := range clients {
			a := f.round(b, c, global, single(carried[owns+i*c.Own:owns+(i+1)*c.Own]), kept[:c.Told])
			own = append(own, lined(a.Own)...)
			for k, v := range append(append(a.Update, lined(a.Sent)...), a.Numbers...) {
				if v = b.Mul(v, b.Constant(vector([]float64{f.weight}))); i == 0 {
					sums = append(sums, v)
				} else {
					sums[k] = b.Add(sums[k], v)
				}
			}
		}
		one := func() graph.Value { return b.Constant(vector([]float64{1})) }
		params, next := c.Next(&strategy.Server{Graph: b, Global: global, Mean: sums[:1], Kept: kept,
			Sent: single(sums[1 : 1+c.Sent]), Numbers: sums[1+c.Sent:], Share: one})
		return append(append(params, lined(next)...), own...)
	})
	g.AppEmit("end", end[0])
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
	if err := n.Call(ctx, "start", vector(make([]float64, fitWidth))); err != nil {
		t.Fatal(err)
	}
	for ev := range n.Events(ctx) {
		x := ev.Value.(value.Tensor).Float32()
		return each(func(i int) float64 { return float64(x[i]) })
	}
	t.Fatal("no end")
	return nil
}

// round records what a client does in a round.
func (f fitter) round(b *graph.Graph, c strategy.Chosen, global []graph.Value, own,
	told [][]graph.Value) strategy.Answer {
	params := global
	bend, goal, rate := b.Constant(vector(f.bend)), b.Constant(vector(f.goal)), b.Constant(vector([]float64{fitRate}))
	for range f.steps {
		steps := c.Gradients(&strategy.Local{Graph: b, Global: global, Params: params, Own: own, Told: told,
			Gradients: []graph.Value{b.Mul(bend, b.Sub(params[0], goal))}})
		params = []graph.Value{b.Sub(params[0], b.Mul(steps[0], rate))}
	}
	return c.Answer(&strategy.Client{Graph: b, Global: global, Params: params, Own: own, Told: told,
		Steps: b.Constant(vector([]float64{float64(f.steps)})), Rate: func() graph.Value { return rate },
		Loss: func() graph.Value {
			off := b.Sub(global[0], goal)
			half := b.Mul(b.Mul(bend, b.Mul(off, off)), b.Constant(vector([]float64{0.5})))
			return b.Tensor("ReduceSum", graph.Attrs{"keepdims": 0}, half)
		}})
}

// lined are lists of one value each, one behind the other, and single makes such lists.
func lined(of [][]graph.Value) (out []graph.Value) {
	for _, list := range of {
		out = append(out, list[0])
	}
	return out
}

func single(of []graph.Value) (out [][]graph.Value) {
	for _, v := range of {
		out = append(out, []graph.Value{v})
	}
	return out
}

// near says that float32 arithmetic came to what was computed apart.
func near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= 2e-5*(1+math.Abs(want[i]))) {
			t.Errorf("%s: number %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// TestScaffoldIsItsFormula: rounds of Algorithm 1, option II, computed apart; and clients that drift apart come to the
// least of the mean of their losses all the same, where the mean of their parameters does not.
func TestScaffoldIsItsFormula(t *testing.T) {
	for text, rate := range map[string]float64{"scaffold": 1, "scaffold rate=0.5": 0.5} {
		clients := unlike()
		x, c := make([]float64, fitWidth), make([]float64, fitWidth)
		own := make([][]float64, len(clients))
		for i := range own {
			own[i] = make([]float64, fitWidth)
		}
		for range 5 {
			step, change := make([]float64, fitWidth), make([]float64, fitWidth)
			for i, f := range clients {
				y := f.local(x, func(_ []float64, k int) float64 { return c[k] - own[i][k] })
				for k := range y {
					next := own[i][k] - c[k] + (x[k]-y[k])/(float64(f.steps)*fitRate)
					step[k] += f.weight * (y[k] - x[k])
					change[k] += f.weight * (next - own[i][k])
					own[i][k] = next
				}
			}
			was, control := x, c
			x = each(func(k int) float64 { return was[k] + rate*step[k] })
			c = each(func(k int) float64 { return control[k] + change[k] })
		}
		near(t, text, fitted(t, text, clients, 5), x)
	}
	clients := unlike()
	near(t, "after many rounds", fitted(t, "scaffold", clients, 200), best(clients))
	apart := 0.0
	for i, x := range fitted(t, "fedavg", clients, 200) {
		apart += math.Abs(x - best(clients)[i])
	}
	if apart < 0.1 {
		t.Errorf("the mean of their parameters comes as near as %g", apart)
	}
}

// local are the steps of a client by its gradients, with what adds to them.
func (f fitter) local(x []float64, more func(y []float64, k int) float64) []float64 {
	y := x
	for range f.steps {
		gradient, at := f.gradient(y), y
		y = each(func(k int) float64 { return at[k] - fitRate*(gradient[k]+more(at, k)) })
	}
	return y
}

func plain([]float64, int) float64 { return 0 }

// TestFedDynIsItsFormula: rounds of Algorithm 1 whose clients take some steps towards the least of their loss with what
// is added to it, computed apart; and with many rounds they come to the least of the mean of their losses.
func TestFedDynIsItsFormula(t *testing.T) {
	const alpha = 0.5
	clients := unlike()
	x, h := make([]float64, fitWidth), make([]float64, fitWidth)
	own := [][]float64{make([]float64, fitWidth), make([]float64, fitWidth), make([]float64, fitWidth)}
	for range 5 {
		mean := make([]float64, fitWidth)
		for i, f := range clients {
			y := f.local(x, func(y []float64, k int) float64 { return -own[i][k] + alpha*(y[k]-x[k]) })
			for k := range y {
				own[i][k] -= alpha * (y[k] - x[k])
				mean[k] += f.weight * y[k]
			}
		}
		for k := range h {
			h[k] -= alpha * (mean[k] - x[k])
		}
		x = each(func(k int) float64 { return mean[k] - h[k]/alpha })
	}
	near(t, "feddyn", fitted(t, "feddyn alpha=0.5", clients, 5), x)
	near(t, "after many rounds", fitted(t, "feddyn alpha=0.5", clients, 400), best(clients))
}

// TestFedNovaIsItsFormula: x ← x - rate·(mean of steps)·(mean of normalized gradients), computed apart; of clients with
// as many steps each it is FedAvg.
func TestFedNovaIsItsFormula(t *testing.T) {
	clients := unlike()
	x := make([]float64, fitWidth)
	for range 5 {
		steps, mean := 0.0, make([]float64, fitWidth)
		for _, f := range clients {
			steps += f.weight * float64(f.steps)
			for k, y := range f.local(x, plain) {
				mean[k] += f.weight * (x[k] - y) / (fitRate * float64(f.steps))
			}
		}
		was := x
		x = each(func(k int) float64 { return was[k] - fitRate*steps*mean[k] })
	}
	near(t, "fednova", fitted(t, "fednova", clients, 5), x)
	for i := range clients {
		clients[i].steps = 3
	}
	near(t, "as many steps each", fitted(t, "fednova", clients, 5), fitted(t, "fedavg", clients, 5))
}

// TestQFedAvgIsItsFormula: Algorithm 2 with L = 1/rate, computed apart; with q=0 it is FedAvg, and with a great q the
// greatest loss is less than without.
func TestQFedAvgIsItsFormula(t *testing.T) {
	for text, q := range map[string]float64{"qfedavg q=0.5": 0.5, "qfedavg q=2": 2} {
		clients := unlike()
		x := make([]float64, fitWidth)
		for range 5 {
			above, below := make([]float64, fitWidth), 0.0
			for _, f := range clients {
				loss, distance := f.loss(x), 0.0
				for k, y := range f.local(x, plain) {
					w := (x[k] - y) / fitRate
					above[k] += f.weight * math.Pow(loss, q) * w
					distance += w * w
				}
				below += f.weight * (q*math.Pow(loss, q-1)*distance + math.Pow(loss, q)/fitRate)
			}
			was := x
			x = each(func(k int) float64 { return was[k] - above[k]/below })
		}
		near(t, text, fitted(t, text, clients, 5), x)
	}
	near(t, "q=0", fitted(t, "qfedavg q=0", unlike(), 5), fitted(t, "fedavg", unlike(), 5))
	greatest := func(x []float64) (most float64) {
		for _, f := range unlike() {
			most = max(most, f.loss(x))
		}
		return most
	}
	if fair, mean := greatest(fitted(t, "qfedavg q=5", unlike(), 200)), greatest(fitted(t, "fedavg", unlike(),
		200)); fair > 0.8*mean {
		t.Errorf("the greatest loss is %g, and %g by the mean", fair, mean)
	}
}
