package copied_test

import (
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/component/model/copied"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// setup is a client with a model of 6 weights and 3 biases, in 3 chunks of 3 elements, of which 2 may be under way.
func setup() componenttest.Setup {
	op := func(method string, in int) componenttest.Op { return componenttest.Op{Method: method, In: in, Out: 1} }
	return componenttest.Setup{Seed: 3, Slots: []componenttest.Slot{{
		Name: "copy", Factory: copied.Factory, Config: `{"model":{"mlp":[2,3]},"chunk":3}`,
		Derived: []string{"slot", "cfg", "layout", "shapes", "sheet"},
		Ops:     []componenttest.Op{op("Expect", 1), op("Room", 2), op("Take", 2), op("Whole", 2), op("Keep", 2), op("Part", 2), op("Melt", 2)},
	}}}
}

func floats(shape []int, x ...float32) value.Value {
	t, err := tensor.FromFloat32(shape, x)
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}

func place(round, chunk int64) value.Value { return value.NewList(value.Int(round), value.Int(chunk)) }

func update(x float32) value.Value {
	return value.NewList(floats([]int{2, 3}, x, 1, 2, 3, 4, 5), floats([]int{3}, 6, 7, x))
}

// TestARound takes the parameters of a round out of order, and gives an update in chunks.
func TestARound(t *testing.T) {
	s := setup()
	b, err := componenttest.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	call := func(method string, in ...value.Value) componenttest.Call { return b.Invoke("copy", method, in...) }
	fails := func(code, method string, in ...value.Value) {
		t.Helper()
		if f := call(method, in...).Failure; f == nil || f.Code != code {
			t.Errorf("%s%v: %v, want %s", method, in, f, code)
		}
	}
	fails(value.CodeLate, "Room", value.Int(0), value.Int(0))
	call("Expect", value.Int(4))
	old := call("Whole", value.Int(4), value.Trigger{})
	call("Expect", value.Int(5))
	if fs := b.Failures(); len(fs) == 0 || fs[len(fs)-1].Code != value.CodeLate {
		t.Errorf("whoever waited for an earlier round is not told that it is late: %v", fs)
	}
	if _, ok := old.Outputs(); ok {
		t.Error("the parameters of a round that is over were given")
	}
	fails(value.CodeLate, "Take", place(4, 0), floats([]int{3}, 1, 2, 3))
	for k := range 2 {
		if _, ok := call("Room", value.Int(5), value.Int(k)).Outputs(); !ok {
			t.Errorf("there is no room for chunk %d", k)
		}
	}
	third := call("Room", value.Int(5), value.Int(2))
	whole := call("Whole", value.Int(5), value.Trigger{})
	if _, ok := third.Outputs(); ok {
		t.Error("three chunks are under way, two are allowed")
	}
	call("Take", place(5, 1), floats([]int{3}, 3, 4, 5))
	if _, ok := third.Outputs(); !ok {
		t.Error("there is room, and nobody was told")
	}
	fails(value.CodeDuplicate, "Take", place(5, 1), floats([]int{3}, 3, 4, 5))
	fails(value.CodeError, "Take", place(5, 0), floats([]int{2}, 0, 1))
	fails(value.CodeError, "Take", place(5, 3), floats([]int{3}, 0, 1, 2))
	call("Take", place(5, 2), floats([]int{3}, 6, 7, 8))
	call("Take", place(5, 0), floats([]int{3}, 0, 1, 2))
	out, ok := whole.Outputs()
	if !ok {
		t.Fatal("all is there, and the parameters are not given")
	}
	params := out[0].(*value.List)
	if w := params.At(0).(value.Tensor); !slices.Equal(w.Float32(), []float32{0, 1, 2, 3, 4, 5}) || !slices.Equal(w.Shape(), []int{2, 3}) {
		t.Errorf("weights %v %v", w.Shape(), w.Float32())
	}
	fails(value.CodeDuplicate, "Whole", value.Int(5), value.Trigger{})
	fails(value.CodeError, "Part", value.Int(5), value.Int(0))
	fails(value.CodeError, "Keep", value.Int(5), value.NewList())
	call("Keep", value.Int(5), update(-1))
	for k, want := range [][]float32{{-1, 1, 2}, {3, 4, 5}, {6, 7, -1}} {
		out, ok := call("Part", value.Int(5), value.Int(k)).Outputs()
		if !ok || !slices.Equal(out[0].(value.Tensor).Float32(), want) {
			t.Errorf("chunk %d of the update is %v, want %v", k, out, want)
		}
	}
	call("Expect", value.Int(6))
	fails(value.CodeLate, "Part", value.Int(5), value.Int(0))
	fails(value.CodeError, "Part", value.Int(6), value.Int(0))
}

// TestConforms takes a node through two rounds; after each step a restored one must do the same.
func TestConforms(t *testing.T) {
	call := func(method string, in ...value.Value) componenttest.Step {
		return componenttest.Step{Name: method, Do: func(b *componenttest.Bench) { b.Invoke("copy", method, in...) }}
	}
	one, two := value.Int(1), value.Int(2)
	componenttest.Run(t, componenttest.Suite{Setup: setup(), Steps: []componenttest.Step{
		call("Part", one, one), call("Expect", one), call("Room", one, value.Int(0)), call("Take", place(1, 2), floats([]int{3}, 1, 2, 3)),
		call("Whole", one, value.Trigger{}), call("Take", place(1, 0), floats([]int{3}, 4, 5, 6)), call("Take", place(1, 1), floats([]int{3}, 7, 8, 9)),
		call("Keep", one, update(3)), call("Part", one, two), call("Melt", one, one), call("Expect", two), call("Room", two, value.Int(2)),
		call("Whole", two, value.Trigger{}), call("Take", place(2, 0), floats([]int{3}, 4, 5, 6)), call("Expect", value.Int(3)),
	}})
}
