package study_test

import (
	"context"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/gossip"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
)

// options returns those of a short run on a plain network.
func options() study.Options {
	return study.Options{
		Network: sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 20 * time.Millisecond}},
		Sync:    sim.Latency{Min: time.Millisecond}, Work: sim.Latency{Min: time.Millisecond},
		Restart: sim.Latency{Min: time.Second},
		Durable: true,
	}
}

func run(t *testing.T, o study.Options) *study.Result {
	t.Helper()
	s, err := study.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func smallFederated() study.Options {
	o, c := options(), federated.Default()
	c.Rounds, c.Clients, c.Epochs = 4, 3, 1
	o.Job = c
	return o
}

func smallGossip() study.Options {
	o, g := options(), gossip.Default()
	g.Nodes, g.Rounds, g.Degree = 20, 10, 4
	o.Job = g
	return o
}

// TestWatchingChangesNothing: the hash of a run is the same whatever watches it, and another seed gives another.
func TestWatchingChangesNothing(t *testing.T) {
	for name, opts := range map[string]func() study.Options{"federated": smallFederated, "gossip": smallGossip} {
		plain, o := run(t, opts()), opts()
		samples, lines := 0, 0
		o.OnSample = func(study.Sample) { samples++ }
		o.OnTrace = func(sim.Line) { lines++ }
		watched := run(t, o)
		if plain.Hash != watched.Hash || plain.ModelSHA256 != watched.ModelSHA256 || plain.Messages == 0 ||
			!plain.Done {
			t.Errorf("%s: %s after %d messages, watched %s after %d", name, plain.Hash, plain.Messages, watched.Hash,
				watched.Messages)
		}
		if samples < 10 || lines < 100 || len(watched.Samples) != samples {
			t.Errorf("%s: %d samples, %d lines", name, samples, lines)
		}
		o = opts()
		o.Network.Latency.Max *= 2
		if other := run(t, o); other.Hash == plain.Hash {
			t.Errorf("%s: another network gives the same bytes", name)
		}
	}
}

// TestVolatileNodesForget: nodes without disks come back with nothing, and the others take them for new ones.
func TestVolatileNodesForget(t *testing.T) {
	for name, o := range map[string]study.Options{"federated": smallFederated(), "gossip": smallGossip()} {
		o.Durable = false
		o.Unleash = func(w *sim.World, s *study.Study) {
			w.At(30*time.Millisecond, func() { w.PowerOff(w.Nodes()[2]) })
		}
		if g, ok := o.Job.(gossip.Config); ok {
			g.Delivery = gossip.DeliveryOnce
			o.Job = g
		}
		r := run(t, o)
		if r.Crashes != 1 || r.Starts != uint64(r.Nodes)+1 || r.Up != r.Nodes || !r.Done {
			t.Errorf("%s: %d crashes, %d starts of %d nodes, %d up", name, r.Crashes, r.Starts, r.Nodes, r.Up)
		}
		if name == "gossip" && len(r.Failures) > 0 {
			t.Errorf("failures: %v", r.Failures)
		}
	}
}

// TestNodesWithoutDisksKeepNoAnswers: the update that a client has sent is nearly all that it would hold when it rests.
// It is kept where somebody may ask again: a server that goes on after a crash, or a peer that did not hear it.
func TestNodesWithoutDisksKeepNoAnswers(t *testing.T) {
	for name, set := range map[string]func(*study.Options){
		"":        func(*study.Options) {},
		"durable": func(o *study.Options) { o.Durable = true },
		"unleash": func(o *study.Options) { o.Unleash = func(*sim.World, *study.Study) {} },
		"network": func(o *study.Options) { o.Network.Loss = 0.01 },
	} {
		o := smallFederated()
		o.Network, o.Durable = sim.Network{Latency: o.Network.Latency}, false
		set(&o)
		s, err := study.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		state, err := s.World().Nodes()[1].Node().Engine().Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if n := len(state.Framework.Inbound); (n == 0) != (name == "") {
			t.Errorf("%q: %d answers are kept", name, n)
		}
	}
}

// TestManyClients: a server with more clients than a table of its peers usually has room for samples its cohorts among
// all.
func TestManyClients(t *testing.T) {
	o, c := options(), federated.Default()
	c.Data, c.Clients, c.Rounds, c.Cohort, c.Hidden, c.Epochs, c.Heartbeat = job.DataSynthetic, 17_000, 2, 20, 4, 1,
		time.Minute
	if testing.Short() {
		c.Clients = 1000
	}
	o.Job, o.Durable = c, false
	r := run(t, o)
	if r.Contributions != 40 || r.Up != c.Clients+1 || r.Round != 2 {
		t.Errorf("%d contributions, %d of %d nodes up, %d rounds", r.Contributions, r.Up, c.Clients+1, r.Round)
	}
}
