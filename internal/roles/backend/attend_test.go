package backend

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// attentionGraph is an attention and its way back, as the compiler writes them: q is [batch, heads, queries, size], k
// and v have keys. Attentions are capped, masked or not.
func attentionGraph(turned, capped, masked, closed, back bool) []*onnx.NodeProto {
	swap, last := onnx.AttrInts("perm", 0, 1, 3, 2), onnx.AttrInt("keepdims", 1)
	var out []*onnx.NodeProto
	add := func(text string, attrs ...*onnx.AttributeProto) { out = append(out, nodeOf(text, attrs...)) }
	add("kt = Transpose k", swap)
	if turned { // as exporters write it
		out = out[:0]
		add("kt = Mul kk kk")
	}
	add("s = MatMul q kt")
	x := "s"
	if capped {
		add("st = Tanh s")
		add("sc = Mul st two")
		x = "sc"
	}
	if masked {
		add("sm = Add " + x + " mask")
		x = "sm"
	}
	add("p = Softmax "+x, onnx.AttrInt("axis", -1))
	p := "p"
	if closed {
		add("pw = Where shut zero p")
		p = "pw"
	}
	add("y = MatMul " + p + " v")
	if !back {
		return out
	}
	add("dy = Sub y want")
	add("vt = Transpose v", swap)
	add("dp = MatMul dy vt")
	add("pt = Transpose "+p, swap)
	add("dv = MatMul pt dy")
	d := "dp"
	if closed {
		add("dw = Where shut zero dp")
		d = "dw"
	}
	add("b1 = Mul " + d + " p")
	add("b2 = ReduceSum b1 last", last)
	add("b3 = Sub " + d + " b2")
	add("b4 = Mul b3 p")
	d = "b4"
	if capped {
		add("c1 = Mul b4 two")
		add("c2 = Mul st st")
		add("c3 = Sub one c2")
		add("c4 = Mul c1 c3")
		d = "c4"
	}
	add("ktt = Transpose kt", swap)
	add("dq = MatMul " + d + " ktt")
	add("qt = Transpose q", swap)
	add("dkt = MatMul qt " + d)
	add("dk = Transpose dkt", swap)
	return out
}

// attentionInputs are the inputs of such a graph; a row of strange ones is among them.
func attentionInputs(r *rand.Rand, batch, heads, queries, keys, size int, mask []int, strange bool) (names []string,
	in []*tensor.Tensor) {
	give := func(name string, t *tensor.Tensor) { names, in = append(names, name), append(in, t) }
	q := slices.Clone(floatTensor(r, batch, heads, queries, size).Float32())
	m := slices.Clone(floatTensor(r, mask...).Float32())
	if strange {
		q[r.IntN(len(q))] = float32(math.NaN())
		q[r.IntN(len(q))] = float32(math.Inf(1))
		for range len(m) / 3 {
			m[r.IntN(len(m))] = float32(math.Inf(-1))
		}
		for i := range mask[len(mask)-1] { // a query that sees nothing
			m[i] = float32(math.Inf(-1))
		}
	}
	shut := make([]bool, batch*queries)
	for i := range shut {
		shut[i] = r.IntN(4) == 0
	}
	give("q", must(tensor.FromFloat32([]int{batch, heads, queries, size}, q)))
	give("k", floatTensor(r, batch, heads, keys, size))
	give("kk", floatTensor(r, batch, heads, size, keys))
	give("v", floatTensor(r, batch, heads, keys, size+1))
	give("want", floatTensor(r, batch, heads, queries, size+1))
	give("mask", must(tensor.FromFloat32(mask, m)))
	give("shut", must(tensor.FromBool([]int{batch, 1, queries, 1}, shut)))
	give("two", must(tensor.FromFloat32([]int{}, []float32{2})))
	give("one", must(tensor.FromFloat32([]int{}, []float32{1})))
	give("zero", must(tensor.FromFloat32([]int{}, []float32{0})))
	return names, in
}

// attentions counts the steps of a plan that are attentions, and the softmaxes in them.
func attentions(t interface{ Fatal(...any) }, p *Plan) (n, softmaxes int) {
	l, err := lower(p.src, p.set, p.block, p.src.types)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range l.steps {
		if st.chain == nil || st.chain.planes == 0 {
			continue
		}
		n++
		for _, part := range st.chain.parts {
			if part.op.Name == "Softmax" {
				softmaxes++
			}
		}
	}
	return n, softmaxes
}

// Attentions give the bits of the steps that they are made of, forward and back, however many rows are done at once,
// and whether what is between their products is kept for the way back or made again.
func TestAttentionsChangeNothing(t *testing.T) {
	forward, kept, again := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
		yes := func(name string) bool { return rapid.Bool().Draw(t, name) }
		batch, heads, size := draw("batch", 1, 3), draw("heads", 1, 3), draw("size", 1, 9)
		queries, keys := draw("queries", 1, 40), draw("keys", 1, 40)
		if yes("long") {
			queries = draw("many", 250, 530)
		}
		mask := [][]int{{keys}, {queries, keys}, {batch, 1, queries, keys}, {batch, heads, queries, keys},
			{batch, 1, 1, keys}, {heads, 1, keys}, {heads, queries, 1}}[draw("mask", 0, 6)]
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		names, in := attentionInputs(r, batch, heads, queries, keys, size, mask, yes("strange"))
		back := yes("back")
		nodes := attentionGraph(yes("turned"), yes("capped"), yes("masked"), yes("closed"), back)
		outs := []string{"y"}
		if back {
			outs = []string{"y", "dq", "dk", "dv"}
		}
		if yes("shown") {
			outs = append(outs, rapid.SampledFrom([]string{"s", "p"}).Draw(t, "what"))
		}
		g := graphOf(nodes, names, in, outs, false)
		g.Initializer = append(g.Initializer, intTensor(-1).Proto("last"))
		rules := rapid.SampledFrom([]kernel.Rules{kernel.Rounded, kernel.Fused}).Draw(t, "rules")
		scalar := yes("scalar")
		var want []*tensor.Tensor
		for _, block := range []int{-1, 1, 30, 0} {
			p, err := Compile(g, Options{Rules: rules, Scalar: scalar, block: block})
			if err != nil {
				t.Fatal(err)
			}
			if block > 0 {
				switch n, softmaxes := attentions(t, p); {
				case n == 1:
					forward++
				case n == 2 && softmaxes == 1:
					kept++
				case n == 2:
					again++
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
						t.Fatalf("%s by blocks of %d is another", outs[i], block)
					}
				}
			}
		}
	})
	if forward == 0 || kept == 0 {
		t.Errorf("%d attentions alone, %d whose weights were kept for the way back", forward, kept)
	}
	t.Logf("%d attentions had their weights made again", again)
}

// Weights that are made again for the way back are those that were there.
func TestAttentionMadeAgain(t *testing.T) {
	for _, rules := range []kernel.Rules{kernel.Rounded, kernel.Fused} {
		for _, masked := range []bool{false, true} {
			names, in := attentionInputs(rand.New(rand.NewPCG(3, 4)), 2, 2, 301, 37, 9, []int{301, 37}, masked)
			g := graphOf(attentionGraph(false, masked, masked, masked, true), names, in,
				[]string{"y", "dq", "dk", "dv"}, false)
			g.Initializer = append(g.Initializer, intTensor(-1).Proto("last"))
			var want []*tensor.Tensor
			for _, block := range []int{-1, 1} {
				p := must(Compile(g, Options{Rules: rules, block: block}))
				if n, softmaxes := attentions(t, p); block > 0 && (n != 2 || softmaxes != 2) {
					t.Errorf("%d attentions with %d softmaxes, want two with two", n, softmaxes)
				}
				got := must(p.Run(in))
				for i := range want {
					if !got[i].Equal(want[i]) {
						t.Errorf("output %d by rules %v is another", i, rules)
					}
				}
				want = got
			}
		}
	}
}

// What is between the products of an attention has no memory of its own: a plan's memory grows with the length of the
// texts, not with its square.
func TestMemoryOfAnAttention(t *testing.T) {
	for _, back := range []bool{false, true} {
		for _, rules := range []kernel.Rules{kernel.Rounded, kernel.Fused} {
			sizes := map[int][]int{}
			for _, n := range []int{1024, 2048} {
				names, in := attentionInputs(rand.New(rand.NewPCG(1, 2)), 2, 2, n, n, 16, []int{2, 1, 1, n}, false)
				outs := []string{"y"}
				if back {
					outs = []string{"y", "dq", "dk", "dv"}
				}
				g := graphOf(attentionGraph(false, false, true, true, back), names, in, outs, false)
				g.Initializer = append(g.Initializer, intTensor(-1).Proto("last"))
				for _, block := range []int{-1, 64} { // so few that none is kept
					p, err := Compile(g, Options{Rules: rules, block: block, Threads: 1})
					if err != nil {
						t.Fatal(err)
					}
					m := p.Memory()
					sizes[n] = append(sizes[n], m.Arena+m.Scratch)
					want := map[bool]int{false: 1, true: 2}[back]
					if n, made := attentions(t, p); block > 0 && (n != want || made != want) {
						t.Errorf("back %v: %d attentions with %d softmaxes, want %d", back, n, made, want)
					}
				}
			}
			name := fmt.Sprintf("back %v by rules %v: %v", back, rules, sizes)
			if square := 4 * 2 * 2 * 2048 * 2048; sizes[2048][0] < square || sizes[2048][1] > square/4 {
				t.Errorf("%s: want more than %d bytes apart, less than a quarter of it together", name, square)
			}
			if 10*sizes[2048][1] > 22*sizes[1024][1] {
				t.Errorf("%s: twice as long takes more than 2.2 times the bytes", name)
			}
		}
	}
}
