package hostile

import (
	"errors"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/prove"
)

// TestEnvelopes is the short form of the part.
func TestEnvelopes(t *testing.T) {
	for seed := range uint64(6) {
		r := prove.Single(short{}, seed+1)
		if !r.OK {
			t.Fatalf("%+v", r.Failures)
		}
		if testing.Verbose() {
			t.Log(r.Seconds, r.Counts)
		}
		for _, name := range kindNames {
			if r.Counts[name] < 50 {
				t.Errorf("seed %d: %d mutants by %s", seed+1, r.Counts[name], name)
			}
		}
		if r.Counts["decoded"] < 500 || r.Counts["refused by the decoder"] < 500 ||
			r.Counts["accepted by the node"] < 5 || r.Counts["refused by the node: digest"] < 5 {
			t.Errorf("seed %d: %v", seed+1, r.Counts)
		}
	}
}

type short struct{ Part }

func (short) Prepare(string) error { return nil } // it builds nothing

func (short) Run(s *prove.Shard) error {
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		if err := envelopes(s, seed, 5000); err != nil {
			return err
		}
	}
	return nil
}

// TestTheBenchSeesHarm is the canary: a node that keeps something of what it refused, and a decoder that takes more
// than it may, are found.
func TestTheBenchSeesHarm(t *testing.T) {
	c, err := capture()
	if err != nil {
		t.Fatal(err)
	}
	v := c.victims[0]
	l, err := newLive(v)
	if err != nil {
		t.Fatal(err)
	}
	kept := false
	for _, i := range v.letters { // one of them is new to the node, and its twin never sees it
		kept = l.node.Deliver(host.Arrived(c.letters[i].from, c.letters[i].raw)) == nil || kept
	}
	if !kept || l.audit() == nil {
		t.Error("a node that is not as its twin was not found")
	}
	if l, err = newLive(v); err != nil {
		t.Fatal(err)
	}
	if err := l.node.Deliver(host.Arrived(stranger, []byte("nothing"))); err == nil || l.audit() == nil {
		t.Errorf("a refusal that nobody was told of was not found: %v", err)
	}
	d := newDecoding(v, false)
	var b batch
	var made [kinds]uint64
	b.fill(newMutator(c, 1), v, &made)
	var over *BudgetError
	for _, singly := range []bool{false, true} {
		if err := d.batch(&b, singly, 0); !errors.As(err, &over) {
			t.Errorf("a decoder that may take nothing: %v", err)
		}
	}
	if err := typed(errors.New("no")); err == nil {
		t.Error("an error without a type was not found")
	}
}
