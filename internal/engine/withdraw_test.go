package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// asker asks "other" and "third" along an edge of which only the latest question matters, by the call "ask", and a
// message that is no question goes to "other" by the call "tell". What is answered is told.
func asker() *builder {
	b := one()
	b.p.Edges[1].Latest = true
	f := b.fn(program.KindInvoke, "ask", 1)
	to := f.op(program.OpBundle, 1, f.constant(value.Peer("other")), f.constant(value.Peer("third")))[0]
	f.emit("sent", f.add(program.Op{Code: program.OpRequest, Edge: 1}, 1, to, 0, 0)[0])
	f = b.fn(program.KindInvoke, "tell", 1)
	f.add(program.Op{Code: program.OpSend, Edge: 0}, 1, f.constant(value.Peer("other")), 0)
	f = b.fn(program.KindRecv, "answer", 3)
	f.get().Edge = 2
	f.emit("answered", f.op(program.OpBundle, 1, 0, 1, 2)[0])
	return b
}

// outbox returns what waits for a peer: the numbers, with a minus where the number is spent.
func (l *lab) outbox(p string) string {
	var out []string
	for _, x := range l.snap().Framework.PendingOutbound {
		if x.Peer != p {
			continue
		}
		b, err := x.Envelope.Bytes(l.cfg.Registry)
		if err != nil {
			l.t.Fatal(err)
		}
		env, err := wire.Decode(b, l.cfg.Registry, l.cfg.Limits.Wire)
		if err != nil {
			l.t.Fatal(err)
		}
		text := fmt.Sprint(x.Number)
		if len(env.Fills) == 0 {
			text = "-" + text
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

// TestANewerQuestionWithdrawsTheOlder: a peer that does not answer is asked the newest question only; the numbers of
// those before are spent, and what is no question stays. The same after a restore at any point.
func TestANewerQuestionWithdrawsTheOlder(t *testing.T) {
	l := newLab(t, asker(), nil, tool())
	for i := range 5 {
		l.call("ask", value.Int(i))
		l.rest()
		if i == 1 {
			l.call("tell", value.Int(99))
			l.rest()
		}
		l = l.reborn(tool())
	}
	if got := l.outbox("other"); got != "3 -4 -5 6" {
		t.Errorf("for other there waits %q; want the message 3 and the question 6", got)
	}
	if got := l.outbox("third"); got != "5" {
		t.Errorf("for third there waits %q; want the question 5", got)
	}
	if n := l.counter("request.withdrawn"); n != 8 {
		t.Errorf("%d questions were withdrawn, want 8", n)
	}
	// An answer to a question that was withdrawn starts nothing; that to the newest does.
	answer := func(from string, request uint64, number uint64) {
		l.tell(l.from(wire.PeerID(from), wire.Envelope{Edge: 2, Number: number,
			Answer: wire.Request{Epoch: 1, ID: request},
			Fills:  []wire.Fill{{Site: 0, Value: value.Int(request)}}}))
		l.rest()
	}
	newest := l.snap().Framework.Requests
	if len(newest) != 2 {
		t.Fatalf("%d questions are open, want the newest to each", len(newest))
	}
	answer("third", newest[1].Request-2, 1)
	answer("third", newest[1].Request, 2)
	if got := slices.DeleteFunc(l.app,
		func(s string) bool { return !strings.HasPrefix(s, "answered") }); len(got) != 1 || !strings.Contains(got[0],
		"third 4") {
		t.Errorf("told %q; want the answer to the newest question", got)
	}
	if l.counter("answer.unknown") != 1 {
		t.Errorf("a late answer was counted %d times", l.counter("answer.unknown"))
	}
	// The peer acknowledges up to the message: what is spent behind it goes as well.
	l.tell(l.from("other", wire.Envelope{Edge: -1, AckEpoch: 1, Ack: 3}))
	l.rest()
	if got := l.outbox("other"); got != "-4 -5 6" && got != "6" {
		t.Errorf("after an acknowledgement there waits %q", got)
	}
	l.call("ask", value.Int(9))
	l.rest()
	if got := l.outbox("other"); got != "7" {
		t.Errorf("after the next question there waits %q, want 7 alone", got)
	}
	audit(t, l.e)
}

// TestRulesOfBeforeWithdrawNothing: a journal of an earlier release is replayed as it was made.
func TestRulesOfBeforeWithdrawNothing(t *testing.T) {
	b := asker()
	cfg := testConfig(b.link(t), tool())
	e, err := New(cfg)
	if err != nil || !e.Adopt(1) {
		t.Fatal(err)
	}
	l := &lab{t: t, cfg: cfg, e: e}
	l.rest()
	for i := range 3 {
		l.call("ask", value.Int(i))
		l.rest()
	}
	if got := l.outbox("third"); got != "1 2 3" || l.counter("request.withdrawn") != 0 {
		t.Errorf("there waits %q, and %d were withdrawn", got, l.counter("request.withdrawn"))
	}
}

// TestAFullPeerHoldsUpNobody: a peer whose part of the outbox is full of something else is skipped, typed; the others
// are asked.
func TestAFullPeerHoldsUpNobody(t *testing.T) {
	l := newLab(t, asker(), func(lim *Limits) { lim.PeerEnvelopes = 3 }, tool())
	for i := range 3 {
		l.call("tell", value.Int(i))
		l.rest()
	}
	l.call("ask", value.Int(7))
	l.rest()
	if got := l.outbox("third"); got != "1" {
		t.Errorf("for third there waits %q: it waits for the other", got)
	}
	told := strings.Join(l.app, "\n")
	if l.counter("request.skipped") != 1 || !strings.Contains(told, "no room for other") ||
		!strings.Contains(told, "sent") {
		t.Errorf("skipped %d, told %s", l.counter("request.skipped"), told)
	}
}

// TestWithdrawTellsTheReceiverNothing: a receiver that has missed spent numbers goes on behind them, and takes no
// number twice.
func TestWithdrawTellsTheReceiverNothing(t *testing.T) {
	l := newLab(t, asker(), nil, tool())
	for i := range 4 {
		l.call("ask", value.Int(i))
		l.rest()
	}
	l.call("tell", value.Int(1))
	l.rest()
	l.wait(10e9)
	bases := map[uint64]bool{}
	for _, p := range l.packets {
		if p.To != "other" {
			continue
		}
		env, err := wire.Decode(p.Raw, l.cfg.Registry, l.cfg.Limits.Wire)
		if err != nil {
			t.Fatal(err)
		}
		if env.Number == 5 {
			bases[env.Base] = true
		}
	}
	if !bases[4] {
		t.Errorf("message 5 tells the bases %v; want 4, the first that can still come", bases)
	}
}

// TestCatchHandlesAFailure: what depends on the sound value does not run, what was wrong comes as three texts, and
// nobody else is told.
func TestCatchHandlesAFailure(t *testing.T) {
	b := one()
	f := b.fn(program.KindInvoke, "try", 1)
	failed := f.add(program.Op{Code: program.OpFail, Label: value.CodeLate}, 1, 0)[0]
	caught := f.op(program.OpCatch, 2, failed)
	f.emit("sound", caught[0])
	f.emit("failure", caught[1])
	sound := f.op(program.OpCatch, 2, 0)
	f.emit("sound too", sound[0])
	f.emit("no failure", sound[1])
	l := newLab(t, b, nil, tool())
	l.call("try", value.Int(5))
	l.rest()
	if len(l.app) != 2 || !slices.ContainsFunc(l.app,
		func(s string) bool { return strings.HasPrefix(s, "failure [late ") }) ||
		!slices.Contains(l.app, "sound too 5") {
		t.Errorf("told %q", l.app)
	}
	if l.counter("failure.caught") != 1 || l.counter("activation.failed") != 0 {
		t.Errorf("caught %d, reported %d", l.counter("failure.caught"), l.counter("activation.failed"))
	}
}

// TestEveryFailureIsRemembered: of several failures in an activation each is handled by itself, and the host hears of
// the first that nothing handled, whatever order they came in. Once only the first was remembered, so that a Catch of
// it hid all others.
func TestEveryFailureIsRemembered(t *testing.T) {
	fail := func(f *fn, name string) program.Slot {
		return f.add(program.Op{Code: program.OpFail, Label: value.CodeLate, Name: name}, 1, 0)[0]
	}
	for _, c := range []struct {
		name  string
		build func(*fn)
		want  string // that the failure which is reported names, or nothing
	}{
		{"the first is caught", func(f *fn) {
			one, _ := fail(f, "one"), fail(f, "two")
			f.op(program.OpCatch, 2, one)
		}, "two"},
		{"the second is caught", func(f *fn) {
			_, two := fail(f, "one"), fail(f, "two")
			f.op(program.OpCatch, 2, two)
		}, "one"},
		{"both are caught", func(f *fn) {
			one, two := fail(f, "one"), fail(f, "two")
			f.op(program.OpCatch, 2, one)
			f.op(program.OpCatch, 2, two)
		}, ""},
		{"both are caught, the last first", func(f *fn) {
			one, two := fail(f, "one"), fail(f, "two")
			f.op(program.OpCatch, 2, two)
			f.op(program.OpCatch, 2, one)
		}, ""},
		{"one of three is left", func(f *fn) {
			one, _, three := fail(f, "one"), fail(f, "two"), fail(f, "three")
			f.op(program.OpCatch, 2, one)
			f.op(program.OpCatch, 2, three)
		}, "two"},
		{"an Any that has another value handles all", func(f *fn) {
			f.op(program.OpAny, 1, fail(f, "one"), fail(f, "two"), f.op(program.OpPassThrough, 1, 0)[0])
		}, ""},
		{"an Any handles what comes after its value", func(f *fn) {
			late := f.op(program.OpPassThrough, 1,
				f.op(program.OpPassThrough, 1, f.op(program.OpPassThrough, 1, fail(f, "one"))[0])[0])[0]
			f.op(program.OpAny, 1, 0, late)
		}, ""},
		{"an Any that has only failures passes the first on", func(f *fn) {
			f.op(program.OpAny, 1, fail(f, "one"), fail(f, "two"))
		}, "one"},
		{"an Any that failed is caught: the other is left", func(f *fn) {
			f.op(program.OpCatch, 2, f.op(program.OpAny, 1, fail(f, "one"), fail(f, "two"))[0])
		}, "two"},
	} {
		b := one()
		f := b.fn(program.KindInvoke, "try", 1)
		c.build(f)
		l := newLab(t, b, nil, tool())
		l.call("try", value.Int(5))
		l.rest()
		switch {
		case c.want == "" && len(l.app) != 0, c.want != "" &&
			(len(l.app) != 1 || !strings.Contains(l.app[0], " "+c.want)):
			t.Errorf("%s: told %q, want the failure of %q", c.name, l.app, c.want)
		}
	}
}
