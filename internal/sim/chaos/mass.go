package chaos

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// Mass runs a federated job in which the power of half of all nodes fails in each round, at a time drawn from the seed,
// and holds its model against that of an undisturbed run over the same accepted sets, which are all clients in each
// round.
func Mass(seed uint64, clients, rounds int) *Result {
	r := &Result{Plan: &Plan{Seed: seed, Scenario: "mass", Nodes: clients + 1, Work: rounds}}
	calm, err := massRun(seed, clients, rounds, false, &Result{})
	if err != nil {
		r.Err = err
		return r
	}
	model, err := massRun(seed, clients, rounds, true, r)
	switch {
	case err != nil:
		r.Err = err
	case !bytes.Equal(model, calm):
		r.Err = &sim.Violation{Checker: "the model of the accepted sets", What: fmt.Sprintf(
			"after %d crashes the model is %x, and undisturbed %x", r.Crashes, sha256.Sum256(model),
			sha256.Sum256(calm))}
	}
	return r
}

func massRun(seed uint64, clients, rounds int, crash bool, r *Result) (model []byte, err error) {
	c := federated.Default()
	c.Name, c.Data, c.Clients, c.Rounds, c.Seed = "mass", job.DataSynthetic, clients, rounds, seed
	c.Hidden, c.Epochs, c.Batch, c.Heartbeat = 4, 1, 64, time.Minute
	members, err := membersOf(c)
	if err != nil {
		return nil, err
	}
	chance := sim.NewChance(seed, 0x6d617373)
	var w *sim.World
	last := -1
	half := func() {
		at := chance.Between(0, 40*time.Millisecond)
		first := chance.Below(2)
		w.At(w.Now()+at, func() { w.CrashHalf(first) })
	}
	w = sim.New(sim.Options{
		Seed:    seed,
		Network: sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 20 * time.Millisecond}},
		Disk:    sim.Disk{Sync: sim.Latency{Min: 100 * time.Microsecond}},
		Work:    sim.Latency{Min: time.Millisecond},
		Restart: sim.Latency{Kind: "uniform", Min: 10 * time.Millisecond, Max: 500 * time.Millisecond},
		OnApp: func(n *sim.Node, ev engine.AppEvent) error {
			switch ev.Name {
			case job.EventRound:
				round, err := federated.ParseRound(ev.Value)
				if err != nil {
					return err
				}
				if round.Contributions != clients {
					return broken(w, "contributions are counted once", "round %d counts %d of %d clients", round.Number,
						round.Contributions, clients)
				}
				if crash && round.Number > last {
					last = round.Number
					half()
				}
			case job.EventDone:
				_, file, err := federated.ParseDone(ev.Value)
				model = file
				return err
			}
			return nil
		},
	})
	for _, m := range members {
		spec := sim.Spec{Name: m.Name, Config: m.Config, Durable: crash}
		if m.Place == job.ServerPlace { // its state grows with the clients, and so does what a snapshot costs
			spec.Store = host.Store{SegmentBytes: 128 << 10, SnapshotBytes: 1 << 20}
		}
		w.Add(spec, 0)
	}
	if crash {
		half()
	}
	err = w.Run(24*time.Hour, func() bool { return model != nil })
	r.Counts, r.Events, r.Steps, r.Inputs, r.Packets = w.Faults(), w.Events, w.Steps, w.Inputs, w.Sent
	for _, n := range w.Nodes() {
		r.Crashes += n.Crashes
	}
	if err == nil && model == nil {
		err = broken(w, "settles", "the job does not come to its end")
	}
	if model != nil {
		sum := sha256.Sum256(model)
		r.Hash = binary.LittleEndian.Uint64(sum[:])
	}
	return model, err
}
