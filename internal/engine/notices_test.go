package engine

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// pairOf returns two nodes of this release that have begun.
func pairOf(t *testing.T, parts []*program.Program) (w *world, a, b *testNode) {
	w = newWorld(t, parts, false)
	w.now = 1e9
	for _, n := range w.nodes {
		n.e.Adopt(CurrentRules)
		n.poll()
	}
	return w, w.nodes[0], w.nodes[1]
}

// arrive delivers a packet and says how it was refused.
func (n *testNode) arrive(p netPacket) *RefusedError {
	var re *RefusedError
	errors.As(n.e.Deliver(&Event{Envelope: &snapshot.EnvelopeEvent{From: string(p.from), Raw: p.raw}}), &re)
	return re
}

// sent polls a node and returns what it puts out, decoded.
func (n *testNode) sent() (out []*wire.Envelope, peers []PeerNotice) {
	before := len(n.w.net)
	o := n.poll()
	for _, p := range n.w.net[before:] {
		env, err := wire.Decode(p.raw, n.cfg.Registry, n.cfg.Limits.Wire)
		if err != nil {
			n.w.t.Fatal(err)
		}
		out = append(out, env)
	}
	return out, append(peers, o.Peers...)
}

func counted(e *Engine, name string) uint64 {
	for _, c := range e.Counters() {
		if c.Name == name {
			return c.Count
		}
	}
	return 0
}

var hello = wire.Fill{Op: "hello", Value: value.String("some words that make it a packet of some size")}

// TestOldDirectoryIsTold: a node of an older incarnation than a peer saw is told by that peer, five times a second and
// in few more bytes than it sent; it goes on in a new epoch beyond the incarnation that was seen, and its host hears of
// it. Word of a life that it has had is late and is not told.
func TestOldDirectoryIsTold(t *testing.T) {
	w, a, b := pairOf(t, conversationProgram(t, "ask"))
	b.arrive(b.from(a, 7, wire.Notice{}, hello))
	b.poll()
	zombie := b.from(a, 4, wire.Notice{}, hello)
	var told []netPacket
	for range 20 {
		before := len(w.net)
		b.arrive(zombie)
		b.poll()
		told = append(told, w.net[before:]...)
		w.now += 1e8
	}
	if len(told) != 10 || len(told[0].raw) >= len(zombie.raw)+lifeBytes {
		t.Fatalf("20 envelopes of a zombie in two seconds were answered %d times", len(told))
	}
	a.arrive(told[0])
	_, peers := a.sent()
	if len(peers) != 1 || peers[0].Kind != PeerSurpassed || peers[0].Seen != 7 || a.e.Incarnation() != 8 ||
		a.e.Epoch() != 8 {
		t.Errorf("its host is told %+v, and it goes on as incarnation %d in epoch %d", peers, a.e.Incarnation(),
			a.e.Epoch())
	}
	a.arrive(a.from(b, 1, wire.Notice{Kind: wire.NoticeStale, Seen: 1}))
	if _, peers := a.sent(); len(peers) != 0 || counted(a.e, "refusal.late") != 1 {
		t.Errorf("word of the present life: %+v", peers)
	}
}

// TestStrangersAreToldWhy: Deliver gives the host what the peer may be told, at most once a second, and never more than
// it got; two nodes that refuse each other fall silent.
func TestStrangersAreToldWhy(t *testing.T) {
	_, a, b := pairOf(t, conversationProgram(t, "ask"))
	if err := b.e.st.governor.Block("node0"); err != nil {
		t.Fatal(err)
	}
	if err := a.e.st.governor.Block("node1"); err != nil {
		t.Fatal(err)
	}
	p := b.from(a, 1, wire.Notice{}, hello)
	re := b.arrive(p)
	if re == nil || re.Code != RefusedStranger || re.Tell == nil || len(re.Tell.Raw) >= len(p.raw) {
		t.Fatalf("a blocked peer is refused with %+v", re)
	}
	if again := b.arrive(p); again == nil || again.Tell != nil {
		t.Errorf("told twice at one time: %+v", again)
	}
	back := a.arrive(netPacket{"node1", "node0", re.Tell.Raw})
	if back == nil || back.Code != RefusedStranger || back.Tell != nil {
		t.Errorf("a refusal is answered: %+v", back)
	}
	a.e.st.governor.Unblock("node1")
	if re := a.arrive(netPacket{"node1", "node0", re.Tell.Raw}); re != nil {
		t.Fatal(re)
	}
	if _, peers := a.sent(); len(peers) != 1 || peers[0].Kind != PeerRefused || peers[0].Reason != "not admitted" {
		t.Errorf("its host is told %+v", peers)
	}
	env, err := wire.Decode(p.raw, a.cfg.Registry, a.cfg.Limits.Wire)
	if err != nil {
		t.Fatal(err)
	}
	b.e.st.governor.Unblock("node0")
	env.Digest = [32]byte{9}
	raw, _ := wire.Append(nil, a.cfg.Registry, env)
	b.w.now += 2e9
	b.poll()
	if re := b.arrive(netPacket{"node0", "node1", raw}); re == nil || re.Code != RefusedDigest || re.Tell == nil {
		t.Errorf("another artifact: %+v", re)
	}
}

// TestPressureIsHeeded is traps mute-for-ever and inverted-advice: a crowded node tells its sender, which holds its
// data to it back, still takes what comes from it, and goes on when it hears that there is room, or when the time is
// over.
func TestPressureIsHeeded(t *testing.T) {
	for _, relieved := range []bool{true, false} {
		w, a, b := pairOf(t, conversationProgram(t, "ask"))
		b.crowd(true)
		for range 9 {
			b.arrive(b.from(a, 1, wire.Notice{}, hello))
		}
		out, _ := b.sent()
		if len(out) != 1 || out[0].Notice.Kind != wire.NoticePressure || out[0].Notice.Level != 75 ||
			out[0].AckEpoch != 0 {
			t.Fatalf("at three quarters it says %+v", out)
		}
		a.arrive(w.net[len(w.net)-1])
		a.deliver(&Event{Invoke: &snapshot.InvokeEvent{Name: "call", Inputs: []value.Value{value.Int(1)}}})
		if out, _ := a.sent(); len(out) != 0 || counted(a.e, "send.held") != 1 {
			t.Fatalf("while the receiver is pressed the sender puts out %d envelopes", len(out))
		}
		heard := len(a.e.comps[0].(*probe).state.Heard)
		if re := a.arrive(a.from(b, 1, wire.Notice{}, hello)); re != nil {
			t.Fatal(re)
		}
		a.poll()
		if got := len(a.e.comps[0].(*probe).state.Heard); got != heard+1 {
			t.Error("the adviser's own data is not taken")
		}
		if relieved {
			b.crowd(false)
			out, _ := b.sent()
			if len(out) != 1 || !reflect.DeepEqual(out[0].Notice, wire.Notice{Kind: wire.NoticePressure}) {
				t.Fatalf("with room again it says %+v", out)
			}
			a.arrive(w.net[len(w.net)-1])
		} else {
			w.now += peer.PressureHoldNs + 1e9
		}
		if out, _ := a.sent(); len(out) != 1 || !out[0].Request.IsSet() || out[0].Redelivered {
			t.Errorf("relieved %v: afterwards the sender puts out %+v", relieved, out)
		}
	}
}

// TestDisregardMutes is trap mute-for-ever: who goes on after three notices has its data refused, typed; its other
// envelopes are taken, and after some seconds its data is too.
func TestDisregardMutes(t *testing.T) {
	w, a, b := pairOf(t, conversationProgram(t, "ask"))
	wide := *b.e.st.limits
	wide.IngressEvents = 20
	b.e.st.limits = &wide
	b.crowd(true)
	for _, n := range []int{15, 1, 1, 1} {
		for range n {
			if re := b.arrive(b.from(a, 1, wire.Notice{}, hello)); re != nil {
				t.Fatal(re)
			}
		}
		b.poll()
		w.now += 6e8
	}
	b.crowd(false)
	data := b.from(a, 1, wire.Notice{}, hello)
	if re := b.arrive(data); re == nil || re.Code != RefusedPressure || re.Wait ||
		b.e.Refusals()[0] != (Counter{Name: RefusedPressure, Count: 1}) {
		t.Fatalf("data of a peer that disregards: %+v", re)
	}
	if re := b.arrive(b.from(a, 1, wire.Notice{})); re != nil {
		t.Errorf("what is no data: %v", re)
	}
	b.poll() // there is room again, which ends it
	if re := b.arrive(data); re != nil {
		t.Errorf("with room again: %v", re)
	}
	b.e.st.pressure.Mute("node0", b.e.m.Now())
	b.e.st.pressure.Notify("node0", b.e.m.Now())
	if re := b.arrive(data); re == nil {
		t.Error("muted, and taken")
	}
	w.now += 6e9
	b.poll()
	if re := b.arrive(data); re != nil {
		t.Errorf("after six seconds: %v", re)
	}
}

// hops builds a program that sends a value to the other node within ten seconds, which sleeps for three and sends it
// back.
func hops(t *testing.T) []*program.Program {
	one, other := newBuilder("one"), newBuilder("other")
	edges := []program.Edge{
		{ID: 0, Name: "there", From: "one", To: "other", Sites: []program.SiteID{0}, Trigger: []bool{false},
			Reply: program.None, Deadline: 10e9},
		{ID: 1, Name: "back", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false},
			Reply: program.None},
	}
	one.p.Edges, other.p.Edges = edges, edges
	at, back, call := other.fn(program.KindRecv, "at", 3), one.fn(program.KindRecv, "back", 3),
		one.fn(program.KindInvoke, "call", 1)
	at.get().Edge, back.get().Edge = 0, 1
	slept := at.add(program.Op{Code: program.OpSleep, Name: "sleep", Delay: 3e9}, 1, 0)[0]
	at.add(program.Op{Code: program.OpSend, Name: "on", Edge: 1}, 1, at.constant(value.Peer("node0")), slept)
	back.add(program.Op{Code: program.OpAppEmit, Label: "back"}, 1, 0)
	call.add(program.Op{Code: program.OpSend, Name: "send", Edge: 0}, 1, call.constant(value.Peer("node1")), 0)
	return []*program.Program{one.link(t), other.link(t)}
}

// warm has a node know the round-trip time to a peer: three exchanges of it.
func (n *testNode) warm(p wire.PeerID, rtt int64) {
	s := n.e.st.streams
	for range 3 {
		env := &wire.Envelope{Version: 1, From: n.e.st.self, To: p, Digest: n.e.prog.Digest, Edge: -1}
		if err := s.PushUntil(env, 0, false, n.e.m.Now(), n.e.m.Random); err != nil {
			n.w.t.Fatal(err)
		}
		n.w.now += rtt
		n.poll() // which may send it again; that is no matter here
		if _, err := s.Ack(p, env.Epoch, env.Number, n.e.m.Now()); err != nil {
			n.w.t.Fatal(err)
		}
	}
}

// TestDeadlinesGoOn is trap mixed-deadline over hops: each carries what is left, less what the way takes once that is
// known; what is sent again carries what is left then; and what cannot be in time fails at once.
func TestDeadlinesGoOn(t *testing.T) {
	w, a, b := pairOf(t, hops(t))
	a.deliver(&Event{Invoke: &snapshot.InvokeEvent{Name: "call", Inputs: []value.Value{value.Int(1)}}})
	out, _ := a.sent()
	if len(out) != 1 || out[0].Deadline != 10e9 {
		t.Fatalf("the first hop is %+v", out)
	}
	w.now += 1e9
	again, _ := a.sent()
	if len(again) != 1 || !again[0].Redelivered || again[0].Deadline != 9e9 {
		t.Fatalf("sent again after a second: %+v", again)
	}
	b.arrive(w.net[len(w.net)-1])
	b.poll()
	w.now += 3e9
	on, _ := b.sent()
	if len(on) != 1 || on[0].Deadline != 6e9 {
		t.Fatalf("the second hop is %+v, want 6 s left", on)
	}

	_, a, b = pairOf(t, hops(t))
	a.warm("node1", 100e6)
	rtt := a.e.st.streams.RTT("node1")
	a.deliver(&Event{Invoke: &snapshot.InvokeEvent{Name: "call", Inputs: []value.Value{value.Int(1)}}})
	if out, _ := a.sent(); len(out) != 1 || rtt.Budget() < 100e6 || out[0].Deadline != 10e9-rtt.Budget() {
		t.Errorf("with a budget of %d the hop is %+v", rtt.Budget(), out)
	}
	b.poll()

	_, a, _ = pairOf(t, hops(t))
	for range 3 { // far beyond ten seconds
		env := &wire.Envelope{Version: 1, From: "node0", To: "node1", Digest: a.e.prog.Digest, Edge: -1}
		a.e.st.streams.PushUntil(env, 0, false, 1, a.e.m.Random)
		a.e.st.streams.Ack("node1", env.Epoch, env.Number, 20e9)
	}
	a.deliver(&Event{Invoke: &snapshot.InvokeEvent{Name: "call", Inputs: []value.Value{value.Int(1)}}})
	o := a.poll()
	if len(o.Envelopes) != 0 || len(o.AppEvents) != 1 || !strings.Contains(show(o.AppEvents[0].Value),
		value.CodeDeadline) {
		t.Errorf("a hop that cannot be in time gives %d envelopes and %+v", len(o.Envelopes), o.AppEvents)
	}
	if counted(a.e, "deadline.unmeetable") != 1 {
		t.Error("it is not counted")
	}
}

// TestSuspectsAreTold: a peer that answered for a while and then no more is suspected, then down, as outputs; its next
// word takes both back.
func TestSuspectsAreTold(t *testing.T) {
	w, a, b := pairOf(t, conversationProgram(t, "ask"))
	a.e.st.governor.Success("node1", a.e.m.Now())
	s := a.e.st.streams
	for i := range 9 {
		env := &wire.Envelope{Version: 1, From: "node0", To: "node1", Digest: a.e.prog.Digest, Edge: -1}
		if err := s.PushUntil(env, 0, false, a.e.m.Now(), a.e.m.Random); err != nil {
			t.Fatal(err)
		}
		if i < 8 {
			s.Ack("node1", env.Epoch, env.Number, a.e.m.Now())
			s.Received("node1", true, a.e.m.Now())
		}
	}
	var kinds []PeerKind
	for range 300 {
		w.now += 1e8
		_, peers := a.sent()
		for _, p := range peers {
			kinds = append(kinds, p.Kind)
		}
	}
	a.arrive(a.from(b, 1, wire.Notice{}))
	_, peers := a.sent()
	for _, p := range peers {
		kinds = append(kinds, p.Kind)
	}
	got := ""
	for _, k := range kinds {
		got += k.String() + " "
	}
	if got != "suspected down up trusted " {
		t.Errorf("the host is told: %s", got)
	}
}
