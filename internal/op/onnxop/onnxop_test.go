package onnxop

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// f32 is a float32 type; -1 is an open dimension.
func f32(shape ...int) Type { return Type{DType: tensor.Float32, Shape: append([]int{}, shape...)} }

func typed(d tensor.DType, shape ...int) Type {
	return Type{DType: d, Shape: append([]int{}, shape...)}
}

// list is a list of int64 whose value is known.
func list(v ...int64) Type {
	t, err := tensor.FromInt64([]int{len(v)}, v)
	if err != nil {
		panic(err)
	}
	return Of(t)
}

func node(op string, in, out int, attrs ...*onnx.AttributeProto) *onnx.NodeProto {
	n := onnx.Node("", op, "n", nil, nil, attrs...)
	for range in {
		n.Input = append(n.Input, "i")
	}
	for range out {
		n.Output = append(n.Output, "o")
	}
	return n
}

var (
	unranked = Type{DType: tensor.Float32, Unranked: true}
	openList = typed(tensor.Int64, 2)
	i        = onnx.AttrInt
	is       = onnx.AttrInts
)

// What the rules give, with dimensions known and open. The conformance tests of the backend compare the rules with the
// results of running; here are the cases that no run shows.
func TestInfer(t *testing.T) {
	for _, c := range []struct {
		op    string
		attrs []*onnx.AttributeProto
		in    []Type
		want  string
	}{
		{"Add", nil, []Type{f32(2, -1), f32(3)}, "float32[2,3]"},
		{"Add", nil, []Type{f32(-1, 1), f32(-1, 4)}, "float32[?,4]"},
		{"Add", nil, []Type{f32(2), unranked}, "float32[…]"},
		{"Less", nil, []Type{f32(2, 1), f32(1, 3)}, "bool[2,3]"},
		{"Where", nil, []Type{typed(tensor.Bool, 2, 1), typed(tensor.Int64, 3), typed(tensor.Int64)}, "int64[2,3]"},
		{"Gemm", nil, []Type{f32(-1, 4), f32(4, 3), f32(3)}, "float32[?,3]"},
		{"Gemm", []*onnx.AttributeProto{i("transA", 1), i("transB", 1)}, []Type{f32(4, 2), f32(3, -1)}, "float32[2,3]"},
		{"MatMul", nil, []Type{f32(3), f32(3)}, "float32[]"},
		{"MatMul", nil, []Type{f32(-1, 1, 2, 3), f32(5, 3, 4)}, "float32[?,5,2,4]"},
		{"ReduceSum", nil, []Type{f32(2, -1), list(1)}, "float32[2,1]"},
		{"ReduceSum", []*onnx.AttributeProto{i("keepdims", 0)}, []Type{f32(2, 3, 4), list(0, -1)}, "float32[3]"},
		{"ReduceSum", []*onnx.AttributeProto{i("keepdims", 0)}, []Type{f32(2, 3), openList}, "float32[…]"},
		{"ReduceSum", nil, []Type{f32(2, 3), openList}, "float32[?,?]"},
		{"ReduceMean", []*onnx.AttributeProto{is("axes", -1), i("keepdims", 0)}, []Type{f32(2, 3)}, "float32[2]"},
		{"ArgMax", []*onnx.AttributeProto{i("axis", 1), i("keepdims", 0)}, []Type{f32(-1, 3)}, "int64[?]"},
		{"Reshape", nil, []Type{f32(2, 3, 4), list(0, -1)}, "float32[2,12]"},
		{"Reshape", nil, []Type{f32(-1, 3), list(-1, 1)}, "float32[?,1]"},
		{"Reshape", nil, []Type{f32(2, 3), openList}, "float32[?,?]"},
		{"Flatten", nil, []Type{f32(-1, 3, 4)}, "float32[?,12]"},
		{"Flatten", []*onnx.AttributeProto{i("axis", 3)}, []Type{f32(2, 3, 4)}, "float32[24,1]"},
		{"Squeeze", nil, []Type{f32(1, 3, -1), list(0)}, "float32[3,?]"},
		{"Squeeze", nil, []Type{f32(1, 3, -1)}, "float32[…]"},
		{"Unsqueeze", nil, []Type{f32(3), list(0, -1)}, "float32[1,3,1]"},
		{"Transpose", []*onnx.AttributeProto{is("perm", 1, 2, 0)}, []Type{f32(2, 3, -1)}, "float32[3,?,2]"},
		{"Concat", []*onnx.AttributeProto{i("axis", -1)}, []Type{f32(2, 3), f32(-1, 4)}, "float32[2,7]"},
		{"Expand", nil, []Type{f32(3, 1), list(2, 1, 4)}, "float32[2,3,4]"},
		{"Expand", nil, []Type{f32(3, 1, 1), openList}, "float32[?,?,?]"},
		{"Slice", nil, []Type{f32(5, 6), list(1, -3), list(100, 100)}, "float32[4,3]"},
		{"Slice", nil, []Type{f32(5, -1), list(1), list(2)}, "float32[?,?]"},
		{"Gather", []*onnx.AttributeProto{i("axis", 1)}, []Type{f32(2, 9, 4), typed(tensor.Int32, 3, 3)},
			"float32[2,3,3,4]"},
		{"OneHot", []*onnx.AttributeProto{i("axis", 1)}, []Type{typed(tensor.Int64, 4, 5), list(7), f32(2)},
			"float32[4,7,5]"},
		{"ConstantOfShape", nil, []Type{list(2, 3)}, "float32[2,3]"},
		{"ConstantOfShape", nil, []Type{openList}, "float32[?,?]"},
		{"Cast", []*onnx.AttributeProto{i("to", 9)}, []Type{f32(2)}, "bool[2]"},
		{"SoftmaxCrossEntropyLoss", nil, []Type{f32(-1, 10), typed(tensor.Int64, -1)}, "float32[]"},
	} {
		got, err := Infer(node(c.op, len(c.in), 1, c.attrs...), c.in)
		if err != nil {
			t.Errorf("%s %v: %v", c.op, c.in, err)
		} else if got[0].String() != c.want {
			t.Errorf("%s %v: %v; want %s", c.op, c.in, got[0], c.want)
		}
	}
}

// Shapes and sizes are known as values as soon as the dimensions are.
func TestKnownValues(t *testing.T) {
	for _, c := range []struct {
		n    *onnx.NodeProto
		in   []Type
		want []int64
	}{
		{node("Shape", 1, 1), []Type{f32(2, 3)}, []int64{2, 3}},
		{node("Shape", 1, 1, i("start", -2), i("end", -1)), []Type{f32(2, 3, 4)}, []int64{3}},
		{node("Shape", 1, 1, i("start", 1)), []Type{f32(-1, 3)}, []int64{3}},
		{node("Size", 1, 1), []Type{f32(2, 3)}, []int64{6}},
		{node("Constant", 0, 1, is("value_ints", 4, 5)), nil, []int64{4, 5}},
		{node("Identity", 1, 1), []Type{list(8)}, []int64{8}},
	} {
		got, err := Infer(c.n, c.in)
		if err != nil || got[0].Value == nil || !slices.Equal(got[0].Value.Int64(), c.want) {
			t.Errorf("%s: %v, %v; want the value %v", c.n.OpType, got, err, c.want)
		}
	}
	if got, err := Infer(node("Shape", 1, 1), []Type{f32(2, -1)}); err != nil || got[0].Value != nil ||
		got[0].String() != "int64[2]" {
		t.Errorf("the shape of an open type: %v, %v", got, err)
	}
}

// A node that breaks a rule is an error that says which, never a panic.
func TestBroken(t *testing.T) {
	big := f32(1<<20, 1<<20)
	for _, c := range []struct {
		n    *onnx.NodeProto
		in   []Type
		want string
	}{
		{node("Add", 1, 1), []Type{f32(1)}, "has 1 inputs; want 2 to 2"},
		{node("Add", 2, 1), []Type{f32(2), f32(3)}, "do not broadcast"},
		{node("Add", 2, 1), []Type{f32(2), typed(tensor.Int64, 2)}, "one element type"},
		{node("Add", 2, 1), []Type{f32(2), {}}, "required"},
		{node("Add", 2, 2), []Type{f32(2), f32(2)}, "has 2 outputs"},
		{node("Add", 2, 1), []Type{f32(2)}, "1 types given for 2 inputs"},
		{node("Relu", 1, 1, i("x", 1)), []Type{f32(2)}, `attribute "x" is unknown`},
		{node("Softmax", 1, 1, i("axis", 0), i("axis", 0)), []Type{f32(2)}, "stands twice"},
		{node("Softmax", 1, 1, is("axis", 0)), []Type{f32(2)}, "is of type INTS"},
		{node("Softmax", 1, 1, onnx.AttrRef("axis", onnx.AttributeProto_INT, "a")), []Type{f32(2)}, "refers to"},
		{node("Softmax", 1, 1, i("axis", 1)), []Type{f32(2)}, "outside"},
		{node("Concat", 1, 1), []Type{f32(2)}, "required"},
		{node("Gemm", 2, 1), []Type{f32(2, 3), f32(2, 3)}, "inner dimensions 3 and 2"},
		{node("Gemm", 3, 1), []Type{f32(2, 3), f32(3, 4), f32(2, 2, 4)}, "C is"},
		{node("MatMul", 2, 1), []Type{f32(2, 3), f32(4)}, "inner dimensions"},
		{node("MatMul", 2, 1), []Type{big, f32(1<<20, 1<<20)}, "more than"},
		{node("Expand", 2, 1), []Type{f32(1), list(1<<20, 0, 1<<20)}, "more than"},
		{node("Reshape", 2, 1), []Type{f32(2, 3), list(4)}, "6 elements"},
		{node("Reshape", 2, 1), []Type{f32(2, 3), list(-1, -1)}, "two dimensions of -1"},
		{node("Reshape", 2, 1), []Type{f32(0), list(0, -1)}, "multiple of 0"},
		{node("Reshape", 2, 1), []Type{f32(2), list(1, 0)}, "copies dimension 1"},
		{node("Expand", 2, 1), []Type{f32(1), list(1<<40, 1<<40)}, "dimension"},
		{node("Expand", 2, 1), []Type{f32(1), list(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)},
			"17 dimensions"},
		{node("ConstantOfShape", 1, 1), []Type{list(-1)}, "dimension -1"},
		{node("Transpose", 1, 1, is("perm", 0, 0)), []Type{f32(2, 3)}, "not a permutation"},
		{node("Squeeze", 2, 1), []Type{f32(2, 3), list(0)}, "is not 1"},
		{node("Unsqueeze", 1, 1), []Type{f32(2)}, "no axes"},
		{node("Unsqueeze", 2, 1), []Type{f32(2), list(0, -3)}, "stands twice"},
		{node("Slice", 5, 1), []Type{f32(4), list(0), list(4), list(0), list(0)}, "not 0"},
		{node("Slice", 3, 1), []Type{f32(4), list(0, 0), list(4)}, "want one number"},
		{node("Slice", 3, 1), []Type{f32(-1, 2), list(0, 0), list(4)}, "want one number"},
		{node("Slice", 4, 1), []Type{f32(-1), typed(tensor.Int64, 1), openList, list()}, "want one number"},
		{node("Slice", 3, 1), []Type{f32(4), list(0, 0), list(4, 4)}, "outside"},
		{node("Slice", 3, 1), []Type{f32(-1), list(2, 1), list(-2, 3)}, "outside"},
		{node("Slice", 3, 1), []Type{f32(-1), typed(tensor.Int64, 2), openList}, "outside"},
		{node("Slice", 4, 1), []Type{f32(-1, 2), openList, openList, list(0, 2)}, "outside"},
		{node("Slice", 4, 1), []Type{f32(-1, 2), openList, openList, list(0, -2)}, "twice"},
		{node("Slice", 5, 1), []Type{f32(-1, 2), openList, openList, openList, list(1, 0)}, "not 0"},
		{node("Slice", 4, 1), []Type{f32(4), list(0, 0), list(4, 4), openList}, "outside"},
		{node("ReduceSum", 2, 1), []Type{f32(4), f32(1)}, "want int64"},
		{node("ArgMax", 1, 1), []Type{f32(0, 2)}, "empty"},
		{node("Constant", 0, 1), nil, "has 0 values"},
		{node("OneHot", 3, 1), []Type{typed(tensor.Int64, 2), list(-4), f32(2)}, "depth is -4"},
		{node("SoftmaxCrossEntropyLoss", 2, 1, onnx.AttrString("reduction", "max")),
			[]Type{f32(2, 3), typed(tensor.Int64, 2)}, `reduction is "max"`},
		{node("SoftmaxCrossEntropyLoss", 2, 1), []Type{f32(2, 3), typed(tensor.Int64, 3)}, "want the shape"},
		{node("SoftmaxCrossEntropyLoss", 3, 1), []Type{f32(2, 3), typed(tensor.Int64, 2), f32(4)}, "weights"},
	} {
		_, err := Infer(c.n, c.in)
		var rule *RuleError
		if !errors.As(err, &rule) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: got %v; want a RuleError about %q", c.n.OpType, c.in, err, c.want)
		}
	}
}

func TestUnsupported(t *testing.T) {
	for _, c := range []struct {
		n    *onnx.NodeProto
		in   []Type
		want UnsupportedError
	}{
		{node("ImageDecoder", 2, 1), []Type{f32(1), f32(1)}, UnsupportedError{Op: "ImageDecoder"}},
		{onnx.Node("acme", "Add", "", nil, nil), nil, UnsupportedError{Op: "Add", Domain: "acme"}},
		{node("Exp", 1, 1), []Type{typed(tensor.Int64, 2)}, UnsupportedError{Op: "Exp", DType: tensor.Int64}},
		{node("Cast", 1, 1, i("to", 8)), []Type{f32(2)}, UnsupportedError{Op: "Cast", DType: 8}},
		{node("Cast", 1, 1, i("to", 257)), []Type{f32(2)}, UnsupportedError{Op: "Cast", DType: 1}},
	} {
		_, err := Infer(c.n, c.in)
		var un *UnsupportedError
		if !errors.As(err, &un) || *un != c.want {
			t.Errorf("%s: got %v; want %v", c.n.OpType, err, &c.want)
		}
	}
	for _, c := range []struct {
		domain, op string
		version    int64
		want       bool
	}{{"", "Add", 17, true}, {"ai.onnx", "Add", 13, true}, {"", "Add", 12, false}, {"", "Add", 22, false},
		{"", "ImageDecoder", 17, false}, {Training, "Adam", 1, true}, {Training, "Adam", 17, false}} {
		if got := Supported(c.domain, c.op, c.version); got != c.want {
			t.Errorf("Supported(%q, %s, %d) is %v", c.domain, c.op, c.version, got)
		}
	}
}

// Slicing one dimension takes what looking at every index takes. It is Python's slicing but for a start before the
// first element with a negative step, which ONNX moves to the first element.
func TestSliceRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 8).Draw(t, "n")
		end := rapid.OneOf(rapid.Int64Range(-10, 10), rapid.SampledFrom([]int64{-1 << 63, 1<<63 - 1}))
		start, stop := end.Draw(t, "start"), end.Draw(t, "end")
		step := rapid.OneOf(rapid.Int64Range(-4, 4),
			rapid.SampledFrom([]int64{-1<<63 + 1, 1<<63 - 1})).Filter(func(s int64) bool { return s != 0 }).Draw(t,
			"step")
		r := sliceRange(start, stop, step, n)
		var got []int64
		for k := range r.Count {
			got = append(got, int64(r.Start+k*r.Step))
		}
		if want := slowSlice(start, stop, step, n); !slices.Equal(got, want) {
			t.Fatalf("[%d:%d:%d] of %d takes %v; want %v", start, stop, step, n, got, want)
		}
	})
}

// slowSlice lists the indices of x[start:stop:step] by looking at every index.
func slowSlice(start, stop, step, n int64) (out []int64) {
	if start < 0 {
		start += n
	}
	if stop < 0 {
		stop += n
	}
	if step > 0 {
		start = max(start, 0)
		for k := range n {
			if k >= start && k < stop && (k-start)%step == 0 {
				out = append(out, k)
			}
		}
		return out
	}
	start = min(max(start, 0), n-1)
	for k := n - 1; k >= 0; k-- {
		if k <= start && k > stop && (start-k)%step == 0 {
			out = append(out, k)
		}
	}
	return out
}

// What is inferred of open dimensions is never contradicted when they become known.
func TestBroadcastOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dims := rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 1, 2, 3}), 0, 4)
		a, b := dims.Draw(t, "a"), dims.Draw(t, "b")
		known, err := Broadcast(a, b)
		hide := func(s []int) []int {
			s = slices.Clone(s)
			for j := range s {
				if rapid.Bool().Draw(t, "hide") {
					s[j] = -1
				}
			}
			return s
		}
		open, errOpen := Broadcast(hide(a), hide(b))
		if err != nil {
			return
		}
		if errOpen != nil || !fitsShape(open, known) {
			t.Fatalf("%v and %v give %v; with dimensions hidden %v, %v", a, b, known, open, errOpen)
		}
	})
}

// Every entry of the catalogue is whole, and none stands twice.
func TestCatalogue(t *testing.T) {
	seen := map[opKey]bool{}
	for _, op := range All() {
		k := opKey{op.Domain, op.Name}
		if seen[k] {
			t.Errorf("%s stands twice", op.Name)
		}
		seen[k] = true
		if Lookup(op.Domain, op.Name) != op || op.rule == nil || len(op.Types) == 0 || op.Out.Min < 1 ||
			op.In.Max < op.In.Min {
			t.Errorf("the entry of %s is not whole", op.Name)
		}
		for _, a := range op.Attrs {
			switch a.Default.(type) {
			case nil, int64, float32, string:
			default:
				t.Errorf("%s: the default of %s is a %T", op.Name, a.Name, a.Default)
			}
		}
	}
}

// TestVersionsMeanTheSame: a node means the same at every version that is read, so that a model of one version may be
// recorded at another. What was added after the first of them defaults to what was before, and axes mean the same as an
// attribute and as an input.
func TestVersionsMeanTheSame(t *testing.T) {
	added := map[string]map[string]any{
		"Reshape": {"allowzero": int64(0)}, "Shape": {"start": int64(0), "end": nil}, "Cast": {"saturate": int64(1)},
	}
	x := Type{DType: tensor.Float32, Shape: []int{2, 3, 4}}
	axes, err := tensor.FromInt64([]int{2}, []int64{0, -1})
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []string{"ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"} {
		added[op] = map[string]any{"noop_with_empty_axes": int64(0)}
		for _, keep := range []int64{0, 1} {
			k := onnx.AttrInt("keepdims", keep)
			old, err := Infer(onnx.Node("", op, "n", []string{"x"}, []string{"z"}, k, onnx.AttrInts("axes", 0, -1)),
				[]Type{x})
			if err != nil {
				t.Fatal(err)
			}
			now, err := Infer(onnx.Node("", op, "n", []string{"x", "axes"}, []string{"z"}, k), []Type{x, Of(axes)})
			if err != nil || !now[0].Equal(old[0]) {
				t.Errorf("%s: %v with axes as an input and %v as an attribute, %v", op, now, old, err)
			}
		}
	}
	for op, attrs := range added {
		for name, want := range attrs {
			if a := Lookup("", op).attr(name); a == nil || a.Required || a.Default != want {
				t.Errorf("%s: attribute %s is %v; want the default %v", op, name, a, want)
			}
		}
	}
	for v := int64(OpsetMin); v <= OpsetMax; v++ {
		for _, op := range All() {
			if op.Domain == "" && !Supported("", op.Name, v) {
				t.Errorf("%s is not read at version %d", op.Name, v)
			}
		}
	}
}

// TestLargeDimensions: numbers that are too large for a tensor, or for an int of 32 bits, are refused and wrap nowhere.
func TestLargeDimensions(t *testing.T) {
	huge := int64(1)<<32 + 3
	typ, ok := FromProto(onnx.TensorType(tensor.Float32, huge, 1))
	if !ok || typ.Shape[0] <= ElementsMax {
		t.Errorf("a dimension of %d is read as %v", huge, typ)
	}
	var rule *RuleError
	if _, err := Infer(onnx.Node("", "Neg", "n", []string{"x"}, []string{"z"}), []Type{typ}); !errors.As(err, &rule) {
		t.Errorf("got %v; want a RuleError", err)
	}
	many := make([]Type, Many)
	names := make([]string, Many)
	for i := range many {
		many[i], names[i] = Type{DType: tensor.Float32, Shape: []int{ElementsMax}}, "x"
	}
	if _, err := Infer(onnx.Node("", "Concat", "n", names, []string{"z"}, onnx.AttrInt("axis", 0)),
		many); !errors.As(err, &rule) {
		t.Errorf("got %v; want a RuleError", err)
	}
	depth, err := tensor.FromInt64([]int{}, []int64{huge})
	if err != nil {
		t.Fatal(err)
	}
	if d := Scalar(depth); d >= 0 && d <= ElementsMax {
		t.Errorf("%d is read as %d", huge, d)
	}
}
