package backend

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// nodeOf makes a node of the form "out = Op in in"; "_" is an input that is not given.
func nodeOf(text string, attrs ...*onnx.AttributeProto) *onnx.NodeProto {
	out, rest, _ := strings.Cut(text, " = ")
	f := strings.Fields(rest)
	for i := range f {
		if f[i] == "_" {
			f[i] = ""
		}
	}
	return onnx.Node(onnxop.DomainOf(f[0]), f[0], "", f[1:], strings.Fields(out), attrs...)
}

func floatTensor(r *rand.Rand, shape ...int) *tensor.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return must(tensor.FromFloat32(shape, x))
}

func intTensor(v ...int64) *tensor.Tensor { return must(tensor.FromInt64([]int{len(v)}, v)) }

// graphOf makes a graph; dimensions of its inputs are open where open is set.
func graphOf(nodes []*onnx.NodeProto, names []string, in []*tensor.Tensor, outs []string, open bool) *onnx.GraphProto {
	g := &onnx.GraphProto{Name: "test", Node: nodes}
	for i, n := range names {
		dims := []int64{}
		for _, d := range in[i].Shape() {
			if open {
				d = -1
			}
			dims = append(dims, int64(d))
		}
		g.Input = append(g.Input, onnx.ValueInfo(n, in[i].DType(), dims...))
	}
	for _, o := range outs {
		g.Output = append(g.Output, &onnx.ValueInfoProto{Name: o})
	}
	return g
}

// randomGraph draws a graph of many operators over a few inputs, in which values have any number of readers.
func randomGraph(t *rapid.T, names []string, in []*tensor.Tensor) []*onnx.NodeProto {
	types, values := map[string]onnxop.Type{}, slices.Clone(names)
	for i, n := range names {
		types[n] = onnxop.Type{DType: in[i].DType(), Shape: in[i].Shape()}
	}
	pick := func() string { return values[rapid.IntRange(0, len(values)-1).Draw(t, "value")] }
	templates := []func() []*onnx.NodeProto{
		func() []*onnx.NodeProto { return []*onnx.NodeProto{nodeOf("z = Add " + pick() + " " + pick())} },
		func() []*onnx.NodeProto { return []*onnx.NodeProto{nodeOf("z = Mul " + pick() + " " + pick())} },
		func() []*onnx.NodeProto { return []*onnx.NodeProto{nodeOf("z = Sub " + pick() + " " + pick())} },
		func() []*onnx.NodeProto {
			return []*onnx.NodeProto{nodeOf("z = Sum " + pick() + " " + pick() + " " + pick())}
		},
		func() []*onnx.NodeProto { return []*onnx.NodeProto{nodeOf("z = Max " + pick() + " " + pick())} },
		func() []*onnx.NodeProto { return []*onnx.NodeProto{nodeOf("z = Relu " + pick())} },
		func() []*onnx.NodeProto { return []*onnx.NodeProto{nodeOf("z = Identity " + pick())} },
		func() []*onnx.NodeProto { return []*onnx.NodeProto{nodeOf("z = Transpose " + pick())} },
		func() []*onnx.NodeProto {
			return []*onnx.NodeProto{nodeOf("k = Constant", onnx.AttrInts("value_ints", -1)),
				nodeOf("z = Reshape " + pick() + " k")}
		},
		func() []*onnx.NodeProto { return []*onnx.NodeProto{nodeOf("z = Softmax " + pick())} },
		func() []*onnx.NodeProto {
			return []*onnx.NodeProto{nodeOf("z = Softmax "+pick(), onnx.AttrInt("axis", 1)), nodeOf("y = Neg z")}
		},
		func() []*onnx.NodeProto {
			x := pick()
			return []*onnx.NodeProto{nodeOf("k = Constant", onnx.AttrFloat("value_float", 0)),
				nodeOf("m = Greater " + x + " k"), nodeOf("z = Where m " + pick() + " k")}
		},
		func() []*onnx.NodeProto {
			return []*onnx.NodeProto{nodeOf("z = Gemm " + pick() + " " + pick() + " " + pick()), nodeOf("y = Relu z")}
		},
		func() []*onnx.NodeProto { return []*onnx.NodeProto{nodeOf("z = MatMul " + pick() + " " + pick())} },
		func() []*onnx.NodeProto {
			return []*onnx.NodeProto{nodeOf("z = ReduceMean "+pick(), onnx.AttrInts("axes", -1))}
		},
		func() []*onnx.NodeProto {
			return []*onnx.NodeProto{nodeOf("z = Concat a "+pick(), onnx.AttrInt("axis", 0))}
		},
		func() []*onnx.NodeProto {
			x := pick()
			return []*onnx.NodeProto{nodeOf("l = ArgMax "+x, onnx.AttrInt("axis", 1), onnx.AttrInt("keepdims", 0)),
				nodeOf("z y = SoftmaxCrossEntropyLoss " + x + " l"), nodeOf("p = Softmax "+x, onnx.AttrInt("axis", 1))}
		},
		func() []*onnx.NodeProto {
			x := pick()
			return []*onnx.NodeProto{nodeOf("k = Shape " + x), nodeOf("z = Expand " + pick() + " k")}
		},
	}
	var nodes []*onnx.NodeProto
	for i := range rapid.IntRange(1, 14).Draw(t, "size") {
		group := templates[rapid.IntRange(0, len(templates)-1).Draw(t, "template")]()
		if made := extend(types, group, i); made != nil {
			nodes, values = append(nodes, group...), append(values, made...)
		}
	}
	return nodes
}

// extend gives the values of new nodes names of their own and infers them; it returns the float values that they make,
// or nil when they do not fit the values that they read.
func extend(types map[string]onnxop.Type, group []*onnx.NodeProto, i int) (made []string) {
	rename, inferred := map[string]string{}, map[string]onnxop.Type{}
	for _, n := range group {
		var in []onnxop.Type
		for j, v := range n.Input {
			if r, ok := rename[v]; ok {
				n.Input[j] = r
			}
			typ, ok := inferred[n.Input[j]]
			if !ok {
				typ = types[n.Input[j]]
			}
			in = append(in, typ)
		}
		out, err := onnxop.Infer(n, in)
		if err != nil {
			return nil
		}
		for j, v := range n.Output {
			rename[v] = fmt.Sprintf("%s%d", v, i)
			n.Output[j] = rename[v]
			inferred[rename[v]] = out[j]
			if out[j].DType == tensor.Float32 {
				made = append(made, rename[v])
			}
		}
	}
	for v, typ := range inferred {
		types[v] = typ
	}
	return made
}

// A graph compiled as a whole gives the bits that its nodes give one at a time: sharing memory, working in place,
// folding constants and joining steps change nothing. The same with open dimensions.
func TestPlanEqualsNodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		names := []string{"a", "b", "c", "d"}
		in := []*tensor.Tensor{floatTensor(r, 3, 3), floatTensor(r, 3), floatTensor(r, 2, 3), floatTensor(r)}
		nodes := randomGraph(t, names, in)
		values := map[string]*tensor.Tensor{}
		var all []string
		for i, n := range names {
			values[n] = in[i]
			all = append(all, n)
		}
		for _, n := range nodes {
			var ins []*tensor.Tensor
			for _, v := range n.Input {
				ins = append(ins, values[v])
			}
			// A Shape or an Expand on its own reads values that decide shapes: that way is tested too.
			single := onnx.Node(n.Domain, n.OpType, "", nil, n.Output, n.Attribute...)
			var ports []string
			for i := range n.Input {
				ports = append(ports, fmt.Sprintf("in%d", i))
			}
			single.Input = ports
			p, err := Compile(graphOf([]*onnx.NodeProto{single}, ports, ins, n.Output, false), Options{})
			if err != nil {
				t.Fatalf("%s: %v", n.OpType, err)
			}
			out, err := p.Run(ins)
			if err != nil {
				t.Fatalf("%s: %v", n.OpType, err)
			}
			for i, v := range n.Output {
				values[v] = out[i]
				all = append(all, v)
			}
		}
		outs := rapid.SliceOfN(rapid.SampledFrom(all), 1, 5).Draw(t, "outputs")
		for _, o := range []Options{{}, {Scalar: true}} {
			for _, open := range []bool{false, true} {
				p, err := Compile(graphOf(nodes, names, in, outs, open), o)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 { // the second run has the first one's memory
					got, err := p.Run(in)
					if err != nil {
						t.Fatal(err)
					}
					for i, v := range outs {
						if !got[i].Equal(values[v]) {
							t.Fatalf("%s is %v %v; alone it is %v %v", v, onnxop.Of(got[i]), got[i].Float32(),
								onnxop.Of(values[v]), values[v].Float32())
						}
					}
				}
			}
		}
	})
}

// Inputs whose values decide a shape make one program each, the programs kept are bounded, and runs may overlap.
func TestShapesDecidedByInputs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	x := floatTensor(r, 4, 6)
	nodes := []*onnx.NodeProto{nodeOf("k = Identity s"), nodeOf("y = Reshape x k"), nodeOf("z = Neg y")}
	p, err := Compile(graphOf(nodes, []string{"x", "s"}, []*tensor.Tensor{x, intTensor(1, 1)}, []string{"z"}, true),
		Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p.fixed != nil || p.src.keyed[0] || !p.src.keyed[1] {
		t.Fatalf("keyed inputs are %v; want the second alone", p.src.keyed)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range int64(40) {
				d := i%24 + 1
				want := []int{int(d), int(24 / d)}
				out, err := p.Run([]*tensor.Tensor{x, intTensor(d, -1)})
				if 24%d != 0 {
					var rule *RuleError
					if !errors.As(err, &rule) {
						t.Errorf("reshape of 24 elements to %d rows: %v; want a RuleError", d, err)
					}
				} else if err != nil || !slices.Equal(out[0].Shape(), want) {
					t.Errorf("reshape to %d rows: %v", d, err)
				}
				if _, err := p.Run([]*tensor.Tensor{floatTensor(rand.New(rand.NewPCG(1, uint64(i))), int(d), 2),
					intTensor(-1, 1)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if len(p.programs) != programsMax || len(p.order) != programsMax {
		t.Errorf("%d programs are kept; want %d", len(p.programs), programsMax)
	}
	var lim *LimitError
	if _, err := p.Run([]*tensor.Tensor{x, intTensor(make([]int64, keyedMax+1)...)}); !errors.As(err, &lim) {
		t.Errorf("a shape of %d entries: %v; want a LimitError", keyedMax+1, err)
	}
}

// What a run returns is the caller's: the next run does not touch it, and neither touches the inputs.
func TestOutputsAreFresh(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	a, b := floatTensor(r, 3), floatTensor(r, 3)
	nodes := []*onnx.NodeProto{nodeOf("y = Neg a"), nodeOf("z = Exp y"), nodeOf("i = Identity a"),
		nodeOf("v = Identity z")}
	p, err := Compile(graphOf(nodes, []string{"a"}, []*tensor.Tensor{a}, []string{"z", "y", "i", "v", "z"}, false),
		Options{})
	if err != nil {
		t.Fatal(err)
	}
	first := must(p.Run([]*tensor.Tensor{a}))
	var kept [][]float32
	for _, o := range first {
		kept = append(kept, slices.Clone(o.Float32()))
	}
	was := slices.Clone(a.Float32())
	must(p.Run([]*tensor.Tensor{b}))
	for i, o := range first {
		if !slices.Equal(o.Float32(), kept[i]) {
			t.Errorf("output %d of the first run was changed by the second", i)
		}
	}
	if !slices.Equal(a.Float32(), was) {
		t.Error("an input was changed")
	}
	allocs := testing.AllocsPerRun(100, func() { must(p.Run([]*tensor.Tensor{a})) })
	if allocs > 24 {
		t.Errorf("a run of five outputs allocates %v times; want only the outputs themselves", allocs)
	}
}

// Tensors without elements go through, and give sums of nothing.
func TestEmpty(t *testing.T) {
	x, y := must(tensor.FromFloat32([]int{0, 3}, nil)), must(tensor.FromFloat32([]int{3, 2}, make([]float32, 6)))
	nodes := []*onnx.NodeProto{
		nodeOf("m = MatMul x y"), nodeOf("r = Relu m"), nodeOf("s = ReduceSum r", onnx.AttrInt("keepdims", 0)),
		nodeOf("t = Transpose x"), nodeOf("p = MatMul t x"), nodeOf("q = Softmax t", onnx.AttrInt("axis", 0)),
		nodeOf("u = ReduceMean x", onnx.AttrInts("axes", 0)),
	}
	for _, open := range []bool{false, true} {
		p := must(Compile(graphOf(nodes, []string{"x", "y"}, []*tensor.Tensor{x, y}, []string{"r", "s", "p", "q", "u"},
			open), Options{}))
		out := must(p.Run([]*tensor.Tensor{x, y}))
		var got []string
		for _, o := range out {
			got = append(got, fmt.Sprint(o.Shape(), o.Float32()))
		}
		want := []string{"[0 2] []", "[] [0]", "[3 3] [0 0 0 0 0 0 0 0 0]", "[3 0] []", "[1 3] [NaN NaN NaN]"}
		if !slices.Equal(got, want) {
			t.Errorf("got %v; want %v", got, want)
		}
	}
}
