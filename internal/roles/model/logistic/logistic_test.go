package logistic_test

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model/logistic"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

func setup(model string) componenttest.Setup {
	return componenttest.Setup{Seed: 3, Slots: []componenttest.Slot{
		{Name: "data", Factory: data.SyntheticFactory, Config: `{"features":5,"samples":7}`,
			Derived: []string{"plan", "train", "test"}},
		{Name: "model", Factory: logistic.Factory, Config: model, Deps: []string{"data"}, Ops: []componenttest.Op{
			{Method: "Share", In: 1, Out: 2}, {Method: "Merge", In: 2, Out: 1}, {Method: "Alone", In: 1, Out: 1},
			{Method: "Evaluate", In: 1, Out: 2}, {Method: "Export", In: 1, Out: 1}}},
	}}
}

const settings = `{"features":5,"learning_rate":0.5,"batch":3}`

// stepped are the settings with a bound of what a merge may add to the age.
func stepped(n int64) string {
	return fmt.Sprintf(`{"features":5,"learning_rate":0.5,"batch":3,"age_step":%d}`, n)
}

func bench(t interface{ Fatal(...any) }, model string) (*componenttest.Bench, *logistic.Component) {
	s := setup(model)
	b, err := componenttest.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	return b, b.Component("model").(*logistic.Component)
}

func vector(x ...float32) value.Value {
	t, err := tensor.FromFloat32([]int{len(x)}, x)
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}

// TestMergeIsAverageThenStep holds Merge against the same in plain float64.
func TestMergeIsAverageThenStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, m := bench(t, settings)
		rows := logistic.RowsOf(b.Component("data").(*data.Component).Own())
		want, age := make([]float64, 6), int64(0)
		for round := range rapid.IntRange(1, 4).Draw(t, "merges") {
			other := make([]float32, 6)
			for i := range other {
				other[i] = float32(rapid.IntRange(-100, 100).Draw(t, "w")) / 50
			}
			his := rapid.Int64Range(0, 30).Draw(t, "age")
			share := 0.5
			if age+his > 0 {
				share = min(float64(his)/float64(age+his), logistic.ShareMax)
			}
			for i := range want {
				want[i] = want[i]*(1-share) + float64(other[i])*share
			}
			age = max(age, his) + 1
			for i := range 3 {
				x, y := rows.Row((3*round + i) % 7)
				z := want[5]
				for j := range x {
					z += want[j] * float64(x[j]) / dataset.SyntheticScale
				}
				g := (1/(1+math.Exp(-z)) - float64(y)) * 0.5 / 3
				for j := range x {
					want[j] -= g * float64(x[j]) / dataset.SyntheticScale
				}
				want[5] -= g
			}
			if f := b.Invoke("model", "Merge", vector(other...), value.Int(his)).Failure; f != nil {
				t.Fatal(f)
			}
		}
		got, gotAge := m.Params()
		for i := range want {
			if math.Abs(float64(got[i])-want[i]) > 1e-4 {
				t.Fatalf("parameter %d is %v, want %v", i, got[i], want[i])
			}
		}
		if gotAge != age {
			t.Fatalf("age %d, want %d", gotAge, age)
		}
	})
}

// What was shared stays as it was, whatever is merged afterwards (law immutable-values).
func TestSharedModelStays(t *testing.T) {
	b, _ := bench(t, settings)
	b.Invoke("model", "Merge", vector(1, 2, 3, 4, 5, 6), value.Int(2))
	out, _ := b.Invoke("model", "Share", value.Trigger{}).Outputs()
	before := append([]float32(nil), out[0].(value.Tensor).Float32()...)
	b.Invoke("model", "Merge", vector(6, 5, 4, 3, 2, 1), value.Int(9))
	for i, x := range out[0].(value.Tensor).Float32() {
		if x != before[i] {
			t.Fatal("the shared model changed")
		}
	}
	if out[1] != value.Int(3) {
		t.Errorf("age %v, want 3", out[1])
	}
}

// TestAgesAreBounded: with a step, a peer's lie makes a model older by that and no more, at one hop as at the next;
// nothing that a node can come to is refused, by itself when it is restored nor by the peers that it shares it with.
func TestAgesAreBounded(t *testing.T) {
	cfg := stepped(256)
	zero := vector(0, 0, 0, 0, 0, 0)
	merge := func(b *componenttest.Bench, params, age value.Value) {
		t.Helper()
		if f := b.Invoke("model", "Merge", params, age).Failure; f != nil {
			t.Fatal(f)
		}
		if _, err := b.Restored(); err != nil {
			t.Fatal(err)
		}
	}
	b, m := bench(t, cfg)
	for _, lie := range []int64{logistic.AgeMax - 1, logistic.AgeMax, math.MaxInt64, 0} {
		_, before := m.Params()
		merge(b, zero, value.Int(lie))
		if _, age := m.Params(); age > before+257 {
			t.Fatalf("a lie of %d made the age %d of %d", lie, age, before)
		}
	}
	// A peer that never spoke to the liar.
	c, mc := bench(t, cfg)
	merge(c, zero, value.Int(5))
	out, ok := b.Invoke("model", "Share", value.Trigger{}).Outputs()
	if !ok {
		t.Fatal("it is not shared")
	}
	merge(c, out[0], out[1])
	if _, age := mc.Params(); age > 6+257 {
		t.Errorf("at the second hop the age is %d", age)
	}
}

// TestAgesAtTheBounds: from any age that there can be, whatever ages come, the state can be restored and what is shared
// is taken, also in artifacts of before that know no step: they refuse some, and no state of theirs is refused.
func TestAgesAtTheBounds(t *testing.T) {
	zero := vector(0, 0, 0, 0, 0, 0)
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.SampledFrom([]int64{0, 1, 256, 1 << 30}).Draw(rt, "step")
		cfg := stepped(most)
		b, m := bench(t, cfg)
		st := m.State().(*logistic.State)
		if near := rapid.Int64Range(0, 3).Draw(rt, "near the bound"); near > 0 {
			*st = logistic.State{Params: vector(1, 2, 3, 4, 5, 6), Age: logistic.AgeMax - near + 1, Steps: 1}
			st.Steps = rapid.SampledFrom([]int64{1, st.Age}).Draw(rt, "steps")
		}
		age := rapid.OneOf(rapid.SampledFrom([]int64{math.MinInt64, -1, 0, 1, logistic.AgeMax - 1, logistic.AgeMax,
			logistic.AgeMax + 1, math.MaxInt64}), rapid.Int64())
		for range 5 {
			before := st.Age
			told := age.Draw(rt, "age")
			var failed *value.Failure
			if rapid.Bool().Draw(rt, "alone") {
				failed = b.Invoke("model", "Alone", value.NewList()).Failure
			} else {
				failed = b.Invoke("model", "Merge", zero, value.Int(told)).Failure
			}
			if refusable := told < 0 || most == 0 && told >= logistic.AgeMax; failed != nil && !refusable {
				rt.Fatalf("age %d is refused: %v", told, failed)
			}
			if most > 0 && (st.Age > before+most+1 || st.Age > logistic.AgeMax || st.Age < before) {
				rt.Fatalf("the age went from %d to %d", before, st.Age)
			}
			if _, err := b.Restored(); err != nil {
				rt.Fatal(err)
			}
			out, _ := b.Invoke("model", "Share", value.Trigger{}).Outputs()
			if other, _ := bench(t, cfg); most > 0 {
				if f := other.Invoke("model", "Merge", out[0], out[1]).Failure; f != nil {
					rt.Fatalf("an honest peer refuses it: %v", f)
				}
			}
		}
	})
}

// TestAlone: where there is nobody, a node takes steps of its own; where there is somebody, it leaves them to the
// merges.
func TestAlone(t *testing.T) {
	b, m := bench(t, settings)
	someone := value.NewList(value.Peer("12D3KooW"))
	if f := b.Invoke("model", "Alone", someone).Failure; f != nil {
		t.Fatal(f)
	}
	if _, age := m.Params(); age != 0 {
		t.Errorf("with a neighbour the age is %d", age)
	}
	for range 50 {
		if f := b.Invoke("model", "Alone", value.NewList()).Failure; f != nil {
			t.Fatal(f)
		}
	}
	if _, age := m.Params(); age != 50 {
		t.Errorf("after 50 periods alone the age is %d", age)
	}
	for name, in := range map[string][]value.Value{"no list": {value.Int(1)}} {
		if b.Invoke("model", "Alone", in...).Failure == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestARefusedModelChangesNothing goes over what a peer may send.
func TestARefusedModelChangesNothing(t *testing.T) {
	b, m := bench(t, settings)
	b.Invoke("model", "Merge", vector(1, 2, 3, 4, 5, 6), value.Int(2))
	want, age := m.Params()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	whole, _ := tensor.FromInt64([]int{6}, make([]int64, 6))
	for name, in := range map[string][]value.Value{
		"too short": {vector(1, 2), value.Int(1)}, "no vector": {value.Int(1), value.Int(1)},
		"no number": {vector(1, 2, 3, 4, 5, nan), value.Int(1)},
		"infinite":  {vector(1, inf, 3, 4, 5, 6), value.Int(1)}, "no age": {vector(1, 2, 3, 4, 5, 6), value.Trigger{}},
		"age below 0": {vector(1, 2, 3, 4, 5, 6), value.Int(-1)}, "too old": {vector(1, 2, 3, 4, 5, 6),
			value.Int(logistic.AgeMax)},
		"too large for a step": {vector(3e38, -3e38, 3e38, -3e38, 3e38, 0), value.Int(logistic.AgeMax - 1)},
		"whole numbers":        {value.Tensor{Tensor: whole}, value.Int(1)},
	} {
		if b.Invoke("model", "Merge", in...).Failure == nil {
			t.Errorf("%s: it was merged", name)
		}
	}
	got, gotAge := m.Params()
	for i := range want {
		if got[i] != want[i] || gotAge != age {
			t.Fatal("a refused model changed the own one")
		}
	}
	if b.Invoke("model", "Export", value.Trigger{}).Failure == nil {
		t.Error("another op was taken")
	}
}

// A peer that says that its model is very old does not take over (trap declared-weight).
func TestAgeIsBounded(t *testing.T) {
	b, m := bench(t, `{"features":5,"learning_rate":1e-9}`)
	b.Invoke("model", "Merge", vector(1, 1, 1, 1, 1, 1), value.Int(0))
	b.Invoke("model", "Merge", vector(100, 100, 100, 100, 100, 100), value.Int(logistic.AgeMax-1))
	if w, _ := m.Params(); w[0] > 91 || w[0] < 80 {
		t.Errorf("weight %v, want 0.9 of the peer's and 0.1 of the own", w[0])
	}
}

func TestEvaluate(t *testing.T) {
	b, m := bench(t, settings)
	out, _ := b.Invoke("model", "Evaluate", value.Trigger{}).Outputs()
	if loss := float64(out[1].(value.Float)); math.Abs(loss-math.Ln2) > 1e-9 {
		t.Errorf("a model of zeros has the loss %v, want ln 2", loss)
	}
	b.Invoke("model", "Merge", vector(1000, 0, 0, 0, 0, 0), value.Int(1))
	rows := logistic.RowsOf(b.Component("data").(*data.Component).Held())
	accuracy, loss := m.Evaluate(rows)
	if !(accuracy > 0 && accuracy < 1) || math.IsInf(loss, 0) || math.IsNaN(loss) {
		t.Errorf("accuracy %v, loss %v", accuracy, loss)
	}
}

func TestSettings(t *testing.T) {
	for in, ok := range map[string]bool{
		settings: true, `{"features":5}`: false, `{"features":0,"learning_rate":1}`: false,
		`{"features":5,"learning_rate":11}`:             false,
		`{"features":5,"learning_rate":1,"batch":2000}`: false, `{"features":5,"learning_rate":1,"rate":1}`: false,
	} {
		if _, err := logistic.ParseConfig([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
	b, m := bench(t, `{"features":5,"learning_rate":1,"data":"model"}`)
	if b.Invoke("model", "Merge", vector(1, 2, 3, 4, 5, 6), value.Int(1)).Failure == nil {
		t.Error("a slot without samples was used")
	}
	// A state that came from elsewhere is checked.
	st := m.State().(*logistic.State)
	for name, bad := range map[string]logistic.State{
		"age below 0": {Age: -1}, "steps beyond age": {Steps: 2, Age: 1, Params: vector(0, 0, 0, 0, 0, 0)},
		"no parameters": {Steps: 1, Age: 1},
		"too few":       {Steps: 1, Age: 1, Params: vector(1)},
		"no number":     {Steps: 1, Age: 1, Params: vector(0, 0, 0, 0, 0, float32(math.NaN()))},
	} {
		if *st = bad; m.Restored() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestConforms(t *testing.T) {
	call := func(method string, in ...value.Value) componenttest.Step {
		return componenttest.Step{Name: method, Do: func(b *componenttest.Bench) { b.Invoke("model", method, in...) }}
	}
	componenttest.Run(t, componenttest.Suite{Setup: setup(settings), Steps: []componenttest.Step{
		call("Share", value.Trigger{}), call("Merge", vector(1, 2, 3, 4, 5, 6), value.Int(4)),
		call("Share", value.Trigger{}),
		call("Merge", vector(0, 0, 1, 0, 0, 0), value.Int(40)), call("Merge", vector(0), value.Int(40)),
		call("Evaluate", value.Trigger{}),
		call("Merge", vector(0, 0, 0, 0, 0, 0), value.Int(0)), call("Share", value.Trigger{}),
	}})
}
