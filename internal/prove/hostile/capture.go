package hostile

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/gossip"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// letter is an envelope that left a node of a run.
type letter struct {
	from, to wire.PeerID
	raw      []byte
	form     form // its fields
}

// victim is a node as it was in the middle of a run.
type victim struct {
	cfg      node.Config
	snapshot []byte
	now      int64
	letters  []int // those that are for it
}

// captured is what runs gave.
type captured struct {
	letters []letter
	victims []*victim
	peers   []wire.PeerID
}

// lettersMax bounds what is kept of one kind: from, to and edge.
const lettersMax = 4

// capture runs the digits job and a gossip job, once for the process.
var capture = sync.OnceValues(func() (*captured, error) {
	c := &captured{}
	for _, hidden := range []int{2, 32} {
		cfg := federated.Default()
		cfg.Rounds, cfg.Clients, cfg.Hidden, cfg.Epochs = 3, 3, hidden, 1
		art, err := cfg.Compile()
		if err != nil {
			return nil, err
		}
		members, err := cfg.Members(art)
		if err != nil {
			return nil, err
		}
		if err := c.run(members, job.EventRound); err != nil {
			return nil, err
		}
	}
	g := gossip.Default()
	g.Nodes, g.Degree, g.Features, g.Delivery, g.Period = 4, 3, 16, gossip.DeliveryOnce, 300*time.Millisecond
	s, err := g.Swarm()
	if err != nil {
		return nil, err
	}
	var members []job.Member
	for i := range g.Nodes {
		members = append(members, s.Member(i))
	}
	if err := c.run(members, ""); err != nil {
		return nil, err
	}
	for _, v := range c.victims {
		for i, l := range c.letters {
			if l.to == v.cfg.Self {
				v.letters = append(v.letters, i)
			}
		}
		if len(v.letters) == 0 {
			return nil, fmt.Errorf("hostile: nothing was sent to %s", v.cfg.Self)
		}
	}
	return c, nil
})

// run runs nodes in virtual time and notes what they send. The first two are taken as they are in the middle: when half
// of their letters have been sent after one round, or after two seconds.
func (c *captured) run(members []job.Member, event string) error {
	var nodes []*sim.Node
	first := len(c.letters)
	rounds := 0
	w := sim.New(sim.Options{
		Seed: 1, Network: sim.Network{Latency: sim.Latency{Min: time.Millisecond, Max: 5 * time.Millisecond}},
		OnApp: func(_ *sim.Node, ev engine.AppEvent) error {
			if ev.Name == event {
				rounds++
			}
			return nil
		},
		Mutate: func(n, to *sim.Node, raw []byte) []byte {
			c.keep(n.Peer, to.Peer, raw)
			return raw
		},
	})
	for _, m := range members {
		c.peers = append(c.peers, m.Peer)
		nodes = append(nodes, w.Add(sim.Spec{Name: m.Name, Config: m.Config}, 0))
	}
	err := w.Run(2*time.Second, func() bool { return rounds >= 1 })
	for i, n := range nodes[:2] {
		if err != nil {
			return err
		}
		cfg := members[i].Config
		b, err := n.Node().Snapshot()
		if err != nil {
			return err
		}
		c.victims = append(c.victims, &victim{cfg: cfg, snapshot: b, now: int64(w.Now())})
	}
	if err := w.Run(w.Now()+2*time.Second, nil); err != nil {
		return err
	}
	for i := first; i < len(c.letters); i++ {
		l := &c.letters[i]
		if _, err := wire.Decode(l.raw, value.NewRegistry(), wire.DefaultLimits()); err != nil {
			return fmt.Errorf("hostile: a captured envelope is refused: %w", err)
		}
		l.form = parse(l.raw)
	}
	if len(c.letters)-first < 10 {
		return fmt.Errorf("hostile: a run sent %d envelopes, too few to mutate", len(c.letters)-first)
	}
	return nil
}

// keep notes a letter, unless there are enough like it.
func (c *captured) keep(from, to wire.PeerID, raw []byte) {
	e, _, err := wire.DecodeHeader(raw, wire.DefaultLimits())
	if err != nil {
		return // run decodes what was kept, and a run in which nothing can be decoded keeps too little
	}
	like := 0
	for _, l := range c.letters {
		o, _, err := wire.DecodeHeader(l.raw, wire.DefaultLimits())
		if err == nil && l.from == from && l.to == to && o.Edge == e.Edge && (o.Number == 0) == (e.Number == 0) &&
			o.Answer.IsSet() == e.Answer.IsSet() {
			like++
		}
	}
	if like < lettersMax {
		c.letters = append(c.letters, letter{from: from, to: to, raw: slices.Clone(raw)})
	}
}
