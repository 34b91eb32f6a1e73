package strategy

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// trust returns what FLTrust sees of points: updates, behind them the parameters before, and the server's own update.
func (p points) trust(own []float64) Judged {
	n := len(p) - 1
	j := Judged{Weights: make([]int64, n)}
	for i := range n {
		j.Norms, j.Weights[i] = append(j.Norms, square(p[i], p[n])), 1
		dot := 0.0
		for k := range own {
			dot += (p[i][k] - p[n][k]) * (own[k] - p[n][k])
		}
		j.Dots = append(j.Dots, dot)
	}
	j.Norms = append(j.Norms, square(own, p[n]))
	return j
}

// TestFLTrustIsItsFormula: what the parameters become is what equations 2 to 5 of the paper say, and never further from
// where they were than the server's own update.
func TestFLTrustIsItsFormula(t *testing.T) {
	c, err := Parse("fltrust")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		p := drawPoints(t, 2)
		n, d := len(p)-1, len(p[0])
		own := rapid.SliceOfN(rapid.Float64Range(-10, 10), d, d).Draw(t, "own")
		j := p.trust(own)
		got, err := c.Weigh(j)
		if err != nil || len(got) != n+1 || got[n] != 0 {
			t.Fatal(got, err)
		}
		root := math.Sqrt(j.Norms[n])
		sum, moved, want := 0.0, make([]float64, d), make([]float64, d)
		for i := range n {
			norm := math.Sqrt(j.Norms[i])
			if norm == 0 || root == 0 {
				continue
			}
			trust := max(0, j.Dots[i]/(norm*root))
			sum += trust
			for k := range d {
				want[k] += trust * root / norm * (p[i][k] - p[n][k])
			}
		}
		length := 0.0
		for k := range d {
			if sum > 0 {
				want[k] /= sum
			}
			for i := range n {
				moved[k] += got[i] * (p[i][k] - p[n][k])
			}
			length += moved[k] * moved[k]
		}
		if !near(moved, want, 1e-9) || math.Sqrt(length) > root*(1+1e-9) {
			t.Fatalf("it moves by %v, want %v, no further than %g", moved, want, root)
		}
	})
}

// TestFLTrustTrustsNobody: whoever goes against the server's own update, or nowhere, adds nothing, and where all do, or
// the server's own goes nowhere, nothing is added.
func TestFLTrustTrustsNobody(t *testing.T) {
	c, err := Parse("fltrust")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		norms, dots, want []float64
	}{
		{[]float64{4, 4, 1}, []float64{-2, 0}, []float64{0, 0, 0}},
		{[]float64{4, 0, 1}, []float64{2, 0}, []float64{0.5, 0, 0}},
		{[]float64{4, 9, 0}, []float64{0, 0}, []float64{0, 0, 0}},
		{[]float64{1e-90, 1, 1}, []float64{-1e-45, 1}, []float64{0, 1, 0}},
		{[]float64{1e8, 1, 1}, []float64{1e4, 1}, []float64{0.5e-4, 0.5, 0}},
	} {
		got, err := c.Weigh(Judged{Weights: []int64{5, 1}, Norms: x.norms, Dots: x.dots})
		if err != nil || !slices.Equal(got, x.want) {
			t.Errorf("norms %v, products %v: %v, %v; want %v", x.norms, x.dots, got, err, x.want)
		}
	}
	if _, err := c.Weigh(Judged{Weights: []int64{1}, Norms: []float64{1}}); err == nil ||
		!strings.Contains(err.Error(), "1 norms and 0 dot products") {
		t.Error(err)
	}
	for what, s := range map[string]Strategy{
		"no Judge": {Name: "own", Root: true},
		"stateful": {Name: "own", Root: true, Judge: trusted, Own: 1, Client: changed},
		"a Combine": {Name: "own", Root: true, Judge: trusted,
			Combine: func(Chosen, []float32, [][]float32, []int64) {}},
	} {
		if _, err := s.With(""); err == nil {
			t.Errorf("Root with %s is taken", what)
		}
	}
	for what, judge := range map[string]func(Chosen, Judged) []float64{
		"too few": func(Chosen, Judged) []float64 { return nil },
		"no number": func(Chosen, Judged) []float64 {
			return []float64{math.NaN()}
		},
		"below 0": func(Chosen, Judged) []float64 { return []float64{-1} },
	} {
		own, err := Strategy{Name: "own", Root: true, Judge: judge}.With("")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := own.Weigh(Judged{Weights: []int64{1}, Norms: []float64{1, 1}, Dots: []float64{1}}); err == nil {
			t.Errorf("a Judge that returns %s is taken", what)
		}
	}
}
