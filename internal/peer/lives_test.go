package peer

import (
	"errors"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// of makes a numbered envelope of a life.
func lifeOf(start, incarnation, epoch, number, before uint64, origin wire.Origin) *wire.Envelope {
	return &wire.Envelope{From: "a", Incarnation: incarnation, Epoch: epoch, Number: number, Start: start,
		Before: before, Origin: origin,
		Fills: []wire.Fill{{Value: value.Int(number)}}}
}

func lively() *Streams {
	s := NewStreams(StreamLimits{Peers: 2, Envelopes: 10, Bytes: 1 << 20, Window: 100, PeerEnvelopes: 10,
		PeerBytes: 1 << 20})
	s.SetTimed(true)
	s.SetLives(true)
	return s
}

// TestALifeThatWentBackIsRefused: a receiver refuses a life that gives out numbers which it has taken from one before
// it, whatever its incarnation, and takes one that goes on behind them. Without that, the next message of a node whose
// directory went back passes for one of the life that is lost.
func TestALifeThatWentBackIsRefused(t *testing.T) {
	for _, c := range []struct {
		name                       string
		start, incarnation, before uint64
		what                       string // or empty for taken
	}{
		{"the same life", 10, 1, 0, ""},
		{"goes on", 20, 2, 5, ""},
		{"goes on with more that is unsent", 20, 2, 9, ""},
		{"went back", 20, 2, 4, "number"},
		{"went back, and was started often", 20, 7, 2, "number"},
		{"went back to the beginning", 20, 2, 0, "number"},
		{"with the incarnation that was seen", 20, 1, 5, "start"},
		{"with an older one", 20, 0, 5, "incarnation"},
	} {
		s := lively()
		for n := range uint64(5) {
			if _, err := s.Accept(lifeOf(10, 1, 1, n+1, 0, wire.Origin{})); err != nil {
				t.Fatal(err)
			}
		}
		_, err := s.Accept(lifeOf(c.start, c.incarnation, 1, 6, c.before, wire.Origin{}))
		var stale *StaleError
		if errors.As(err, &stale); err == nil != (c.what == "") || stale != nil && stale.What != c.what {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestTakenInAnEarlierEpoch: what a node says again in a new epoch is taken once: where it was taken before at the
// place that it names. A number that the present life gave out counts only where this life was heard with it; in a life
// that is lost it was given to something else.
func TestTakenInAnEarlierEpoch(t *testing.T) {
	again := func(s *Streams, number uint64, o wire.Origin) bool {
		got, err := s.Accept(lifeOf(30, 9, 9, number, 0, o))
		if err != nil {
			t.Fatal(err)
		}
		return got.Duplicate
	}
	saw := func(start, incarnation, before uint64, numbers ...uint64) *Streams {
		s := lively()
		for _, n := range numbers {
			if _, err := s.Accept(lifeOf(start, incarnation, 1, n, before, wire.Origin{})); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	// One that saw the lost life, which gave out 1 to 3, where the copy was made after 2.
	s := saw(20, 2, 0, 1, 2, 3)
	if !again(s, 1, wire.Origin{Epoch: 1, Number: 2}) {
		t.Error("what both lives said is taken twice")
	}
	if again(s, 2, wire.Origin{Epoch: 1, Number: 3, Start: 30}) {
		t.Error("what the present life said is taken for what the lost one said")
	}
	if again(s, 3, wire.Origin{Epoch: 1, Number: 4}) || again(s, 4, wire.Origin{}) {
		t.Error("what was never said is taken for known")
	}
	if !again(s, 5, wire.Origin{Epoch: 1, Number: 4}) {
		t.Error("what was taken in the new epoch is taken twice")
	}
	// One that saw nothing of the lost life, and heard the present one before it opened its epoch.
	s = saw(10, 1, 0, 1, 2)
	if _, err := s.Accept(lifeOf(30, 3, 1, 3, 2, wire.Origin{})); err != nil {
		t.Fatal(err)
	}
	if !again(s, 1, wire.Origin{Epoch: 1, Number: 3, Start: 30}) {
		t.Error("what was taken from the present life is taken twice")
	}
}
