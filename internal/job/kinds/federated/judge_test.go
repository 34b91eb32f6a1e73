package federated

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// TestJudgedCohorts: a strategy that needs more updates than a round can have is refused, by the figures.
func TestJudgedCohorts(t *testing.T) {
	for _, x := range []struct {
		set  map[string]string
		want string
	}{
		{map[string]string{"strategy": "krum"},
			`strategy is "krum f=1"; want one for rounds of up to 3 updates: it needs 5`},
		{map[string]string{"strategy": "bulyan f=2", "clients": "10"}, "rounds of up to 10 updates: it needs 11"},
		{map[string]string{"strategy": "krum", "clients": "8", "cohort": "4"}, "up to 4 updates: it needs 5"},
		{map[string]string{"strategy": "krum", "clients": "8", "fraction": "0.5"}, "up to 4 updates: it needs 5"},
		{map[string]string{"strategy": "multi-krum keep=9", "clients": "8"}, "up to 8 updates: it needs 9"},
		{map[string]string{"strategy": "krum", "clients": "8", "quorum": "4"},
			"quorum is 4; want at least 5 beside strategy krum f=1"},
		{map[string]string{"strategy": "krum f=0"}, ""},
		{map[string]string{"strategy": "krum", "clients": "5"}, ""},
		{map[string]string{"strategy": "krum", "clients": "0"}, ""},
		{map[string]string{"strategy": "krum", "clients": "8", "deadline": "1s"}, ""},
		{map[string]string{"strategy": "krum", "clients": "8", "cohort": "4", "over": "2", "grace": "1s"}, ""},
	} {
		_, err := small().With(x.set)
		if e := new(job.ConfigError); x.want == "" && err != nil || x.want != "" && (!errors.As(err, &e) ||
			!strings.Contains(err.Error(), x.want)) {
			t.Errorf("%v: %v; want %q", x.set, err, x.want)
		}
	}
}

// gathering runs a job in chunks and calls do once, when the second pass over the updates of a round is under way.
func gathering(t *testing.T, c Config, do func(v *virtual, server *sim.Node, g *aggregator.Gather)) *virtual {
	t.Helper()
	v := newVirtual(t, c, 3, sim.Network{Latency: sim.Latency{Min: 5 * time.Millisecond}})
	v.lenient = true
	server, done := v.w.Nodes()[0], false
	var watch func()
	watch = func() {
		g := server.Node().Component("aggregator").State().(*aggregator.State).Gather
		if g != nil && g.Judging != nil && g.Judging.Weights != nil {
			do(v, server, g)
			done = true
			return
		}
		v.w.At(v.w.Now()+time.Millisecond, watch)
	}
	v.w.At(0, watch)
	v.run()
	if !done {
		t.Fatal("no update was asked for a second time")
	}
	return v
}

// TestJudgedAgainWithoutWhoVanishes: a client that vanishes when it was judged, and before it gave its update for the
// model, had a part in the weights: the others are judged anew, and the job goes on.
func TestJudgedAgainWithoutWhoVanishes(t *testing.T) {
	c := small()
	c.Rounds, c.Chunk, c.Deadline, c.MinAvailable, c.Strategy = 2, 1, 2*time.Second, 3, "geometric-median"
	v := gathering(t, c, func(v *virtual, _ *sim.Node, _ *aggregator.Gather) {
		v.w.Split([]*sim.Node{v.w.Nodes()[2]}, false, 10*time.Second)
	})
	if len(v.members) != 2 || v.members[0] != 2 || v.members[1] < 1 {
		t.Errorf("rounds of %v clients, want 2 in the first of 2", v.members)
	}
}

// TestWhoeverTurnsIsDropped: a client that gives other numbers for the model than those that it was judged by does not
// count, and the others are judged anew.
func TestWhoeverTurnsIsDropped(t *testing.T) {
	c := small()
	c.Rounds, c.Chunk, c.Deadline, c.MinAvailable, c.Strategy = 1, 1, time.Minute, 3, "geometric-median"
	v := gathering(t, c, func(_ *virtual, _ *sim.Node, g *aggregator.Gather) {
		g.Judging.Marks[1][0] ^= 1 // as if it had given others before
	})
	if len(v.members) != 1 || v.members[0] != 2 {
		t.Errorf("rounds of %v clients, want one of 2", v.members)
	}
	turned := engine.Counter{Name: "aggregator.turned", Count: 1}
	if !slices.Contains(v.w.Nodes()[0].Node().Engine().Counters(), turned) {
		t.Error("none is counted that turned")
	}
}

// TestTooFewToJudge: a round that closes with fewer updates than its strategy needs ends the job, and says so.
func TestTooFewToJudge(t *testing.T) {
	for _, chunk := range []int{0, 1} {
		c := small()
		c.Rounds, c.Clients, c.Strategy, c.Deadline, c.Chunk = 2, 5, "krum", time.Second, chunk
		v := newVirtual(t, c, 3, sim.Network{Latency: sim.Latency{Min: 5 * time.Millisecond}})
		v.lenient = true
		v.w.Split([]*sim.Node{v.w.Nodes()[2]}, false, time.Hour)
		err := v.w.Run(time.Hour, func() bool { return v.failed != "" || v.file != nil })
		if err != nil || !strings.Contains(v.failed, "updates; krum f=1 wants 5 or more") {
			t.Errorf("in chunks of %d: the job ended with %q, %v", chunk, v.failed, err)
		}
	}
}
