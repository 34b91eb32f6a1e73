package cell_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/model/cell"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// TestConforms: a cell gives in a round what was kept before it, also where the round is begun again, and what comes of
// an earlier round than the last is not kept.
func TestConforms(t *testing.T) {
	list := func(v float32) *value.List {
		x, err := tensor.FromFloat32([]int{2}, []float32{v, -v})
		if err != nil {
			t.Fatal(err)
		}
		return value.NewList(value.Tensor{Tensor: x})
	}
	setup := componenttest.Setup{Seed: 3, Slots: []componenttest.Slot{{
		Name: "cell", Factory: cell.Factory, Config: `{"shapes":[[2]]}`, Derived: []string{"shapes"},
		Ops: []componenttest.Op{{Method: "Read", In: 2, Out: 1}, {Method: "Write", In: 2, Out: 1}},
	}}}
	call := func(method string, round int64, v value.Value) componenttest.Step {
		return componenttest.Step{Name: method, Do: func(b *componenttest.Bench) {
			b.Invoke("cell", method, value.Int(round), v)
		}}
	}
	componenttest.Run(t, componenttest.Suite{Setup: setup, Steps: []componenttest.Step{
		call("Read", 0, list(1)), call("Write", 0, list(2)), call("Read", 0, list(1)), call("Write", 1, list(3)),
		call("Read", 1, list(1)), call("Read", 2, list(1)), call("Write", 0, list(9)),
		call("Write", 1, value.NewList()), call("Read", 2, value.NewList()),
	}})

	c, err := cell.Factory(node.Env{Slot: "cell", Config: []byte(`{"shapes":[[2]]}`)})
	if err != nil {
		t.Fatal(err)
	}
	do := func(method string, round int64, v float32) value.Value {
		out, err := c.Invoke(nil, method, []value.Value{value.Int(round), list(v)})
		if err != nil {
			t.Fatal(err)
		}
		return out[0]
	}
	reads := func(round int64, want float32) {
		t.Helper()
		got := do("Read", round, 1).(*value.List).Items()[0].(value.Tensor).Float32()[0]
		if got != want {
			t.Errorf("round %d reads %v, want %v", round, got, want)
		}
	}
	reads(0, 1)
	out, err := c.Invoke(nil, "Read", []value.Value{value.Int(0), value.NewList()})
	if err != nil || !slices.Equal(out[0].(*value.List).At(0).(value.Tensor).Float32(), []float32{0, 0}) {
		t.Errorf("without a first value it reads %v, %v; want zeros", out, err)
	}
	do("Write", 0, 2)
	reads(0, 1)
	reads(1, 2)
	do("Write", 1, 3)
	do("Write", 1, 4)
	do("Write", 0, 9)
	reads(1, 2)
	reads(5, 4)
	for _, config := range []string{`{}`, `{"shapes":[[-1]]}`, `{"shapes":[[67108865]]}`, `{"shapes":[[2]],"more":1}`} {
		if _, err := cell.Factory(node.Env{Slot: "cell", Config: []byte(config)}); err == nil {
			t.Errorf("a cell of %s", config)
		}
	}
}

// TestChained: where what is kept goes with what others keep, a round whose state is gone fails, in words, and changes
// nothing; one that is begun again does not, nor one that comes later, unless each is kept.
func TestChained(t *testing.T) {
	for config, each := range map[string]bool{
		`{"shapes":[[1]],"chained":true}`: false, `{"shapes":[[1]],"chained":true,"each":true}`: true,
	} {
		c, err := cell.Factory(node.Env{Slot: "cell", Config: []byte(config)})
		if err != nil {
			t.Fatal(err)
		}
		x, err := tensor.FromFloat32([]int{1}, []float32{1})
		if err != nil {
			t.Fatal(err)
		}
		made := value.NewList(value.Tensor{Tensor: x})
		for i, s := range []struct {
			method string
			round  int64
			fails  bool
		}{
			{"Read", 3, each}, {"Write", 3, each}, // a client that begins anew in the middle
			{"Read", 0, !each}, {"Write", 0, !each}, {"Read", 0, !each}, {"Write", 1, !each}, {"Read", 1, !each},
			{"Write", 4, each}, {"Read", 4, each}, {"Read", 0, true}, {"Write", 0, true}, {"Read", 5, each},
			{"Read", 4, each},
		} {
			list := value.NewList()
			if s.method == "Write" {
				list = made
			}
			_, err := c.Invoke(nil, s.method, []value.Value{value.Int(s.round), list})
			if (err != nil) != s.fails || err != nil && !strings.Contains(err.Error(), cell.WentBack) {
				t.Errorf("each %v, step %d, %s of round %d: %v", each, i, s.method, s.round, err)
			}
		}
	}
}
