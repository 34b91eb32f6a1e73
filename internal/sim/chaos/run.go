package chaos

import (
	"errors"
	"fmt"
	"hash/crc64"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// Result is what came of a run.
type Result struct {
	Plan    *Plan
	Counts  sim.Counts // faults that happened, by kind
	Events  uint64     // things that happened at a time
	Steps   uint64     // steps of nodes
	Inputs  uint64     // inputs that nodes accepted
	Packets uint64
	Crashes int           // lives that ended
	Settled time.Duration // from the last fault until everything was answered
	// over every packet and event that left a node, every node's last state, and every file of its disk
	Hash uint64
	// a node forgot what it had acknowledged, to damage that it could not notice, and others wait for that
	Excused bool
	Waits   string // a directory went back, or a copy of it ran, and this is missing since
	Err     error  // the broken promise, or nil
}

// Options of a run.
type Options struct {
	Trace func(sim.Line) // told each thing that happens; nil for none
}

var hashTable = crc64.MakeTable(crc64.ECMA)

// Run runs a plan to its end.
func Run(p *Plan, o Options) *Result {
	r := &Result{Plan: p}
	s, err := scenarioOf(p.Scenario)
	if err != nil {
		r.Err = err
		return r
	}
	var lies *liars
	listen, _ := s.(listener)
	remember, _ := s.(rememberer)
	look := newWatch(p)
	w := sim.New(sim.Options{
		Seed: p.Seed, Network: p.Network, Disk: sim.Disk{Sync: p.Sync, Publish: p.Sync}, Restart: p.Restart,
		Work: sim.Latency{Kind: "exponential", Min: 100 * time.Microsecond, Mean: 5 * time.Millisecond,
			Max: time.Second},
		OnApp: func(n *sim.Node, ev engine.AppEvent) error {
			r.Hash = crc64.Update(r.Hash, hashTable, []byte(fmt.Sprint(n.Name, ev.Number, ev.Name)))
			return s.App(n, ev)
		},
		OnCopy: func(n *sim.Node) func() {
			if remember == nil {
				return nil
			}
			return remember.Remember(n)
		},
		OnTrace: o.Trace,
		OnOutput: func(n *sim.Node, raw []byte) {
			r.Hash = crc64.Update(r.Hash, hashTable, raw)
			look.packet(n, raw)
			if listen != nil {
				listen.Packet(n, raw)
			}
		},
		Mutate: func(n, to *sim.Node, raw []byte) []byte { return lies.mutate(n, to, raw) },
	})
	lies = newLiars(w, p.Seed)
	look.begin(w)
	r.Err = run(w, s, p, r, lies, o.Trace != nil)
	r.Counts, r.Events, r.Steps, r.Inputs, r.Packets = w.Faults(), w.Events, w.Steps, w.Inputs, w.Sent
	for _, n := range w.Nodes() {
		r.Crashes += n.Crashes
	}
	return r
}

func run(w *sim.World, s Scenario, p *Plan, r *Result, lies *liars, trace bool) error {
	if err := s.Build(w, p, trace); err != nil {
		return err
	}
	for _, k := range p.Strikes {
		w.At(k.At, func() { strike(w, k, lies) })
	}
	if err := w.Run(p.Horizon, nil); err != nil {
		return err
	}
	heal(w, lies)
	begin := w.Now()
	if err := w.Run(begin+p.Bound, s.Settled); err != nil {
		return err
	}
	if !s.Settled() && excused(w) {
		r.Excused = true
		return nil
	}
	if !s.Settled() && rewound(w.Nodes()) {
		r.Waits = missing(s)
		return nil
	}
	if !s.Settled() {
		return broken(w, "settles", "%v after the last fault not everything is answered: %s", p.Bound, missing(s))
	}
	r.Settled = w.Now() - begin
	if err := w.Run(w.Now()+idleAfter, nil); err != nil {
		return err
	}
	for _, n := range w.Nodes() {
		if !n.Up() {
			return broken(w, "comes back", "%s is down %v after everything was answered", n.Name, idleAfter)
		}
		b, err := n.Node().Snapshot()
		if err != nil {
			return err
		}
		r.Hash = crc64.Update(r.Hash, hashTable, b)
		if err := r.hashDisk(n.Disk()); err != nil {
			return err
		}
	}
	return s.Audit()
}

// hashDisk adds the files of a disk to the run's hash: journals and snapshots are the same bytes in every run of a
// seed.
func (r *Result) hashDisk(fs *vfs.Mem) error {
	for _, name := range fs.Names() {
		b, err := vfs.ReadFile(fs, name, 1<<30)
		if err != nil {
			return err
		}
		r.Hash = crc64.Update(crc64.Update(r.Hash, hashTable, []byte(name)), hashTable, b)
	}
	return nil
}

// excused says whether a node forgot what it had acknowledged without a way to know: a bit of the last record of its
// journal flipped, which looks like a torn write. Then others may wait for ever for what it forgot.
func excused(w *sim.World) bool {
	return slices.ContainsFunc(w.Nodes(), func(n *sim.Node) bool { return n.Unnoticed })
}

// rewound says whether a directory went back, or a copy of it ran. About one seed in 1,500 waits then for what a chain
// of such faults lost (7226 is a small one): they are counted apart, and the prover bounds how many there may be.
func rewound(nodes []*sim.Node) bool {
	return slices.ContainsFunc(nodes, func(n *sim.Node) bool { return n.Rewound > 0 })
}

// missing says what has not come, where the scenario can tell.
func missing(s Scenario) string {
	if m, ok := s.(interface{ Missing() string }); ok {
		return m.Missing()
	}
	return "something"
}

// heal ends everything that was done to the world: links are sound, clocks go right, processes that hang are started
// again.
func heal(w *sim.World, lies *liars) {
	n := w.Network()
	n.Loss, n.Duplicate, n.Reorder, n.Corrupt, n.Truncate, n.Replay = 0, 0, 0, 0, 0, 0
	w.SetNetwork(n)
	w.Heal()
	clear(lies.until)
}

// strike does one fault to the world.
func strike(w *sim.World, k Strike, lies *liars) {
	nodes := w.Nodes()
	n, other := nodes[k.Node%len(nodes)], nodes[k.Other%len(nodes)]
	switch k.Fault {
	case sim.Partition, sim.Asymmetric:
		w.Split([]*sim.Node{n}, k.Fault == sim.Asymmetric, k.For)
	case sim.Clog:
		if n != other {
			w.ClogLink(n, other, k.For)
		}
	case sim.Swizzle:
		c := sim.NewChance(uint64(k.At), 1)
		w.SwizzleLinks([]*sim.Node{n, other}, &c, k.For)
	case sim.PowerOff:
		if k.K == 0 {
			w.PowerOff(n)
		} else {
			w.PowerOffIn(n, k.K)
		}
	case sim.CrashInRecovery:
		w.PowerOff(n)
		w.PowerOffIn(n, k.K)
	case sim.BitFlip, sim.Cut, sim.Stale:
		w.Damage(n, k.Fault)
	case sim.DiskFull, sim.ErrorOnce, sim.ErrorForever, sim.ShortWrite:
		w.DiskFaultIn(n, k.Fault, k.K, k.For)
	case sim.SlowSync:
		w.SlowDisk(n, k.For)
	case sim.Kill:
		w.Kill(n)
	case sim.Pause:
		w.Pause(n, k.For)
	case sim.OlderSnapshot:
		w.DropNewestSnapshot(n)
	case sim.ClockForward:
		w.JumpClock(n, k.For)
	case sim.ClockBack:
		w.JumpClock(n, -k.For)
	case sim.SlowClock:
		w.SetClockRate(n, k.K)
	case sim.Rollback:
		w.Rollback(n, k.For)
	case sim.Twin:
		w.Twin(n, k.For)
	case sim.MassCrash:
		w.CrashHalf(k.Node)
	case sim.Lie, sim.Equivocate:
		lies.begin(n, k.Fault, k.For)
	case sim.WorkError, sim.WorkPanic, sim.WorkLate, sim.WorkNever:
		w.StrikeWork(n, k.Fault, k.For)
	}
}

// CheckerOf returns which promise an error of a run says is broken, or "" for none.
func CheckerOf(err error) string {
	var v *sim.Violation
	switch {
	case err == nil:
		return ""
	case errors.As(err, &v):
		return v.Checker
	}
	return "error"
}
