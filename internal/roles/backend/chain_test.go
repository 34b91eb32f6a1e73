package backend

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// rowGraph draws a graph of row-wise operators, and of some that are not, over values that broadcast to [4, 3, 19].
func rowGraph(t *rapid.T, names []string) ([]*onnx.NodeProto, []string) {
	values, nodes := slices.Clone(names), []*onnx.NodeProto{}
	pick := func() string { return values[rapid.IntRange(0, len(values)-1).Draw(t, "value")] }
	one := []string{"Neg", "Relu", "Abs", "Sqrt", "Exp", "Sigmoid"}
	two := []string{"Add", "Sub", "Mul", "Div", "Max"}
	for i := range rapid.IntRange(2, 25).Draw(t, "nodes") {
		out := fmt.Sprint("n", i)
		var n *onnx.NodeProto
		switch rapid.IntRange(0, 8).Draw(t, "operator") {
		case 0, 1:
			n = nodeOf(out + " = " + rapid.SampledFrom(one).Draw(t, "name") + " " + pick())
		case 2, 3, 4:
			n = nodeOf(out + " = " + rapid.SampledFrom(two).Draw(t, "name") + " " + pick() + " " + pick())
		case 5:
			n = nodeOf(out + " = Sum " + pick() + " " + pick() + " " + pick())
		case 6:
			n = nodeOf(out+" = ReduceSum "+pick()+" last", onnx.AttrInt("keepdims", 1))
		case 7:
			n = nodeOf(out+" = Softmax "+pick(), onnx.AttrInt("axis", -1))
		case 8: // a view of all the elements, and one of a row of them
			flat := fmt.Sprint("flat", i)
			nodes = append(nodes, nodeOf(flat+" = Add "+pick()+" full"))
			nodes = append(nodes, nodeOf(flat+"v = Reshape "+flat+" "+rapid.SampledFrom([]string{"cube", "mirror"}).
				Draw(t, "shape")))
			n = nodeOf(out + " = Reshape " + flat + "v cube")
			if rapid.Bool().Draw(t, "scaled") {
				nodes = append(nodes, nodeOf(flat+"w = Mul "+flat+"v "+flat+"v"))
				n = nodeOf(out + " = Reshape " + flat + "w cube")
			}
		}
		nodes, values = append(nodes, n), append(values, out)
	}
	return nodes, values
}

// Chains give the bits of the steps that they are made of, however many rows are done at once.
func TestChainsChangeNothing(t *testing.T) {
	chained := 0
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		names := []string{"full", "rows", "row", "one", "plane"}
		in := []*tensor.Tensor{floatTensor(r, 4, 3, 19), floatTensor(r, 4, 3, 1), floatTensor(r, 19), floatTensor(r),
			floatTensor(r, 1, 3, 19)}
		x := slices.Clone(in[0].Float32())
		x[r.IntN(len(x))], x[r.IntN(len(x))] = float32(math.NaN()), float32(math.Inf(1))
		in[0] = must(tensor.FromFloat32([]int{4, 3, 19}, x))
		nodes, values := rowGraph(t, names)
		rules := rapid.SampledFrom([]kernel.Rules{kernel.Rounded, kernel.Fused}).Draw(t, "rules")
		outs := rapid.SliceOfN(rapid.SampledFrom(values), 1, 4).Draw(t, "outputs")
		g := graphOf(nodes, names, in, outs, false)
		for name, v := range map[string][]int64{"last": {-1}, "cube": {4, 3, 19}, "mirror": {2, 6, 19}} {
			g.Initializer = append(g.Initializer, intTensor(v...).Proto(name))
		}
		var want []*tensor.Tensor
		for _, block := range []int{-1, 1, 7, 20, 0} {
			p, err := Compile(g, Options{Rules: rules, block: block})
			if err != nil {
				t.Skip(err) // what was drawn does not broadcast
			}
			for _, s := range p.fixed.storages {
				if s.kind == inWindow {
					chained++
				}
			}
			for range 2 {
				got, err := p.Run(in)
				if err != nil {
					t.Fatal(err)
				}
				if want == nil {
					want = got
				}
				for i := range got {
					if !got[i].Equal(want[i]) {
						t.Fatalf("%s by blocks of %d is %v, want %v", outs[i], block, got[i].Float32(),
							want[i].Float32())
					}
				}
			}
		}
	})
	if chained == 0 {
		t.Error("there was no chain")
	}
}

// Threads that share rows change no bit and allocate nothing, also where they get unequal numbers of rows, where what a
// chain makes takes the place of what it reads, and where a step stands alone.
func TestThreadsShareRows(t *testing.T) {
	const rows, width = 301, 260
	r := rand.New(rand.NewPCG(5, 5))
	nodes := []*onnx.NodeProto{nodeOf("a = MatMul x w"), nodeOf("b = Add a v"), nodeOf("c = Relu b"),
		nodeOf("d = Mul c x"), nodeOf("e = Sub d s"), nodeOf("f = Softmax e"), nodeOf("g = MatMul f w"),
		nodeOf("h = Exp g"), nodeOf("y = MatMul h w"), nodeOf("z = ReduceSum h last", onnx.AttrInt("keepdims", 0))}
	in := []*tensor.Tensor{floatTensor(r, rows, width), floatTensor(r, width, width), floatTensor(r, width),
		floatTensor(r, rows, 1)}
	g := graphOf(nodes, []string{"x", "w", "v", "s"}, in, []string{"f", "y", "z"}, false)
	g.Initializer = append(g.Initializer, intTensor(-1).Proto("last"))
	for _, rules := range []kernel.Rules{kernel.Rounded, kernel.Fused} {
		var want []*tensor.Tensor
		for _, threads := range []int{1, 2, 3} {
			p, err := Compile(g, Options{Rules: rules, Threads: threads})
			if err != nil {
				t.Fatal(err)
			}
			if got := p.fixed.crew.threads; threads > 1 && got != threads {
				t.Fatalf("%d threads share rows, want %d", got, threads)
			}
			var held, spent []*tensor.Tensor
			step := func() {
				out, err := p.RunInto(in, spent)
				if err != nil {
					t.Fatal(err)
				}
				held, spent = out, held
			}
			for range 3 {
				step()
				if want == nil {
					want = cloneAll(held)
				}
				for i := range held {
					if !held[i].Equal(want[i]) {
						t.Fatalf("output %d by %d threads has other bits", i, threads)
					}
				}
			}
			if n := testing.AllocsPerRun(50, step); n > 0 && poolKeeps {
				t.Errorf("%v allocations in a step by %d threads, want none", n, threads)
			}
			if threads > 1 {
				holdsNothing(t, p)
			}
		}
	}
}

// cloneAll copies tensors of float32.
func cloneAll(in []*tensor.Tensor) (out []*tensor.Tensor) {
	for _, x := range in {
		out = append(out, must(tensor.FromFloat32(x.Shape(), slices.Clone(x.Float32()))))
	}
	return out
}

// holdsNothing checks that the frames of threads do not keep what was lent to them.
func holdsNothing(t *testing.T, p *Plan) {
	f, _ := p.fixed.frames.Get().(*frame)
	if f == nil {
		return // the pool has dropped it
	}
	for _, h := range f.crew.frames[1:] {
		if slices.ContainsFunc(h.f32.slots, func(s []float32) bool { return s != nil }) {
			t.Error("a frame of a thread keeps what it was lent")
		}
	}
}

// What a chain hands on has memory for the rows at hand alone, and its result takes the memory of what it reads last.
func TestMemoryOfAChain(t *testing.T) {
	x := must(tensor.FromFloat32([]int{512, 256}, make([]float32, 512*256)))
	row := must(tensor.FromFloat32([]int{256}, make([]float32, 256)))
	nodes := []*onnx.NodeProto{nodeOf("a = MatMul x w"), nodeOf("b = Add a v"), nodeOf("c = Relu b"),
		nodeOf("d = Mul c c"), nodeOf("e = Sub d b"), nodeOf("f = Softmax e"), nodeOf("g = Sum f c e"),
		nodeOf("h = MatMul g w")}
	w := must(tensor.FromFloat32([]int{256, 256}, make([]float32, 256*256)))
	g := graphOf(nodes, []string{"x", "v", "w"}, []*tensor.Tensor{x, row, w}, []string{"h"}, false)
	sizes := map[int]int{}
	for _, block := range []int{-1, 0} {
		p, err := Compile(g, Options{block: block})
		if err != nil {
			t.Fatal(err)
		}
		sizes[block] = p.fixed.slabs[tensor.Float32]
		if n := len(p.fixed.steps); block == 0 && n != 3 {
			t.Errorf("%d steps, want 3", n)
		}
	}
	if most := x.Len() + 8*blockElements; sizes[0] > most || sizes[-1] < 3*x.Len() {
		t.Errorf("%d values in memory with chains, want at most %d; %d without", sizes[0], most, sizes[-1])
	}
}

// A run allocates its outputs, with what holds them, and nothing else, however many steps it has.
func TestAllocationsOfARun(t *testing.T) {
	p, err := Compile(mlpStep(t, mlpBatch), Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, xs, labels := mlpData(3, 1)
	in := []*tensor.Tensor{must(tensor.FromFloat32([]int{mlpBatch, mlpIn}, xs[0])),
		must(tensor.FromInt64([]int{mlpBatch}, labels[0])), must(tensor.FromFloat32([]int{}, []float32{0.01}))}
	for i, s := range [][]int{{mlpIn, mlpHidden}, {mlpHidden}, {mlpHidden, mlpOut}, {mlpOut}} {
		in = append(in, must(tensor.FromFloat32(s, w[i])))
	}
	most := float64(2*len(p.Outputs()) + 1) // the elements and the tensor of each, and the list
	if n := testing.AllocsPerRun(50, func() {
		if _, err := p.Run(in); err != nil {
			t.Fatal(err)
		}
	}); n > most && poolKeeps {
		t.Errorf("%v allocations in a run, want at most %v", n, most)
	}
}

// A loop that gives up the outputs of the run before the last allocates nothing, and has the bits of one that does not.
func TestRunInto(t *testing.T) {
	p, err := Compile(mlpStep(t, mlpBatch), Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, xs, labels := mlpData(3, 1)
	first := []*tensor.Tensor{must(tensor.FromFloat32([]int{mlpBatch, mlpIn}, xs[0])),
		must(tensor.FromInt64([]int{mlpBatch}, labels[0])), must(tensor.FromFloat32([]int{}, []float32{0.01}))}
	for i, s := range [][]int{{mlpIn, mlpHidden}, {mlpHidden}, {mlpHidden, mlpOut}, {mlpOut}} {
		first = append(first, must(tensor.FromFloat32(s, slices.Clone(w[i]))))
	}
	in, plain := slices.Clone(first), slices.Clone(first)
	var held, spent []*tensor.Tensor
	step := func() {
		out, err := p.RunInto(in, spent)
		if err != nil {
			t.Fatal(err)
		}
		copy(in[3:], out[1:])
		held, spent = out, held
	}
	for range 5 {
		step()
		out, err := p.Run(plain)
		if err != nil {
			t.Fatal(err)
		}
		copy(plain[3:], out[1:])
		for i := range in {
			if !in[i].Equal(plain[i]) {
				t.Fatalf("input %d is another", i)
			}
		}
	}
	if n := testing.AllocsPerRun(50, step); n > 0 && poolKeeps {
		t.Errorf("%v allocations in a step, want none", n)
	}
	for i, bad := range [][]*tensor.Tensor{spent[1:], {spent[0], in[3], nil, nil, nil}, {in[4], nil, nil, nil, nil},
		{nil, nil, in[4], nil, nil}} {
		var e *SpentError
		if _, err := p.RunInto(in, bad); !errors.As(err, &e) {
			t.Errorf("list %d: %v, want a SpentError", i, err)
		}
	}
	if !first[3].Equal(must(tensor.FromFloat32([]int{mlpIn, mlpHidden}, w[0]))) {
		t.Error("the first parameters were overwritten")
	}
}

// Rows are the leading dimensions; what broadcasts over them is read whole.
func TestRowsOfAStep(t *testing.T) {
	for _, c := range []struct {
		node   string
		shapes [][]int
		axes   []int64
		want   []int
	}{
		{"y = Add a b", [][]int{{4, 3, 5}, {5}}, nil, []int{4, 12}},
		{"y = Add a b", [][]int{{4, 3, 5}, {3, 1}}, nil, []int{4}},
		{"y = Add a b", [][]int{{4, 3, 5}, {4, 1, 1}}, nil, []int{4}},
		{"y = Neg a", [][]int{{1, 4, 1, 3}}, nil, []int{4, 12}},
		{"y = ReduceSum a b", [][]int{{4, 3, 5}, nil}, []int64{1, 2}, []int{4}},
		{"y = ReduceSum a b", [][]int{{4, 3, 5}, nil}, []int64{0}, nil},
	} {
		n := nodeOf(c.node)
		l := &lowered{}
		st := &step{sourceNode: sourceNode{proto: n, op: onnxop.Lookup("", n.OpType)}}
		for i, s := range c.shapes {
			typ := onnxop.Type{DType: tensor.Float32, Shape: s}
			if s == nil {
				typ = onnxop.Of(intTensor(c.axes...))
			}
			l.types, st.in = append(l.types, typ), append(st.in, i)
		}
		out, err := onnxop.Infer(n, l.types)
		if err != nil {
			t.Fatal(err)
		}
		l.types, st.out = append(l.types, out[0]), []int{len(l.types)}
		if got := l.rowsOf(st); !slices.Equal(got, c.want) {
			t.Errorf("%s of %v: rows %v, want %v", c.node, c.shapes, got, c.want)
		}
	}
}
