package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// hall is a server with an edge from its clients, one to them with an answer, and a component that lives at both and
// one that lives at the server alone.
func hall() *builder {
	b := newBuilder("server")
	b.p.Components = []program.Component{{Name: "tool", Places: []string{"server", "clients"}},
		{Name: "desk", Places: []string{"server"}}}
	b.p.Edges = []program.Edge{
		{ID: 0, Name: "news", From: "clients", To: "server", Sites: []program.SiteID{0}, Trigger: []bool{false},
			Reply: program.None},
		{ID: 1, Name: "train", From: "server", To: "clients", Sites: []program.SiteID{90001}, Trigger: []bool{false},
			Reply: 2},
		{ID: 2, Name: "update", From: "clients", To: "server", Sites: []program.SiteID{1000}, Trigger: []bool{false},
			Answer: true, Reply: program.None},
		{ID: 3, Name: "fetch", From: "clients", To: "server", Sites: []program.SiteID{2000}, Trigger: []bool{false},
			Reply: 4},
		{ID: 4, Name: "fetched", From: "server", To: "clients", Sites: []program.SiteID{90003}, Trigger: []bool{false},
			Answer: true, Reply: program.None},
	}
	f := b.fn(program.KindRecv, "news", 1)
	f.get().Edge = 0
	f.emit("news", 0)
	g := b.fn(program.KindRecv, "update", 3)
	g.get().Edge = 2
	g.emit("update", 1)
	q := b.fn(program.KindRecv, "fetch", 1)
	q.get().Edge = 3
	q.add(program.Op{Code: program.OpFail, Label: "no"}, 1, 0)
	h := b.fn(program.KindInvoke, "ask", 1)
	h.add(program.Op{Code: program.OpRequest, Edge: 1}, 1, 0, 0, 0)
	return b
}

// witness is a component that writes down what it hears.
type witness struct {
	scripted
	heard []string
}

func (w *witness) MemberChanged(ctx *Context, p wire.PeerID, place string, member bool) {
	w.heard = append(w.heard, fmt.Sprintf("%s %s %v of %d", p, place, member, len(ctx.Peers(place))))
}

func (w *witness) MemberReplaced(_ *Context, old, p wire.PeerID, place string) {
	w.heard = append(w.heard, fmt.Sprintf("%s for %s at %s", p, old, place))
}

func newWitness() *witness {
	w := &witness{}
	w.message = func(from wire.PeerID, op string, _ []value.Value) error {
		w.heard = append(w.heard, string(from)+" says "+op)
		return nil
	}
	return w
}

// closedLab is a lab in which only targets and members play anything.
func closedLab(t *testing.T, limits func(*Limits)) (*lab, *witness) {
	tool, desk := newWitness(), newWitness()
	cfg := testConfig(hall().link(t), tool, desk)
	cfg.Anyone, cfg.Trace = nil, true
	if limits != nil {
		limits(&cfg.Limits)
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, cfg: cfg, e: e}
	l.rest()
	return l, tool
}

// ask does a call of the control plane and returns what became of it.
func (l *lab) ask(c snapshot.ControlEvent) ControlResult {
	l.t.Helper()
	c.ID = 1
	err := l.e.Deliver(&Event{Control: &c})
	var re *RefusedError
	if errors.As(err, &re) {
		return ControlResult{Code: re.Code, Reason: re.Reason}
	}
	for range 100 {
		if out := l.poll(); len(out.Controls) > 0 {
			r := out.Controls[0]
			l.rest()
			return r
		}
	}
	l.t.Fatal("no result")
	return ControlResult{}
}

func (l *lab) admit(p string) int {
	l.t.Helper()
	r := l.ask(snapshot.ControlEvent{Op: ControlAdmit, Peer: p, Place: "clients"})
	if !r.Accepted {
		l.t.Fatalf("%s was not admitted: %+v", p, r)
	}
	return r.Number
}

// refused delivers an envelope that must be refused as a stranger's.
func (l *lab) refused(what string, ev *Event) {
	l.t.Helper()
	before := l.snap()
	err := l.e.Deliver(ev)
	var re *RefusedError
	if !errors.As(err, &re) || re.Code != RefusedStranger {
		l.t.Fatalf("%s: %v", what, err)
	}
	after := l.snap()
	a, err1 := snapshot.Marshal(l.cfg.Registry, before)
	b, err2 := snapshot.Marshal(l.cfg.Registry, after)
	if err1 != nil || err2 != nil || string(a) != string(b) {
		l.t.Fatalf("%s left a trace in the state", what)
	}
}

// C1: an edge is taken from a peer that plays its source, a message from one that plays where its component lives; all
// else is refused before a fill is decoded, and leaves nothing in any table.
func TestPlacesAreChecked(t *testing.T) {
	l, tool := closedLab(t, nil)
	news := wire.Envelope{Edge: 0, Number: 1, Fills: []wire.Fill{{Site: 0, Value: value.Int(1)}}}
	message := func(component int32) wire.Envelope {
		return wire.Envelope{Edge: -1, Number: 1,
			Fills: []wire.Fill{{Component: component, Op: "join", Value: value.Int(1)}}}
	}
	spoiled := l.from("eve", news)
	// a fill that cannot be decoded is not looked at
	spoiled.Envelope.Raw = spoiled.Envelope.Raw[:len(spoiled.Envelope.Raw)-1]
	for what, ev := range map[string]*Event{
		"an edge of a stranger": l.from("eve", news), "half an edge": spoiled, "a message": l.from("eve", message(0)),
		"a message for nobody": l.from("eve", message(9)), "an edge that there is not": l.from("eve",
			wire.Envelope{Edge: 77}),
		"an edge from this place": l.from("eve", wire.Envelope{Edge: 1, Request: wire.Request{Epoch: 1, ID: 1}}),
		"a bare envelope":         l.from("eve", wire.Envelope{Edge: -1}),
		"an acknowledgement":      l.from("eve", wire.Envelope{Edge: -1, AckEpoch: 1, Ack: 1}),
		"a link":                  {Link: &snapshot.LinkEvent{Peer: "eve", Remote: "/memory/eve", Up: true}},
		"an address that fails":   {Link: &snapshot.LinkEvent{Peer: "eve", Remote: "/memory/eve"}},
		"a question": l.from("eve", wire.Envelope{Edge: 3, Request: wire.Request{Epoch: 1, ID: 1},
			Fills: []wire.Fill{{Site: 2000, Value: value.Int(1)}}}),
		"the word that it refuses": l.refusalFrom("eve"),
	} {
		l.refused(what, ev)
	}
	if n := l.e.Refusals(); len(n) != 1 || n[0] != (Counter{Name: RefusedStranger, Count: 12}) {
		t.Errorf("counted are %v", n)
	}
	l.admit("ada")
	l.refused("an edge from another place",
		l.from("ada", wire.Envelope{Edge: 1, Request: wire.Request{Epoch: 1, ID: 1}}))
	l.refused("a message for another place's component", l.from("ada", message(1)))
	l.tell(l.from("ada", news))
	l.rest()
	next := message(0)
	next.Number = 2
	l.tell(l.from("ada", next))
	l.rest()
	if !slices.Equal(l.app, []string{"news 1"}) || !slices.Contains(tool.heard, "ada says join") {
		t.Errorf("a member's were not taken: %v, %v", l.app, tool.heard)
	}
	// What was accepted is not taken any more once its sender is no member.
	news.Number = 3
	l.tell(&Event{Control: &snapshot.ControlEvent{Op: ControlRemove, Peer: "ada"}})
	l.tell(l.from("ada", news))
	l.rest()
	if len(l.app) != 1 || l.counter("envelope.blocked") != 1 {
		t.Errorf("app %v, counted %d", l.app, l.counter("envelope.blocked"))
	}
	// By the rules of an earlier release everything is as it was.
	old, _ := closedLab(t, nil)
	old.e.setRules(1)
	news.Number = 1
	old.tell(old.from("eve", news))
	if old.rest(); len(old.app) != 1 {
		t.Error("a node of an earlier release asks for members")
	}
}

func (l *lab) refusalFrom(p wire.PeerID) *Event {
	env := wire.Envelope{Version: wire.CurrentVersion, From: p, To: "self", Digest: [32]byte{1}, Incarnation: 1,
		Edge: -1, Notice: wire.Notice{Kind: wire.NoticeNotAdmitted}}
	raw, err := wire.Append(nil, l.cfg.Registry, &env)
	if err != nil {
		l.t.Fatal(err)
	}
	return &Event{Envelope: &snapshot.EnvelopeEvent{From: string(p), Raw: raw}}
}

// TestMembers: numbers are the least that are free or those that are asked for, calls are idempotent where they say so,
// and each refusal is typed and changes nothing.
func TestMembers(t *testing.T) {
	l, tool := closedLab(t, func(lim *Limits) { lim.Members = 3 })
	call := func(op, p, place string, number int, other, caller string) ControlResult {
		t.Helper()
		c := snapshot.ControlEvent{Op: op, Peer: p, Place: place, Other: other, Caller: caller}
		if number >= 0 {
			c.Number = uint64(number) + 1
		}
		if op == ControlAdmit {
			c.Name = "site " + p
		}
		return l.ask(c)
	}
	good := func(r ControlResult, number int) {
		t.Helper()
		if !r.Accepted || r.Number != number || r.Place != "clients" {
			t.Errorf("%+v, want number %d", r, number)
		}
	}
	bad := func(r ControlResult, code string) {
		t.Helper()
		if r.Accepted || r.Code != code {
			t.Errorf("%+v, want %s", r, code)
		}
	}
	good(call(ControlAdmit, "a", "clients", -1, "", ""), 0)
	good(call(ControlAdmit, "b", "clients", 2, "", ""), 2)
	good(call(ControlAdmit, "a", "clients", -1, "", ""), 0)
	good(call(ControlAdmit, "a", "clients", 0, "", ""), 0)
	bad(call(ControlAdmit, "a", "clients", 1, "", ""), RefusedTaken)
	bad(call(ControlAdmit, "c", "clients", 2, "", ""), RefusedTaken)
	bad(call(ControlAdmit, "c", "nowhere", -1, "", ""), RefusedUnknown)
	bad(call(ControlAdmit, "self", "clients", -1, "", ""), RefusedUnknown)
	bad(call(ControlAdmit, "c", "", -1, "", ""), RefusedFormat)
	bad(call(ControlBlock, "c", "clients", -1, "", ""), RefusedFormat)
	good(call(ControlAdmit, "c", "clients", -1, "", ""), 1)
	bad(call(ControlAdmit, "d", "clients", -1, "", ""), RefusedFull)
	bad(call(ControlAdmit, "d", "clients", -1, "", "a"), RefusedRight) // a member may not admit others
	bad(call(ControlLeave, "", "", -1, "", "d"), RefusedUnknown)
	bad(call(ControlLeave, "b", "", -1, "", "a"), RefusedRight)
	good(call(ControlLeave, "", "", -1, "", "a"), 0)
	bad(call(ControlRemove, "a", "", -1, "", ""), RefusedUnknown)
	good(call(ControlAdmit, "d", "clients", -1, "", ""), 0)
	good(call(ControlReplace, "b", "", -1, "e", ""), 2)
	bad(call(ControlReplace, "b", "", -1, "f", ""), RefusedUnknown)
	bad(call(ControlReplace, "d", "", -1, "e", ""), RefusedTaken)
	good(call(ControlRemove, "", "clients", 1, "", ""), 1)
	good(call(ControlAdmit, "c", "clients", -1, "", ""), 1) // who comes back has what it had
	var got []string
	for _, m := range l.e.Members() {
		got = append(got, fmt.Sprintf("%d %s %s %s", m.Number, m.Peer, m.Name, m.State))
	}
	want := []string{"0 d site d member", "0 a site a left", "1 c site c member", "2 e site b member",
		"2 b site b removed"}
	if !slices.Equal(got, want) {
		t.Errorf("the roster is %q", got)
	}
	heard := []string{
		"a clients true of 1", "b clients true of 2", "c clients true of 3", "a clients false of 2",
		"d clients true of 3",
		"e for b at clients", "b clients false of 3", "e clients true of 3", "c clients false of 2",
		"c clients true of 3",
	}
	if !slices.Equal(tool.heard, heard) {
		t.Errorf("the component heard %q", tool.heard)
	}
	again := l.reborn(newWitness(), newWitness())
	if !slices.Equal(again.e.Members(), l.e.Members()) {
		t.Error("the restored roster is another")
	}
	// Who is gone is forgotten beyond the bound, the oldest first.
	for i := range 9 {
		call(ControlRemove, "", "clients", 0, "", "")
		call(ControlAdmit, fmt.Sprint("x", i), "clients", -1, "", "")
	}
	if n := len(l.e.Members()); n != 6 {
		t.Errorf("%d are remembered, at most 3 and 3", n)
	}
	if _, ok := l.e.Member("a"); ok {
		t.Error("the oldest is remembered")
	}
}

// TestMembersRestoreChecked: a roster that cannot be is refused.
func TestMembersRestoreChecked(t *testing.T) {
	l, _ := closedLab(t, func(lim *Limits) { lim.Members = 3 })
	l.admit("a")
	l.admit("b")
	for what, spoil := range map[string]func(*snapshot.FrameworkSnapshot){
		"order": func(w *snapshot.FrameworkSnapshot) { slices.Reverse(w.Roster) },
		"twice": func(w *snapshot.FrameworkSnapshot) { w.Roster[1].Peer = "a" },
		"taken": func(w *snapshot.FrameworkSnapshot) { w.Roster[1].Number, w.Roster[1].Since = 0, 1 },
		"state": func(w *snapshot.FrameworkSnapshot) { w.Roster[0].State = 4 },
		"place": func(w *snapshot.FrameworkSnapshot) { w.Roster[0].Place = "" },
		"name":  func(w *snapshot.FrameworkSnapshot) { w.Roster[0].Name = "\xff" },
		"peer":  func(w *snapshot.FrameworkSnapshot) { w.Roster[0].Peer = "" },
		"many": func(w *snapshot.FrameworkSnapshot) {
			for i := range 3 {
				w.Roster = append(w.Roster, snapshot.MemberSnapshot{Number: uint64(5 + i), Peer: fmt.Sprint("x", i),
					Place: "clients", State: 1})
			}
		},
	} {
		s := l.snap()
		spoil(&s.Framework)
		cfg := l.cfg
		cfg.Components = []Component{newWitness(), newWitness()}
		var re *RestoreError
		if _, err := Restore(cfg, 1, s); !errors.As(err, &re) || re.Part != "peers" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Removal while something waits: what is under way to the member is given up, visibly, and nothing is sent to it any
// more.
func TestRemovedIsGivenUp(t *testing.T) {
	l, _ := closedLab(t, nil)
	l.admit("ada")
	l.call("ask", value.Peer("ada"))
	l.rest()
	if l.e.st.requests.Open() != 1 || l.e.st.streams.Unacknowledged() != 1 {
		t.Fatal("no question is open")
	}
	l.ask(snapshot.ControlEvent{Op: ControlRemove, Peer: "ada"})
	if l.e.st.requests.Open() != 0 || l.e.st.streams.Unacknowledged() != 0 || l.counter("request.abandoned") != 1 {
		t.Errorf("open %d, unacknowledged %d", l.e.st.requests.Open(), l.e.st.streams.Unacknowledged())
	}
	if len(l.app) == 0 || l.app[0] != "update ada" {
		t.Fatalf("the answer that never comes told %v", l.app)
	}
	l.call("ask", value.Peer("ada"))
	l.call("ask", value.Peer("eve"))
	l.rest()
	if l.e.st.requests.Open() != 0 || l.counter("send.blocked") != 2 {
		t.Errorf("a question to nobody is open: %d, blocked %d", l.e.st.requests.Open(), l.counter("send.blocked"))
	}
}

// A member that is replaced: its open question is asked of the peer that came, and the answer of that one is taken.
func TestReplacedIsAskedInstead(t *testing.T) {
	l, _ := closedLab(t, nil)
	l.admit("ada")
	l.call("ask", value.Peer("ada"))
	l.rest()
	l.packets = nil
	r := l.ask(snapshot.ControlEvent{Op: ControlReplace, Peer: "ada", Other: "bob"})
	if !r.Accepted || l.e.st.requests.Open() != 1 || l.e.st.streams.Unacknowledged() != 1 {
		t.Fatalf("%+v, open %d", r, l.e.st.requests.Open())
	}
	audit(t, l.e)
	again := l.reborn(newWitness(), newWitness())
	var env *wire.Envelope
	for _, p := range l.packets {
		if e, err := wire.Decode(p.Raw, l.cfg.Registry, l.cfg.Limits.Wire); err == nil && p.To == "bob" &&
			e.Request.IsSet() {
			env = e
		}
	}
	if env == nil || env.Number != 1 || env.To != "bob" {
		t.Fatalf("bob was not asked: %+v", env)
	}
	for _, l := range []*lab{l, again} {
		answer := wire.Envelope{Edge: 2, Number: 1, Answer: env.Request, AckEpoch: 1, Ack: 1,
			Fills: []wire.Fill{{Site: 1000, Value: value.Int(5)}}}
		l.refused("the answer of who was replaced", l.from("ada", answer))
		l.tell(l.from("bob", answer))
		if l.rest(); l.e.st.requests.Open() != 0 || l.e.st.streams.Unacknowledged() != 0 || len(l.app) != 1 {
			t.Errorf("open %d, unacknowledged %d, told %v", l.e.st.requests.Open(), l.e.st.streams.Unacknowledged(),
				l.app)
		}
	}
}

// U2: a failure that was answered to an asker is not the host's as well.
func TestAnsweredFailureIsNotTheHosts(t *testing.T) {
	l, _ := closedLab(t, nil)
	l.admit("ada")
	l.tell(l.from("ada", wire.Envelope{Edge: 3, Number: 1, Request: wire.Request{Epoch: 1, ID: 1},
		Fills: []wire.Fill{{Site: 2000, Value: value.Int(1)}}}))
	l.rest()
	if len(l.app) != 0 || l.counter("answer.failed") != 1 {
		t.Errorf("the host was told %v, counted %d", l.app, l.counter("answer.failed"))
	}
	answers := 0
	for _, p := range l.packets {
		if e, err := wire.Decode(p.Raw, l.cfg.Registry, l.cfg.Limits.Wire); err == nil && e.Answer.IsSet() {
			answers++
		}
	}
	if answers != 1 {
		t.Errorf("%d answers", answers)
	}
}

// C4: strangers leave nothing where members are awaited, and where anyone may come, who only knocked makes room for
// others.
func TestStreamsOfNobodyMakeRoom(t *testing.T) {
	l, _ := closedLab(t, func(lim *Limits) { lim.BookPeers = 64 })
	for i := range 200 {
		l.refused("a stranger", l.from(wire.PeerID(fmt.Sprint("stranger", i)), wire.Envelope{Edge: -1}))
	}
	if n := len(l.e.st.streams.Peers()); n != 0 {
		t.Errorf("%d streams with strangers", n)
	}
	l = newLab(t, relay(), func(lim *Limits) { lim.BookPeers = 64 })
	for i := range 200 {
		l.now++
		l.tell(l.from(wire.PeerID(fmt.Sprint("stranger", i)), wire.Envelope{Edge: -1, Number: uint64(i % 2)}))
		l.rest()
		l.wait(10e9)
	}
	l.tell(l.from("friend",
		wire.Envelope{Edge: 0, Number: 1, Fills: []wire.Fill{{Site: 0, Value: value.Peer("other")}}}))
	l.rest()
	if n := len(l.e.st.streams.Peers()); n > 64 || l.counter("envelope.refused") != 0 ||
		l.counter("stream.forgotten") == 0 {
		t.Errorf("%d streams, %d refused", n, l.counter("envelope.refused"))
	}
	if !slices.Contains(l.e.st.streams.Peers(), wire.PeerID("friend")) {
		t.Error("a friend found no room")
	}
}

// relay greets a peer that it is told of.
func relay() *builder {
	b := newBuilder("one")
	b.p.Edges = []program.Edge{
		{ID: 0, Name: "intro", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false},
			Reply: program.None},
		{ID: 1, Name: "hello", From: "one", To: "other", Sites: []program.SiteID{90001}, Trigger: []bool{false},
			Reply: program.None},
	}
	f := b.fn(program.KindRecv, "intro", 3)
	f.get().Edge = 0
	f.add(program.Op{Code: program.OpSend, Edge: 1}, 1, 0, 0)
	return b
}

// C2, C3: a value that came over the wire and names no peer is nobody to send to: it fails, typed, and the node can be
// restored.
func TestRevLongPeerPanics(t *testing.T) {
	for _, p := range []string{"", strings.Repeat("a", 200)} {
		l := newLab(t, relay(), nil)
		l.tell(l.from("other", wire.Envelope{Edge: 0, Number: 1, Fills: []wire.Fill{{Site: 0, Value: value.Peer(p)}}}))
		l.rest()
		if len(l.app) != 1 || !strings.Contains(l.app[0], wire.CodeUndecodable) || len(l.e.st.streams.Peers()) != 1 {
			t.Errorf("a peer of %d bytes: told %v, streams with %q", len(p), l.app, l.e.st.streams.Peers())
		}
		l.reborn()
	}
}
