package deploy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// TestWaitingIsToldAtGrowingIntervals: a wait is told after 2 s, after 10 s and then each minute, whatever flaps
// meanwhile, and its end once. One that is short is not told at all (case 8).
func TestWaitingIsToldAtGrowingIntervals(t *testing.T) {
	begin := time.Unix(1e9, 0)
	p := &pace{}
	var told []time.Duration
	for d := time.Duration(0); d < 10*time.Minute; d += 100 * time.Millisecond {
		w := &Waits{On: observe.AwaitsAnswers, Round: 41, Need: 2, Have: 1,
			For: []Awaited{{Name: "client-02", State: AwaitedSilent}}}
		if tell, over := p.look(begin.Add(d), w, paceFirst); over != 0 {
			t.Fatalf("after %s it is over", d)
		} else if tell {
			told = append(told, d)
		}
	}
	want := []time.Duration{2 * time.Second, 10 * time.Second, 70 * time.Second, 130 * time.Second}
	for i, d := range want {
		if told[i] != d {
			t.Errorf("told after %v, want %v", told[:len(want)], want)
			break
		}
	}
	if len(told) != 11 { // the two, and one for each minute after
		t.Errorf("told %d times in ten minutes", len(told))
	}
	if _, over := p.look(begin.Add(10*time.Minute), nil, paceFirst); over != 10*time.Minute {
		t.Errorf("its end says %s", over)
	}
	if tell, over := p.look(begin.Add(11*time.Minute), nil, paceFirst); tell || over != 0 {
		t.Errorf("its end is told again")
	}

	p, told = &pace{}, nil
	for d := time.Duration(0); d < time.Minute; d += 100 * time.Millisecond {
		w := &Waits{On: observe.AwaitsAnswers, Round: 1 + int(d/time.Second), Need: 1,
			For: []Awaited{{Name: "client-00", State: AwaitedAsked}}}
		if tell, over := p.look(begin.Add(d), w, paceFirst); tell || over != 0 {
			t.Fatalf("a round of a second is told as a wait, after %s", d)
		}
	}
	flaps := 0
	p = &pace{}
	for d := time.Duration(0); d < time.Minute; d += 100 * time.Millisecond {
		w := &Waits{On: observe.AwaitsMembers, Round: 3, Need: 2, Have: int(d/(100*time.Millisecond)) % 2}
		if tell, _ := p.look(begin.Add(d), w, paceFirst); tell {
			flaps++
		}
	}
	if flaps > 31 {
		t.Errorf("a cause that flaps is told %d times in a minute", flaps)
	}
}

// TestWaitsInWords: what is awaited, of whom, and since when.
func TestWaitsInWords(t *testing.T) {
	now := time.Unix(1e9, 0)
	ago := func(s int) time.Time { return now.Add(-time.Duration(s) * time.Second) }
	for want, w := range map[string]Waits{
		"the job waits for 1 of 2 clients": {On: observe.AwaitsMembers, Round: 1, Need: 2, Have: 1},
		"round 41 waits for client-02, silent for 88 s; quorum 2 of 3 is met in 1 more": {On: observe.AwaitsAnswers,
			Round: 41, Need: 2, Have: 1, Of: 3,
			For: []Awaited{{Name: "client-02", State: AwaitedSilent, Since: ago(88)}}},
		"round 41 waits for client-02, silent for 88 s; quorum 2 of 3 is met": {On: observe.AwaitsAnswers,
			Round: 41, Need: 2, Have: 3, Of: 3,
			For: []Awaited{{Name: "client-02", State: AwaitedSilent, Since: ago(88)}}},
		"round 7 waits for client-00, asked 3.0 s ago, client-01, which is not linked; 0 of 2 have answered": {
			On: observe.AwaitsAnswers, Round: 7, Need: 2, Of: 2,
			For: []Awaited{{Name: "client-00", State: AwaitedAsked, Since: ago(3)},
				{Name: "client-01", State: AwaitedUnlinked}}},
		"round 134 waits for peer …X, which is no member any more (a client in its place will do); 1 of 2 have answered": {On: observe.AwaitsAnswers, Round: 134, Need: 2,
			Have: 1, Of: 2, For: []Awaited{{Name: "peer …X", State: AwaitedGone}}},
		"round 3 waits for the model of peer …X, which is not linked, peer …Y; 1 of 3 have come": {On: OnNeighbour, Round: 3,
			Need: 3, Have: 1, For: []Awaited{{Name: "peer …X", State: AwaitedUnlinked},
				{Name: "peer …Y", State: AwaitedAsked}}},
		"waits for the server, gone for 3 min (connection refused); last heard round 150 of 150": {On: OnServer,
			Round: 150,
			For:   []Awaited{{Name: "server", State: "connection refused", Since: ago(200)}},
			Hint:  "last heard round 150 of 150"},
	} {
		if got := w.Text(now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestWhomAServerWaitsFor: names, states and times come from what the server knows of its clients.
func TestWhomAServerWaitsFor(t *testing.T) {
	at := time.Unix(1e9, 0)
	rec := &Record{Members: []Member{{Number: 0, Peer: "a"}, {Number: 1, Peer: "b"}, {Number: 2, Peer: "c"}}}
	all := []observe.Seen{{Peer: "a", At: 90e9}, {Peer: "b", At: 12e9, Silent: true}}
	w := waitsOf(&observe.Awaits{What: observe.AwaitsAnswers, Round: 5, Need: 3, Of: 3,
		Missing: []wire.PeerID{"a", "b", "c", "removed"}}, all, rec,
		map[wire.PeerID]string{"b": "there"}, 100e9, at)
	var got []string
	for _, a := range w.For {
		got = append(got, a.Name+" "+a.State)
	}
	if want := "client-00 unlinked, client-01 silent, client-02 absent, peer removed gone"; strings.Join(got,
		", ") != want {
		t.Errorf("%q, want %q", got, want)
	}
	if since := w.For[1].Since; !since.Equal(at.Add(-88 * time.Second)) {
		t.Errorf("silent since %s, want 88 s before %s", since, at)
	}
}

// TestAServerThatIsGone: a client says whether it waits for the server or the network, and after the last round that
// the job may be over (case 12).
func TestAServerThatIsGone(t *testing.T) {
	now := time.Unix(1e9, 0)
	w := &word{}
	w.begin(now, &Record{}, 150)
	w.received(now, standing{status: status{Round: 150, Rounds: 150}})
	w.lost(now, errors.New("dial tcp4 127.0.0.1:4001: connect: connection refused"))
	if tell, _ := w.look(now.Add(time.Second), "server", "self"); tell != nil {
		t.Fatalf("told after a second: %+v", tell)
	}
	var told []string
	for s := 1; s < 60; s++ {
		at := now.Add(time.Duration(s) * time.Second)
		if tell, _ := w.look(at, "server", "self"); tell != nil {
			told = append(told, tell.Text(at))
		}
	}
	if len(told) != 2 || !strings.Contains(told[0], "waits for the server, gone for") || !strings.Contains(told[0],
		"last heard round 150 of 150: the job may be over") {
		t.Errorf("%q", told)
	}
	w.lost(now, errors.New("dial: i/o timeout"))
	if tell, _ := w.look(now.Add(100*time.Second), "server", "self"); tell == nil || tell.On != OnNetwork {
		t.Errorf("%+v, want that it waits for the network", tell)
	}
	w.received(now.Add(200*time.Second), standing{status: status{Round: 150, Rounds: 150}})
	if tell, _ := w.look(now.Add(200*time.Second), "server", "self"); tell == nil || !tell.Over {
		t.Errorf("%+v, want that the wait is over", tell)
	}
}

// TestRoundsAreToldOnce: a client that waits does not say the same round again and again (NEWCOMER 8).
func TestRoundsAreToldOnce(t *testing.T) {
	now := time.Unix(1e9, 0)
	w := &word{}
	w.begin(now, &Record{Word: &Word{Round: 3}}, 9)
	var told []int
	for _, round := range []int{3, 3, 3, 4, 4, 6, 6} {
		if w.received(now, standing{status: status{Round: round, Rounds: 9}}) {
			told = append(told, round)
		}
	}
	if len(told) != 3 {
		t.Errorf("told %v", told)
	}
}

// TestANodeInStepSaysForWhomItWaits: the neighbours whose model of the round is not there are named, with whether there
// is a link with them, once it has lasted; the next round is another wait.
func TestANodeInStepSaysForWhomItWaits(t *testing.T) {
	c, now := &company{began: 1, rounds: 9}, time.Unix(1e9, 0)
	step := func(round int, whose ...string) inStep {
		s := inStep{round: round}
		for _, p := range whose {
			s.whose = append(s.whose, Awaited{Name: nameOf(nil, wire.PeerID(p)), Peer: wire.PeerID(p),
				State: AwaitedAsked})
		}
		s.linked(map[wire.PeerID]string{"b": "somewhere"})
		return s
	}
	if w := c.look(now, 1, 2, false, step(4, "a", "b")); w != nil {
		t.Errorf("told at once: %+v", w)
	}
	w := c.look(now.Add(paceSecond), 1, 2, false, step(4, "a", "b"))
	if w == nil || w.Round != 4 || w.Have != 0 || len(w.For) != 2 || w.For[0].State != AwaitedUnlinked ||
		w.For[1].State != AwaitedAsked {
		t.Fatalf("after a while: %+v", w)
	}
	var s Status
	if c.add(&s, now); s.Waits == nil || !strings.Contains(s.Waits.Text(now), "of peer a, which is not linked") {
		t.Errorf("its status: %+v", s.Waits)
	}
	if w := c.look(now.Add(paceSecond+1), 2, 2, false, inStep{}); w == nil || !w.Over || w.Round != 4 {
		t.Errorf("while it trains: %+v", w)
	}
	if w := c.look(now.Add(paceSecond+2), 2, 2, false, step(5, "b")); w != nil {
		t.Errorf("the next round is told at once: %+v", w)
	}
}

// TestANodeOfAnotherJobIsNamed: who refuses what a node sends, because it runs another program, stands in its status.
func TestANodeOfAnotherJobIsNamed(t *testing.T) {
	var o others
	for _, p := range []wire.PeerID{"a", "b", "a", "c", "d", "e"} {
		o.note(p)
	}
	got := strings.Join(o.notes(), "\n")
	if !strings.Contains(got, "peer a has refused") || !strings.Contains(got, "2 more") {
		t.Errorf("%q", got)
	}
	s := &Status{Refused: map[string]uint64{engine.RefusedDigest: 3}}
	if got := strings.Join(notesOf(s), "\n"); !strings.Contains(got, "3 messages of nodes that run another program") {
		t.Errorf("%q", got)
	}
}
