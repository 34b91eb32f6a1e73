package guests

import "testing"

// TestGuests tries some seeds; rhizome prove planted tries more of them, with a book that forgets what was spent.
func TestGuests(t *testing.T) {
	for seed := range uint64(300) {
		if err := Try(seed); err != nil {
			t.Fatal(err)
		}
	}
}
