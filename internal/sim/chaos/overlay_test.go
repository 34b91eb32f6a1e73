package chaos

import (
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job/kinds/gossip"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/discovery"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// viewOf returns whom a node has in its view, or nil where it does not run.
func viewOf(n *sim.Node) []discovery.Entry {
	if !n.Up() {
		return nil
	}
	return n.Node().Component("discovery").State().(*discovery.State).Entries
}

// islands counts the parts of the overlay of the nodes that run: views are ways in both directions, because who is
// asked answers.
func islands(w *sim.World) int {
	part := map[string]string{}
	var root func(string) string
	root = func(p string) string {
		if part[p] != p {
			part[p] = root(part[p])
		}
		return part[p]
	}
	for _, n := range w.Nodes() {
		if n.Up() {
			part[string(n.Peer)] = string(n.Peer)
		}
	}
	for _, n := range w.Nodes() {
		for _, e := range viewOf(n) {
			if _, up := part[e.Peer]; up {
				part[root(e.Peer)] = root(string(n.Peer))
			}
		}
	}
	roots := map[string]bool{}
	for p := range part {
		roots[root(p)] = true
	}
	return len(roots)
}

// TestOverlay: 200 nodes that know one of them each find each other: the overlay is one, views are full, and who is
// known to how many is spread. Then 30 % of the nodes go for good, the one that all knew first among them, and the
// others stay one overlay that forgets the dead. Models are merged all the while.
func TestOverlay(t *testing.T) {
	for seed := range uint64(1) {
		c := gossip.Default()
		c.Name, c.Nodes, c.Degree, c.Features, c.Discovery, c.Seed = "overlay", 200, 12, 4, gossip.DiscoveryExchange,
			seed
		s, err := c.Swarm()
		if err != nil {
			t.Fatal(err)
		}
		w := sim.New(sim.Options{Seed: seed, Restart: sim.Latency{Min: 1000 * time.Hour},
			Network: sim.Network{Latency: sim.Latency{Kind: "uniform", Min: 5 * time.Millisecond,
				Max: 200 * time.Millisecond}, Loss: 0.01}})
		for i := range c.Nodes {
			m := s.Member(i)
			w.Add(sim.Spec{Name: m.Name, Config: m.Config}, time.Duration(i)*10*time.Millisecond)
		}
		if err := w.Run(60*time.Second, nil); err != nil {
			t.Fatal(err)
		}
		known := map[string]int{}
		for _, n := range w.Nodes() {
			if v := viewOf(n); len(v) < c.Degree*3/4 {
				t.Errorf("seed %d: %s has %d in its view", seed, n.Name, len(v))
			} else {
				for _, e := range v {
					known[e.Peer]++
				}
			}
		}
		most := 0
		for _, n := range known {
			most = max(most, n)
		}
		if n := islands(w); n != 1 || len(known) < 195 || most > 60 {
			t.Errorf("seed %d: %d overlays; %d nodes are in a view, one in %d of them", seed, n, len(known), most)
		}
		for i, n := range w.Nodes() {
			if i%10 < 3 {
				w.Kill(n)
			}
		}
		if err := w.Run(120*time.Second, nil); err != nil {
			t.Fatal(err)
		}
		dead, entries, merges := 0, 0, uint64(0)
		for _, n := range w.Nodes() {
			for _, e := range viewOf(n) {
				if entries++; !w.NodeOf(wire.PeerID(e.Peer)).Up() {
					dead++
				}
			}
			if n.Up() {
				merges += counterOf(n, gossip.CountMerges)
			}
		}
		if n := islands(w); n != 1 || dead*10 > entries {
			t.Errorf("seed %d, after the crash: %d overlays, %d of %d entries are dead", seed, n, dead, entries)
		}
		if merges < 140*60 {
			t.Errorf("seed %d: %d models were merged by those that live", seed, merges)
		}
	}
}
