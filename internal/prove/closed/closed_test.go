package closed

import "testing"

// TestClosed tries some seeds; rhizome prove planted tries more of them, with a node that asks nobody who it is.
func TestClosed(t *testing.T) {
	for seed := range uint64(100) {
		if err := Try(seed); err != nil {
			t.Fatal(err)
		}
	}
}
