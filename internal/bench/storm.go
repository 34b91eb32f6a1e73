package bench

import (
	"fmt"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/gossip"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// StormWindow is the width of the windows in which reconnects are counted.
const StormWindow = 10 * time.Millisecond

// StormResult is how the reconnects of many nodes that restart at once come.
type StormResult struct {
	Reconnects int     // first packets of a node to a peer after the restart
	Peak       int     // most of them in one window
	Mean       float64 // of the windows up to the last of the first 99 %
	Span       time.Duration
}

// Ratio returns the peak against the mean.
func (r StormResult) Ratio() float64 { return float64(r.Peak) / r.Mean }

// StormOptions says which nodes restart.
type StormOptions struct {
	Nodes  int
	Degree int  // peers of each: 1 makes them clients of one server
	Away   bool // the peers were away before the restart, so that waits run
	Alike  bool // all nodes draw the same numbers: what a fixed wait would do
}

// stormLead is how long nodes run before all of them restart, and stormWatch for how long they are watched then.
const (
	stormLead  = 5 * time.Second
	stormWatch = 90 * time.Second
)

// Storm restarts nodes that have something unacknowledged, all at one time, and counts when they come back to their
// peers, which do not answer.
func Storm(o StormOptions) (StormResult, error) {
	c := gossip.Default()
	c.Name, c.Nodes, c.Degree, c.Features, c.Samples, c.Delivery = "storm", o.Nodes+1, o.Degree, 4, 1,
		gossip.DeliveryOnce
	swarm, err := c.Swarm()
	if err != nil {
		return StormResult{}, err
	}
	var at []int64
	nodes := o.Nodes
	if o.Alike {
		nodes = 1
	}
	for i := 1; i <= nodes; i++ {
		cfg := swarm.Node(i)
		if o.Degree == 1 {
			cfg.Targets = map[string][]wire.PeerID{gossip.PeersPlace: swarm.Peers()[:1]}
		}
		got, err := stormNode(cfg, o.Away)
		if err != nil {
			return StormResult{}, err
		}
		at = append(at, got...)
	}
	if o.Alike {
		for _, t := range slices.Clone(at) { // the others do the same
			at = append(at, slices.Repeat([]int64{t}, o.Nodes-1)...)
		}
	}
	return stormOf(at), nil
}

// stormNode runs one node, restores it from its snapshot, and returns when it came back to each of its peers after
// that.
func stormNode(cfg node.Config, away bool) ([]int64, error) {
	n, err := node.Install(cfg)
	if err != nil {
		return nil, err
	}
	out := n.Poll(0)
	for now := int64(0); out.Wake != 0 && out.Wake < int64(stormLead); {
		if away {
			for _, p := range out.Envelopes {
				ev := &engine.Event{SendFailed: &snapshot.SendFailedEvent{Peer: string(p.To), Reason: "away",
					Unreachable: true}}
				if err := n.Deliver(ev); err != nil {
					return nil, err
				}
			}
		}
		now = max(now+1, out.Wake)
		out = n.Poll(now)
	}
	n.Poll(int64(stormLead))
	image, err := n.Snapshot()
	if err != nil {
		return nil, err
	}
	if n, err = node.Restored(cfg, image); err != nil {
		return nil, err
	}
	if err := n.Deliver(&engine.Event{Restarted: &snapshot.RestartedEvent{Incarnation: 2,
		Rules: engine.CurrentRules}}); err != nil {
		return nil, err
	}
	m, err := n.Message(false)
	if err != nil {
		return nil, err
	}
	waiting := 0
	for _, w := range m.Transient.WireStates {
		if w.ResendAt != 0 {
			waiting++
		}
	}
	var at []int64
	seen := map[wire.PeerID]bool{}
	for now := int64(stormLead); now < int64(stormLead+stormWatch); {
		out := n.Poll(now)
		for _, p := range out.Envelopes {
			if e, _, err := wire.DecodeHeader(p.Raw, wire.DefaultLimits()); err == nil && e.Redelivered && !seen[p.To] {
				seen[p.To] = true
				at = append(at, now-int64(stormLead))
			}
		}
		if out.Wake == 0 || len(seen) >= waiting {
			break
		}
		now = max(now+1, out.Wake)
	}
	return at, nil
}

func stormOf(at []int64) StormResult {
	slices.Sort(at)
	r := StormResult{Reconnects: len(at)}
	if len(at) == 0 {
		return r
	}
	counts := map[int64]int{}
	for _, t := range at {
		counts[t/int64(StormWindow)]++
	}
	for _, n := range counts {
		r.Peak = max(r.Peak, n)
	}
	most := at[len(at)*99/100]
	r.Span = time.Duration(most)
	r.Mean = float64(len(at)) * 0.99 / float64(most/int64(StormWindow)+1)
	return r
}

// Storms measures the restart of many nodes at once, each beside nodes that all draw the same.
func Storms(nodes int, emit func(Metric)) error {
	for _, k := range []struct {
		name string
		o    StormOptions
	}{
		{"clients", StormOptions{Nodes: nodes, Degree: 1}},
		{"clients_server_away", StormOptions{Nodes: nodes, Degree: 1, Away: true}},
		{"peers", StormOptions{Nodes: nodes, Degree: 10}},
	} {
		r, err := Storm(k.o)
		if err != nil {
			return fmt.Errorf("bench sim: storm of %s: %w", k.name, err)
		}
		k.o.Alike = true
		alike, err := Storm(k.o)
		if err != nil {
			return fmt.Errorf("bench sim: storm of %s: %w", k.name, err)
		}
		name := fmt.Sprintf("reconnects_peak_per_10ms_%s_%d", k.name, nodes)
		m := metric(simBench, name, float64(r.Peak), "", r.Mean, "the mean over the time in which 99 % come")
		if !k.o.Away { // where waits run, few come late and the mean says little
			m = m.aimRatio(3)
		}
		emit(m)
		emit(metric(simBench, name+"_alike", float64(alike.Peak), "", r.Mean,
			"that mean; all nodes draw the same, which is no jitter"))
	}
	return nil
}
