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
		{map[string]string{"strategy": "multi-krum keep=9", "clients": "8"}, "up to 8 updates: it needs 12"},
		{map[string]string{"strategy": "multi-krum keep=5", "clients": "5"}, "up to 5 updates: it needs 8"},
		{map[string]string{"strategy": "multi-krum keep=5 flwr=1", "clients": "5"}, "up to 5 updates: it needs 6"},
		{map[string]string{"strategy": "multi-krum keep=2", "clients": "5"}, ""},
		{map[string]string{"strategy": "krum", "clients": "8", "quorum": "4"},
			"quorum is 4; want at least 5 beside strategy krum f=1"},
		{map[string]string{"strategy": "krum f=0"}, ""},
		{map[string]string{"strategy": "krum", "clients": "5"}, ""},
		{map[string]string{"strategy": "krum", "clients": "0"}, ""},
		{map[string]string{"strategy": "krum", "clients": "8", "deadline": "1s"}, ""},
		{map[string]string{"strategy": "krum", "clients": "8", "cohort": "4", "over": "2", "grace": "1s"},
			"rounds of up to 4 updates: it needs 5"},
		{map[string]string{"strategy": "krum", "clients": "8", "cohort": "5", "min_available": "2"},
			"min_available is 2; want at least 5 beside strategy krum f=1, of which a round needs 5 updates"},
		{map[string]string{"strategy": "krum", "clients": "8", "fraction": "0.7", "min_available": "5"}, "at least 6"},
		{map[string]string{"strategy": "krum", "clients": "8", "fraction": "0.7", "min_available": "6"}, ""},
	} {
		_, err := small().With(x.set)
		if e := new(job.ConfigError); x.want == "" && err != nil || x.want != "" && (!errors.As(err, &e) ||
			!strings.Contains(err.Error(), x.want)) {
			t.Errorf("%v: %v; want %q", x.set, err, x.want)
		}
	}
}

// TestJudgedRoundsBeginWithEnough: no round begins with fewer clients than its strategy judges, and no deadline closes
// it with fewer updates; of a strategy that does with one, a job is what it was.
func TestJudgedRoundsBeginWithEnough(t *testing.T) {
	for _, x := range []struct {
		set         map[string]string
		there, ends int
	}{
		{map[string]string{"strategy": "krum", "clients": "8", "deadline": "30s"}, 5, 5},
		{map[string]string{"strategy": "krum", "clients": "0"}, 5, 5},
		{map[string]string{"strategy": "bulyan", "clients": "0", "cohort": "9", "deadline": "1s"}, 7, 7},
		{map[string]string{"strategy": "krum", "clients": "0", "fraction": "0.1"}, 41, 5},
		{map[string]string{"strategy": "krum", "clients": "10", "fraction": "0.7", "deadline": "1s"}, 6, 5},
		{map[string]string{"strategy": "krum", "clients": "8", "cohort": "7", "quorum": "6"}, 6, 5},
		{map[string]string{"strategy": "geometric-median", "clients": "8", "deadline": "30s"}, 1, 0},
		{map[string]string{"clients": "8", "deadline": "30s"}, 1, 0},
	} {
		c, err := small().With(x.set)
		if err != nil {
			t.Fatal(err)
		}
		if there, ends := c.Least(), c.rounds().Least; there != x.there || ends != x.ends {
			t.Errorf("%v: begins with %d, closes with %d; want %d and %d", x.set, there, ends, x.there, x.ends)
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

// TestRoundsWaitForAsManyAsAreJudged: a strategy that needs several updates has rounds wait for so many clients,
// whoever is away, and however long: the deadline closes none with fewer.
func TestRoundsWaitForAsManyAsAreJudged(t *testing.T) {
	for _, chunk := range []int{0, 1} {
		c := small()
		c.Rounds, c.Clients, c.Strategy, c.Deadline, c.Chunk = 3, 5, "krum", time.Second, chunk
		v := newVirtual(t, c, 3, sim.Network{Latency: sim.Latency{Min: 5 * time.Millisecond}})
		v.lenient = true
		v.w.Split([]*sim.Node{v.w.Nodes()[2]}, false, 10*time.Second)
		v.run()
		if !slices.Equal(v.members, []int{5, 5, 5}) || v.failed != "" {
			t.Errorf("in chunks of %d: rounds of %v clients, want 5; %s", chunk, v.members, v.failed)
		}
	}
}

// TestTooFewToJudgeAgain: one of as many as Krum needs vanishes between the passes, or turns. The round waits for the
// one, and of the other it does what the job says of a round that fails.
func TestTooFewToJudgeAgain(t *testing.T) {
	c := small()
	c.Rounds, c.Clients, c.Strategy, c.Deadline, c.Chunk = 2, 5, "krum", time.Second, 1
	v := gathering(t, c, func(v *virtual, s *sim.Node, g *aggregator.Gather) {
		i := slices.IndexFunc(g.Judging.Weights, func(w float64) bool { return w > 0 })
		for _, n := range v.w.Nodes()[1:] {
			if string(n.Node().Config().Self) == g.Members[i].Peer {
				v.w.Split([]*sim.Node{n}, false, 10*time.Second)
			}
		}
	})
	if !slices.Equal(v.members, []int{5, 5}) {
		t.Errorf("one vanished: rounds of %v clients, want 5", v.members)
	}
	c.OnFailedRound = "skip"
	v = gathering(t, c, func(_ *virtual, _ *sim.Node, g *aggregator.Gather) {
		for i := range g.Judging.Marks {
			g.Judging.Marks[i][0] ^= 1
		}
	})
	if !slices.Equal(v.members, []int{0, 5}) {
		t.Errorf("one turned: rounds of %v clients, want the first skipped", v.members)
	}
}
