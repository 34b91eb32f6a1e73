// Package gone runs jobs of which clients leave for good, and holds that those which can do without them come to their
// end.
package gone

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/prove/returns"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
)

// Bound is the virtual time in which a job of Draw ends, whoever is lost: a few heartbeats for each client that leaves,
// and a deadline for each round.
const Bound = 2 * time.Minute

// leftMax is how many messages the server holds for one who is gone: the newest question, and what was sent before it
// was missed.
const leftMax = 3

// Case is a job, and who leaves it.
type Case struct {
	Set     map[string]string // settings of the job
	Victims []int             // clients, never a majority
	At      []time.Duration   // when each is killed, for good
	Late    bool              // heartbeats are so rare that the server goes on asking for those who are gone
}

// Draw returns the case of a seed: a job with a quorum, a deadline, a cohort, or some of them, in one message or in
// chunks.
func Draw(seed uint64) Case {
	rng := rand.New(rand.NewPCG(seed, 46))
	n := 3 + rng.IntN(4)
	lost := 1 + rng.IntN((n-1)/2)
	c := Case{Late: rng.IntN(2) == 0, Set: map[string]string{
		"name": "gone", "data": "synthetic", "hidden": "4", "epochs": "1", "batch": "64", "heartbeat": "200ms",
		"seed": strconv.FormatUint(seed, 10), "clients": strconv.Itoa(n), "rounds": strconv.Itoa(10 + rng.IntN(8)),
	}}
	// What is left is enough, and those who are there are asked; where nobody is missed in time, the quorum does
	// without them.
	switch kind := rng.IntN(4); {
	case c.Late || kind == 0:
		c.Set["quorum"] = strconv.Itoa(n - lost)
	case kind == 1:
		c.Set["deadline"] = "1s"
	case kind == 2:
		c.Set["cohort"], c.Set["over"] = strconv.Itoa(1+rng.IntN(n-lost)), strconv.Itoa(rng.IntN(lost+1))
		if c.Set["over"] == "0" {
			c.Set["deadline"] = "1s"
		}
	default:
		c.Set["quorum"], c.Set["deadline"] = strconv.Itoa(1+rng.IntN(n-lost)), "2s"
	}
	if c.Late {
		c.Set["heartbeat"], c.Set["rounds"] = "1h", "30"
	} else if rng.IntN(4) == 0 {
		c.chunked(lost)
	}
	for _, v := range rng.Perm(n)[:lost] {
		c.Victims = append(c.Victims, v)
		at := time.Duration(rng.IntN(600)) * time.Millisecond
		if c.Late {
			at = 100*time.Millisecond + at/4 // it has joined, and the server goes on asking it in each round
		}
		c.At = append(c.At, at)
	}
	return c
}

// chunked has the model travel in chunks. Then the parameters of before are given up when a round is gathered, and its
// updates are with its members alone: each round has more of them than are lost.
func (c *Case) chunked(lost int) {
	least := lost + 1
	for _, key := range []string{"cohort", "quorum"} {
		if n, err := strconv.Atoi(c.Set[key]); err == nil {
			least = max(least, n)
			c.Set[key] = strconv.Itoa(least)
		}
	}
	c.Set["chunk"], c.Set["min_available"] = "1", strconv.Itoa(least)
}

// Try runs the case of a seed. The error says which promise is broken.
func Try(seed uint64) error {
	c := Draw(seed)
	cfg, err := federated.Default().With(c.Set)
	if err != nil {
		return err
	}
	var world *sim.World
	s, err := study.New(study.Options{
		Job: cfg, Durable: true, Limit: Bound,
		Network: sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 20 * time.Millisecond}},
		Sync:    sim.Latency{Min: time.Millisecond}, Work: sim.Latency{Min: time.Millisecond},
		Restart: sim.Latency{Min: 1000 * time.Hour},
		Unleash: func(w *sim.World, _ *study.Study) {
			world = w
			for i, v := range c.Victims {
				w.At(c.At[i], func() { w.Kill(w.Nodes()[1+v]) })
			}
		},
	})
	if err != nil {
		return err
	}
	r, err := s.Run(context.Background())
	switch {
	case err != nil:
		return fmt.Errorf("seed %d, %v without %v: %w", seed, c.Set, c.Victims, err)
	case !r.Done:
		return fmt.Errorf("seed %d, %v without %v from %v on: the job has not ended after %v, it is in round %d", seed,
			c.Set, c.Victims, c.At, Bound, r.Round)
	}
	if err := returns.Audit(world); err != nil {
		return fmt.Errorf("seed %d, %v without %v: %w", seed, c.Set, c.Victims, err)
	}
	return c.left(seed, world)
}

// left holds that the server keeps next to nothing for those who are gone.
func (c *Case) left(seed uint64, w *sim.World) error {
	if !c.Late {
		return nil
	}
	state, err := w.Nodes()[0].Node().Engine().Snapshot()
	if err != nil {
		return err
	}
	held := map[string]int{}
	for _, x := range state.Framework.PendingOutbound {
		held[x.Peer]++
	}
	for _, v := range c.Victims {
		if n := held[string(w.Nodes()[1+v].Peer)]; n > leftMax {
			return fmt.Errorf("seed %d, %v: %d messages wait for client %d, who is gone; want at most %d", seed, c.Set,
				n, v, leftMax)
		}
	}
	return nil
}
