package peer

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// TestTableModel holds a table against a map, small and large, also for ids whose hashes are equal.
func TestTableModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x table[int]
		model := map[wire.PeerID]int{}
		ids := rapid.SampledFrom([]int{3, tableSmall - 1, 3 * tableSmall}).Draw(t, "ids")
		for i := range rapid.IntRange(0, 400).Draw(t, "steps") {
			// The hash is of the length and the last eight bytes: the first byte makes ids that collide.
			n := rapid.IntRange(0, ids).Draw(t, "id")
			p := wire.PeerID([]byte{'a' + byte(n%5), '2', '3', '4', '5', '6', '7', '8', 'x', byte(n / 5)})
			if rapid.IntRange(0, 3).Draw(t, "act") == 0 {
				x.remove(p)
				delete(model, p)
			} else if v := x.get(p); v != nil {
				*v = i
				model[p] = i
			} else {
				*x.put(p, 0) = i
				model[p] = i
			}
		}
		if x.len() != len(model) {
			t.Fatalf("%d rows, want %d", x.len(), len(model))
		}
		for p, want := range model {
			if v := x.get(p); v == nil || *v != want {
				t.Fatalf("%s is %v, want %d", p, v, want)
			}
		}
		if s := x.sorted(); len(s) != len(model) || !slices.IsSorted(s) {
			t.Fatalf("sorted: %v", s)
		}
		if x.get("nobody") != nil || x.get("") != nil {
			t.Fatal("a peer that was never put in is there")
		}
	})
}
