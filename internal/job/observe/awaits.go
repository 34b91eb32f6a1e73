package observe

import (
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/buffer"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// What a server waits for.
const (
	AwaitsMembers = "members" // that are there, for a round to begin
	AwaitsAnswers = "answers" // of the cohort of a round
	AwaitsUpdates = "updates" // that are lent, and come in chunks
	AwaitsSums    = "sums"    // of the features of clients, before the first round
)

// Awaits is what a server waits for, as its components have it.
type Awaits struct {
	What       string
	Round      int           // from 1
	Need, Have int           // how many are needed, and there
	Of         int           // the cohort, where What is AwaitsAnswers; else what Need is
	Refused    int           // answers that did not count, where What is AwaitsAnswers
	Missing    []wire.PeerID // of those that are known, sorted; at AwaitsMembers those that were there and are silent
}

// Seen is what a server knows of a client that joined.
type Seen struct {
	Peer    wire.PeerID
	Samples int64
	At      int64       // engine time at which it was heard of last
	Silent  bool        // for so long that it is no member now
	Name    string      // as it calls itself
	Via     wire.PeerID // the edge that it joined, "" where it joined the server itself
}

// AwaitsOf returns what a server waits for, or nil where it works. It reads the node, so it runs in the node's thread.
func AwaitsOf(n *node.Node) *Awaits {
	slots := []string{"rounds", "sums", "evaluations"}
	desk, asks := n.Component("desk").(interface {
		Asking() (slot string, round int64, open bool)
	})
	var in int64 // the round of a question to one client, which is numbered otherwise
	if asks {
		var slot string
		slot, in, _ = desk.Asking()
		slots = []string{slot}
	}
	for _, slot := range slots {
		c, ok := n.Component(slot).(*rounds.Component)
		if !ok {
			continue
		}
		for _, r := range c.State().(*rounds.State).Rounds {
			if !r.Closed {
				w := &Awaits{What: AwaitsAnswers, Round: int(r.Number) + 1, Need: int(r.Need), Have: len(r.Settled),
					Of: len(r.Cohort), Refused: len(r.Refused)}
				if slot == "sums" { // that come before the first round
					w.What, w.Round = AwaitsSums, 0
				}
				if asks {
					w.Round = int(in) + 1
				}
				for _, p := range r.Cohort {
					if r.Owes(p) {
						w.Missing = append(w.Missing, wire.PeerID(p))
					}
				}
				return w
			}
		}
	}
	if c, ok := n.Component("registry").(*registry.Component); ok {
		if st := c.State().(*registry.State); len(st.Waiting) > 0 {
			w := &Awaits{What: AwaitsMembers, Round: int(st.Waiting[0].Round) + 1, Need: leastMembers(n)}
			for _, m := range st.Members {
				if m.Lapsed {
					w.Missing = append(w.Missing, wire.PeerID(m.Peer))
				} else {
					w.Have++
				}
			}
			w.Of = w.Need
			return w
		}
	}
	if c, ok := n.Component("aggregator").(*buffer.Component); ok {
		if version, need, have, owe := c.Awaiting(); need > 0 {
			return &Awaits{What: AwaitsAnswers, Round: int(version) + 1, Need: need, Have: have, Of: have + len(owe),
				Missing: owe}
		}
	}
	if c, ok := n.Component("aggregator").(*aggregator.Component); ok {
		if round, members, owe, gathers := c.Gathering(); gathers {
			return &Awaits{What: AwaitsUpdates, Round: int(round) + 1, Need: members, Of: members,
				Have: members - len(owe), Missing: owe}
		}
	}
	return nil
}

// leastMembers returns how many members the registry of a server waits for.
func leastMembers(n *node.Node) int {
	for _, c := range n.Config().Program.Components {
		if c.Name == "registry" {
			if cfg, err := registry.ParseConfig(c.Config); err == nil {
				return cfg.Min
			}
		}
	}
	return 1
}

// SeenOf returns the clients that have joined a server, sorted by peer. It reads the node, so it runs in the node's
// thread.
func SeenOf(n *node.Node) []Seen {
	c, ok := n.Component("registry").(*registry.Component)
	if !ok {
		return nil
	}
	var out []Seen
	for _, m := range c.State().(*registry.State).Members {
		out = append(out, Seen{Peer: wire.PeerID(m.Peer), Samples: m.Samples, At: m.LastSeen, Silent: m.Lapsed,
			Name: m.Name, Via: wire.PeerID(m.Via)})
	}
	return out
}

// NotListed returns which clients of an edge its server does not list, since others have their numbers. It reads the
// node, so it runs in the node's thread.
func NotListed(n *node.Node) []wire.PeerID {
	if c, ok := n.Component("registry").(*registry.Component); ok {
		return c.Taken()
	}
	return nil
}

// TrainedBefore returns how many rounds a client or an edge knows to be over: those before the one that it trained
// last, or asked its clients for. It reads the node, so it runs in the node's thread.
func TrainedBefore(n *node.Node) int {
	if c, ok := n.Component("edge_rounds").(*rounds.Component); ok {
		st, newest := c.State().(*rounds.State), int64(0)
		if st.Forgot {
			newest = st.Below - 1
		}
		for i := range st.Rounds {
			newest = max(newest, st.Rounds[i].Number)
		}
		return int(newest)
	}
	if c, ok := n.Component("data").(*data.Component); ok {
		if st := c.State().(*data.State); st.Begun {
			return int(st.Round)
		}
	}
	return 0
}
