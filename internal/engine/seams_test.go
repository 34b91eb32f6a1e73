package engine

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/dataflow"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Faults of the seams between activations, deadlines and streams, by their numbers.

// TestKillKeepsTheDeadlinesOfQuestions (C17): the end of activation 1 at its deadline took away the deadlines of all
// questions of epoch 1.
func TestKillKeepsTheDeadlinesOfQuestions(t *testing.T) {
	b := newBuilder("one")
	b.p.Edges = []program.Edge{
		{ID: 0, Name: "job", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false},
			Reply: program.None},
		{ID: 1, Name: "ask", From: "one", To: "other", Sites: []program.SiteID{90001}, Trigger: []bool{false}, Reply: 2,
			Deadline: 5e9},
		{ID: 2, Name: "answer", From: "other", To: "one", Sites: []program.SiteID{1000}, Trigger: []bool{false},
			Answer: true, Reply: program.None},
	}
	f := b.fn(program.KindRecv, "job", 3)
	f.get().Edge = 0
	f.add(program.Op{Code: program.OpSleep, Delay: 1e12}, 1, 0)
	g := b.fn(program.KindRecv, "answer", 3)
	g.get().Edge = 2
	g.emit("answered", 2)
	h := b.fn(program.KindInvoke, "go", 1)
	h.add(program.Op{Code: program.OpRequest, Edge: 1}, 1, h.peer(), 0, 0)
	l := newLab(t, b, nil)
	l.tell(l.from("other", wire.Envelope{Edge: 0, Number: 1, Deadline: 1e9,
		Fills: []wire.Fill{{Site: 0, Value: value.Int(1)}}}))
	l.rest() // activation 1, in epoch 1
	l.call("go", value.Int(7))
	l.rest()
	l = l.reborn()
	for range 6 {
		l.wait(1e9)
	}
	if l.counter("deadline.passed") != 1 || l.counter("request.expired") != 1 || l.e.st.requests.Open() != 0 {
		t.Errorf("activations ended at a deadline %d, questions expired %d and open %d, want 1, 1 and 0",
			l.counter("deadline.passed"), l.counter("request.expired"), l.e.st.requests.Open())
	}
}

// TestSendForwardsInputs (C18): a component sends on what it was given; the slice of its inputs is cleared behind it.
func TestSendForwardsInputs(t *testing.T) {
	b := one()
	b.fn(program.KindInvoke, "go", 1).use("x", 0, 0)
	c := &scripted{invoke: func(_ *scripted, ctx *Context, _ string, in []value.Value) ([]value.Value, error) {
		return []value.Value{}, ctx.Send("other", "hello", in...)
	}}
	l := newLab(t, b, nil, c)
	l.call("go", value.Int(7))
	l.rest()
	l = l.reborn(&scripted{})
	l.wait(1e9) // the peer did not answer: it is sent again
	for _, p := range l.packets {
		env, err := wire.Decode(p.Raw, l.cfg.Registry, l.cfg.Limits.Wire)
		if err == nil && len(env.Fills) == 1 && show(env.Fills[0].Value) == "[7]" && env.Redelivered {
			return
		}
	}
	t.Errorf("none of %d packets is the message again", len(l.packets))
}

// failing answers each question with a failure.
func failing() *builder {
	b := newBuilder("one")
	b.p.Edges = []program.Edge{
		{ID: 0, Name: "ask", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false}, Reply: 1},
		{ID: 1, Name: "answer", From: "one", To: "other", Sites: []program.SiteID{90000}, Trigger: []bool{false},
			Answer: true, Reply: program.None},
	}
	f := b.fn(program.KindRecv, "ask", 3)
	f.get().Edge = 0
	f.add(program.Op{Code: program.OpFail, Label: "no"}, 1, 0)
	return b
}

func (l *lab) asked(n int, deadline int64) {
	for i := range n {
		l.tell(l.from("other", wire.Envelope{Edge: 0, Number: uint64(i + 1), Deadline: deadline,
			Request: wire.Request{Epoch: 1, ID: uint64(i + 1)}, Fills: []wire.Fill{{Site: 0, Value: value.Int(1)}}}))
	}
	l.rest()
}

// TestNoAnswerIsLost (C19): answers for which the outbox has no room wait for it, over a restore too.
func TestNoAnswerIsLost(t *testing.T) {
	l := newLab(t, failing(), func(lim *Limits) { lim.OutboxEnvelopes, lim.PeerEnvelopes = 4, 4 })
	const n = 20
	l.asked(n, 0)
	if got := l.counter("answer.waits"); got != n-5 || l.e.m.Figures().Activations != n-5 {
		t.Errorf("%d answers wait, of %d activations, want %d", got, l.e.m.Figures().Activations, n-5)
	}
	packets := l.packets
	l = l.reborn()
	l.packets = packets
	answered, seen := map[uint64]bool{}, 0
	for range 100 {
		for ; seen < len(l.packets); seen++ {
			if env, err := wire.Decode(l.packets[seen].Raw, l.cfg.Registry, l.cfg.Limits.Wire); err == nil &&
				env.Answer.IsSet() {
				answered[env.Answer.ID] = true
				l.tell(l.from("other", wire.Envelope{Edge: -1, AckEpoch: 1, Ack: env.Number}))
			}
		}
		l.wait(1e9)
	}
	if len(answered) != n || l.e.m.Figures().Activations+l.e.m.Figures().Parked != 0 {
		t.Errorf("%d of %d questions are answered, %d activations are left", len(answered), n,
			l.e.m.Figures().Activations)
	}
	audit(t, l.e)
}

// TestAnswersThatNobodyAwaitsAreDropped: who asked with a deadline has given up when it has passed; nothing is kept for
// it.
func TestAnswersThatNobodyAwaitsAreDropped(t *testing.T) {
	l := newLab(t, failing(), func(lim *Limits) { lim.OutboxEnvelopes, lim.PeerEnvelopes = 4, 4 })
	l.asked(20, 5e9)
	l.wait(6e9)
	if l.e.m.Figures().Activations+l.e.m.Figures().Parked != 0 || l.counter("answer.dropped") != 15 {
		t.Errorf("%d activations are left and %d answers were dropped, want 0 and 15", l.e.m.Figures().Activations,
			l.counter("answer.dropped"))
	}
	audit(t, l.e)
}

// TestSendsAreWholeOrUndone (C20): with room for one stream, a send to two peers that is tried thrice reaches nobody,
// and a question that cannot be asked is not open.
func TestSendsAreWholeOrUndone(t *testing.T) {
	b := newBuilder("one")
	b.p.Edges = []program.Edge{
		{ID: 0, Name: "ask", From: "one", To: "other", Sites: []program.SiteID{90001}, Trigger: []bool{false}, Reply: 1,
			Deadline: 1e9},
		{ID: 1, Name: "answer", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false},
			Answer: true, Reply: program.None},
		{ID: 2, Name: "tell", From: "one", To: "other", Sites: []program.SiteID{90002}, Trigger: []bool{false},
			Reply: program.None},
	}
	b.fn(program.KindRecv, "answer", 3).get().Edge = 1
	for name, peers := range map[string]value.Value{"ask2": value.NewList(value.Peer("p1"), value.Peer("p2")),
		"ask1": value.Peer("p1")} {
		h := b.fn(program.KindInvoke, name, 1)
		h.add(program.Op{Code: program.OpRequest, Edge: 0}, 1, h.constant(peers), 0, 0)
	}
	s := b.fn(program.KindInvoke, "tell", 1)
	s.add(program.Op{Code: program.OpSend, Edge: 2, Retry: program.Retry{Attempts: 3, Backoff: 1}}, 1,
		s.constant(value.NewList(value.Peer("p1"), value.Peer("p2"))), 0)
	l := newLab(t, b, func(lim *Limits) { lim.BookPeers, lim.Timers = 1, 3 })
	l.call("tell", value.Int(1))
	for range 4 {
		l.wait(10)
	}
	if len(l.packets) != 0 || l.counter("op.retried") != 2 {
		t.Errorf("%d packets went out in %d tries more, want none in 2", len(l.packets), l.counter("op.retried"))
	}
	for range 10 {
		l.call("ask2", value.Int(1))
		l.rest()
	}
	if n := l.e.st.requests.Open() + l.e.m.Armed() + len(l.packets); n != 0 {
		t.Errorf("ten questions that could not be asked left %d things behind", n)
	}
	for range 5 { // three have a timer; the others fail, for a question without its deadline is none
		l.call("ask1", value.Int(1))
		l.rest()
	}
	if open, armed := l.e.st.requests.Open(), l.e.m.Armed(); open != 3 || armed != 3 {
		t.Errorf("%d questions are open with %d deadlines, want 3 with 3", open, armed)
	}
	if l.wait(2e9); l.e.st.requests.Open() != 0 {
		t.Errorf("%d questions are open after their deadlines", l.e.st.requests.Open())
	}
	audit(t, l.e)
}

// TestSpansNearTheLargestNumber (C23): a timer that is armed for the end of time does not fire, and a wait that was
// doubled often is long.
func TestSpansNearTheLargestNumber(t *testing.T) {
	b := one()
	b.fn(program.KindInvoke, "arm", 1).use("arm", 0, 0)
	h := b.fn(program.KindInvoke, "go", 1)
	h.add(program.Op{Code: program.OpComponent, Method: "fail",
		Retry: program.Retry{Attempts: 30, Backoff: int64(3 * time.Hour)}}, 0, 0)
	tick := b.fn(program.KindInterval, "tick", 1)
	tick.get().Period = math.MaxInt64 - 2
	tick.emit("tick", 0)
	fired := 0
	var at []int64
	c := &scripted{
		invoke: func(_ *scripted, ctx *Context, method string, _ []value.Value) ([]value.Value, error) {
			if method == "arm" {
				ctx.Arm(math.MaxInt64, 1)
				return []value.Value{}, nil
			}
			at = append(at, ctx.Now())
			return nil, errors.New("no")
		},
		alarm: func(*scripted, *Context, uint64) error { fired++; return nil },
	}
	l := newLab(t, b, nil, c)
	l.wait(5)
	l.call("arm", value.Int(1))
	l.call("go", value.Int(1))
	l.rest()
	for range 40 {
		w := l.e.wake()
		if w == 0 || w == math.MaxInt64 {
			break
		}
		l.now = w
		l.rest()
	}
	if fired != 0 || len(l.app) > 1 { // the interval ticks once, when its time has come
		t.Errorf("a timer for the end of time fired %d times, an interval that is as long ticked %d times", fired,
			len(l.app))
	}
	for i := 2; i < len(at); i++ {
		if at[i]-at[i-1] < at[i-1]-at[i-2] {
			t.Errorf("try %d comes after %v, the one before after %v", i+1, time.Duration(at[i]-at[i-1]),
				time.Duration(at[i-1]-at[i-2]))
		}
	}
	if len(at) < 18 {
		t.Errorf("%d tries", len(at))
	}
}

// TestDeadlinePassesFailuresOnAtOnce: a failure that a Deadline waits for was told when the time was over, as if it had
// not come.
func TestDeadlinePassesFailuresOnAtOnce(t *testing.T) {
	b := one()
	h := b.fn(program.KindInvoke, "go", 1)
	bad := h.add(program.Op{Code: program.OpFail, Label: "no"}, 1, h.add(program.Op{Code: program.OpSleep, Delay: 10},
		1, 0)[0])
	d := h.add(program.Op{Code: program.OpDeadline, Delay: 1e9}, 2, bad[0])
	caught := h.add(program.Op{Code: program.OpCatch}, 2, d[0])
	h.emit("value", d[0])
	h.emit("caught", caught[1])
	h.emit("expired", d[1])
	l := newLab(t, b, nil, &scripted{})
	l.call("go", value.Int(1))
	l.rest()
	l.wait(10)
	if want := fmt.Sprint([]string{"caught [no go0.op1 the program says so]"}); fmt.Sprint(l.app) != want ||
		l.e.m.Armed() != 0 {
		t.Errorf("after 10 ns: %q and %d timers, want %s and none", l.app, l.e.m.Armed(), want)
	}
	if l.wait(2e9); l.e.m.Figures().Activations != 0 || len(l.app) != 1 {
		t.Errorf("in the end %q", l.app)
	}
}

// TestOneModelForManyPeers (C22): a send of 1 MiB to 300 peers holds 1 MiB in the outbox, over a restore too, until the
// last has it.
func TestOneModelForManyPeers(t *testing.T) {
	b := newBuilder("one")
	b.p.Edges = []program.Edge{
		{ID: 0, Name: "ask", From: "one", To: "other", Sites: []program.SiteID{90002}, Trigger: []bool{false},
			Reply: 1},
		{ID: 1, Name: "answer", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false},
			Answer: true, Reply: program.None},
	}
	b.fn(program.KindRecv, "answer", 3).get().Edge = 1
	s := b.fn(program.KindInvoke, "ask", 2)
	s.add(program.Op{Code: program.OpRequest, Edge: 0}, 1, 0, s.constant(value.Int(1)), 1)
	l := newLab(t, b, nil)
	const n = 300
	x, err := tensor.FromFloat32([]int{1 << 18}, make([]float32, 1<<18))
	if err != nil {
		t.Fatal(err)
	}
	var peers []value.Value
	for i := range n {
		peers = append(peers, value.Peer(crowdPeer(i)))
	}
	l.tell(&Event{Invoke: &snapshot.InvokeEvent{Name: "ask", Inputs: []value.Value{value.NewList(peers...),
		value.Tensor{Tensor: x}}}})
	l.rest()
	if l.e.st.streams.Unacknowledged() != n || len(l.app) != 0 {
		t.Fatalf("%d of %d envelopes are in the outbox: %q", l.e.st.streams.Unacknowledged(), n, l.app)
	}
	one := (value.Tensor{Tensor: x}).Bytes()
	l = l.reborn()
	for i := range n {
		if got := l.e.st.streams.Bytes(); got != one {
			t.Fatalf("%d of %d have it, and %d bytes are charged, want %d", i, n, got, one)
		}
		l.tell(l.from(crowdPeer(i), wire.Envelope{Edge: -1, AckEpoch: 1, Ack: 1}))
		l.rest()
	}
	if got := l.e.st.streams.Bytes(); got != 0 {
		t.Errorf("%d bytes are charged for nothing", got)
	}
	questions := l.e.st.requests.OutstandingAll()
	for _, q := range questions {
		if q.Fills[0].Value.(value.Tensor).Tensor != questions[0].Fills[0].Value.(value.Tensor).Tensor {
			t.Fatalf("after the restore the question to %s has a model of its own", q.To)
		}
	}
}

// TestKeptIsBoundedInBytes (C21): what queues, held values, rings, keys, the bus and the host's events keep is bounded
// in bytes, whatever the bounds in entries allow; a queue that is full of them goes on when it was emptied.
func TestKeptIsBoundedInBytes(t *testing.T) {
	const most = 1 << 20
	build := func(label string, add func(f *fn)) (*builder, string) {
		b := newBuilder("one")
		add(b.fn(program.KindInvoke, label, 1))
		take := b.fn(program.KindInvoke, "take", 1)
		take.add(program.Op{Code: program.OpQueueTake, Label: "q"}, 1, 0)
		return b, label
	}
	for _, c := range []struct {
		name string
		add  func(f *fn)
		of   func(k dataflow.Kept) int
		most int
	}{
		{"queue", func(f *fn) { f.add(program.Op{Code: program.OpQueuePut, Label: "q", N: 4096}, 1, 0) },
			func(k dataflow.Kept) int { return k.Store }, most},
		{"ring", func(f *fn) { f.add(program.Op{Code: program.OpRecord, Label: "r"}, 1, 0) },
			func(k dataflow.Kept) int { return k.Rings }, most / 4},
		{"keys", func(f *fn) { f.add(program.Op{Code: program.OpAnyOnce, Label: "k"}, 1, 0, 0) },
			func(k dataflow.Kept) int { return k.Keys }, most / 4},
		{"app", func(f *fn) { f.emit("event", 0) }, func(k dataflow.Kept) int { return k.App }, most / 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, label := build(c.name, c.add)
			l := newLab(t, b, func(lim *Limits) { lim.SlotBytes = most })
			for i := range 60 {
				l.call(label, value.NewBytes(append([]byte{byte(i)}, make([]byte, 40<<10)...)))
				l.rest()
				if n := c.of(l.e.m.Charges()); n > c.most || n != c.of(l.e.m.Figures().Kept) {
					t.Fatalf("after %d values %d bytes are kept, and %d charged, of at most %d", i+1, n,
						c.of(l.e.m.Figures().Kept), c.most)
				}
			}
			if n := c.of(l.e.m.Figures().Kept); n < c.most/2 {
				t.Errorf("%d bytes are kept, of at most %d: the test does not reach the bound", n, c.most)
			}
			audit(t, l.e)
			l = l.reborn()
			audit(t, l.e)
			if c.name != "queue" {
				return
			}
			for waiting := l.e.m.Figures().Parked; waiting > 0; waiting = l.e.m.Figures().Parked {
				l.call("take", value.Int(1))
				if l.rest(); l.e.m.Figures().Parked >= waiting {
					t.Fatalf("%d puts wait after a take, as before", l.e.m.Figures().Parked)
				}
			}
			if l.counter("queue.waits") == 0 {
				t.Error("no put waited")
			}
		})
	}
	b := newBuilder("one")
	b.fn(program.KindInvoke, "hold", 1).add(program.Op{Code: program.OpHoldPut, Label: "h"}, 1, 0)
	l := newLab(t, b, func(lim *Limits) { lim.SlotBytes = most; lim.InvokeBytes = 2 * most })
	for _, size := range []int{most / 2, 3 * most / 4, most + 1} {
		l.call("hold", value.NewBytes(make([]byte, size)))
		l.rest()
	}
	if l.e.m.Figures().Kept.Store < 3*most/4 || l.e.m.Figures().Kept.Store > most || l.counter("op.failed") != 1 {
		t.Errorf("%d bytes are held after a value took the place of another and one was too large; %d ops failed",
			l.e.m.Figures().Kept.Store, l.counter("op.failed"))
	}
	audit(t, l.e)
}
