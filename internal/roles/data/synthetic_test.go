package data_test

import (
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/value"
)

func syntheticSetup(options string) componenttest.Setup {
	return componenttest.Setup{Seed: 3, Slots: []componenttest.Slot{{
		Name: "data", Factory: data.SyntheticFactory,
		Config: `{"features":5,"samples":7,"batch":3,"epochs":2,"test":11}`, Options: options,
		Derived: []string{"plan", "train", "test"},
		Ops: []componenttest.Op{{Method: "Begin", In: 1, Out: 2}, {Method: "NextBatch", In: 2, Out: 2},
			{Method: "Reset", In: 1, Out: 1},
			{Method: "Loaded", In: 1, Out: 1}, {Method: "Test", In: 1, Out: 2}},
	}}}
}

// An epoch reads each sample once, and what is left of its last batch begins anew.
func TestSyntheticBatches(t *testing.T) {
	s := syntheticSetup(`{"partition":4}`)
	b, err := componenttest.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	out, _ := b.Invoke("data", "Begin", value.Int(9)).Outputs()
	if out[0] != value.Int(7) || out[1] != value.Int(6) {
		t.Fatalf("%v", out)
	}
	seen := map[[5]float32]int{}
	for step := range 3 {
		out, _ := b.Invoke("data", "NextBatch", value.Int(step), value.Int(9)).Outputs()
		x := out[0].(value.Tensor)
		if !slices.Equal(x.Shape(), []int{3, 5}) || len(out[1].(value.Tensor).Int64()) != 3 {
			t.Fatalf("batch of shape %v", x.Shape())
		}
		for i := range 3 {
			seen[[5]float32(x.Float32()[5*i:])]++
		}
	}
	if len(seen) != 7 {
		t.Errorf("%d of 7 samples in an epoch", len(seen))
	}
	for _, in := range [][]value.Value{{value.Int(6), value.Int(0)}, {value.Int(-1), value.Int(0)},
		{value.Int(0), value.Trigger{}}} {
		if b.Invoke("data", "NextBatch", in...).Failure == nil {
			t.Errorf("a batch for %v", in)
		}
	}
	if b.Invoke("data", "Begin", value.Trigger{}).Failure == nil {
		t.Error("a round without a number")
	}
	for _, options := range []string{`{"partition":-1}`, `{"part":1}`} {
		bad := syntheticSetup(options)
		if _, err := componenttest.New(&bad); err == nil {
			t.Errorf("%s was taken", options)
		}
	}
}

// TestSharedSettingsAreThoseOfTheNode: nodes that share their settings have the samples of nodes that do not, also
// where the settings of the next node are others.
func TestSharedSettingsAreThoseOfTheNode(t *testing.T) {
	shared := data.SharedSynthetic()
	for _, config := range []string{`{"samples":7}`, `{"samples":7}`, `{"samples":9}`, `{"samples":7}`} {
		env := node.Env{Slot: "data", Self: "me", Seed: 4, Config: []byte(config)}
		got, err := shared(env)
		want, err2 := data.SyntheticFactory(env)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		in := []value.Value{value.Int(0), value.Int(2)}
		a, err := got.Invoke(nil, "NextBatch", in)
		b, err2 := want.Invoke(nil, "NextBatch", in)
		if err != nil || err2 != nil || !a[0].(value.Tensor).Equal(b[0].(value.Tensor).Tensor) ||
			got.(*data.Component).Samples() != want.(*data.Component).Samples() {
			t.Errorf("%s: other samples, %v, %v", config, err, err2)
		}
	}
	if _, err := shared(node.Env{Config: []byte(`{"samples":-1}`)}); err == nil {
		t.Error("settings out of range were taken")
	}
}

func TestSyntheticConforms(t *testing.T) {
	call := func(method string, in ...value.Value) componenttest.Step {
		return componenttest.Step{Name: method, Do: func(b *componenttest.Bench) { b.Invoke("data", method, in...) }}
	}
	componenttest.Run(t, componenttest.Suite{Setup: syntheticSetup(""), Steps: []componenttest.Step{
		call("Loaded", value.Trigger{}), call("Begin", value.Int(1)), call("NextBatch", value.Int(0), value.Int(1)),
		call("Reset", value.Trigger{}),
		call("NextBatch", value.Int(4), value.Int(1)), call("Test", value.Trigger{}),
		call("NextBatch", value.Int(9), value.Int(1)),
	}})
}
