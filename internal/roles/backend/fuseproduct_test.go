package backend

import (
	"math/rand/v2"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// ran compiles nodes by some rules and returns their result z, and the number of steps.
func ran(t *testing.T, o Options, nodes []*onnx.NodeProto, names []string, in ...*tensor.Tensor) (*tensor.Tensor, int) {
	t.Helper()
	p, err := Compile(graphOf(nodes, names, in, []string{"z"}, false), o)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(in)
	if err != nil {
		t.Fatal(err)
	}
	return out[0], len(p.fixed.steps)
}

// A product reads what was transposed before it, with the bits of the two steps.
func TestProductOfTransposed(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	swap := func(rank int64) *onnx.AttributeProto {
		perm := make([]int64, rank)
		for i := range perm {
			perm[i] = int64(i)
		}
		perm[rank-1], perm[rank-2] = rank-2, rank-1
		return onnx.AttrInts("perm", perm...)
	}
	for _, c := range []struct{ x, y []int }{
		{[]int{7, 19}, []int{7, 9}}, {[]int{5, 7, 19}, []int{7, 9}}, {[]int{7, 19}, []int{5, 7, 9}},
		{[]int{2, 5, 7, 19}, []int{2, 5, 7, 9}}, {[]int{2, 1, 7, 19}, []int{5, 7, 9}}, {[]int{3, 7, 19}, []int{7}},
	} {
		x, y := floatTensor(r, c.x...), floatTensor(r, c.y...)
		for _, rules := range []kernel.Rules{kernel.Rounded, kernel.Fused} {
			o := Options{Rules: rules}
			xt, _ := ran(t, o, []*onnx.NodeProto{nodeOf("z = Transpose x", swap(int64(len(c.x))))}, []string{"x"}, x)
			want, _ := ran(t, o, []*onnx.NodeProto{nodeOf("z = MatMul x y")}, []string{"x", "y"}, xt, y)
			nodes := []*onnx.NodeProto{nodeOf("a = Transpose x", swap(int64(len(c.x)))), nodeOf("z = MatMul a y")}
			if got, steps := ran(t, o, nodes, []string{"x", "y"}, x, y); !got.Equal(want) || steps != 1 {
				t.Errorf("%v by %v: %d steps, or another result", c.x, c.y, steps)
			}
			if len(c.y) == 1 {
				continue
			}
			yt, _ := ran(t, o, []*onnx.NodeProto{nodeOf("z = Transpose y", swap(int64(len(c.y))))}, []string{"y"}, y)
			nodes = []*onnx.NodeProto{nodeOf("a = Transpose x", swap(int64(len(c.x)))),
				nodeOf("b = Transpose y", swap(int64(len(c.y)))), nodeOf("z = MatMul a b")}
			if got, steps := ran(t, o, nodes, []string{"x", "y"}, x, yt); !got.Equal(want) || steps != 1 {
				t.Errorf("%v by the transposed of %v: %d steps, or another result", c.x, c.y, steps)
			}
		}
	}
}

// A plan of open dimensions joins what it is made of anew for each size.
func TestProductOfTransposedOfAnySize(t *testing.T) {
	nodes := []*onnx.NodeProto{nodeOf("a = Transpose x"), nodeOf("z = MatMul a x")}
	r := rand.New(rand.NewPCG(9, 1))
	p, err := Compile(graphOf(nodes, []string{"x"}, []*tensor.Tensor{floatTensor(r, 2, 2)}, []string{"z"}, true),
		Options{})
	if err != nil {
		t.Fatal(err)
	}
	for n := 2; n < 6; n++ {
		x := floatTensor(r, n, 7-n)
		got, err := p.Run([]*tensor.Tensor{x})
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := ran(t, Options{}, nodes, []string{"x"}, x); !got[0].Equal(want) {
			t.Errorf("%d rows: another result", n)
		}
	}
}

// The sum over a batch of products is one product by the rules Fused, and stays a sum of rounded ones by Rounded.
func TestSumOfProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	x, y := floatTensor(r, 3, 4, 70, 19), floatTensor(r, 3, 4, 70, 9)
	sum := func(rank string) []*onnx.NodeProto {
		axes := onnx.AttrInts("value_ints", 0, 1)
		return []*onnx.NodeProto{onnx.Node("", "Constant", "", nil, []string{"axes"}, axes),
			nodeOf("a = Transpose x", onnx.AttrInts("perm", 0, 1, 3, 2)), nodeOf("b = MatMul a y"),
			nodeOf("z = ReduceSum b "+rank, onnx.AttrInt("keepdims", 0))}
	}
	flat := func(v *tensor.Tensor, n int) *tensor.Tensor { return must(v.Reshape([]int{840, n})) }
	for _, scalar := range []bool{false, true} {
		one, _ := ran(t, Options{Rules: kernel.Fused, Scalar: scalar},
			[]*onnx.NodeProto{nodeOf("z = Gemm x y", onnx.AttrInt("transA", 1))}, []string{"x", "y"}, flat(x, 19),
			flat(y, 9))
		for rules, want := range map[kernel.Rules]int{kernel.Rounded: 2, kernel.Fused: 1} {
			got, steps := ran(t, Options{Rules: rules, Scalar: scalar}, sum("axes"), []string{"x", "y"}, x, y)
			if steps != want {
				t.Errorf("%d steps by rules %v, want %d", steps, rules, want)
			}
			if rules == kernel.Fused && !got.Equal(one) {
				t.Error("the sum of products is not the product of all rows")
			}
			if far := farthest(got.Float32(), one.Float32()); far > 1e-3 {
				t.Errorf("by rules %v the sum is off by %v", rules, far)
			}
		}
	}
	// What is summed over another axis, or read elsewhere too, stays apart.
	for i, nodes := range [][]*onnx.NodeProto{
		append(sum("axes")[:3], nodeOf("s = ReduceSum b axes", onnx.AttrInt("keepdims", 0)),
			nodeOf("z = Add s b")),
		{onnx.Node("", "Constant", "", nil, []string{"axes"}, onnx.AttrInts("value_ints", 1)),
			nodeOf("a = Transpose x", onnx.AttrInts("perm", 0, 1, 3, 2)), nodeOf("b = MatMul a y"),
			nodeOf("z = ReduceSum b axes")},
	} {
		if _, steps := ran(t, Options{Rules: kernel.Fused}, nodes, []string{"x", "y"}, x, y); steps < 2 {
			t.Errorf("graph %d became %d step", i, steps)
		}
	}
}

// farthest is the greatest difference of two lists.
func farthest(a, b []float32) (d float32) {
	for i := range a {
		d = max(d, a[i]-b[i], b[i]-a[i])
	}
	return d
}
