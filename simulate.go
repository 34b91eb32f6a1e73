package rhizome

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/value"
)

// Conditions are what a simulated world is like. The zero value is a world in which nothing takes time and nothing goes
// wrong.
type Conditions struct {
	Latency, Jitter time.Duration // of a packet: at least, and at most so much more
	Loss            float64       // probability that a packet is lost
	Compute         time.Duration // what a command of a worker takes
	Sync            time.Duration // what a sync of a disk takes

	// KillEvery is the time between two kills of a node, by chance, on average; it is back after a second. 0 is never.
	KillEvery time.Duration
	// Limit is the virtual time after which a job counts as stuck; 0 is a day.
	Limit time.Duration
}

// Simulated is what came of a simulation.
type Simulated struct {
	Events  []Event       // that ended the job, by node
	Time    time.Duration // virtual, until then
	Packets uint64        // that were sent
	Kills   int
	SHA256  string // over every packet, with its time and sender: equal for equal jobs, conditions and releases
}

// StuckError says that a job does not end: a simulated one until Conditions.Limit, one that Run runs because nothing is
// under way any more.
type StuckError struct {
	At    time.Duration // since it began; simulated: virtual
	Ended int           // nodes that have told the event that ends the job
	Of    int

	Member  Member         // whose failure it is
	Failure *value.Failure // the first that nothing in the program handled, or nil
}

// Error says when, how far the job has come, and what has failed first.
func (e *StuckError) Error() string {
	s := fmt.Sprintf("rhizome: after %v the job has not ended: %d of %d nodes have told that", e.At, e.Ended, e.Of)
	if e.Failure != nil {
		s += "; " + e.failed()
	}
	return s
}

func (e *StuckError) failed() string {
	return fmt.Sprintf("the first failure that nothing handled is that of %s: %s", e.Member.Name(),
		clean.Text(e.Failure.Error(), failureLetters))
}

const failureLetters = 500

// Violation says that a simulated run broke a promise of Rhizome's, which is a fault of Rhizome's own.
type Violation = sim.Violation

// Simulate runs a job in one thread and virtual time, with the very nodes that Run runs, each on a disk in memory. The
// same job under the same conditions gives the same bytes. Errors are *ConfigError, *StuckError, the context's, that of
// Job.OnEvent, and a *Violation where a promise is broken.
func Simulate(ctx context.Context, j Job, c Conditions) (*Simulated, error) {
	all, err := j.members()
	if err != nil {
		return nil, err
	}
	if c.Limit == 0 {
		c.Limit = 24 * time.Hour
	}
	t := tally{j: &j, last: map[PeerID]Event{}}
	over := false
	hash := sha256.New()
	byPeer := map[PeerID]Member{}
	constant := func(d time.Duration) sim.Latency { return sim.Latency{Min: d} }
	latency := sim.Latency{Kind: "uniform", Min: c.Latency, Max: c.Latency + c.Jitter}
	for _, l := range []sim.Latency{latency, constant(c.Compute), constant(c.Sync)} {
		if err := l.Validate(); err != nil {
			return nil, badArgument("Conditions", err.Error(), "times of 0 or more")
		}
	}
	var w *sim.World
	w = sim.New(sim.Options{
		Seed: j.Seed, Network: sim.Network{Latency: latency, Loss: c.Loss}, Work: constant(c.Compute),
		Restart: constant(time.Second),
		Disk:    sim.Disk{Sync: constant(c.Sync), Publish: constant(c.Sync)},
		OnApp: func(n *sim.Node, ev engine.AppEvent) error {
			if over {
				return nil
			}
			var err error
			over, err = t.take(byPeer[n.Peer], Event{ev.Number, ev.Name, ev.Value})
			return err
		},
		OnOutput: func(n *sim.Node, packet []byte) {
			b := binary.LittleEndian.AppendUint64(nil, uint64(w.Now()))
			hash.Write(binary.LittleEndian.AppendUint64(b, uint64(n.ID())))
			hash.Write(packet)
		},
	})
	for _, m := range all {
		byPeer[m.Peer] = m.Member
		cfg, err := m.config.node(m.Peer)
		if err != nil {
			return nil, ofJob(err)
		}
		w.Add(sim.Spec{Name: m.Name(), Config: cfg, Durable: true}, 0)
	}
	out := &Simulated{}
	if c.KillEvery > 0 {
		chance := sim.NewChance(j.Seed, 0)
		var kill func()
		kill = func() {
			if n := w.Nodes()[chance.Below(len(all))]; n.Up() {
				w.Kill(n)
				out.Kills++
			}
			w.At(w.Now()+time.Duration(2*chance.Float()*float64(c.KillEvery)), kill)
		}
		w.At(time.Duration(2*chance.Float()*float64(c.KillEvery)), kill)
	}
	events := 0
	stop := func() bool {
		events++
		return over || events%(1<<12) == 0 && ctx.Err() != nil
	}
	if err := w.Run(c.Limit, stop); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil && !over {
		return nil, err
	}
	if !over {
		return nil, t.stuck(w.Now())
	}
	out.Events, out.Time, out.Packets, out.SHA256 = t.results(all), w.Now(), w.Sent, hex.EncodeToString(hash.Sum(nil))
	return out, nil
}
