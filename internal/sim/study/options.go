package study

import (
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// DurableMost is how many nodes have disks of their own when nothing else is said.
const DurableMost = 1000

// Options say what is simulated.
type Options struct {
	Job job.Job // one with a server, or a Simulated one

	// Network is how links behave; Sync, Work and Restart how machines do.
	Network             sim.Network
	Sync, Work, Restart sim.Latency

	// Durable gives each node a journal on a disk of its own, so that it goes on where it was after a crash. Without it
	// nodes forget everything when they crash, but for the server of a job that has one, which is always durable.
	Durable bool

	// Threads is how many threads run the world, 0 is 1. It changes nothing of what happens.
	Threads int

	// Limit is the virtual time at which the run ends; 0 means that of the job: all periods of one without a server,
	// and a day for the rounds of one with a server, after which it counts as stuck.
	Limit time.Duration

	// Unleash, if set, is called when all nodes are there, to set what will happen to them.
	Unleash func(*sim.World, *Study)

	// OnTrace is told each thing that happens, OnSample each point of the curves, OnTick is called now and then with
	// how far the run is. Each may be nil.
	OnTrace  func(sim.Line)
	OnSample func(Sample)
	OnTick   func(Sample)
}

// Horizon returns the virtual time at which the run ends at the latest, or 0 when that is not known.
func (o *Options) Horizon() time.Duration {
	if p, ok := o.Job.(job.Peered); ok {
		period, _ := p.Pace()
		if h := time.Duration(p.About().Rounds) * period; h > 0 && (o.Limit == 0 || h < o.Limit) {
			return h
		}
	}
	return o.Limit
}

// StuckError says that a job did not come to its end.
type StuckError struct {
	At     time.Duration // virtual time
	Round  int           // the last one that ended
	Rounds int
	Why    string
}

// Error says how far it came.
func (e *StuckError) Error() string {
	return fmt.Sprintf("after %v of virtual time the job has ended %d of %d rounds, and %s", e.At, e.Round, e.Rounds,
		e.Why)
}
