package backend

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// descents are what optimizers do to a parameter p with its gradient g and what is kept, u and v, as jobs record it.
// The names of what leaves begin with a capital letter.
var descents = map[string][]string{
	"sgd":      {"s = Mul g rate", "P = Sub p s"},
	"given":    {"P = Sub p g"},
	"clip":     {"c = Mul g share", "s = Mul rate c", "P = Sub p s"},
	"decay":    {"d = Mul p share", "h = Add g d", "s = Mul h rate", "P = Sub p s"},
	"momentum": {"m = Mul u share", "U = Add m g", "s = Mul U rate", "P = Sub p s"},
	"nesterov": {"m = Mul u share", "U = Add m g", "l = Mul U share", "a = Add g l", "s = Mul a rate", "P = Sub p s"},
	"adagrad": {"q = Mul g g", "U = Add u q", "r = Sqrt U", "e = Add r share", "d = Div g e", "s = Mul d rate",
		"P = Sub p s"},
	"adam": {"m = Mul u share", "n = Mul g rest", "U = Add m n", "q = Mul g g", "o = Mul v share", "w = Mul q rest",
		"V = Add o w", "z = Mul U rest", "r = Sqrt V", "y = Mul r rest", "e = Add y rate", "d = Div z e",
		"s = Mul d rate", "P = Sub p s"},
}

// descent is an optimizer over parameters of some shapes: nodes, the names of inputs, the inputs, the outputs. Each
// gradient is computed, so that its memory may be taken.
func descent(r *rand.Rand, name string, shapes ...[]int) (nodes []*onnx.NodeProto, names []string, in []*tensor.Tensor,
	outs []string) {
	names = []string{"rate", "share", "rest"}
	for range names {
		in = append(in, must(tensor.FromFloat32(nil, []float32{float32(r.NormFloat64())})))
	}
	for i, shape := range shapes {
		for _, v := range []string{"p", "u", "v", "x"} {
			if name == "sgd" && (v == "u" || v == "v") {
				continue
			}
			names, in = append(names, fmt.Sprint(v, i)), append(in, floatTensor(r, shape...))
			for j := range in[len(in)-1].Float32() {
				if r.IntN(9) == 0 {
					in[len(in)-1].Float32()[j] = []float32{float32(math.NaN()), float32(math.Inf(1)),
						float32(math.Copysign(0, -1)), 0, 1e-42,
						math.Float32frombits(0xffc00000 + r.Uint32N(1<<22))}[r.IntN(6)]
				}
			}
		}
		nodes = append(nodes, nodeOf(fmt.Sprintf("g%d = Tanh x%d", i, i)))
	}
	for i := range shapes {
		for _, text := range descents[name] {
			n := nodeOf(text)
			for j, s := range n.Input {
				if len(s) == 1 {
					n.Input[j] = fmt.Sprint(s, i)
				}
			}
			n.Output[0] = fmt.Sprint(n.Output[0], i)
			nodes = append(nodes, n)
			if text[0] < 'a' {
				outs = append(outs, n.Output[0])
			}
		}
	}
	return nodes, names, in, outs
}

// What an optimizer does to all parameters is one step, with the bits of the operations one by one, and takes no more
// memory.
func TestOptimizersAreOneStep(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 4))
	for name := range descents {
		for _, shapes := range [][][]int{{{3, 5}, {1}, {}, {2100}, {7, 300}}, {{4096}}, {{300, 1001}, {9}}} {
			nodes, names, in, outs := descent(r, name, shapes...)
			g := graphOf(nodes, names, in, outs, false)
			for _, o := range []Options{{}, {Scalar: true}, {Rules: kernel.Fused}, {Rules: kernel.Fused, Scalar: true},
				{Rules: kernel.Fused, Threads: 2}, {Threads: 3}} {
				joined := must(Compile(g, o))
				o.block = -1
				apart := must(Compile(g, o))
				if m, most := joined.Memory(), apart.Memory(); m.Steps != len(shapes)+1 || m.Arena > most.Arena ||
					m.Scratch > 3*4*4*sweepBlock {
					t.Errorf("%s of %v: %v; want %d steps, and at most %v", name, shapes, m, len(shapes)+1, most)
				}
				got, want := must(joined.Run(in)), must(apart.Run(in))
				for i := range got {
					if !slices.Equal(bits32(got[i]), bits32(want[i])) {
						t.Fatalf("%s of %v, options %+v: another %s", name, shapes, o, outs[i])
					}
				}
			}
		}
	}
}

// A gradient that two parameters share, or that leaves itself, keeps its elements until both have read them.
func TestGradientsThatAreShared(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 4))
	shape := must(tensor.FromInt64([]int{2}, []int64{50, 60}))
	nodes := []*onnx.NodeProto{
		onnx.Node("", "Constant", "", nil, []string{"shape"}, onnx.AttrTensor("value", shape.Proto("shape"))),
		nodeOf("g = Tanh x"), nodeOf("s = Mul g rate"), nodeOf("P = Sub p s"), nodeOf("v = Reshape g shape"),
		nodeOf("w = Mul rate v"), nodeOf("o = Add w w"), nodeOf("Q = Sub q o"), nodeOf("R = Reshape Q shape"),
		nodeOf("u = Mul Q rate"), nodeOf("S = Sub q u")}
	names := []string{"x", "rate", "p", "q"}
	in := []*tensor.Tensor{floatTensor(r, 3000), floatTensor(r), floatTensor(r, 3000), floatTensor(r, 50, 60)}
	for _, outs := range [][]string{{"P", "Q"}, {"P", "Q", "g"}, {"P", "R", "Q"}, {"P", "s", "R"}, {"S", "P"},
		{"R", "S", "P", "Q", "v"}} {
		g := graphOf(nodes, names, in, outs, false)
		joined, apart := must(Compile(g, Options{})), must(Compile(g, Options{block: -1}))
		if m := joined.Memory(); m.Steps != 2 {
			t.Errorf("%v: %d steps, want 2", outs, m.Steps)
		}
		got, want := must(joined.Run(in)), must(apart.Run(in))
		for i := range got {
			if !got[i].Equal(want[i]) {
				t.Errorf("%v: another %s", outs, outs[i])
			}
		}
	}
}

// TestThreadsShareASweep: threads that share the parameters give the bits of one, and allocate nothing.
func TestThreadsShareASweep(t *testing.T) {
	nodes, names, in, outs := descent(rand.New(rand.NewPCG(12, 5)), "adam", []int{600, 700}, []int{700})
	g := graphOf(nodes, names, in, outs, false)
	var want []*tensor.Tensor
	for _, threads := range []int{1, 2, 3} {
		p := must(Compile(g, Options{Threads: threads}))
		var held, spent []*tensor.Tensor
		step := func() {
			out := must(p.RunInto(in, spent))
			held, spent = out, held
		}
		step()
		if want == nil {
			want = cloneAll(held)
		}
		for i := range held {
			if !held[i].Equal(want[i]) {
				t.Errorf("%s by %d threads has other bits", outs[i], threads)
			}
		}
		step()
		if n := testing.AllocsPerRun(50, step); n > 0 && poolKeeps {
			t.Errorf("%v allocations in a step by %d threads, want none", n, threads)
		}
	}
}

// BenchmarkOptimizers measures a step of each optimizer over all parameters of a model, beside the same steps apart, in
// turns; "ratio" is how many times faster it is, at the median.
func BenchmarkOptimizers(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	sizes := map[string][][]int{"small": {{64, 32}, {32}, {32, 10}, {10}},
		"middle": {{784, 128}, {128}, {128, 10}, {10}},
		"large":  {{64, 4962}, {4962}, {4962, 4962}, {4962}, {4962, 10}, {10}}}
	for _, size := range []string{"small", "middle", "large"} {
		for _, name := range []string{"sgd", "clip", "momentum", "adam"} {
			nodes, names, in, outs := descent(r, name, sizes[size]...)
			for i, n := range nodes { // the gradients are given
				if n.OpType == "Tanh" {
					nodes[i].OpType = "Identity"
				}
			}
			g := graphOf(nodes, names, in, outs, false)
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/%s/threads=%d", size, name, threads), func(b *testing.B) {
					inTurns(b, g, in, Options{Rules: kernel.Fused, Threads: threads})
				})
			}
		}
	}
}

// inTurns measures a plan, and one of which the steps stay apart, in turns.
func inTurns(b *testing.B, g *onnx.GraphProto, in []*tensor.Tensor, o Options) {
	joined := must(Compile(g, o))
	o.block = -1
	apart := must(Compile(g, o))
	var times [2][]float64
	var held, spent [2][]*tensor.Tensor
	for b.Loop() {
		for i, p := range []*Plan{joined, apart} {
			start := time.Now()
			out := must(p.RunInto(in, spent[i]))
			times[i] = append(times[i], float64(time.Since(start)))
			held[i], spent[i] = out, held[i]
		}
	}
	for i := range times {
		slices.Sort(times[i])
	}
	half := len(times[0]) / 2
	b.ReportMetric(times[0][half], "joined-ns")
	b.ReportMetric(times[1][half]/times[0][half], "ratio")
}
