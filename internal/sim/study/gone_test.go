package study

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// gone is a job of which clients leave for good.
type gone struct {
	name    string
	set     map[string]string
	victims []int         // clients
	at      time.Duration // from here on, one after the other
	bound   time.Duration // in which the job ends, of virtual time
}

// run returns what came of it, and fails when the job does not end within its bound.
func (g gone) run(t *testing.T) *Result {
	t.Helper()
	set := map[string]string{"data": "synthetic", "hidden": "4", "epochs": "1", "batch": "64"}
	for k, v := range g.set {
		set[k] = v
	}
	c, err := federated.Default().With(set)
	if err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Job, o.Limit, o.Restart = c, g.bound, sim.Latency{Min: 1000 * time.Hour}
	o.Unleash = func(w *sim.World, _ *Study) {
		for k, v := range g.victims {
			w.At(g.at+time.Duration(k)*37*time.Millisecond, func() { w.Kill(w.Nodes()[1+v]) })
		}
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Run(context.Background())
	if err != nil || !r.Done {
		t.Fatalf("%s without %v: it does not end within %v: round %d of %d, %v", g.name, g.victims, g.bound,
			s.last.Round, c.Rounds, err)
	}
	return r
}

// TestAJobWithAQuorumEndsWithoutThoseWhoAreGone: whichever client, and any minority of them, is killed at any time and
// never comes back, a job ends that can do without them. The first releases began no round without all clients (cases 1
// and 2).
func TestAJobWithAQuorumEndsWithoutThoseWhoAreGone(t *testing.T) {
	jobs := []gone{
		{name: "a quorum of all but one", set: map[string]string{"clients": "3", "quorum": "2"}},
		{name: "a quorum and a deadline", set: map[string]string{"clients": "3", "quorum": "2", "deadline": "3s"}},
		{name: "a deadline alone", set: map[string]string{"clients": "3", "deadline": "2s"}},
		{name: "a cohort", set: map[string]string{"clients": "5", "cohort": "2", "over": "1"}},
		{name: "a quorum of a cohort", set: map[string]string{"clients": "5", "cohort": "3", "quorum": "2"}},
		{name: "a cohort with a deadline", set: map[string]string{"clients": "5", "cohort": "2", "deadline": "2s"}},
		{name: "a fraction", set: map[string]string{"clients": "5", "fraction": "0.4", "min_available": "2"}},
		{name: "a grace", set: map[string]string{"clients": "5", "quorum": "3", "grace": "200ms"}},
		{name: "in chunks", set: map[string]string{"clients": "3", "quorum": "2", "chunk": "1"}},
		{name: "in chunks with a deadline", set: map[string]string{"clients": "5", "quorum": "3", "deadline": "2s",
			"chunk": "1"}},
	}
	for _, g := range jobs {
		t.Run(strings.ReplaceAll(g.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			g.set["rounds"], g.set["heartbeat"] = "12", "200ms"
			clients := len(g.set["clients"])
			fmt.Sscan(g.set["clients"], &clients)
			for first := range clients {
				for _, at := range []time.Duration{0, 90 * time.Millisecond, 431 * time.Millisecond} {
					g.at, g.victims, g.bound = at, []int{first}, 3*time.Minute
					if at == 0 && g.set["min_available"] == "" && g.set["quorum"] == "" && g.set["cohort"] != "" &&
						g.set["deadline"] == "" {
						g.at = time.Millisecond
					}
					g.run(t)
				}
			}
			for first := range clients {
				g.victims, g.at = nil, 200*time.Millisecond
				for k := range (clients - 1) / 2 {
					g.victims = append(g.victims, (first+2*k)%clients)
				}
				g.run(t)
			}
		})
	}
}

// TestTheDeadHoldUpNobody: a client is away for more rounds than its part of the outbox holds messages, so long before
// its heartbeat is missed that each round still asks it. The living do not wait for it (case 2), and nothing of it is
// left but the newest question.
func TestTheDeadHoldUpNobody(t *testing.T) {
	g := gone{name: "2,000 rounds", victims: []int{1}, at: 300 * time.Millisecond, bound: time.Hour,
		set: map[string]string{
			"clients": "3", "quorum": "2", "rounds": "2000", "heartbeat": "1h",
		}}
	g.run(t)
}

// TestWhoIsAwayTrainsTheNewestRoundOnly: a client that was away for hundreds of rounds is asked for the newest alone
// when it is back.
func TestWhoIsAwayTrainsTheNewestRoundOnly(t *testing.T) {
	c, err := federated.Default().With(map[string]string{"data": "synthetic", "hidden": "4", "epochs": "1",
		"batch":   "64",
		"clients": "3", "quorum": "2", "rounds": "600", "heartbeat": "1h"})
	if err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Job = c
	o.Unleash = func(w *sim.World, _ *Study) {
		w.At(300*time.Millisecond, func() { w.Split([]*sim.Node{w.Nodes()[2]}, false, 20*time.Second) })
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	server, away := s.w.Nodes()[0], s.w.Nodes()[2]
	if n := CounterOf(server, "request.withdrawn"); n < 400 {
		t.Errorf("%d questions were withdrawn, although one of three never answers in time", n)
	}
	state, err := server.Node().Engine().Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	for _, x := range state.Framework.PendingOutbound {
		if x.Peer == string(away.Peer) {
			left++
		}
	}
	if left > 4 {
		t.Errorf("%d messages are left for who was away", left)
	}
	if late := CounterOf(server, "answer.unknown") + CounterOf(server, "aggregator.refused.late"); late > 350 {
		t.Errorf("%d answers came too late: rounds that were over were trained", late)
	}
}

// TestAFailedJobEnds: training that diverges ends a job with the round, the clients and the reason, or goes on as the
// job says; it never waits for answers that were refused (case 5, U9).
func TestAFailedJobEnds(t *testing.T) {
	for _, x := range []struct {
		name string
		set  map[string]string
		ends bool
	}{
		{"all needed", map[string]string{}, true},
		{"quorum and deadline", map[string]string{"quorum": "2", "deadline": "3s"}, true},
		{"quorum", map[string]string{"quorum": "2"}, true},
		{"retry", map[string]string{"quorum": "2", "cohort": "2", "on_failed_round": "retry"}, true},
		{"skip", map[string]string{"quorum": "2", "on_failed_round": "skip"}, false},
		{"in chunks", map[string]string{"chunk": "8"}, true},
		{"in chunks, with quorum and deadline", map[string]string{"chunk": "8", "quorum": "1", "deadline": "1s"}, true},
		{"in chunks, skip", map[string]string{"chunk": "8", "on_failed_round": "skip"}, false},
	} {
		set := map[string]string{"clients": "4", "rounds": "6", "learning_rate": "10", "momentum": "0.99",
			"hidden": "64", "layers": "4"}
		for k, v := range x.set {
			set[k] = v
		}
		c, err := federated.Default().With(set)
		if err != nil {
			t.Fatal(err)
		}
		o := options()
		o.Job, o.Limit = c, 10*time.Minute
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Run(context.Background())
		failed, _ := err.(*job.FailedError)
		switch {
		case !x.ends && (err != nil || !r.Done):
			t.Errorf("%s: %v", x.name, err)
		case x.ends && (failed == nil || failed.Round < 1 || len(failed.Clients) == 0 ||
			!strings.Contains(failed.Reason, "diverged")):
			t.Errorf("%s: %v", x.name, err)
		case x.ends:
			if observe.FailedBy(s.w.Nodes()[0].Node()) == nil {
				t.Errorf("%s: the server does not know that its job has failed", x.name)
			}
			if slices.ContainsFunc(failed.Clients, func(c string) bool { return c == "" }) {
				t.Errorf("%s: clients %q", x.name, failed.Clients)
			}
		}
	}
}

// options returns those of a short run on a plain network.
func options() Options {
	return Options{
		Network: sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 20 * time.Millisecond}},
		Sync:    sim.Latency{Min: time.Millisecond}, Work: sim.Latency{Min: time.Millisecond},
		Restart: sim.Latency{Min: time.Second},
		Durable: true,
	}
}

// TestCurvesAreBounded: a long curve keeps half of its points, evenly, and goes on in longer steps.
func TestCurvesAreBounded(t *testing.T) {
	s := series{every: time.Second}
	for i := range 50 * SamplesMax {
		if at := time.Duration(i) * time.Second; at >= s.next {
			s.add(Sample{At: at})
		}
		if len(s.points) >= SamplesMax {
			t.Fatalf("%d points", len(s.points))
		}
	}
	for i := 1; i < len(s.points); i++ {
		if d := s.points[i].At - s.points[i-1].At; d != s.every {
			t.Fatalf("points %d and %d are %v apart, want %v", i-1, i, d, s.every)
		}
	}
	if s.every != 64*time.Second {
		t.Errorf("points are %v apart", s.every)
	}
}
