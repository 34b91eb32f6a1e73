package synthetic_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/component/data/synthetic"
	"github.com/rhizome-ml/rhizome/value"
)

func config(t testing.TB, json string) synthetic.Config {
	t.Helper()
	c, err := synthetic.ParseConfig([]byte(json))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// all returns the features and the labels of all rows.
func all(r *synthetic.Rows) (x, y []int8) {
	for i := range r.Len() {
		row, label := r.Row(i)
		x, y = append(x, row...), append(y, label)
	}
	return x, y
}

// Samples are a function of seed and name, and no two names share theirs.
func TestSamplesAreAFunction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := synthetic.Config{
			Features: rapid.IntRange(1, 70).Draw(t, "features"), Samples: rapid.IntRange(1, 40).Draw(t, "samples"), Test: 10,
			Noise: rapid.Float64Range(0, 0.5).Draw(t, "noise"),
		}.WithDefaults()
		if err != nil {
			t.Fatal(err)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		a, b := c.Own(seed, "1"), c.Own(seed, "1")
		x, y := all(a)
		if again, labels := all(b); !slices.Equal(x, again) || !slices.Equal(y, labels) || len(y) != c.Samples || len(x) != c.Samples*c.Features {
			t.Fatal("the same name gives other samples")
		}
		other, _ := all(c.Own(seed, "2"))
		later, _ := all(c.Own(seed+1, "1"))
		if len(x) >= 8 && (slices.Equal(x, other) || slices.Equal(x, later)) {
			t.Fatal("another name or seed gives the same samples")
		}
		for _, label := range y {
			if label != 0 && label != 1 {
				t.Fatalf("label %d", label)
			}
		}
	})
}

// The classes are of about the same size, and the share of wrong labels is what the settings say: it is the share in which
// two sets differ that are drawn alike but for the noise.
func TestNoise(t *testing.T) {
	for _, noise := range []float64{0, 0.1, 0.5} {
		clean, noisy := config(t, `{"test":20000}`).Held(3), synthetic.Config{Features: 57, Test: 20000, Noise: noise}.Held(3)
		x, y := all(clean)
		x2, y2 := all(noisy)
		if !slices.Equal(x, x2) {
			t.Fatal("noise changes the features")
		}
		ones, wrong := 0, 0
		for i := range y {
			ones += int(y[i])
			if y[i] != y2[i] {
				wrong++
			}
		}
		if got := float64(wrong) / 20000; got < noise-0.01 || got > noise+0.01 || ones < 8000 || ones > 12000 {
			t.Errorf("noise %v: %v are wrong; %d of 20000 are ones", noise, got, ones)
		}
	}
}

func TestSettings(t *testing.T) {
	for in, ok := range map[string]bool{
		``: true, `{"features":4096,"samples":1,"noise":0.5}`: true, `{"features":4097}`: false, `{"features":-1}`: false,
		`{"samples":70000}`: false, `{"noise":0.6}`: false, `{"noise":-1}`: false, `{"batch":1025}`: false, `{"size":1}`: false,
	} {
		if _, err := synthetic.ParseConfig([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
	if c := config(t, ``); c.Features != 57 || c.Samples != 16 || c.Test != 1000 || c.Batch != 1 || c.Epochs != 1 {
		t.Errorf("defaults %+v", c)
	}
}

func setup(options string) componenttest.Setup {
	return componenttest.Setup{Seed: 3, Slots: []componenttest.Slot{{
		Name: "data", Factory: synthetic.Factory, Config: `{"features":5,"samples":7,"batch":3,"epochs":2,"test":11}`, Options: options,
		Derived: []string{"own"},
		Ops: []componenttest.Op{{Method: "Begin", In: 1, Out: 2}, {Method: "NextBatch", In: 2, Out: 2}, {Method: "Reset", In: 1, Out: 1},
			{Method: "Loaded", In: 1, Out: 1}, {Method: "Test", In: 1, Out: 2}},
	}}}
}

// An epoch reads each sample once, and what is left of its last batch begins anew.
func TestBatches(t *testing.T) {
	s := setup(`{"partition":4}`)
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
	for _, in := range [][]value.Value{{value.Int(6), value.Int(0)}, {value.Int(-1), value.Int(0)}, {value.Int(0), value.Trigger{}}} {
		if b.Invoke("data", "NextBatch", in...).Failure == nil {
			t.Errorf("a batch for %v", in)
		}
	}
	if b.Invoke("data", "Begin", value.Trigger{}).Failure == nil {
		t.Error("a round without a number")
	}
	for _, options := range []string{`{"partition":-1}`, `{"part":1}`} {
		bad := setup(options)
		if _, err := componenttest.New(&bad); err == nil {
			t.Errorf("%s was taken", options)
		}
	}
}

func TestConforms(t *testing.T) {
	call := func(method string, in ...value.Value) componenttest.Step {
		return componenttest.Step{Name: method, Do: func(b *componenttest.Bench) { b.Invoke("data", method, in...) }}
	}
	componenttest.Run(t, componenttest.Suite{Setup: setup(""), Steps: []componenttest.Step{
		call("Loaded", value.Trigger{}), call("Begin", value.Int(1)), call("NextBatch", value.Int(0), value.Int(1)), call("Reset", value.Trigger{}),
		call("NextBatch", value.Int(4), value.Int(1)), call("Test", value.Trigger{}), call("NextBatch", value.Int(9), value.Int(1)),
	}})
}
