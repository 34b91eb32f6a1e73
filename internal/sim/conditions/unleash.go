package conditions

import (
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/sim"
)

// Run is what a faults file must know of the run that it is for.
type Run struct {
	Seed    uint64
	Nodes   int
	Durable bool          // all nodes have disks
	Server  bool          // the first node is a server, and has a disk
	Edges   int           // of the nodes, the last ones: they are between the server and its clients
	Horizon time.Duration // virtual time at which the run ends, or 0 when nobody knows
	OnRound func(func(round int))
}

// swizzleMost is how many nodes a world with swizzled links has at most.
const swizzleMost = 1000

// Check holds the entries against the run. Errors are *strictyaml.Error.
func (f *Faults) Check(r Run) error {
	for i := range f.Entries {
		e := &f.Entries[i]
		switch {
		case e.Nodes != "all" && !r.Server:
			return e.value.Fail("nodes is %s, and the job has no server; want all", e.Nodes)
		case uses[e.Kind].disk && !r.Durable && !(r.Server && e.Nodes == "server"):
			return e.value.Fail("%v needs nodes with disks; want --durable", e.Kind)
		case e.Kind == sim.Swizzle && r.Nodes > swizzleMost:
			return e.value.Fail("swizzle holds every link of a node, one by one; want at most %d nodes, not %d",
				swizzleMost, r.Nodes)
		case e.PerRun > 0 && e.Until == 0 && r.Horizon == 0:
			return e.value.Fail("per_run wants to know how long; give the entry an until, or the run a --time")
		}
	}
	return nil
}

// storm is the entries of a file at work in a world.
type storm struct {
	w   *sim.World
	run Run
}

// gust is one entry at work.
type gust struct {
	*storm
	Entry
	c     sim.Chance
	nodes []*sim.Node // that it may hit
}

// Unleash sets everything that the file says in a world whose nodes are all there; Check must have passed.
func (f *Faults) Unleash(w *sim.World, r Run) {
	if f.Seed != nil {
		r.Seed = *f.Seed
	}
	s := &storm{w, r}
	var liars []*gust
	for i, e := range f.Entries {
		g := &gust{s, e, sim.NewChance(r.Seed, 0x6661756c74<<16|uint64(i)), w.Nodes()}
		// An edge is no client. Nor does it lie: it passes on sums of whole numbers, which no lie multiplies, and one
		// that would sum what nobody sent it is as all of its clients together.
		if ends := len(g.nodes) - r.Edges; uses[e.Kind].liar || e.Nodes == "clients" {
			g.nodes = g.nodes[:ends]
		}
		switch {
		case e.Nodes == "server":
			g.nodes = g.nodes[:1]
		case e.Nodes == "clients":
			g.nodes = g.nodes[1:]
		}
		if uses[e.Kind].liar {
			liars = append(liars, g)
		} else {
			g.set()
		}
	}
	if len(liars) > 0 {
		w.SetMutate(lies(w, liars))
	}
}

// set puts the entry's strikes into the world's time.
func (g *gust) set() {
	switch {
	case g.PerNodeHour > 0:
		g.next(sim.Latency{Kind: "exponential",
			Mean: time.Duration(float64(time.Hour) / (g.PerNodeHour * float64(len(g.nodes))))})
	case g.Every > 0:
		g.next(sim.Latency{Min: g.Every})
	case g.EachRound:
		g.run.OnRound(func(int) {
			if at := g.w.Now(); at >= g.From && (g.Until == 0 || at <= g.Until) {
				g.strike()
			}
		})
	}
	for _, at := range g.At {
		g.w.At(at, g.strike)
	}
	end := g.Until
	if end == 0 {
		end = g.run.Horizon
	}
	times := make([]time.Duration, g.PerRun)
	for i := range times {
		times[i] = g.c.Between(g.From, end)
	}
	slices.Sort(times)
	for _, at := range times {
		g.w.At(at, g.strike)
	}
}

// next sets the next of strikes that go on.
func (g *gust) next(gap sim.Latency) {
	at := max(g.w.Now(), g.From) + gap.Draw(&g.c)
	if g.Until != 0 && at > g.Until {
		return
	}
	g.w.At(at, func() {
		g.strike()
		g.next(gap)
	})
}

// some returns a share of the nodes, at least one, in the order of the world.
func (g *gust) some() []*sim.Node {
	want := max(1, int(float64(g.Share*float64(len(g.nodes)))+0.5))
	var out []*sim.Node
	for i, n := range g.nodes {
		// Of those that are left, as many as are wanted, all equally likely (Knuth, algorithm S).
		if g.c.Below(len(g.nodes)-i) < want-len(out) {
			out = append(out, n)
		}
	}
	return out
}

// A disk's fault meets one of the operations up to this many from now.
const diskOps = 30

// strike does the fault once.
func (g *gust) strike() {
	w, n := g.w, g.nodes[g.c.Below(len(g.nodes))]
	d := g.For.Draw(&g.c)
	switch f := g.Kind; f {
	case sim.Partition, sim.Asymmetric:
		w.Split(g.some(), f == sim.Asymmetric, d)
	case sim.Clog:
		if other := w.Nodes()[g.c.Below(len(w.Nodes()))]; other != n {
			w.ClogLink(n, other, d)
			w.ClogLink(other, n, d)
		}
	case sim.Swizzle:
		w.SwizzleLinks(g.some(), &g.c, d)
	case sim.MassCrash:
		w.CrashAll(g.some())
	case sim.PowerOff:
		w.PowerOff(n)
	case sim.CrashInRecovery:
		if n.Up() {
			w.PowerOff(n)
			w.PowerOffIn(n, 1+g.c.Below(12))
		}
	case sim.BitFlip, sim.Cut, sim.Stale:
		w.Damage(n, f)
	case sim.DiskFull, sim.ErrorOnce, sim.ErrorForever, sim.ShortWrite:
		w.DiskFaultIn(n, f, 1+g.c.Below(diskOps), d)
	case sim.SlowSync:
		w.SlowDisk(n, d)
	case sim.Kill:
		w.Kill(n)
	case sim.Pause:
		w.Pause(n, d)
	case sim.Rollback:
		w.Rollback(n, d)
	case sim.Twin:
		w.Twin(n, d)
	case sim.OlderSnapshot:
		w.DropNewestSnapshot(n)
	case sim.ClockForward:
		w.JumpClock(n, d)
	case sim.ClockBack:
		w.JumpClock(n, -d)
	case sim.SlowClock:
		w.SetClockRate(n, int(g.Rate*1024))
		w.At(w.Now()+d, func() { w.SetClockRate(n, 1024) })
	case sim.WorkError, sim.WorkPanic, sim.WorkLate, sim.WorkNever:
		w.StrikeWork(n, f, d)
	}
}
