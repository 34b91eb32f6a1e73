package record

import (
	"testing"

	"github.com/rhizome-ml/rhizome/value"
)

// TestJournalKeepsDigestsOnly: results that are recomputed are not in the journal.
func TestJournalKeepsDigestsOnly(t *testing.T) {
	ev := Finish(value.NewRegistry(), 7, []value.Value{value.Int(1)}, nil)
	kept := Journaled(&ev, func(uint64) bool { return false })
	if len(kept.Completion.Results) != 0 || kept.Completion.Digest == 0 || len(ev.Completion.Results) != 1 {
		t.Fatalf("kept %+v of %+v", kept.Completion, ev.Completion)
	}
	if all := Journaled(&ev, func(uint64) bool { return true }); len(all.Completion.Results) != 1 {
		t.Fatal("a recorded result was left out")
	}
}
