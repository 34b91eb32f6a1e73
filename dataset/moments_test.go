package dataset

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/tensor"
)

// TestMomentsOfPartsAreThoseOfTheWhole: moments of any parts, merged in any order, give the constants of the whole, bit
// for bit, also where nearly everything cancels.
func TestMomentsOfPartsAreThoseOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float32Range(-1e30, 1e30), 2, 60).Draw(t, "x")
		x = x[:len(x)/2*2]
		s := Schema{Shape: []int{2}, Features: tensor.Float32}
		whole, err := InMemory(s, Batch{Features: Column{Float32: x}})
		if err != nil {
			t.Fatal(err)
		}
		want, err := MomentsOf(whole, nil)
		if err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(0, len(x)/2).Draw(t, "cut") * 2
		got := newMoments(2)
		for _, part := range [][]float32{x[cut:], x[:cut]} {
			source, err := InMemory(s, Batch{Features: Column{Float32: part}})
			if err != nil {
				t.Fatal(err)
			}
			m, err := MomentsOf(source, nil)
			if err == nil {
				err = got.Merge(m)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, how := range []string{standard, minmax} {
			a, b, err := want.Constants(how, 1)
			c, d, err2 := got.Constants(how, 1)
			if err != nil || err2 != nil || !slices.Equal(a, c) || !slices.Equal(b, d) {
				t.Fatalf("%s: %v %v of the whole, %v %v of the parts", how, a, b, c, d)
			}
		}
	})
	year := []float32{}
	for i := range 1000 {
		year = append(year, 16e6+float32(i%2)) // a variance of a quarter beside squares of 2.6e14
	}
	source, _ := InMemory(Schema{Shape: []int{1}, Features: tensor.Float32}, Batch{Features: Column{Float32: year}})
	m, err := MomentsOf(source, nil)
	if err != nil {
		t.Fatal(err)
	}
	if shift, divide, _ := m.Constants(standard, 1); shift[0] != 16e6+0.5 || divide[0] != 0.5 {
		t.Errorf("%v %v", shift, divide)
	}
	for what, bad := range map[string]*Moments{
		"features": newMoments(2), "count": {Counts: []int64{-1}, Sums: make([][]float64, 1),
			Squares: make([][]float64, 1),
			Low:     make([]float64, 1), High: make([]float64, 1)},
		"infinite": {Counts: []int64{1}, Sums: [][]float64{{math.Inf(1)}}, Squares: make([][]float64, 1),
			Low:  make([]float64, 1),
			High: make([]float64, 1)},
		"long": {Counts: []int64{1}, Sums: [][]float64{make([]float64, 1000)}, Squares: make([][]float64, 1),
			Low: make([]float64, 1), High: make([]float64, 1)},
	} {
		if before := fmt.Sprint(m); m.Merge(bad) == nil || fmt.Sprint(m) != before {
			t.Errorf("%s: was merged", what)
		}
	}
}
