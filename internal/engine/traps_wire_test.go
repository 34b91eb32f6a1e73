package engine

import (
	"bytes"
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

// TestFillsOfAnEnvelopeJoin (trap one-activation-per-value): all values of one envelope land in one activation, where
// they can join; those of another envelope land in another. A value that is missing is a failure in its place, and its
// siblings go on.
func TestFillsOfAnEnvelopeJoin(t *testing.T) {
	b := newBuilder("one")
	b.p.Edges = []program.Edge{{ID: 0, Name: "pair", From: "other", To: "one", Sites: []program.SiteID{0, 1},
		Trigger: []bool{false, true}, Reply: program.None}}
	f := b.fn(program.KindRecv, "pair", 4)
	f.get().Edge = 0
	f.emit("joined", f.op(program.OpBundle, 1, 0, 1, 2)[0])
	f.emit("first", 0)
	l := newLab(t, b, nil)
	pair := func(number uint64, fills ...wire.Fill) {
		l.tell(l.from("other", wire.Envelope{Edge: 0, Number: number, Fills: fills}))
	}
	pair(1, wire.Fill{Site: 1}, wire.Fill{Site: 0, Value: value.Int(1)})
	pair(2, wire.Fill{Site: 0, Value: value.Int(2)}, wire.Fill{Site: 1})
	pair(3, wire.Fill{Site: 0, Value: value.Int(3)})
	l.rest()
	opened := 0
	for _, tr := range l.trace {
		if tr.Kind == "open" {
			opened++
		}
	}
	if opened != 3 {
		t.Errorf("%d activations for 3 envelopes", opened)
	}
	for _, want := range []string{"joined [1 trigger other]", "joined [2 trigger other]", "first 1", "first 2",
		"first 3"} {
		if count(l.app, want) != 1 {
			t.Errorf("%q was told %d times: %v", want, count(l.app, want), l.app)
		}
	}
	if l.counter("fill.missing") != 1 {
		t.Errorf("a missing value was counted %d times", l.counter("fill.missing"))
	}
	if told := strings.Join(l.app, "\n"); strings.Count(told, "joined") != 2 {
		t.Errorf("a value was joined with nothing, or with another envelope's:\n%s", told)
	}
}

// TestDeadlines (trap mixed-deadline): a deadline is relative on the wire and absolute from its arrival on, whatever
// the clock says, also after a restore: an activation lives for as long as the sender said and not one nanosecond
// longer.
func TestDeadlines(t *testing.T) {
	b := newBuilder("one")
	b.p.Edges = []program.Edge{
		{ID: 0, Name: "in", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false},
			Reply: program.None},
		{ID: 1, Name: "out", From: "one", To: "other", Sites: []program.SiteID{90000}, Trigger: []bool{false},
			Reply: program.None, Deadline: 300},
	}
	f := b.fn(program.KindRecv, "in", 3)
	f.get().Edge = 0
	f.emit("short", f.add(program.Op{Code: program.OpSleep, Delay: 200}, 1, 0)[0])
	f.emit("long", f.add(program.Op{Code: program.OpSleep, Delay: 400}, 1, 0)[0])
	f = b.fn(program.KindInvoke, "send", 1)
	f.add(program.Op{Code: program.OpSend, Edge: 1}, 1, f.peer(), 0)

	for _, start := range []int64{0, 99e6, 3600e9} {
		l := newLab(t, b, nil)
		l.wait(start)
		l.call("send", value.Int(1))
		l.rest()
		env, err := wire.Decode(l.packets[0].Raw, l.cfg.Registry, l.cfg.Limits.Wire)
		if err != nil || env.Deadline != 300 {
			t.Fatalf("at %d the deadline on the wire is %d, want 300 (%v)", start, env.Deadline, err)
		}
		l.tell(l.from("other", wire.Envelope{Edge: 0, Number: 1, Deadline: 300,
			Fills: []wire.Fill{{Site: 0, Value: value.Int(1)}}}))
		l.rest()
		l = l.reborn()
		l.wait(200)
		if len(l.app) != 1 || l.app[0] != "short 1" {
			t.Errorf("at %d: 200 ns after the arrival the activation told %v", start, l.app)
		}
		l = l.reborn()
		l.wait(99)
		if n := l.counter("deadline.passed"); n != 0 || l.e.Idle() {
			t.Errorf("at %d: the deadline passed 1 ns early", start)
		}
		l.wait(1)
		if n := l.counter("deadline.passed"); n != 1 || len(l.app) != 1 || !strings.HasPrefix(l.app[0], FailureEvent) {
			t.Errorf("at %d: the deadline passed %d times, told %v", start, n, l.app)
		}
		l.wait(1000)
		if len(l.app) != 1 {
			t.Errorf("at %d: after its deadline the activation told %v", start, l.app)
		}
	}
}

// TestMessagesCarryTheirCaller (trap anonymous-call): a component sees who calls it, as the transport authenticated the
// peer. A call by another name, of a peer that is not admitted, to nobody, beyond the caps or refused by the component
// is refused, typed or counted, and runs nothing.
func TestMessagesCarryTheirCaller(t *testing.T) {
	var heard []string
	c := tool()
	c.message = func(from wire.PeerID, op string, in []value.Value) error {
		if op != "known" {
			return errors.New("no op " + op)
		}
		heard = append(heard, fmt.Sprint(from, " ", show(in[0])))
		return nil
	}
	b := one()
	f := b.fn(program.KindInvoke, "block", 1)
	f.op(program.OpPeerBlock, 1, 0)
	l := newLab(t, b, nil, c)
	fill := func(component int32, op string, v value.Value) []wire.Fill {
		return []wire.Fill{{Component: component, Op: op, Value: value.NewList(v)}}
	}
	l.call("block", value.Peer("blocked"))
	l.rest()
	for _, x := range []struct {
		what    string
		from    wire.PeerID
		env     wire.Envelope
		code    string // of the refusal, or
		counter string // that says so
	}{
		{"a sound call", "alice", wire.Envelope{Edge: -1, Fills: fill(0, "known", value.Int(1))}, "", ""},
		{"another's name", "bob", wire.Envelope{From: "alice", Edge: -1, Fills: fill(0, "known", value.Int(2))},
			RefusedAddress, ""},
		{"a blocked peer", "blocked", wire.Envelope{Edge: -1, Fills: fill(0, "known", value.Int(3))}, RefusedStranger,
			""},
		{"no such component", "alice", wire.Envelope{Edge: -1, Fills: fill(7, "known", value.Int(4))}, "",
			"message.unknown"},
		{"no such op", "alice", wire.Envelope{Edge: -1, Fills: fill(0, "unknown", value.Int(5))}, "", "message.failed"},
		{"too many fills", "alice", wire.Envelope{Edge: -1, Fills: slices.Repeat(fill(0, "known", value.Int(6)), 300)},
			RefusedFormat, ""},
		{"no such edge", "alice", wire.Envelope{Edge: 0, Fills: []wire.Fill{{Site: 1, Value: value.Int(7)}}}, "",
			"envelope.edge"},
	} {
		before := l.counter(x.counter)
		err := l.e.Deliver(l.from(x.from, x.env))
		var re *RefusedError
		if errors.As(err, &re) != (x.code != "") || x.code != "" && re.Code != x.code {
			t.Errorf("%s: %v", x.what, err)
		}
		l.rest()
		if x.counter != "" && l.counter(x.counter) != before+1 {
			t.Errorf("%s: counter %s says %d", x.what, x.counter, l.counter(x.counter))
		}
	}
	if len(heard) != 1 || heard[0] != "alice 1" {
		t.Errorf("the component heard %q", heard)
	}
	refused := ""
	for _, r := range l.e.Refusals() {
		refused += fmt.Sprint(r.Name, " ", r.Count, ", ")
	}
	if refused != "address 1, format 1, stranger 1, " {
		t.Errorf("the host reads the refusals %s", refused)
	}
}

// TestStrangersLeaveNothing (traps collection-by-output and anonymous-call, law admitted-first): what a peer that is
// not admitted sends leaves the state as it was, byte for byte, however much it is.
func TestStrangersLeaveNothing(t *testing.T) {
	b := one()
	f := b.fn(program.KindInvoke, "allow", 1)
	f.op(program.OpPeerAllow, 1, 0)
	l := newLab(t, b, nil, tool())
	l.call("allow", value.Peer("friend"))
	l.rest()
	l.rest() // once without anything to do: what a Poll left of its budget is state too
	encode := func() []byte {
		raw, err := snapshot.Marshal(l.cfg.Registry, l.snap())
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	before := encode()
	for i := range 500 {
		ev := l.from(wire.PeerID(fmt.Sprint("stranger", i)),
			wire.Envelope{Edge: 2, Number: 1, Fills: []wire.Fill{{Site: 0, Value: value.Int(1)}}})
		var re *RefusedError
		if err := l.e.Deliver(ev); !errors.As(err, &re) || re.Code != RefusedStranger || re.Wait {
			t.Fatalf("a stranger: %v", err)
		}
		l.rest()
	}
	if !bytes.Equal(encode(), before) {
		t.Error("strangers changed the state")
	}
}

// TestFailuresOfTheEngineAreSeen (trap dropped-result): what goes wrong in a timer, a message, a start, a result, a
// send or for lack of timers is counted, and reaches the host or whoever waits.
func TestFailuresOfTheEngineAreSeen(t *testing.T) {
	c := tool()
	c.start = func(ctx *Context) error { ctx.Arm(5e6, 99); return errors.New("start fails") }
	c.alarm = func(*scripted, *Context, uint64) error { return errors.New("alarm fails") }
	c.message = func(wire.PeerID, string, []value.Value) error { return errors.New("message fails") }
	c.complete = func([]value.Value) ([]value.Value, error) { return nil, errors.New("complete fails") }
	b := stopProgram()
	l := newLab(t, b, func(l *Limits) { l.Timers = 2 }, c)
	l.wait(5e6)
	l.tell(l.from("other", wire.Envelope{Edge: -1, Fills: []wire.Fill{{Component: 0, Op: "x", Value: value.Int(1)}}}))
	for i := range 3 {
		l.call("sleep", value.Int(i))
	}
	l.call("work", value.Int(1))
	l.rest()
	l.done(1, value.Int(1))
	l.tell(&Event{SendFailed: &snapshot.SendFailedEvent{Peer: "other", Reason: "gone"}})
	l.call("work", value.Int(1))
	l.rest()
	l.tell(&Event{CompletionFailed: &snapshot.CompletionFailedEvent{Command: 2,
		Failure: snapshot.FailureSnapshot{Code: value.CodeError, Message: "worker fails"}}})
	l.rest()
	for counter, want := range map[string]uint64{
		"alarm.failed": 1, "message.failed": 1, "timers.refused": 1, "send.failed": 1, "op.failed": 3,
		"activation.failed": 4,
	} {
		if got := l.counter(counter); got != want {
			t.Errorf("counter %s is %d, want %d", counter, got, want)
		}
	}
	told := strings.Join(l.app, "\n")
	for _, want := range []string{"start fails", "complete fails", "worker fails", "too many timers"} {
		if strings.Count(told, want) != 1 {
			t.Errorf("the host was told of %q %d times:\n%s", want, strings.Count(told, want), told)
		}
	}
	traced := ""
	for _, tr := range l.trace {
		traced += tr.Kind + " " + tr.Text + "\n"
	}
	for _, want := range []string{"alarm fails", "message fails"} {
		if !strings.Contains(traced, want) {
			t.Errorf("%q is not in the trace", want)
		}
	}
}

// TestLyingQuestion: a question on an edge that has no answer, and a deadline beyond all clocks, are refused or
// bounded. The first once took the node down, and again at each replay.
func TestLyingQuestion(t *testing.T) {
	b := newBuilder("one")
	b.p.Edges = []program.Edge{{ID: 0, Name: "in", From: "other", To: "one", Sites: []program.SiteID{0},
		Trigger: []bool{false}, Reply: program.None}}
	f := b.fn(program.KindRecv, "in", 3)
	f.get().Edge = 0
	f.emit("got", f.add(program.Op{Code: program.OpSleep, Delay: 200}, 1, 0)[0])
	l := newLab(t, b, nil)
	l.wait(5)
	l.tell(l.from("other", wire.Envelope{Edge: 0, Number: 1, Request: wire.Request{Epoch: 1, ID: 7},
		Fills: []wire.Fill{{Site: 0, Value: value.Int(1)}}}))
	l.tell(l.from("other", wire.Envelope{Edge: 0, Number: 2, Deadline: 1<<63 - 1,
		Fills: []wire.Fill{{Site: 0, Value: value.Int(2)}}}))
	l.rest()
	l.wait(400)
	l.rest()
	if l.counter("envelope.request") != 1 || count(l.app, "got 2") != 1 || len(l.app) != 1 {
		t.Errorf("told %v, %d questions were refused", l.app, l.counter("envelope.request"))
	}
}
