package gossip

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/builtin"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Swarm is what all nodes of a gossip job in one process share. It is read-only once it was made.
type Swarm struct {
	cfg   Config
	node  node.Config // of every node, but for its name and its neighbours
	peers []wire.PeerID
	graph func(i int) []int // who are the neighbours of whom; nil: each node draws them
}

// Swarm compiles the job and names its nodes.
func (c Config) Swarm() (*Swarm, error) {
	art, err := c.Compile()
	if err != nil {
		return nil, err
	}
	p, err := program.Load(art.Model, PeersPlace)
	if err != nil {
		return nil, err
	}
	s := &Swarm{cfg: c, peers: make([]wire.PeerID, c.Nodes), node: node.Config{
		Program: p, Artifact: art.Model, Catalogue: node.NewCatalogue(), Values: value.NewRegistry(), Seed: c.Seed,
		Limits: engine.DefaultLimits(),
	}}
	if err := builtin.Register(s.node.Catalogue); err != nil {
		return nil, err
	}
	if s.graph, err = c.topology(); err != nil {
		return nil, err
	}
	for i := range s.peers {
		if s.peers[i], err = job.LocalPeer(c.Seed, fmt.Sprintf("peer-%d", i)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Config returns the settings of the job.
func (s *Swarm) Config() Config { return s.cfg }

// Peers returns the peer ids of all nodes in the order of their numbers; the slice must not be changed.
func (s *Swarm) Peers() []wire.PeerID { return s.peers }

// Node returns what node i is installed with.
func (s *Swarm) Node(i int) node.Config {
	cfg := s.node
	cfg.Self = s.peers[i]
	cfg.Targets = map[string][]wire.PeerID{PeersPlace: s.Neighbours(i)}
	cfg.Anyone = []string{PeersPlace} // peers find each other
	return cfg
}

// Neighbours returns the peers that node i sends to from the start, sorted: a function of the seed and i.
func (s *Swarm) Neighbours(i int) []wire.PeerID {
	if s.cfg.Discovery == DiscoveryExchange {
		return s.peers[:min(i, 1)] // all but the first know the first
	}
	if s.graph != nil {
		var out []wire.PeerID
		for _, j := range s.graph(i) {
			out = append(out, s.peers[j])
		}
		slices.Sort(out)
		return out
	}
	n := min(s.cfg.Degree, len(s.peers)-1)
	out := make([]wire.PeerID, 0, n)
	key := draw.NewKey(s.cfg.Seed, "job/neighbours", uint64(i))
	for k := uint64(0); len(out) < n; k++ {
		// Of the others, one that is not there yet: with few of them left this takes a while, and ends.
		j := key.Below(k, len(s.peers)-1)
		if j >= i {
			j++
		}
		if !slices.Contains(out, s.peers[j]) {
			out = append(out, s.peers[j])
		}
	}
	slices.Sort(out)
	return out
}

// Member returns node i of a gossip job.
func (s *Swarm) Member(i int) job.Member {
	return job.Member{Name: fmt.Sprintf("peer-%d", i), Peer: s.peers[i], Place: PeersPlace, Config: s.Node(i)}
}
