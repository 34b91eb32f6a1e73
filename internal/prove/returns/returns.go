// Package returns runs jobs that nothing disturbs but this: directories of nodes go back to what they were, and copies
// of them run beside the originals. Of two at once one ends, and each job comes to its end with the model of a run in
// which nothing came back.
package returns

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
)

// The bounds of a job, in virtual time: when it ends, and when of two that run with one key the first does.
const (
	bound = 3 * time.Minute
	fence = 5 * time.Second
)

// rounds is how long a job is: with the tenth of a second that each step of a client takes, until after most strikes.
const rounds = 24

// Case is a job, and what comes back in it.
type Case struct {
	Clients int
	Seed    uint64
	Strikes []Strike
}

// Strike is one directory that goes back, or a copy that runs beside its original.
type Strike struct {
	Twin bool
	Node int           // 0 is the server
	At   time.Duration // when the directory is copied
	For  time.Duration // until the copy is put back, or one of the two directories is lost
}

// Draw returns the case of a seed: directories come back, one after the other.
func Draw(seed uint64) Case {
	rng := rand.New(rand.NewPCG(seed, 47))
	c := Case{Clients: 2 + rng.IntN(2), Seed: 1 + seed%4}
	at := time.Second
	for range 3 {
		s := Strike{Twin: rng.IntN(2) == 0, Node: rng.IntN(1 + c.Clients), At: at,
			For: time.Duration(50+rng.IntN(1500)) * time.Millisecond}
		if s.Twin {
			s.For = fence + time.Second
		}
		at += s.For + time.Second + time.Duration(rng.IntN(3000))*time.Millisecond
		c.Strikes = append(c.Strikes, s)
	}
	return c
}

// Try runs the case of a seed, and returns what happened in it. The error says which promise is broken. A trace may be
// nil.
func Try(seed uint64, trace func(sim.Line)) (met sim.Counts, err error) {
	c := Draw(seed)
	want, err := c.undisturbed()
	if err != nil {
		return met, err
	}
	var w *sim.World
	r, err := c.run(trace, func(made *sim.World, _ *study.Study) {
		w = made
		for _, k := range c.Strikes {
			w.At(k.At, func() { k.strike(w) })
		}
	})
	if w != nil {
		met = w.Faults()
	}
	switch most := uint64(rounds * c.Clients); {
	case err != nil:
	case !r.Done:
		err = fmt.Errorf("the job has not ended after %v, it is in round %d", bound, r.Round)
	case r.ModelSHA256 != want:
		err = fmt.Errorf("the model is %.16s, that of the undisturbed run %.16s", r.ModelSHA256, want)
	case r.Contributions != most && w.Nodes()[0].Up():
		err = fmt.Errorf("%d contributions were counted, want %d", r.Contributions, most)
	default:
		err = Audit(w)
	}
	if err != nil {
		err = fmt.Errorf("seed %d, %+v: %w", seed, c, err)
	}
	return met, err
}

// Audit holds what the nodes of a world that are up charge for against what they hold.
func Audit(w *sim.World) error {
	for _, n := range w.Nodes() {
		if !n.Up() {
			continue
		}
		if err := n.Node().Engine().Audit(); err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
	}
	return nil
}

// strike does what comes back to the world, and holds that a node does not run on beside a copy of it: the copy began
// later.
func (k Strike) strike(w *sim.World) {
	n := w.Nodes()[k.Node]
	if !k.Twin {
		w.Rollback(n, k.For)
	} else if w.Twin(n, k.For) {
		w.At(k.At+fence, func() {
			if n.Up() {
				w.Fail(fmt.Errorf("%s runs on %v after a copy of it was started", n.Name, fence))
			}
		})
	}
}

func (c *Case) run(trace func(sim.Line), unleash func(*sim.World, *study.Study)) (*study.Result, error) {
	cfg, err := federated.Default().With(map[string]string{
		"name": "returns", "hidden": "4", "epochs": "1", "batch": "256", "heartbeat": "200ms",
		"seed": strconv.FormatUint(c.Seed, 10), "clients": strconv.Itoa(c.Clients), "rounds": strconv.Itoa(rounds),
	})
	if err != nil {
		return nil, err
	}
	s, err := study.New(study.Options{
		Job: cfg, Durable: true, Limit: bound, OnTrace: trace, Unleash: unleash,
		Network: sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 20 * time.Millisecond}},
		Sync:    sim.Latency{Min: time.Millisecond}, Work: sim.Latency{Min: 100 * time.Millisecond},
		Restart: sim.Latency{Min: 10 * time.Millisecond},
	})
	if err != nil {
		return nil, err
	}
	return s.Run(context.Background())
}

var models sync.Map // hashes of what undisturbed runs give, by clients and seed

// undisturbed returns the hash of the model of a run in which nothing comes back.
func (c *Case) undisturbed() (string, error) {
	key := [2]uint64{uint64(c.Clients), c.Seed}
	if m, ok := models.Load(key); ok {
		return m.(string), nil
	}
	r, err := c.run(nil, nil)
	switch {
	case err != nil:
		return "", err
	case !r.Done:
		return "", fmt.Errorf("the undisturbed run of %d clients does not come to its end", c.Clients)
	}
	models.Store(key, r.ModelSHA256)
	return r.ModelSHA256, nil
}
