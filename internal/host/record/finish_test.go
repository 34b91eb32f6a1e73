package record

import (
	"errors"
	"reflect"
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

// TestUnkeptIsFinishWithoutADigest: what a node without a journal is told is the same but for the digest, a failure and
// a result that cannot be stored among it.
func TestUnkeptIsFinishWithoutADigest(t *testing.T) {
	reg := value.NewRegistry()
	for _, k := range []struct {
		out  []value.Value
		err  error
		fine bool
	}{
		{[]value.Value{value.Int(1), value.String("a")}, nil, true},
		{nil, errors.New("it fell over"), false},
		{[]value.Value{nil}, nil, false},
	} {
		kept, unkept := Finish(reg, 7, k.out, k.err), Unkept(reg, 7, k.out, k.err)
		if (unkept.Completion != nil) != k.fine {
			t.Errorf("%v, %v: %+v", k.out, k.err, unkept)
		}
		if k.fine {
			if kept.Completion.Digest == 0 || unkept.Completion.Digest != 0 {
				t.Errorf("digests %x and %x", kept.Completion.Digest, unkept.Completion.Digest)
			}
			kept.Completion.Digest = 0
		}
		if !reflect.DeepEqual(kept, unkept) {
			t.Errorf("%+v and %+v", kept, unkept)
		}
	}
}
