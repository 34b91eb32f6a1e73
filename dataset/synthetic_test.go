package dataset

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// settingsOf reads settings as the kind does.
func settingsOf(json string) (SyntheticConfig, error) {
	var c SyntheticConfig
	if err := config.Decode("synthetic settings", []byte(json), &c); err != nil {
		return c, err
	}
	return c.WithDefaults()
}

func drawn(t testing.TB, json string) SyntheticConfig {
	t.Helper()
	c, err := settingsOf(json)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func own(c SyntheticConfig, seed uint64, node string) *SyntheticRows {
	s, err := c.Open(seed, node)
	if err != nil {
		panic(err)
	}
	return s.Rows()
}

func held(c SyntheticConfig, seed uint64) *SyntheticRows {
	s, err := c.Open(seed, "")
	if err != nil {
		panic(err)
	}
	return s.Test().(*SyntheticSource).Rows()
}

// contents returns the features and the labels of all rows.
func contents(r *SyntheticRows) (x, y []int8) {
	for i := range r.Len() {
		row, label := r.Row(i)
		x, y = append(x, row...), append(y, label)
	}
	return x, y
}

// Samples are a function of seed and name, and no two names share theirs.
func TestSyntheticSamplesAreAFunction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := SyntheticConfig{
			Features: rapid.IntRange(1, 70).Draw(t, "features"), Samples: rapid.IntRange(1, 40).Draw(t, "samples"),
			Test:  10,
			Noise: rapid.Float64Range(0, 0.5).Draw(t, "noise"),
		}.WithDefaults()
		if err != nil {
			t.Fatal(err)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		a, b := own(c, seed, "1"), own(c, seed, "1")
		x, y := contents(a)
		if again, labels := contents(b); !slices.Equal(x, again) || !slices.Equal(y, labels) || len(y) != c.Samples ||
			len(x) != c.Samples*c.Features {
			t.Fatal("the same name gives other samples")
		}
		other, _ := contents(own(c, seed, "2"))
		later, _ := contents(own(c, seed+1, "1"))
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

// The classes are of about the same size, and the share of wrong labels is what the settings say: it is the share in
// which two sets differ that are drawn alike but for the noise.
func TestSyntheticNoise(t *testing.T) {
	for _, noise := range []float64{0, 0.1, 0.5} {
		clean, noisy := held(drawn(t, `{"test":20000}`), 3),
			held(SyntheticConfig{Features: 57, Test: 20000, Noise: noise}, 3)
		x, y := contents(clean)
		x2, y2 := contents(noisy)
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

func TestSyntheticSettings(t *testing.T) {
	for in, ok := range map[string]bool{
		``: true, `{"features":4096,"samples":1,"noise":0.5}`: true, `{"features":4097}`: false,
		`{"features":-1}`:   false,
		`{"samples":70000}`: false, `{"noise":0.6}`: false, `{"noise":-1}`: false, `{"size":1}`: false,
	} {
		if _, err := settingsOf(in); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
	if c := drawn(t, ``); c.Features != 57 || c.Samples != 16 || c.Test != 1000 {
		t.Errorf("defaults %+v", c)
	}
}
