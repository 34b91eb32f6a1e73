package backend

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/compile/gradient"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// tableStep is a step of gradient descent on a table of words: the gradient of what a Gather takes, clipped by its norm
// or not.
func tableStep(words, width int64, clip bool) []*onnx.NodeProto {
	zero := must(tensor.FromInt64([]int{2}, []int64{words, width}))
	nodes := []*onnx.NodeProto{
		onnx.Node("", "Constant", "", nil, []string{"shape"}, onnx.AttrTensor("value", zero.Proto("shape"))),
		nodeOf("zeros = ConstantOfShape shape"),
		nodeOf("g = ScatterND zeros at d", onnx.AttrString("reduction", "add")),
		nodeOf("w = Reshape g shape"),
	}
	if clip {
		nodes = append(nodes, nodeOf("n = ReduceSumSquare w", onnx.AttrInt("keepdims", 0)), nodeOf("r = Sqrt n"),
			nodeOf("q = Div most r"), nodeOf("c = Mul w q"))
	} else {
		nodes = append(nodes, nodeOf("c = Mul most w"))
	}
	return append(nodes, nodeOf("s = Mul c rate"), nodeOf("z = Sub p s"))
}

// oddTable are the inputs of a step on a table: numbers of all kinds, and indices that repeat and count from the end.
func oddTable(r *rand.Rand, words, width, n int, rate, most float32) []*tensor.Tensor {
	at := make([]int64, n)
	for i := range at {
		at[i] = r.Int64N(int64(min(words, 2+n/2)))
		if r.IntN(2) == 0 {
			at[i] -= int64(words)
		}
	}
	p, d := floatTensor(r, words, width), floatTensor(r, n, width)
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0, 1e-42, -1e-42, 3e38}
	for _, x := range [][]float32{p.Float32(), d.Float32()} {
		for i := range x {
			if r.IntN(3) == 0 {
				x[i] = float32(odd[3+r.IntN(4)])
			}
			if r.IntN(50) == 0 { // a NaN that is not the one that leaves
				x[i] = math.Float32frombits(0xffc00000 + r.Uint32N(1<<22))
			}
		}
	}
	if r.IntN(2) == 0 && n > 0 {
		p.Float32()[r.IntN(words*width)] = float32(odd[r.IntN(8)])
		d.Float32()[r.IntN(n*width)] = float32(odd[r.IntN(8)])
	}
	return []*tensor.Tensor{p, must(tensor.FromInt64([]int{n, 1}, at)), d,
		must(tensor.FromFloat32(nil, []float32{rate})), must(tensor.FromFloat32(nil, []float32{most}))}
}

var tableInputs = []string{"p", "at", "d", "rate", "most"}

// A step of gradient descent on a table that is not written has the bits of one that is: with what is no number, zeros
// of both signs, indices that repeat, that count from the end, and none at all, and with rates at which a row that no
// index names does not stay as it is.
func TestTablesStayUnwritten(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	factors := []float32{0.01, -0.01, 0, float32(math.Copysign(0, -1)), inf, -inf, nan, 1e-45, 3e38}
	for i := range 200 {
		words, width, n := 60+r.IntN(60), 1+r.IntN(20), r.IntN(15)
		in := oddTable(r, words, width, n, factors[i%len(factors)], factors[r.IntN(len(factors))])
		for _, clip := range []bool{false, true} {
			g := graphOf(tableStep(int64(words), int64(width), clip), tableInputs, in, []string{"z"}, false)
			for _, o := range []Options{{}, {Scalar: true}, {Rules: kernel.Fused}, {Rules: kernel.Fused, Scalar: true},
				{Rules: kernel.Fused, Threads: 2}} {
				joined := must(Compile(g, o))
				o.block = -1
				apart := must(Compile(g, o))
				if steps := joined.Memory().Steps; n > 0 && steps >= apart.Memory().Steps {
					t.Fatalf("%d steps, as many as without", steps)
				}
				got, want := must(joined.Run(in)), must(apart.Run(in))
				if !slices.Equal(bits32(got[0]), bits32(want[0])) {
					t.Fatalf("%d words of %d, indices %v, clip %v, rate %v: another result", words, width, in[1].Int64(),
						clip, in[3].Float32())
				}
			}
		}
	}
}

// A table of which most rows are named, or that is read as it is, is written: zeros, and the rows added to them.
func TestTablesThatAreWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 7))
	for i := range 60 {
		words, width, n := 1+r.IntN(9), 1+r.IntN(20), r.IntN(40)
		outs := []string{"z"}
		if i%2 == 0 {
			words, outs = 100, []string{"z", []string{"w", "s", "g"}[r.IntN(3)]}
		}
		in := oddTable(r, words, width, n, 0.5, 1)
		g := graphOf(tableStep(int64(words), int64(width), i%3 == 0), tableInputs, in, outs, false)
		for _, rules := range []kernel.Rules{kernel.Rounded, kernel.Fused} {
			joined, apart := must(Compile(g, Options{Rules: rules})), must(Compile(g, Options{Rules: rules, block: -1}))
			got, want := must(joined.Run(in)), must(apart.Run(in))
			for j := range got {
				if !got[j].Equal(want[j]) {
					t.Fatalf("%d words of %d, indices %v: another %s", words, width, in[1].Int64(), outs[j])
				}
			}
		}
	}
}

// The first index that is outside of a table is refused, by its place, written or not.
func TestIndexOutsideOfATable(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 8))
	for _, words := range []int{10, 100} {
		in := oddTable(r, words, 3, 5, 0.5, 1)
		in[1] = must(tensor.FromInt64([]int{5, 1}, []int64{1, 1, int64(words), 0, -200}))
		p := must(Compile(graphOf(tableStep(int64(words), 3, false), tableInputs, in, []string{"z"}, false), Options{}))
		var outside *kernel.IndexError
		if _, err := p.Run(in); !errors.As(err, &outside) || outside.Position != 2 || outside.Index != int64(words) {
			t.Errorf("%d words: %v; want index %d at position 2 refused", words, err, words)
		}
	}
}

// The gradient of an embedding, as a training step has it, is a table that is not written, and takes no memory.
func TestTrainingStepOfAnEmbedding(t *testing.T) {
	const words, width, n = 40_000, 16, 32
	types := map[string]onnxop.Type{"words": {DType: tensor.Int64, Shape: []int{n}},
		"table": {DType: tensor.Float32, Shape: []int{words, width}}}
	nodes := []*onnx.NodeProto{nodeOf("x = Gather table words"), nodeOf("y = ReduceSumSquare x",
		onnx.AttrInt("keepdims", 0))}
	extra, grads, err := gradient.Build(nodes, types, "y", []string{"table"}, "g")
	if err != nil {
		t.Fatal(err)
	}
	nodes = append(append(nodes, extra...), nodeOf("s = Mul "+grads[0]+" rate"), nodeOf("z = Sub table s"))
	r := rand.New(rand.NewPCG(5, 8))
	at := make([]int64, n)
	for i := range at {
		at[i] = r.Int64N(words)
	}
	in := []*tensor.Tensor{intTensor(at...), floatTensor(r, words, width),
		must(tensor.FromFloat32(nil, []float32{0.1}))}
	g := graphOf(nodes, []string{"words", "table", "rate"}, in, []string{"z"}, false)
	joined, apart := must(Compile(g, Options{})), must(Compile(g, Options{block: -1}))
	if !must(joined.Run(in))[0].Equal(must(apart.Run(in))[0]) {
		t.Error("another result")
	}
	if got, most := joined.Memory().Arena, 16*4*width*n; got > most || apart.Memory().Arena < 4*words*width {
		t.Errorf("%d bytes for values, want at most %d; %d where the table is written", got, most,
			apart.Memory().Arena)
	}
}

// BenchmarkTableStep measures a step on a table of 50,000 words, beside the same steps apart.
func BenchmarkTableStep(b *testing.B) {
	const words, width = 50_000, 256
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{256, 4096} {
		at := make([]int64, n)
		for i := range at {
			at[i] = r.Int64N(words)
		}
		in := []*tensor.Tensor{floatTensor(r, words, width), must(tensor.FromInt64([]int{n, 1}, at)),
			floatTensor(r, n, width), must(tensor.FromFloat32(nil, []float32{0.01})),
			must(tensor.FromFloat32(nil, []float32{1}))}
		for _, clip := range []bool{false, true} {
			g := graphOf(tableStep(words, width, clip), tableInputs, in, []string{"z"}, false)
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("n=%d/clip=%v/threads=%d", n, clip, threads), func(b *testing.B) {
					inTurns(b, g, in, Options{Rules: kernel.Fused, Threads: threads})
				})
			}
		}
	}
}
