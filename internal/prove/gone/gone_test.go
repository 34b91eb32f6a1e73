package gone

import "testing"

// TestGone tries a few seeds: `rhizome prove gone` tries many.
func TestGone(t *testing.T) {
	n := uint64(60)
	if testing.Short() {
		n = 10
	}
	for seed := range n {
		if err := Try(seed); err != nil {
			t.Error(err)
		}
	}
}
