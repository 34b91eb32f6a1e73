package aggregator

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// TestChangesInAnyRuns: norms and products have the bits of the plain loop, in whatever runs the elements come, and
// through the stored form in between.
func TestChangesInAnyRuns(t *testing.T) {
	c, err := New("aggregator", Config{Model: "model", Combine: "fltrust"})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		n, d := rapid.IntRange(1, 5).Draw(t, "updates"), rapid.SampledFrom([]int{1, 7, 4096, 9000}).Draw(t, "elements")
		points := make([][]float32, n+2)
		for i := range points {
			points[i] = numbers(rapid.Uint32().Draw(t, "seed"), d)
		}
		before, own := points[n], points[n+1]
		want := make([]float64, 2*n+1)
		for e := range d {
			r := float64(own[e]) - float64(before[e])
			for i := range n {
				x := float64(points[i][e]) - float64(before[e])
				want[i] += float64(x * x)
				want[n+1+i] += float64(x * r)
			}
			want[n] += float64(r * r)
		}
		j := c.newJudging(n)
		for lo := 0; lo < d; {
			hi := min(d, lo+rapid.IntRange(1, d).Draw(t, "run"))
			var run [][]float32
			for _, p := range points[:n] {
				run = append(run, p[lo:hi])
			}
			sums := j.sums()
			c.addSums(sums, run, before[lo:hi], own[lo:hi])
			j.keep(sums)
			lo = hi
		}
		if got := j.sums(); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

// TestGrownIsRoundedOnce: the parameters before with what updates change, each multiplied, are summed in float64 in the
// order of the updates and rounded once; with nothing to add they are the same to the bit, and an update that changes
// next to nothing, and is multiplied by a very large number, leaves no rounding of it.
func TestGrownIsRoundedOnce(t *testing.T) {
	c, err := New("aggregator", Config{Model: "model", Combine: "fltrust"})
	if err != nil {
		t.Fatal(err)
	}
	vector := func(x []float32) *tensor.Tensor {
		v, err := tensor.FromFloat32([]int{len(x)}, x)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	rapid.Check(t, func(t *rapid.T) {
		n, d := rapid.IntRange(0, 4).Draw(t, "updates"), rapid.SampledFrom([]int{1, 3, 600}).Draw(t, "elements")
		of := rapid.SampledFrom([]tensor.DType{tensor.Float32, tensor.Float16, tensor.BFloat16}).Draw(t, "type")
		before := numbers(rapid.Uint32().Draw(t, "seed"), d)
		factors := make([]float64, n+1)
		var parts []value.Value
		var x [][]float32
		for i := range n {
			x = append(x, numbers(rapid.Uint32().Draw(t, "seed"), d))
			factors[i] = rapid.Float64Range(0.01, 3).Draw(t, "factor")
			parts = append(parts, value.Tensor{Tensor: vector(x[i])})
		}
		got, err := c.judged(parts, make([]Share, n), factors, vector(before), []int{d}, of)
		if err != nil || got.DType() != of {
			t.Fatal(got, err)
		}
		for k, v := range widened([]value.Value{value.Tensor{Tensor: got}})[0] {
			sum := float64(before[k])
			for i := range x {
				sum += float64(factors[i] * (float64(x[i][k]) - float64(before[k])))
			}
			if want := nearest(sum, of); want != float64(v) {
				t.Fatalf("element %d is %v of %v, want %v in %s", k, v, sum, want, of)
			}
		}
	})
	before := []float32{1000, 0, -3}
	tiny := []float32{1000, 1e-45, -3}
	got, err := c.judged([]value.Value{value.Tensor{Tensor: vector(tiny)}}, make([]Share, 1), []float64{0x1p148, 0},
		vector(before), []int{3}, tensor.Float32)
	if want := []float32{1000, 0.5, -3}; err != nil || !slices.Equal(got.Float32(), want) {
		t.Errorf("an update of next to nothing makes %v, %v; want %v", got, err, want)
	}
}

// TestStoredRootIsChecked: a state whose gathering has the server's own update where none belongs, or none where one
// does, is refused, and so are sums and factors that no update can have.
func TestStoredRootIsChecked(t *testing.T) {
	const members = 2
	trusting, krum := Config{Model: "model", Combine: "fltrust"}, Config{Model: "model", Combine: "krum"}
	one, err := tensor.FromFloat32([]int{1}, []float32{1})
	if err != nil {
		t.Fatal(err)
	}
	loan := &value.Loan{}
	g := &Gather{Members: []Share{{Peer: "a", Loan: loan}, {Peer: "b", Loan: loan}}}
	own := &Gather{Members: g.Members, Root: []value.Value{value.Tensor{Tensor: one}}}
	if g.checkRoot(&krum) != nil || g.checkRoot(&trusting) == nil || own.checkRoot(&krum) == nil ||
		own.checkRoot(&trusting) == nil { // what is lent has no tensors
		t.Errorf("%v, %v, %v, %v", g.checkRoot(&krum), g.checkRoot(&trusting), own.checkRoot(&krum),
			own.checkRoot(&trusting))
	}
	if a, b := trusting.sumsOf(members), krum.sumsOf(members); a != 5 || b != 3 {
		t.Errorf("%d and %d sums of two updates, want 5 and 3", a, b)
	}
}
