package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func labels(t interface{ Fatal(...any) }) []int64 {
	d := embeddedDigits()
	if d.err != nil {
		t.Fatal(d.err)
	}
	return d.y
}

func split(y []int64, classes int, seed uint64) (train, test []int) {
	return Split(Samples{all(len(y)), y, classes, nil}, seed)
}

func partition(y []int64, rows []int, classes, n int, alpha float64, least int, seed uint64) [][]int {
	parts, err := Deal(Dirichlet{alpha}, Samples{rows, y, classes, nil}, n, least, seed)
	if err != nil {
		panic(err)
	}
	return parts
}

func TestSplitHoldsOutAFifthOfEachClass(t *testing.T) {
	y := labels(t)
	train, test := split(y, digitsClasses, 7)
	if both := slices.Sorted(slices.Values(append(slices.Clone(train), test...))); !slices.Equal(both, all(len(y))) {
		t.Error("a sample is in both parts or in none")
	}
	total, held := byClass(y, all(len(y)), digitsClasses), byClass(y, test, digitsClasses)
	for c := range total {
		if want := (len(total[c]) + 2) / 5; len(held[c]) != want {
			t.Errorf("class %d: %d of %d held out, want %d", c, len(held[c]), len(total[c]), want)
		}
	}
	if other, _ := split(y, digitsClasses, 8); slices.Equal(other, train) {
		t.Error("the seed does not matter")
	}
}

func TestPartitionDealsEachRowOnce(t *testing.T) {
	y := labels(t)
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		n := rapid.IntRange(1, 40).Draw(t, "parts")
		alpha := rapid.SampledFrom([]float64{1e-6, 0.05, 0.5, 5, 1e6}).Draw(t, "alpha")
		train, _ := split(y, digitsClasses, seed)
		least := rapid.IntRange(1, len(train)/n).Draw(t, "least")
		parts := partition(y, slices.Clone(train), digitsClasses, n, alpha, least, seed)
		var got []int
		for i, p := range parts {
			if len(p) < least {
				t.Fatalf("part %d has %d rows, want at least %d", i, len(p), least)
			}
			if !slices.IsSorted(p) {
				t.Fatalf("part %d is not ascending", i)
			}
			got = append(got, p...)
		}
		if slices.Sort(got); !slices.Equal(got, train) {
			t.Fatal("a row was dealt twice or not at all")
		}
	})
}

// A small alpha concentrates a class on few parts; a large one deals it evenly.
func TestAlphaIsSkew(t *testing.T) {
	y := labels(t)
	train, _ := split(y, digitsClasses, 3)
	largest := func(alpha float64) (sum int) {
		for _, p := range partition(y, slices.Clone(train), digitsClasses, 8, alpha, 1, 3) {
			top := 0
			for _, rows := range byClass(y, p, digitsClasses) {
				top = max(top, len(rows))
			}
			sum += top
		}
		return sum
	}
	if few, some, even := largest(0.05), largest(0.5), largest(1e5); few <= some || some <= even {
		t.Errorf("the largest class of each part holds %d, %d, %d rows for alpha 0.05, 0.5, 1e5", few, some, even)
	}
}

// Every machine and every release must deal alike, or the nodes of one job hold overlapping parts.
func TestGoldenPartition(t *testing.T) {
	y := labels(t)
	train, test := split(y, digitsClasses, 42)
	parts := partition(y, train, digitsClasses, 8, 0.5, 16, 42)
	sum := sha256.Sum256(fmt.Append(nil, test, parts))
	if got := hex.EncodeToString(sum[:8]); got != "71504c7d26f6a338" {
		t.Errorf("the parts changed: %s", got)
	}
}
