package data

import (
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/dataset"
)

// wide is a source of n samples that is read in blocks.
type wide struct {
	dataset.Source
	n, block int
}

func (w wide) Len() int   { return w.n }
func (w wide) Block() int { return w.block }

// TestBlocks: an epoch of a source that is read in blocks has each sample once, in an order by chance that is another
// in the next epoch, and a batch of it lies in few blocks.
func TestBlocks(t *testing.T) {
	for _, n := range []int{1, 7, 8, 9, 63, 64, 65, 100, 1000} {
		for _, own := range []bool{false, true} {
			c := &Component{plan: &plan{orders: "data/order"}, seed: 7, part: 2,
				train: holds{source: wide{n: n, block: 8}}}
			if own {
				c.train.rows = all(2 * n)[n:]
			}
			first, second := c.places(1, 0, 0, n), c.places(1, 1, 0, n)
			if again := c.places(1, 0, 0, n); !slices.Equal(again, first) {
				t.Fatalf("%d: %v, then %v", n, first, again)
			}
			if n > 8 && slices.Equal(first, second) {
				t.Errorf("%d: both epochs have the order %v", n, first)
			}
			if n == 1000 && !own {
				touched := map[int]bool{}
				for _, r := range first[:windowBlocks*8] {
					touched[r/8] = true
				}
				if len(touched) != windowBlocks || slices.IsSorted(first) {
					t.Errorf("a window lies in %d blocks", len(touched))
				}
			}
			slices.Sort(first)
			if !slices.Equal(first, c.train.numbers()) {
				t.Errorf("%d: an epoch has %v", n, first)
			}
		}
	}
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
