package mix_test

import (
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/mix"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

func setup() componenttest.Setup {
	return componenttest.Setup{Seed: 5, Slots: []componenttest.Slot{
		{Name: "model", Factory: model.Factory, Config: `{"mlp":[1,1]}`, Derived: []string{"graph", "source"},
			Ops: []componenttest.Op{{Method: "LoadParameters", In: 1, Out: 1}, {Method: "Parameters", In: 1, Out: 1}}},
		{Name: "mix", Factory: mix.Factory, Config: `{"age_step":4}`, Deps: []string{"model"}, Ops: []componenttest.Op{
			{Method: "Begin", In: 1, Out: 4}, {Method: "Step", In: 3, Out: 1}, {Method: "Failed", In: 1, Out: 1},
			{Method: "Share", In: 1, Out: 2}, {Method: "Merge", In: 2, Out: 1}}},
	}}
}

// params are those of a network of one input and one output.
func params(t *testing.T, weight, bias float32) *value.List {
	t.Helper()
	w, err := tensor.FromFloat32([]int{1, 1}, []float32{weight})
	if err != nil {
		t.Fatal(err)
	}
	b, err := tensor.FromFloat32([]int{1}, []float32{bias})
	if err != nil {
		t.Fatal(err)
	}
	return value.NewList(value.Tensor{Tensor: w}, value.Tensor{Tensor: b})
}

func somebody() *value.List { return value.NewList(value.Peer(componenttest.Peer(1))) }

func bench(t *testing.T) *componenttest.Bench {
	t.Helper()
	s := setup()
	b, err := componenttest.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	b.Invoke("model", "LoadParameters", params(t, 1, 2))
	return b
}

// holds wants the model and its age.
func holds(t *testing.T, b *componenttest.Bench, weight, bias float32, age int64) {
	t.Helper()
	out, ok := b.Invoke("mix", "Share", value.Trigger{}).Outputs()
	if !ok {
		t.Fatal("no model")
	}
	l := out[0].(*value.List)
	w, c := l.At(0).(value.Tensor).Float32()[0], l.At(1).(value.Tensor).Float32()[0]
	if w != weight || c != bias || out[1] != value.Int(age) {
		t.Errorf("%v, %v of age %v; want %v, %v of age %d", w, c, out[1], weight, bias, age)
	}
}

// TestTrainingAndMerges: what a training changed is added to what came meanwhile, and is the model where nothing came;
// a merge weighs by ages, and believes no peer more than it may.
func TestTrainingAndMerges(t *testing.T) {
	b := bench(t)
	begun, _ := b.Invoke("mix", "Begin", somebody()).Outputs()
	if begun[1] != value.Int(0) || begun[2] != value.Int(0) || begun[3] != value.Int(1) {
		t.Fatalf("begun %v", begun)
	}
	if again, _ := b.Invoke("mix", "Begin", somebody()).Outputs(); again[3] != value.Int(0) {
		t.Errorf("a second training begins: %v", again)
	}
	b.Invoke("mix", "Step", begun[1], begun[0], params(t, 1.5, 1))
	holds(t, b, 1.5, 1, 1)
	begun, _ = b.Invoke("mix", "Begin", somebody()).Outputs()
	b.Invoke("mix", "Merge", params(t, 2.5, 3), value.Int(1)) // equal ages: the middle
	holds(t, b, 2, 2, 1)
	b.Invoke("mix", "Step", begun[1], begun[0], params(t, 2, 0)) // it changed 0.5 and -1
	holds(t, b, 2.5, 1, 2)
	// Nine tenths at most, and no older than by 4.
	b.Invoke("mix", "Merge", params(t, 2.5, 11), value.Int(math.MaxInt64))
	holds(t, b, 2.5, 10, 6)
	none, _ := b.Invoke("mix", "Begin", value.NewList()).Outputs()
	if none[3] != value.Int(0) || none[1] != value.Int(-1) {
		t.Errorf("it trains with nobody: %v", none)
	}
	b.Invoke("mix", "Step", none[1], none[0], params(t, 9, 9))
	holds(t, b, 2.5, 10, 6)
}

// TestPoison: a model that does not fit, or is not finite, changes nothing.
func TestPoison(t *testing.T) {
	b := bench(t)
	inf := float32(math.Inf(1))
	for name, in := range map[string][]value.Value{
		"infinite": {params(t, inf, 0), value.Int(1)}, "no number": {params(t, float32(math.NaN()), 0), value.Int(1)},
		"of no age": {params(t, 1, 1), value.Int(-1)}, "short": {value.NewList(params(t, 1, 1).At(0)), value.Int(1)},
		"turned": {value.NewList(params(t, 1, 1).At(1), params(t, 1, 1).At(0)), value.Int(1)},
		"a word": {value.String("x"), value.Int(1)},
	} {
		if f := b.Invoke("mix", "Merge", in...).Failure; f == nil {
			t.Errorf("%s: it was merged", name)
		}
		holds(t, b, 1, 2, 0)
	}
	begun, _ := b.Invoke("mix", "Begin", somebody()).Outputs()
	if f := b.Invoke("mix", "Step", begun[1], begun[0], params(t, inf, 0)).Failure; f == nil {
		t.Error("a training that diverged counts")
	}
	holds(t, b, 1, 2, 0)
	if again, _ := b.Invoke("mix", "Begin", somebody()).Outputs(); again[3] != value.Int(1) {
		t.Error("no other training begins")
	}
	if f := b.Invoke("mix", "Failed", value.NewList(value.String("error"), value.String("op"))).Failure; f == nil {
		t.Error("the failure of a training is not told")
	}
	for in, ok := range map[string]bool{`{}`: true, `{"age_step":-1}`: false, `{"n":1}`: false} {
		if _, err := mix.ParseConfig([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestConforms(t *testing.T) {
	call := func(method string, in ...value.Value) componenttest.Step {
		return componenttest.Step{Name: method, Do: func(b *componenttest.Bench) { b.Invoke("mix", method, in...) }}
	}
	componenttest.Run(t, componenttest.Suite{Setup: setup(), Steps: []componenttest.Step{
		call("Share", value.Trigger{}), call("Begin", somebody()), call("Begin", value.NewList()),
		call("Merge", params(t, 3, 4), value.Int(2)), call("Step", value.Int(0), params(t, 1, 1), params(t, 2, 2)),
		call("Begin", somebody()), call("Failed", value.NewList()), call("Share", value.Trigger{}),
	}})
}
