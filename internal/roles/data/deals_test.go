package data

import (
	"errors"
	"testing"
)

// TestDealsAreShared: nodes of one job deal a file once; another job deals it anew, and so does who failed.
func TestDealsAreShared(t *testing.T) {
	var d deals
	made := 0
	take := func(of dealOf, fails error) ([][]int, error) {
		got, err := d.deal(of, func() (dealt, error) {
			made++
			return dealt{parts: [][]int{{made}}}, fails
		})
		return got.parts, err
	}
	job, other := dealOf{config: "a", sha256: "f", seed: 1}, dealOf{config: "a", sha256: "f", seed: 2}
	if _, err := take(job, errors.New("the file has gone")); err == nil || made != 1 {
		t.Fatalf("a deal that failed: %v, after %d", err, made)
	}
	for _, k := range []struct {
		of   dealOf
		want int
	}{{job, 2}, {job, 2}, {other, 3}, {other, 3}, {job, 4}} {
		if got, err := take(k.of, nil); err != nil || got[0][0] != k.want {
			t.Errorf("%+v got deal %v: %v; want that of number %d", k.of, got, err, k.want)
		}
	}
}
