package strategy

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestCombines holds what makes one of several against plain definitions, element by element; the order of clients does
// not matter where weights do not.
func TestCombines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clients, n := rapid.IntRange(1, 9).Draw(t, "clients"), rapid.IntRange(1, 5).Draw(t, "elements")
		parts, weights := make([][]float32, clients), make([]int64, clients)
		for i := range parts {
			parts[i] = rapid.SliceOfN(rapid.Float32Range(-1000, 1000), n, n).Draw(t, "part")
			weights[i] = int64(i + 1)
		}
		share := rapid.SampledFrom([]float64{0, 0.1, 0.25, 0.49}).Draw(t, "share")
		of := func(text string) []float32 {
			c, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			out := make([]float32, n)
			c.Combine(c, out, parts, weights)
			return out
		}
		middle, trimmed := of("median"), of("trimmed-mean share="+map[float64]string{0: "0", 0.1: "0.1", 0.25: "0.25",
			0.49: "0.49"}[share])
		for k := range n {
			x := make([]float64, clients)
			for i := range parts {
				x[i] = float64(parts[i][k])
			}
			slices.Sort(x)
			if want := (x[(clients-1)/2] + x[clients/2]) / 2; float32(want) != middle[k] {
				t.Fatalf("the median of %v is %v", x, middle[k])
			}
			cut, sum := int(math.Floor(share*float64(clients))), 0.0
			for _, v := range x[cut : clients-cut] {
				sum += v
			}
			if want := float32(sum / float64(clients-2*cut)); want != trimmed[k] {
				t.Fatalf("the mean of %v without %d at each end is %v, want %v", x, cut, trimmed[k], want)
			}
		}
		slices.Reverse(parts)
		if !slices.Equal(of("median"), middle) {
			t.Fatal("another order gives another median")
		}
	})
}
