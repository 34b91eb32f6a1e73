package chaos

import (
	"math"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/gossip"
	"github.com/rhizome-ml/rhizome/internal/roles/model/logistic"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// gossipScenario is the scenario of equal nodes that send each other their models, applied once: each model that left a
// node is merged once by its receiver, and all models stay finite.
type gossipScenario struct {
	w      *sim.World
	nodes  []*sim.Node
	sent   map[letter]time.Duration // models that left, and when first
	merges []uint64                 // by node, when the network was healed
	healed time.Duration
}

// letter is a numbered envelope between two nodes.
type letter struct {
	from, to      string
	epoch, number uint64
}

var swarmCache sync.Map // nodes → *job.Swarm

func swarmOf(nodes int) (*gossip.Swarm, error) {
	if s, ok := swarmCache.Load(nodes); ok {
		return s.(*gossip.Swarm), nil
	}
	c := gossip.Default()
	c.Name, c.Nodes, c.Degree, c.Delivery, c.Period, c.Features = "chaos", nodes, 3, gossip.DeliveryOnce,
		300*time.Millisecond, 8
	s, err := c.Swarm()
	if err == nil {
		swarmCache.Store(nodes, s)
	}
	return s, err
}

func (g *gossipScenario) Build(w *sim.World, p *Plan, trace bool) error {
	g.w, g.sent, g.healed = w, map[letter]time.Duration{}, p.Horizon
	s, err := swarmOf(p.Nodes)
	if err != nil {
		return err
	}
	for i := range p.Nodes {
		m := s.Member(i)
		cfg := m.Config
		cfg.Trace = trace
		g.nodes = append(g.nodes,
			w.Add(sim.Spec{Name: m.Name, Config: cfg, Durable: true, KeepOld: p.strikes(sim.Stale),
				Store: host.Store{SnapshotBytes: p.Snapshot}}, 0))
	}
	return nil
}

// Packet notes a model that leaves a node.
func (g *gossipScenario) Packet(n *sim.Node, raw []byte) {
	e, _, err := wire.DecodeHeader(raw, engine.DefaultLimits().Wire)
	if err != nil || e.Number == 0 || e.Edge < 0 {
		return
	}
	l := letter{string(e.From), string(e.To), e.Epoch, e.Number}
	if _, ok := g.sent[l]; !ok {
		g.sent[l] = g.w.Now()
	}
}

func (g *gossipScenario) App(n *sim.Node, ev engine.AppEvent) error {
	if _, harmless := job.Harmless(ev.Value); ev.Name == engine.FailureEvent && !harmless && !lied(g.nodes) {
		return broken(g.w, "nothing fails", "%s: %s", n.Name, render(ev.Value))
	}
	return nil
}

// Settled says that every node runs, and has merged some models since the network was healed.
func (g *gossipScenario) Settled() bool {
	for _, n := range g.nodes {
		if !n.Up() {
			return false
		}
	}
	if lied(g.nodes) {
		return true // what a liar sends may all be refused
	}
	if g.merges == nil {
		for _, n := range g.nodes {
			g.merges = append(g.merges, counterOf(n, gossip.CountMerges))
		}
	}
	for i, n := range g.nodes {
		if g.receives(n) && counterOf(n, gossip.CountMerges) < g.merges[i]+3 {
			return false
		}
	}
	return true
}

// receives says whether a node is somebody's neighbour.
func (g *gossipScenario) receives(n *sim.Node) bool {
	for l := range g.sent {
		if l.to == string(n.Peer) {
			return true
		}
	}
	return false
}

// settleTime is how long after it left a model has surely been merged, in a network that is sound.
const settleTime = 25 * time.Second

func (g *gossipScenario) Audit() error {
	for _, n := range g.nodes {
		params, _ := n.Node().Component("model").(*logistic.Component).Params()
		for _, x := range params {
			if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
				return broken(g.w, "models stay finite", "%s has a parameter of %v", n.Name, x)
			}
		}
	}
	if lost(g.nodes) || lied(g.nodes) {
		return nil
	}
	for _, n := range g.nodes {
		var most, least uint64
		for l, at := range g.sent {
			if l.to != string(n.Peer) {
				continue
			}
			if most++; at+settleTime < g.w.Now() {
				least++
			}
		}
		switch got := counterOf(n, gossip.CountMerges); {
		case got > most:
			return broken(g.w, "no effect twice", "%s merged %d models, and %d were sent to it", n.Name, got, most)
		case got < least:
			return broken(g.w, "nothing acknowledged is lost", "%s merged %d models, and %d were sent to it in time",
				n.Name, got, least)
		}
	}
	return nil
}
