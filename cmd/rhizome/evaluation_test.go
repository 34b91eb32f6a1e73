package main

import (
	"math"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/judge"
)

// TestSharesOfNothing: a class that no sample was seen as has no precision, and one without samples no recall; people
// are told of none, and not of a number that is none.
func TestSharesOfNothing(t *testing.T) {
	none := job.Number(math.NaN())
	text := evaluation("x", &judge.Evaluation{Samples: 1, Classes: []string{"a", "b"}, Accuracy: 0, Loss: 1,
		Confusion: [][]int64{{0, 1}, {0, 0}},
		PerClass:  []judge.Class{{Name: "a", Samples: 1, Recall: 0, Precision: none}, {Name: "b", Recall: none}}})
	if strings.Contains(text, "NaN") || strings.Count(text, "none") != 2 {
		t.Errorf("got %s", text)
	}
}
