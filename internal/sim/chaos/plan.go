package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/sim"
)

// Plan is everything that a seed decides, as plain data. Equal Plans give equal runs, to the byte.
type Plan struct {
	Seed     uint64        `json:"seed"`
	Scenario string        `json:"scenario"`
	Nodes    int           `json:"nodes"`
	Work     int           `json:"work"`    // questions or rounds
	Horizon  time.Duration `json:"horizon"` // faults strike before it
	Bound    time.Duration `json:"bound"`   // after the last fault everything is settled within it
	Network  sim.Network   `json:"network"`
	Sync     sim.Latency   `json:"sync"`
	Snapshot int64         `json:"snapshot"` // bytes of journal between two snapshots
	Restart  sim.Latency   `json:"restart"`
	Strikes  []Strike      `json:"strikes"` // by time
}

// Strike is one fault that is done to the world at a time.
type Strike struct {
	At    time.Duration `json:"at"`
	Fault sim.Fault     `json:"fault"`
	Node  int           `json:"node"`
	Other int           `json:"other,omitempty"` // of links and sides
	For   time.Duration `json:"for,omitempty"`
	// operations of the disk until it strikes; the rate of a clock; what else a kind counts
	K int `json:"k,omitempty"`
}

// String describes the strike in one line.
func (s Strike) String() string {
	return fmt.Sprintf("%v %v node %d other %d for %v k %d", s.At, s.Fault, s.Node, s.Other, s.For, s.K)
}

// String describes the plan in few lines: what is printed before a run.
func (p *Plan) String() string {
	n := map[sim.Fault]int{}
	for _, s := range p.Strikes {
		n[s.Fault]++
	}
	var kinds []string
	for f := range sim.Faults {
		if n[f] > 0 {
			kinds = append(kinds, fmt.Sprintf("%s %d", f, n[f]))
		}
	}
	return fmt.Sprintf(
		"seed %d: %s, %d nodes, work %d, faults for %v, settled within %v\n  network: %s %v to %v, loss %.3f, "+
			"duplicate %.3f, reorder %.3f, corrupt %.3f, truncate %.3f, replay %.3f\n  strikes: %s",
		p.Seed, p.Scenario, p.Nodes, p.Work, p.Horizon, p.Bound, p.Network.Latency.Kind, p.Network.Latency.Min,
		p.Network.Latency.Max,
		p.Network.Loss, p.Network.Duplicate, p.Network.Reorder, p.Network.Corrupt, p.Network.Truncate, p.Network.Replay,
		strings.Join(kinds, ", "))
}

// strikes says whether a kind of fault is among the plan's.
func (p *Plan) strikes(f sim.Fault) bool {
	return slices.ContainsFunc(p.Strikes, func(s Strike) bool { return s.Fault == f })
}

// damages says whether the plan damages disks.
func (p *Plan) damages() bool { return slices.ContainsFunc(damaging, p.strikes) }

// The kinds of fault that strike at a time, rather than packets as they are sent.
var striking = []sim.Fault{
	sim.Partition, sim.Asymmetric, sim.Clog, sim.Swizzle, sim.PowerOff, sim.DiskFull, sim.ErrorOnce,
	sim.ErrorForever, sim.ShortWrite, sim.SlowSync, sim.Kill, sim.CrashInRecovery, sim.Pause, sim.OlderSnapshot,
	sim.ClockForward, sim.ClockBack, sim.SlowClock,
	sim.MassCrash, sim.WorkError, sim.WorkPanic, sim.WorkLate, sim.WorkNever,
	sim.Lie, sim.Equivocate,
}

// returning are the kinds of fault after which a node has lived more than its directory knows, as often as they are
// drawn.
var returning = []sim.Fault{sim.Rollback, sim.Rollback, sim.Twin}

// damaging are the kinds of fault that no crash explains.
var damaging = []sim.Fault{sim.BitFlip, sim.Cut, sim.Stale}

// boundMax is how long a network that was healed may take until everything is answered. Waits to resend grow to 10 s, a
// slow worker takes up to a minute.
const boundMax = 2 * time.Minute

// Draw returns the plan of a seed: which scenario, how many nodes, and which faults, with what weight. About half of
// the kinds are left out of each plan (swarm testing: Groce et al., "Swarm Testing", 2012), so that each kind also has
// runs in which others do not get in its way.
func Draw(seed uint64) *Plan {
	c := sim.NewChance(seed, 0x706c616e)
	p := &Plan{Seed: seed, Scenario: drawScenario(&c), Nodes: 2 + c.Below(4), Work: 20 + c.Below(200)}
	p.Bound = boundMax
	p.Network = drawNetwork(&c)
	p.Sync = sim.Latency{Kind: "uniform", Min: 20 * time.Microsecond, Max: c.Between(100*time.Microsecond,
		20*time.Millisecond)}
	p.Snapshot = int64(1500 + c.Below(12)*c.Below(1500))
	p.Restart = sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: c.Between(2*time.Millisecond, 3*time.Second)}
	p.Horizon = time.Duration(p.Work) * c.Between(10*time.Millisecond, 200*time.Millisecond)
	var kinds []sim.Fault
	for _, f := range striking {
		if (f == sim.Lie || f == sim.Equivocate) && c.Below(4) != 0 {
			continue // little is promised of a node that lies, so few plans have one
		}
		if c.Below(2) == 0 && !slices.Contains(spared(p.Scenario), f) {
			kinds = append(kinds, f)
		}
	}
	if len(kinds) == 0 {
		p.drawReturns()
		return p
	}
	if c.Below(6) == 0 { // damage, which may lose what was durable: then only what is left can be promised
		kinds = append(kinds, damaging...)
	}
	for range c.Below(120) {
		p.Strikes = append(p.Strikes, drawStrike(&c, p, kinds[c.Below(len(kinds))]))
	}
	p.drawReturns()
	slices.SortStableFunc(p.Strikes, func(a, b Strike) int { return int(a.At - b.At) })
	return p
}

// drawReturns adds directories that go back and copies that run, many to few plans: what is exact in a run without them
// is only that in which none went back. It has a source of chance of its own, so that the other strikes of a seed are
// what they were before there were these.
func (p *Plan) drawReturns() {
	c := sim.NewChance(p.Seed, 0x70617374)
	rare := 8
	switch p.Scenario {
	case "federated":
		rare = 1 // its model is exact whatever goes back
	case "gossip":
		rare = 2
	}
	kinds := returning[c.Below(3):][:1]
	if c.Below(rare) != 0 {
		return
	}
	if c.Below(3) == 0 {
		kinds = returning[1:] // both
	}
	for range 4 + c.Below(16) {
		s := Strike{At: c.Between(0, p.Horizon), Fault: kinds[c.Below(len(kinds))], Node: c.Below(p.Nodes)}
		// a few records, or a few lives
		s.For = c.Between(0, min(p.Horizon-s.At, time.Duration(1+c.Below(4))*time.Second))
		p.Strikes = append(p.Strikes, s)
	}
}

func drawScenario(c *sim.Chance) string {
	total := 0
	for _, s := range scenarios {
		total += s.share
	}
	k := c.Below(total)
	for _, s := range scenarios {
		if k -= s.share; k < 0 {
			return s.name
		}
	}
	return scenarios[0].name
}

func drawNetwork(c *sim.Chance) sim.Network {
	n := sim.Network{Latency: sim.Latency{
		Kind: []string{"constant", "uniform", "exponential", "lognormal", "pareto"}[c.Below(5)],
		Min:  c.Between(0, 5*time.Millisecond), Mean: c.Between(time.Millisecond, 30*time.Millisecond),
		Max: time.Second, Tail: 0.5 + 2*c.Float(),
	}}
	if n.Latency.Kind == "uniform" {
		n.Latency.Max = n.Latency.Min + 2*n.Latency.Mean
	}
	n.Unordered = c.Below(4) == 0
	for _, p := range []*float64{&n.Loss, &n.Duplicate, &n.Reorder, &n.Corrupt, &n.Truncate, &n.Replay} {
		if c.Below(2) == 0 {
			*p = 0.2 * c.Float() * c.Float()
		}
	}
	return n
}

func drawStrike(c *sim.Chance, p *Plan, f sim.Fault) Strike {
	s := Strike{At: c.Between(0, p.Horizon), Fault: f, Node: c.Below(p.Nodes), Other: c.Below(p.Nodes)}
	s.For = c.Between(time.Millisecond, 2*time.Second)
	switch f {
	case sim.PowerOff:
		s.K = max(0, c.Below(40)-10)
	case sim.DiskFull, sim.ErrorOnce, sim.ErrorForever, sim.ShortWrite:
		s.K = 1 + c.Below(30)
	case sim.CrashInRecovery:
		s.K = 1 + c.Below(12)
	case sim.ClockForward, sim.ClockBack:
		s.For = c.Between(time.Second, 2*time.Hour)
	case sim.SlowClock:
		s.K = []int{512, 700, 900, 1100, 2048}[c.Below(5)]
	case sim.SlowSync:
		s.For = c.Between(10*time.Millisecond, 3*time.Second)
	case sim.Lie, sim.Equivocate:
		s.Node = p.Nodes - 1 // one of them, so that there are honest ones
		s.For = c.Between(100*time.Millisecond, p.Horizon)
	case sim.Pause:
		s.For = c.Between(10*time.Millisecond, 20*time.Second)
	}
	return s
}
