package peer

import (
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

func noRand() uint64 { return 0 }

// livesOf returns the streams of a node whose life began then, with a peer whose life is known.
func livesOf(t *testing.T, start uint64) *Streams {
	t.Helper()
	s := lively()
	s.SetStart(start)
	if _, err := s.Accept(lifeOf(7, 1, 1, 1, 0, wire.Origin{})); err != nil {
		t.Fatal(err)
	}
	s.Introduce("a", true, 0)
	return s
}

func send(t *testing.T, s *Streams, n int) {
	t.Helper()
	for range n {
		if err := s.Push(&wire.Envelope{To: "a"}, 0, noRand); err != nil {
			t.Fatal(err)
		}
	}
}

// TestALifeGreetsUntilItIsHeard: a peer is greeted again and again while it has not said that it has heard of the
// present life, also by a node that has nothing to send; then no more. One that tells no life of its own gets a few
// greetings.
func TestALifeGreetsUntilItIsHeard(t *testing.T) {
	s := livesOf(t, 10)
	for try := range 20 {
		if at := s.NextResend(); at == 0 {
			t.Fatalf("try %d: it is not greeted any more", try)
		} else if due := s.DueUntil(at, noRand); len(due) != 1 || due[0].To != "a" || due[0].Envelope != nil {
			t.Fatalf("try %d: %+v", try, due)
		}
	}
	if forgot := s.Greeted("a"); forgot || s.NextResend() != 0 || s.Greets("a") {
		t.Error("a peer that has heard of the life is greeted")
	}
	s.Begun()
	s.SetStart(20)
	if s.Greet(0); !s.Greets("a") || s.NextResend() == 0 {
		t.Error("the next life greets nobody")
	}

	s = lively()
	s.SetStart(10)
	if _, err := s.Accept(&wire.Envelope{From: "a", Incarnation: 1, Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	s.Introduce("a", true, 0)
	greetings := 0
	for range 50 {
		greetings += len(s.DueUntil(s.NextResend(), noRand))
	}
	if greetings != greetTriesMax {
		t.Errorf("a peer that tells no life is greeted %d times", greetings)
	}
}

// TestAnAcknowledgementOfALostLife: until a peer says that it has heard of the present life, it acknowledges numbers
// that a life may have given out which is lost: they release nothing of what was given since. They used to, and what
// they released was never taken.
func TestAnAcknowledgementOfALostLife(t *testing.T) {
	s := livesOf(t, 10)
	send(t, s, 2)
	s.Greeted("a")
	s.Begun()
	s.SetStart(20)
	s.Greet(0)
	send(t, s, 2) // as 3 and 4, which a lost life gave to something else
	if n, err := s.Ack("a", 1, 4, 0); err != nil || n != 2 {
		t.Errorf("%d envelopes left: %v", n, err)
	}
	s.Greeted("a")
	if n, err := s.Ack("a", 1, 4, 0); err != nil || n != 2 {
		t.Errorf("of a life that was heard of, %d envelopes left: %v", n, err)
	}
}

// TestLivesThatWereNotHeard: a directory that went back may begin several lives before one of them is heard. The one
// that is names those before it, so that the receiver sees numbers which were given out twice, and does not take for a
// stranger's what it has heard.
func TestLivesThatWereNotHeard(t *testing.T) {
	for _, c := range []struct {
		name   string
		heard  uint64 // the start of the life that was heard before
		before uint64 // that one began behind it
		took   uint64 // numbers up to it
		lives  []wire.Life
		stale  bool
	}{
		{"a life before all of them", 10, 0, 5, []wire.Life{{Start: 20, Before: 5}, {Start: 30, Before: 7}}, false},
		{"a lost life: the first of them gave out what it had given", 10, 0, 6, []wire.Life{{Start: 20, Before: 5},
			{Start: 30, Before: 7}}, true},
		{"the first of them", 20, 5, 7, []wire.Life{{Start: 20, Before: 5}, {Start: 30, Before: 7}}, false},
		{"the second of them", 30, 7, 9, []wire.Life{{Start: 20, Before: 5}, {Start: 30, Before: 7}}, false},
		{"the second, which went on elsewhere", 30, 7, 10, []wire.Life{{Start: 20, Before: 5}, {Start: 30, Before: 7}},
			true},
		{"one that is none of them", 25, 5, 8, []wire.Life{{Start: 20, Before: 5}, {Start: 30, Before: 7}}, true},
	} {
		s := lively()
		for n := range c.took {
			if _, err := s.Accept(lifeOf(c.heard, 3, 1, n+1, min(n, c.before), wire.Origin{})); err != nil {
				t.Fatal(err)
			}
		}
		env := lifeOf(40, 4, 1, 20, 9, wire.Origin{})
		env.Lives, env.Greets = c.lives, true
		if _, err := s.Accept(env); (err != nil) != c.stale {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestWhatWasForgottenIsTold: a node whose lost life took numbers of a peer acknowledges none of them until the peer
// has heard of the present life, however far the peer goes on: so the peer sees the loss from whichever envelope comes
// first.
func TestWhatWasForgottenIsTold(t *testing.T) {
	s := livesOf(t, 10)
	s.Begun()
	s.SetStart(20)
	s.Greet(0)
	env := lifeOf(7, 1, 1, 6, 0, wire.Origin{})
	env.Base = 6
	if got, err := s.Accept(env); err != nil || got.Lost != 4 {
		t.Fatalf("%+v %v", got, err)
	}
	if _, upTo := s.TakeAck("a"); upTo != 1 {
		t.Errorf("it acknowledges up to %d", upTo)
	}
	if !s.Greeted("a") {
		t.Error("nothing was forgotten")
	}
	if _, upTo := s.TakeAck("a"); upTo != 6 {
		t.Errorf("to a peer that has heard it acknowledges up to %d", upTo)
	}
}

// TestMoreLivesThanAnEnvelopeNames: a node that is started again and again while a peer does not hear it remembers more
// of its lives than an envelope names, and names the one that the peer heard last when the peer refuses it for want of
// that: it did not go back. It used to forget which life that was, went on in a new epoch, and what the peer had
// answered was asked and counted twice. A life that did go back is refused all the same, and one that is refused
// further is one.
func TestMoreLivesThanAnEnvelopeNames(t *testing.T) {
	const lives = 30
	for heard := range uint64(lives) {
		for _, lost := range []uint64{0, 1} { // how many numbers a lost life gave out behind the one that was heard
			s := livesOf(t, 10)
			s.SetRecalls(true)
			for i := range uint64(lives) {
				if i < 5 {
					send(t, s, 1)
				}
				s.Begun()
				s.SetStart(20 + 10*i)
				s.Greet(0)
			}
			env := lifeOf(20+10*(lives-1), lives+1, 1, 0, s.Before("a"), wire.Origin{})
			env.Greets = true
			r := lively()
			r.SetRecalls(true)
			gave := min(heard+1, 5) // by the end of the life that was heard
			for n := range gave + lost {
				if _, err := r.Accept(lifeOf(10+10*heard, heard+1, 1, n+1, min(heard, 5), wire.Origin{})); err != nil {
					t.Fatal(err)
				}
			}
			refused := 0
			for env.Lives = s.Lives("a"); len(env.Lives) <= wire.LivesMax; env.Lives = s.Lives("a") {
				if _, err := r.Accept(env); err == nil {
					break
				}
				refused++
				if _, start, _ := r.Seen("a"); !s.Recall("a", start) {
					refused = -1
					break
				}
			}
			if went := refused < 0; went != (lost > 0) || refused > 1 {
				t.Errorf("life %d was heard, %d numbers of a lost one: refused %d times (-1: it went back)", heard, lost,
					refused)
			}
			if len(s.Lives("a")) > wire.LivesMax {
				t.Errorf("an envelope names %d lives", len(s.Lives("a")))
			}
		}
	}
}

// TestWhoGaveANumber: a number is told to be of the life that gave it, or of the last before that which is named.
func TestWhoGaveANumber(t *testing.T) {
	s := livesOf(t, 10)
	s.SetRecalls(true)
	for i := range uint64(30) {
		send(t, s, int(1-min(i/10, 1))) // the first ten lives gave one number each
		s.Begun()
		s.SetStart(20 + 10*i)
		s.Greet(0)
	}
	for _, c := range []struct {
		heard uint64 // which life the peer asked for, 0 for none
		want  []uint64
	}{
		{0, []uint64{10, 20, 20, 20, 20, 20, 20, 20, 20, 20}},
		{50, []uint64{0, 0, 0, 0, 50, 60, 60, 60, 60, 60}},
		{90, []uint64{0, 0, 0, 0, 0, 0, 0, 0, 90, 100}},
		{250, make([]uint64, 10)},
	} {
		if c.heard != 0 && !s.Recall("a", c.heard) {
			t.Fatalf("life %d is not recalled", c.heard)
		}
		named := s.Lives("a")
		for i, want := range c.want {
			got := s.stream("a").givenIn(uint64(i+1), 310)
			told := got == 0 || slices.ContainsFunc(named, func(l wire.Life) bool { return l.Start == got })
			if got != want || !told {
				t.Errorf("after a refusal for want of %d number %d was given by %d, want %d; named are %v", c.heard, i+1,
					got, want, named)
			}
		}
	}
}

// TestRecalledLivesAreForgotten: what a refusal asked for is kept with the lives, over snapshots, and goes with them.
func TestRecalledLivesAreForgotten(t *testing.T) {
	s := livesOf(t, 10)
	s.SetRecalls(true)
	for i := range uint64(100) {
		send(t, s, int(1-min(i, 1)))
		s.Begun()
		s.SetStart(20 + 10*i)
		s.Greet(0)
	}
	if n := len(s.stream("a").lives); n != ownLivesMax {
		t.Errorf("%d lives are remembered", n)
	}
	if s.Recall("a", 15) || s.Recall("a", 0) || !s.Recall("a", 500) {
		t.Error("a life that this node never had is recalled, or one that it had is not")
	}
	for range recallsMax - 1 {
		s.Recall("a", 500)
	}
	if s.Recall("a", 500) {
		t.Error("a life is recalled for ever")
	}
	s.Begun()
	if s.SetStart(5000); !s.Recall("a", 500) {
		t.Error("a later life recalls it no more")
	}
	s.Greeted("a")
	r := s.stream("a").resync
	if r != nil && (r.recalled != 0 || r.recalls != 0 || r.lives != nil) || s.Recall("a", 500) {
		t.Error("it is kept when the peer has heard of the present life")
	}
}
