package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// What one message, one deadline or one op that waits costs must not grow with how many others there are. Each test
// holds ten thousand against a hundred of the same process, with room for a loud machine: what grows with their number
// is beyond it by far.

const many, few = 10000, 100

// crowdEngine asks whom it is told to, with a deadline, and sleeps for whoever gives it a job.
func crowdEngine(t testing.TB, change ...func(*Limits)) *lab {
	b := newBuilder("one")
	b.p.Edges = []program.Edge{
		{ID: 0, Name: "ask", From: "one", To: "other", Sites: []program.SiteID{90001}, Trigger: []bool{false}, Reply: 1,
			Deadline: 3600e9},
		{ID: 1, Name: "answer", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false},
			Answer: true, Reply: program.None},
		{ID: 2, Name: "job", From: "other", To: "one", Sites: []program.SiteID{2000}, Trigger: []bool{false},
			Reply: program.None},
	}
	b.p.Components = []program.Component{{Name: "tool", Places: []string{"one"}}}
	b.fn(program.KindRecv, "answer", 3).get().Edge = 1
	ask := b.fn(program.KindInvoke, "ask", 1)
	k := ask.constant(value.Int(1))
	ask.add(program.Op{Code: program.OpRequest, Edge: 0}, 1, 0, k, k)
	job := b.fn(program.KindRecv, "job", 3)
	job.get().Edge = 2
	job.add(program.Op{Code: program.OpSleep, Delay: 1e15}, 1, 0)
	wait := b.fn(program.KindInvoke, "wait", 1)
	wait.use("park", 0, 0)
	once := b.fn(program.KindInvoke, "once", 1)
	once.add(program.Op{Code: program.OpAnyOnce, Label: "k"}, 1, 0, 0)
	tool := &scripted{invoke: func(s *scripted, ctx *Context, _ string, in []value.Value) ([]value.Value, error) {
		if in[0] != value.Int(0) {
			s.state.Calls = append(s.state.Calls, uint64(ctx.Park()))
			return nil, nil
		}
		for _, id := range s.state.Calls {
			ctx.Resolve(CallID(id))
		}
		s.state.Calls = nil
		return []value.Value{}, nil
	}}
	l := newLab(t, b, func(lim *Limits) {
		lim.OutboxEnvelopes, lim.Requests, lim.Frames, lim.BookPeers, lim.Timers, lim.Parked = 1<<20, 1<<20, 1<<20,
			1<<20, 1<<20, 1<<20
		lim.IngressEvents, lim.IngressBytes = 1<<20, 1<<30
		lim.OpsPerPoll = 1000
		for _, f := range change {
			f(lim)
		}
	}, tool)
	l.e.m.Observe(nil, false)
	return l
}

func crowdPeer(i int) wire.PeerID { return wire.PeerID(fmt.Sprintf("peer%07d", i)) }

// quiet polls until nothing is to be done, and returns how long that took and how long the longest Poll did.
func (l *lab) quiet() (all, longest time.Duration) {
	for more := true; more; {
		at := time.Now()
		more = l.e.Poll(l.now).More
		took := time.Since(at)
		all, longest = all+took, max(longest, took)
	}
	return all, longest
}

// answers returns what one of n answers takes while a deadline is armed for each open question.
func answers(t testing.TB, n int) time.Duration {
	l := crowdEngine(t)
	peers := make([]value.Value, n)
	for i := range peers {
		peers[i] = value.Peer(crowdPeer(i))
	}
	l.call("ask", value.NewList(peers...))
	l.quiet()
	if got := l.e.st.requests.Open(); got != n || l.e.m.Armed() != n {
		t.Fatalf("%d questions are open, with %d timers", got, l.e.m.Armed())
	}
	for i := range n {
		l.tell(l.from(crowdPeer(i), wire.Envelope{Edge: 1, Number: 1, AckEpoch: 1, Ack: 1,
			Answer: wire.Request{Epoch: 1, ID: uint64(i + 1)}, Fills: []wire.Fill{{Value: value.Int(1)}}}))
	}
	took, _ := l.quiet()
	if l.e.st.requests.Open()+l.e.m.Armed() != 0 {
		t.Fatal("questions or deadlines are left after all answers")
	}
	return took / time.Duration(n)
}

// deadlines returns what the end of one of n activations takes whose deadlines pass together.
func deadlines(t testing.TB, n int) time.Duration {
	l := crowdEngine(t)
	for i := range n {
		l.tell(l.from(crowdPeer(i), wire.Envelope{Edge: 2, Number: 1, Deadline: 1e9,
			Fills: []wire.Fill{{Site: 2000, Value: value.Int(1)}}}))
	}
	l.quiet()
	if l.e.m.Figures().Activations != n {
		t.Fatalf("%d activations live, want %d", l.e.m.Figures().Activations, n)
	}
	l.now += 2e9
	took, _ := l.quiet()
	if l.e.m.Figures().Activations+l.e.m.Armed() != 0 {
		t.Fatal("activations or timers are left after all deadlines")
	}
	return took / time.Duration(n)
}

// resolved returns what one of n ops takes that a component lets go on, and that waited beside the others.
func resolved(t testing.TB, n int) time.Duration {
	l := crowdEngine(t)
	for range n {
		l.call("wait", value.Int(1))
	}
	l.quiet()
	if l.e.m.Figures().Parked != n {
		t.Fatalf("%d ops wait, want %d", l.e.m.Figures().Parked, n)
	}
	l.call("wait", value.Int(0))
	took, _ := l.quiet()
	if l.e.m.Figures().Parked+l.e.m.Figures().Activations != 0 {
		t.Fatal("ops wait after all were let go on")
	}
	return took / time.Duration(n)
}

// passed returns what a value takes that comes for the first time, beside n others, of which the oldest is forgotten
// each time.
func passed(t testing.TB, n int) time.Duration {
	l := crowdEngine(t, func(lim *Limits) { lim.Latches = n })
	const more = 2000
	took := time.Duration(0)
	for i := range n + more {
		l.call("once", value.Int(i))
		if one, _ := l.quiet(); i >= n {
			took += one
		}
	}
	if got := l.e.m.Figures().Keys; got != n || l.counter("latch.forgotten") != more {
		t.Fatalf("%d keys are kept, want %d", got, n)
	}
	return took / more
}

// alike fails when one of many costs more than bound times one of few, in the best of some tries.
func alike(t *testing.T, bound float64, measure func(testing.TB, int) time.Duration) {
	t.Helper()
	least := 0.0
	for try := range 16 {
		a, b := measure(t, few), measure(t, many)
		if r := float64(b) / float64(max(a, 1)); try == 0 || r < least {
			least = r
		}
		if least <= bound {
			t.Logf("one of %d costs %.1f times one of %d: %v and %v", many, least, few, b, a)
			return
		}
	}
	t.Errorf("one of %d costs %.1f times one of %d, want at most %.0f times", many, least, few, bound)
}

// TestAnswersCostAlike (S1): each answer looked at the deadlines of all open questions.
func TestAnswersCostAlike(t *testing.T) { alike(t, 8, answers) }

// TestDeadlinesCostAlike (S1): each activation that ended at its deadline had all activations, commands and timers
// looked at.
func TestDeadlinesCostAlike(t *testing.T) { alike(t, 20, deadlines) }

// TestWaitingOpsCostAlike: each op that a component let go on had all that wait looked at.
func TestWaitingOpsCostAlike(t *testing.T) { alike(t, 20, resolved) }

// TestSeenKeysCostAlike: each value that passes once had all keys looked at that were seen before.
func TestSeenKeysCostAlike(t *testing.T) { alike(t, 8, passed) }

// TestPollIsBoundedInTimers (S1): however many deadlines pass together, a Poll ends as many activations as it may run
// ops, and says that more is to be done.
func TestPollIsBoundedInTimers(t *testing.T) {
	l := crowdEngine(t)
	n := 3*l.cfg.Limits.OpsPerPoll + 1
	for i := range n {
		l.tell(l.from(crowdPeer(i), wire.Envelope{Edge: 2, Number: 1, Deadline: 1e9,
			Fills: []wire.Fill{{Site: 2000, Value: value.Int(1)}}}))
	}
	l.quiet()
	l.now += 2e9
	for polls := 1; ; polls++ {
		before := l.e.m.Figures().Activations
		more := l.e.Poll(l.now).More
		if ended := before - l.e.m.Figures().Activations; ended > l.cfg.Limits.OpsPerPoll {
			t.Fatalf("poll %d ends %d activations, want at most %d", polls, ended, l.cfg.Limits.OpsPerPoll)
		}
		if left := l.e.m.Figures().Activations; more != (left > 0) {
			t.Fatalf("%d activations are left after poll %d, and more is %v", left, polls, more)
		}
		if !more {
			if polls != 4 {
				t.Errorf("%d polls, want 4", polls)
			}
			return
		}
	}
}

func perMessage(b *testing.B, measure func(testing.TB, int) time.Duration) {
	for _, n := range []int{few, many} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var sum time.Duration
			for range b.N {
				sum += measure(b, n)
			}
			b.ReportMetric(float64(sum.Nanoseconds())/float64(b.N), "ns/each")
		})
	}
}

// BenchmarkAnswer is an answer while a deadline is armed for each open question.
func BenchmarkAnswer(b *testing.B) { perMessage(b, answers) }

// BenchmarkDeadline is the end of an activation whose deadline passes with those of all others.
func BenchmarkDeadline(b *testing.B) { perMessage(b, deadlines) }

// BenchmarkResolve is an op that a component lets go on.
func BenchmarkResolve(b *testing.B) { perMessage(b, resolved) }
