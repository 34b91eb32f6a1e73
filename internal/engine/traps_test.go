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

// tool is a component that works, waits and is woken by the clock.
func tool() *scripted {
	return &scripted{
		invoke: func(s *scripted, ctx *Context, method string, in []value.Value) ([]value.Value, error) {
			switch method {
			case "work":
				ctx.Command("work", in)
				return nil, nil
			case "later":
				id := uint64(ctx.Park())
				s.state.Calls = append(s.state.Calls, id)
				ctx.Arm(1e6, id)
				return nil, nil
			}
			return nil, errors.New("no method " + method)
		},
		alarm: func(s *scripted, ctx *Context, token uint64) error {
			s.state.Calls = slices.DeleteFunc(s.state.Calls, func(c uint64) bool { return c == token })
			ctx.Resolve(CallID(token), value.Int(int64(token)))
			return nil
		},
	}
}

// stops are points of a run at which all the work that is left stands in one place, and what shows that it was done.
var stops = []struct {
	name  string
	until func(l *lab)
	held  func(s *snapshot.TransientSnapshot) int
	want  string
}{
	{"frontier", func(l *lab) {
		was, one := l.e.limits, *l.e.limits
		one.OpsPerPoll = 1
		l.e.bound(&one)
		l.call("chain", value.Int(4))
		l.poll()
		l.e.bound(was)
	}, func(s *snapshot.TransientSnapshot) int { return len(s.Frontier) }, "chain 4"},
	{"ingress", func(l *lab) { l.call("chain", value.Int(4)) },
		func(s *snapshot.TransientSnapshot) int { return len(s.Ingress) }, "chain 4"},
	{"pending_async", func(l *lab) { l.call("work", value.Int(4)); l.rest() },
		func(s *snapshot.TransientSnapshot) int { return len(s.PendingAsync) }, "worked 40"},
	{"pending_completions", func(l *lab) { l.call("work", value.Int(4)); l.rest(); l.done(1, value.Int(40)) },
		func(s *snapshot.TransientSnapshot) int { return len(s.PendingCompletions) }, "worked 40"},
	{"bus", func(l *lab) { l.call("work", value.Int(4)); l.rest(); l.done(1, value.Int(40)); l.poll() },
		func(s *snapshot.TransientSnapshot) int { return len(s.Bus.Queue) }, "heard 40"},
	{"parked by a component", func(l *lab) { l.call("later", value.Int(4)); l.rest() },
		func(s *snapshot.TransientSnapshot) int { return len(s.Parked) }, "late 1"},
	{"parked by a hold", func(l *lab) { l.call("take", value.Int(4)); l.rest() },
		func(s *snapshot.TransientSnapshot) int { return len(s.Parked) }, "took 9"},
	{"timers", func(l *lab) { l.call("sleep", value.Int(4)); l.rest() },
		func(s *snapshot.TransientSnapshot) int { return len(s.Framework.Timers) }, "slept 4"},
	{"outbox", func(l *lab) { l.call("send", value.Int(4)); l.rest(); l.packets = nil },
		func(s *snapshot.TransientSnapshot) int { return len(s.Framework.PendingOutbound) }, "packet other 4"},
	{"app events", func(l *lab) { l.call("chain", value.Int(4)); l.rest(); l.app = nil },
		func(s *snapshot.TransientSnapshot) int { return len(s.AppEvents) }, "chain 4"},
	{"questions", func(l *lab) {
		l.call("ask", value.Int(4))
		l.rest()
		l.tell(l.from("other", wire.Envelope{Edge: -1, AckEpoch: 1, Ack: 1}))
		l.rest()
	}, func(s *snapshot.TransientSnapshot) int {
		return len(s.Framework.Requests) - len(s.Framework.PendingOutbound)
	}, "answered [7 other 4]"},
	{"holds", func(l *lab) { l.call("put", value.Int(8)); l.rest() },
		func(s *snapshot.TransientSnapshot) int { return len(s.Framework.Holds) }, "took 8"},
	{"queues", func(l *lab) { l.call("enqueue", value.Int(8)); l.rest() },
		func(s *snapshot.TransientSnapshot) int { return len(s.Framework.Queues) }, "dequeued 8"},
}

// stopProgram is the part that the stops run.
func stopProgram() *builder {
	b := one()
	back := b.fn(program.KindRecv, "back", 3)
	back.get().Edge = 2
	back.emit("answered", back.op(program.OpBundle, 1, 0, 1, 2)[0])
	in := func(name string) *fn { return b.fn(program.KindInvoke, name, 1) }
	f := in("chain")
	f.emit("chain", f.op(program.OpPassThrough, 1, f.op(program.OpPassThrough, 1, 0)[0])[0])
	f = in("work")
	f.emit("worked", f.op(program.OpGate, 1, f.use("work", 1, 0)[0],
		f.add(program.Op{Code: program.OpPublish, Label: "kind"}, 1, f.get().Ops[0].Out[0])[0])[0])
	f = b.fn(program.KindEvent, "kind", 1)
	f.emit("heard", 0)
	f = in("later")
	f.emit("late", f.use("later", 1, 0)[0])
	f = in("take")
	f.emit("took", f.add(program.Op{Code: program.OpHoldTake, Label: "h"}, 1, 0)[0])
	f = in("put")
	f.add(program.Op{Code: program.OpHoldPut, Label: "h"}, 1, 0)
	f = in("enqueue")
	f.add(program.Op{Code: program.OpQueuePut, Label: "q", N: 4}, 1, 0)
	f = in("dequeue")
	f.emit("dequeued", f.add(program.Op{Code: program.OpQueueTake, Label: "q"}, 1, 0)[0])
	f = in("sleep")
	f.emit("slept", f.add(program.Op{Code: program.OpSleep, Delay: 1e6}, 1, 0)[0])
	f = in("send")
	f.add(program.Op{Code: program.OpSend, Edge: 0}, 1, f.peer(), 0)
	f = in("ask")
	f.add(program.Op{Code: program.OpRequest, Edge: 1}, 1, f.peer(), 0, 0)
	return b
}

// finish restarts the engine and gives it all that it could wait for, and returns what left it.
func finish(l *lab, took bool) string {
	l.t.Helper()
	l.app, l.packets = nil, nil
	l.tell(&Event{Restarted: &snapshot.RestartedEvent{Incarnation: 2}})
	l.rest()
	for _, c := range l.e.Pending() {
		l.done(c.ID, value.Int(10*int64(c.Inputs[0].(value.Int))))
	}
	l.rest()
	if took {
		l.call("put", value.Int(9))
	} else {
		l.call("take", value.Int(0))
	}
	l.call("dequeue", value.Int(0))
	l.tell(l.from("other", wire.Envelope{Edge: 2, Number: 1, Answer: wire.Request{Epoch: 1, ID: 1},
		Fills: []wire.Fill{{Site: 0, Value: value.Int(7)}}}))
	for range 20 {
		l.wait(10e9)
	}
	s := strings.Join(l.app, "\n")
	for _, p := range l.packets {
		env, err := wire.Decode(p.Raw, l.cfg.Registry, l.cfg.Limits.Wire)
		if err != nil {
			l.t.Fatal(err)
		}
		for _, f := range env.Fills {
			s += fmt.Sprintf("\npacket %s %s", p.To, show(f.Value))
		}
	}
	return s
}

// TestEveryQueueIsKept (trap lost-queue): wherever work waits, a snapshot holds it, and the restored engine does it
// exactly as the one that lived on. Each place is tried when it is the only one that holds anything.
func TestEveryQueueIsKept(t *testing.T) {
	for _, stop := range stops {
		t.Run(stop.name, func(t *testing.T) {
			l := newLab(t, stopProgram(), nil, tool())
			stop.until(l)
			if n := stop.held(l.snap()); n == 0 {
				t.Fatal("the snapshot does not hold the work that waits there")
			}
			took := stop.name == "parked by a hold"
			m := l.reborn(tool())
			got, want := finish(m, took), finish(l, took)
			if got != want {
				t.Errorf("restored: %s\nlived on: %s", got, want)
			}
			if !slices.Contains(strings.Split(got, "\n"), stop.want) {
				t.Errorf("the work was lost: %q is not in\n%s", stop.want, got)
			}
		})
	}
}

// TestNumbersGoOn (trap reused-ids): after a restore no number is given out twice, so a late result of an old command
// finds nothing, and lands in no new activation.
func TestNumbersGoOn(t *testing.T) {
	l := newLab(t, stopProgram(), nil, tool())
	l.call("work", value.Int(1))
	l.call("later", value.Int(1))
	l.call("ask", value.Int(1))
	l.rest()
	l.done(1, value.Int(10))
	l.wait(10e6)
	m := l.reborn(tool())
	m.call("work", value.Int(2))
	m.call("later", value.Int(2))
	m.call("ask", value.Int(2))
	m.rest()
	if p := m.e.Pending(); len(p) != 1 || p[0].ID != 2 {
		t.Fatalf("commands %+v, want one with number 2", p)
	}
	m.done(1, value.Int(666)) // the worker of the old life
	m.rest()
	if got := m.counter("completion.unknown"); got != 1 || len(m.e.Pending()) != 1 {
		t.Errorf("an old result: %d were refused, %d commands are pending", got, len(m.e.Pending()))
	}
	m.done(2, value.Int(20))
	m.wait(10e6)
	if got := strings.Join(m.app, ", "); strings.Contains(got, "666") || !strings.Contains(got, "worked 20") ||
		!strings.Contains(got, "late 2") {
		t.Errorf("the new life told %s", got)
	}
	if s := m.snap(); s.AppEvents[len(s.AppEvents)-1].Number != uint64(len(s.AppEvents)) ||
		len(s.Framework.Requests) != 2 ||
		s.Framework.Requests[1].Request != 2 || s.Framework.NextExecID <= l.snap().Framework.NextExecID {
		t.Errorf("numbers began anew: %d events, last %d, questions %+v", len(s.AppEvents),
			s.AppEvents[len(s.AppEvents)-1].Number, s.Framework.Requests)
	}
}

// TestAnOpFiresOnce (trap uncounted-readiness): an op of several inputs fires when its last one arrives, and once,
// whatever arrives how; what it sends is on the wire once.
func TestAnOpFiresOnce(t *testing.T) {
	b := one()
	f := b.fn(program.KindInvoke, "go", 1)
	var slept []program.Slot
	for i := range 4 {
		slept = append(slept, f.add(program.Op{Code: program.OpSleep, Delay: int64(i) * 1e6}, 1, 0)[0])
	}
	all := f.op(program.OpBundle, 1, slept...)[0]
	f.emit("all", all)
	f.add(program.Op{Code: program.OpSend, Edge: 0}, 1, f.peer(), f.op(program.OpGate, 1, slept[0], all)[0])
	f.emit("two", f.add(program.Op{Code: program.OpThreshold, N: 2}, 1, slept...)[0])
	f.emit("any", f.op(program.OpAny, 1, slept[3], slept[1])[0])
	f.add(program.Op{Code: program.OpCount, Label: "twice read"}, 0, f.op(program.OpGate, 1, slept[1], slept[1])[0])
	l := newLab(t, b, nil, tool())
	l.call("go", value.Int(5))
	for range 10 {
		l.wait(0.5e6)
	}
	for _, want := range []string{"all [5 5 5 5]", "two trigger", "any 5"} {
		if n := count(l.app, want); n != 1 {
			t.Errorf("%q was told %d times: %v", want, n, l.app)
		}
	}
	if n := l.counter("twice read"); n != 1 {
		t.Errorf("an op that reads one value twice fired %d times", n)
	}
	if len(l.packets) != 1 {
		t.Errorf("%d packets are on the wire, want 1", len(l.packets))
	}
}

func count(texts []string, want string) (n int) {
	for _, s := range texts {
		if s == want {
			n++
		}
	}
	return n
}

// TestLimitsMakeWait (trap limit-fails): work that meets a limit waits for its turn and is done; none of it fails.
func TestLimitsMakeWait(t *testing.T) {
	const calls = 6
	for name, c := range map[string]struct {
		limit func(*Limits)
		call  string
		want  string
	}{
		"commands":    {func(l *Limits) { l.PendingCommands = 1 }, "work", "worked"},
		"activations": {func(l *Limits) { l.Frames = 1 }, "work", "worked"},
		"values":      {func(l *Limits) { l.SlotBytes = 1 }, "work", "worked"},
		"app events":  {func(l *Limits) { l.AppEvents = 1 }, "chain", "chain"},
		"outbox":      {func(l *Limits) { l.OutboxEnvelopes = 1 }, "send", "packet"},
		"op budget":   {func(l *Limits) { l.OpsPerPoll = 1 }, "chain", "chain"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, stopProgram(), c.limit, tool())
			for i := range calls {
				l.call(c.call, value.Int(i))
			}
			most, alive := 0, 0
			for range 20 * calls {
				l.rest()
				most, alive = max(most, len(l.e.Pending())), max(alive, len(l.snap().ExecutionState))
				for _, p := range l.e.Pending() {
					l.done(p.ID, p.Inputs[0])
				}
				l.tell(&Event{AppAck: &snapshot.AppAckEvent{UpTo: l.snap().Framework.NextAppEvent - 1}})
				l.tell(l.from("other", wire.Envelope{Edge: -1, AckEpoch: 1, Ack: uint64(len(l.packets))}))
			}
			l.rest()
			if most > l.cfg.Limits.PendingCommands {
				t.Errorf("%d commands were given out at once", most)
			}
			if name == "values" && alive > 1 || alive > l.cfg.Limits.Frames {
				t.Errorf("%d activations were alive at once", alive)
			}
			for i := range calls {
				if c.want == "packet" {
					continue
				}
				if want := fmt.Sprint(c.want, " ", i); count(l.app, want) != 1 {
					t.Errorf("%q was told %d times: %v", want, count(l.app, want), l.app)
				}
			}
			if c.want == "packet" && len(l.packets) != calls {
				t.Errorf("%d of %d packets left", len(l.packets), calls)
			}
			if n := l.counter("activation.failed") + l.counter("op.failed"); n != 0 || !l.e.Idle() {
				t.Errorf("%d failures, idle %v", n, l.e.Idle())
			}
		})
	}
}

// TestResultsByPort (trap single-output): a command, and an op that a component answers later, give each output its own
// value, also when the result waits in a snapshot. A result with another number of values fails the op.
func TestResultsByPort(t *testing.T) {
	b := one()
	f := b.fn(program.KindInvoke, "go", 1)
	out := f.use("work", 3, 0)
	f.emit("out", f.op(program.OpBundle, 1, out[2], out[1], out[0])[0])
	l := newLab(t, b, nil, tool())
	l.call("go", value.Int(1))
	l.rest()
	l.done(1, value.Int(1), value.String("two"), value.Bool(true))
	m := l.reborn(tool())
	if c := m.snap().PendingCompletions; len(c) != 1 || len(c[0].Results) != 3 {
		t.Fatalf("the snapshot holds the completions %+v", c)
	}
	for _, x := range []*lab{l, m} {
		x.rest()
		if len(x.app) != 1 || x.app[0] != "out [true two 1]" {
			t.Errorf("told %v", x.app)
		}
	}
	m.call("go", value.Int(1))
	m.rest()
	m.done(2, value.Int(1))
	m.rest()
	if n := m.counter("op.failed"); n != 1 || !strings.HasPrefix(m.app[len(m.app)-1], FailureEvent) {
		t.Errorf("a result with one value of three: %d failures, told %v", n, m.app)
	}
}
