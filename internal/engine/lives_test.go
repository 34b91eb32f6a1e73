package engine

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// keyed is a node whose peer id names a key, in its first life, which began at start.
func keyed(t *testing.T, start uint64) (e *Engine, key ed25519.PrivateKey, other wire.PeerID) {
	key = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	self, err := wire.PeerIDFromPublicKey(key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(conversationProgram(t, "ask")[0])
	cfg.Self, cfg.Components = self, probes(cfg.Program)
	other = "node1"
	cfg.Targets = map[string][]wire.PeerID{"other": {other}}
	if e, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	ev := &Event{Restarted: &snapshot.RestartedEvent{First: true, Start: start,
		Proof: ed25519.Sign(key, StartText(start))}}
	if err := e.Deliver(ev); err != nil {
		t.Fatal(err)
	}
	e.Poll(1)
	return e, key, other
}

// refusedWith delivers a refusal of a peer and returns what the host is told.
func refusedWith(t *testing.T, e *Engine, from wire.PeerID, life uint64, n wire.Notice) []PeerNotice {
	t.Helper()
	raw, err := wire.Append(nil, e.reg, &wire.Envelope{Version: wire.CurrentVersion, From: from, To: e.st.self,
		Incarnation: 1, Edge: -1, Start: life, Notice: n})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Deliver(&Event{Envelope: &snapshot.EnvelopeEvent{From: string(from), Raw: raw}}); err != nil {
		t.Fatal(err)
	}
	return append([]PeerNotice(nil), e.Poll(e.Now()+1).Peers...)
}

// TestALaterLifeNeedsAProof: a node ends for a life that began later than its own only where a peer shows that the
// holder of its key began it; whoever makes one up is counted, and changes nothing.
func TestALaterLifeNeedsAProof(t *testing.T) {
	const own, later = 1000, 2000
	e, key, other := keyed(t, own)
	for name, proof := range map[string][]byte{
		"no proof": nil, "made up": make([]byte, wire.ProofBytes), "of another start": ed25519.Sign(key,
			StartText(later+1)),
	} {
		if got := refusedWith(t, e, other, 7, wire.Notice{Kind: wire.NoticeStale, Seen: 5, SeenStart: later,
			SeenProof: proof}); len(got) != 0 {
			t.Errorf("%s: the host is told %+v", name, got)
		}
	}
	if n := counted(e, "refusal.unproven"); n != 3 || e.Incarnation() != 1 || e.Epoch() != 1 {
		t.Errorf("%d are counted; it goes on as incarnation %d in epoch %d", n, e.Incarnation(), e.Epoch())
	}
	n := wire.Notice{Kind: wire.NoticeStale, Seen: 5, SeenStart: later, SeenProof: ed25519.Sign(key, StartText(later))}
	if got := refusedWith(t, e, other, 7, n); len(got) != 1 || got[0].Kind != PeerSuperseded ||
		got[0].SeenStart != later || e.Epoch() != 1 {
		t.Errorf("with the proof the host is told %+v", got)
	}
}

// TestAnOldRefusalOpensNoEpoch: a refusal of what was still on its way from an earlier life shows this life, with its
// start or without: it proves nothing.
func TestAnOldRefusalOpensNoEpoch(t *testing.T) {
	e, _, other := keyed(t, 1000)
	for _, start := range []uint64{0, 1000} {
		if got := refusedWith(t, e, other, 7, wire.Notice{Kind: wire.NoticeStale, Seen: e.Incarnation(),
			SeenStart: start}); len(got) != 0 {
			t.Errorf("with start %d the host is told %+v", start, got)
		}
	}
	if counted(e, "refusal.late") != 2 || e.Epoch() != 1 {
		t.Errorf("%d are counted as late, epoch %d", counted(e, "refusal.late"), e.Epoch())
	}
}

// TestALiarCostsFewEpochs: a peer that says all the time that it has seen more of a node is heeded once in each of its
// lives on each word, and eight times in all, however many lives it claims to have.
func TestALiarCostsFewEpochs(t *testing.T) {
	e, _, other := keyed(t, 1000)
	opened := func() uint64 { return counted(e, "rollbacks") }
	for range 20 {
		refusedWith(t, e, other, 7, wire.Notice{Kind: wire.NoticeStale, Seen: e.Incarnation() + 3, SeenStart: 1})
	}
	if opened() != 1 || e.Epoch() != e.Incarnation() {
		t.Errorf("in one life it was heeded %d times", opened())
	}
	for life := range uint64(50) {
		refusedWith(t, e, other, 100+life, wire.Notice{Kind: wire.NoticeAhead, Seen: e.Incarnation()})
	}
	if opened() != 8 {
		t.Errorf("in fifty lives it was heeded %d times", opened())
	}
	if counted(e, "rollback.unheeded") != 19+43 {
		t.Errorf("%d lies are counted", counted(e, "rollback.unheeded"))
	}
}

// TestQuestionsOfTwoLivesDiffer: what a node asks after its directory went back never has the number of what it asked
// in the life that is lost, so no answer is taken for another.
func TestQuestionsOfTwoLivesDiffer(t *testing.T) {
	e, _, _ := keyed(t, 1000)
	lost := e.asks()
	for _, ev := range []*snapshot.RestartedEvent{
		{Incarnation: 2, Start: 2000, Rules: CurrentRules}, {Takeover: true, Incarnation: 9, Start: 3000},
	} {
		if err := e.Deliver(&Event{Restarted: ev}); err != nil {
			t.Fatal(err)
		}
		e.Poll(e.Now() + 1)
		if e.asks() <= lost || e.Start() != ev.Start {
			t.Errorf("after %+v it asks as %d, before as %d", ev, e.asks(), lost)
		}
		lost = e.asks()
	}
	if e.Incarnation() != 9 || e.Epoch() != 9 {
		t.Errorf("a node that took over is incarnation %d in epoch %d", e.Incarnation(), e.Epoch())
	}
	refusedWith(t, e, "node1", 7, wire.Notice{Kind: wire.NoticeAhead, Seen: e.Incarnation()})
	if e.asks() <= lost {
		t.Error("a node that went back within a life asks as before")
	}
}

// TestAnotherProcessIsLookedFor: a node greets a peer of which it awaits an answer when the last link to it ends, and
// one that says that it has heard of a later life of this node: a peer that went over to another process with the
// node's key refuses that, with the proof. An original that had nothing to send waited for ever, while the copy of it
// trained its job to the end.
func TestAnotherProcessIsLookedFor(t *testing.T) {
	const own = 1000
	e, _, other := keyed(t, own)
	in := func(ev *Event) {
		t.Helper()
		if err := e.Deliver(ev); err != nil {
			t.Fatal(err)
		}
	}
	greets := func(after int64) (n int) {
		t.Helper()
		for _, p := range e.Poll(e.Now() + after).Envelopes {
			env, err := wire.Decode(p.Raw, e.reg, e.limits.Wire)
			if err != nil {
				t.Fatal(err)
			}
			if env.Greets && env.To == other && env.Start == own && len(env.Proof) == wire.ProofBytes {
				n++
			}
		}
		return n
	}
	says := func(env wire.Envelope) {
		t.Helper()
		env.Version, env.From, env.To, env.Digest, env.Edge = wire.CurrentVersion, other, e.st.self, e.prog.Digest, -1
		env.Incarnation, env.Epoch, env.Start = 1, 1, 7
		raw, err := wire.Append(nil, e.reg, &env)
		if err != nil {
			t.Fatal(err)
		}
		in(&Event{Envelope: &snapshot.EnvelopeEvent{From: string(other), Raw: raw}})
		e.Poll(e.Now() + 1)
	}
	in(&Event{Invoke: &snapshot.InvokeEvent{Name: "call", Inputs: []value.Value{value.Int(1)}}})
	if greets(1) == 0 {
		t.Fatal("a first envelope greets nobody")
	}
	says(wire.Envelope{AckEpoch: 1, Ack: 1, Heard: own})
	if n := greets(60e9); n != 0 {
		t.Fatalf("a peer that has heard of this life is greeted %d times", n)
	}
	in(&Event{Link: &snapshot.LinkEvent{Peer: string(other), Remote: "/memory/a", Up: true}})
	says(wire.Envelope{AckEpoch: 1, Ack: 1, Heard: own}) // what a link begins with is answered
	in(&Event{Link: &snapshot.LinkEvent{Peer: string(other)}})
	e.Poll(e.Now() + 1)
	if greets(30e9) == 0 {
		t.Error("a peer that is out of reach while it is awaited is not greeted")
	}
	says(wire.Envelope{AckEpoch: 1, Ack: 1, Heard: own})
	says(wire.Envelope{AckEpoch: 1, Ack: 1, Heard: own + 5})
	if greets(30e9) == 0 {
		t.Error("a peer that has heard of a later life is not greeted")
	}
}

// wentBack says whether a node was told that its directory went back, and goes on in a new epoch.
func wentBack(e *Engine, told []PeerNotice) bool {
	return len(told) == 1 && told[0].Kind == PeerSurpassed && e.Epoch() > 1
}

// TestALifeIsNamedAgain: a node that was started more often than an envelope names lives, while a peer did not hear it,
// goes on in its epoch where the peer refuses it for want of one that it had, and names that one. A life that it never
// had, and a peer that refuses it further, show that its directory went back.
func TestALifeIsNamedAgain(t *testing.T) {
	const lives = 20
	e, _, other := keyed(t, 1000)
	in := func(ev *Event) []Packet {
		t.Helper()
		if err := e.Deliver(ev); err != nil {
			t.Fatal(err)
		}
		return e.Poll(e.Now() + 1).Envelopes
	}
	in(&Event{Invoke: &snapshot.InvokeEvent{Name: "call", Inputs: []value.Value{value.Int(1)}}})
	for i := range uint64(lives) {
		in(&Event{Restarted: &snapshot.RestartedEvent{Incarnation: e.Incarnation() + 1, Start: 2000 + i,
			Rules: CurrentRules}})
	}
	ahead := func(seen uint64) wire.Notice {
		return wire.Notice{Kind: wire.NoticeAhead, Seen: e.Incarnation(), SeenStart: seen}
	}
	const seen = 2003
	for range 4 {
		if got := refusedWith(t, e, other, 7, ahead(seen)); len(got) != 0 || e.Epoch() != 1 {
			t.Fatalf("for want of a life that it had the host is told %+v, epoch %d", got, e.Epoch())
		}
		at := slices.IndexFunc(e.st.streams.Lives(other), func(l wire.Life) bool { return l.Start == seen })
		if at != 0 || len(e.st.streams.Lives(other)) != wire.LivesMax || counted(e, "life.recalled") == 0 {
			t.Fatalf("it names %v", e.st.streams.Lives(other))
		}
	}
	if got := refusedWith(t, e, other, 7, ahead(seen)); !wentBack(e, got) {
		t.Errorf("refused further, the host is told %+v, epoch %d", got, e.Epoch())
	}

	e, _, other = keyed(t, 1000)
	in(&Event{Invoke: &snapshot.InvokeEvent{Name: "call", Inputs: []value.Value{value.Int(1)}}})
	for i := range uint64(lives) {
		in(&Event{Restarted: &snapshot.RestartedEvent{Incarnation: e.Incarnation() + 1, Start: 2000 + i,
			Rules: CurrentRules}})
	}
	if got := refusedWith(t, e, other, 7, ahead(1500)); !wentBack(e, got) {
		t.Errorf("for want of a life that it never had the host is told %+v, epoch %d", got, e.Epoch())
	}
}

// TestAQuestionStandsOnceInTheOutbox: a peer that opens a new epoch is asked again what it has acknowledged and not
// answered, and not what the outbox holds anyway. That was put there a second time, under a number of its own, and was
// worked on twice where the peer had answered others in between.
func TestAQuestionStandsOnceInTheOutbox(t *testing.T) {
	for _, acked := range []uint64{0, 1} {
		e, _, other := keyed(t, 1000)
		says := func(env wire.Envelope) {
			t.Helper()
			env.Version, env.From, env.To = wire.CurrentVersion, other, e.st.self
			env.Digest, env.Edge = e.prog.Digest, -1
			raw, err := wire.Append(nil, e.reg, &env)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Deliver(&Event{Envelope: &snapshot.EnvelopeEvent{From: string(other), Raw: raw}}); err != nil {
				t.Fatal(err)
			}
			e.Poll(e.Now() + 1)
		}
		invoke := &Event{Invoke: &snapshot.InvokeEvent{Name: "call", Inputs: []value.Value{value.Int(1)}}}
		if err := e.Deliver(invoke); err != nil {
			t.Fatal(err)
		}
		e.Poll(e.Now() + 1)
		says(wire.Envelope{Incarnation: 1, Epoch: 1, Start: 7, Heard: 1000, AckEpoch: acked, Ack: acked})
		says(wire.Envelope{Incarnation: 2, Epoch: 2, Start: 8})
		if n := counted(e, "envelope.again"); n != acked {
			t.Errorf("of one question, %d of which were acknowledged, %d are asked again", acked, n)
		}
	}
}
