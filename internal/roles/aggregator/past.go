package aggregator

import (
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// The bounds of what is kept of rounds that are over: rounds, clients of one, and clients of all of them but the
// newest.
const (
	pastRounds  = 8
	pastClients = 1024
	pastMost    = 1024
)

// Past is a round that is over: what its members gave, and what that weighed. The last rounds are kept for whoever
// tells of them and comes late. They are no state: nothing depends on them, and a node that is restored has those since
// its snapshot, which replay closes again.
type Past struct {
	Number  int64
	Members int64        // all of them
	Clients []PastClient // ascending by peer: the first of them
}

// PastClient is a member of a round that is over.
type PastClient struct {
	Client Client  // its figures then
	Weight float64 // of its update in the mean: samples, or what the strategy gave it
}

// Past returns what is known of a round that is over, and who was in it. Where it is remembered no more, that is the
// figures of those of the members that have answered none since.
func (c *Component) Past(round int64, members []wire.PeerID) Past {
	for i := range c.past {
		if c.past[i].Number == round {
			return c.past[i]
		}
	}
	p := Past{Number: round, Members: int64(len(members))}
	for _, m := range members {
		x, known := c.st.figuresOf(string(m))
		if known && x.Round == round && len(p.Clients) < pastClients {
			p.Clients = append(p.Clients, PastClient{x, float64(c.weight(x.Samples))})
		}
	}
	return p
}

// figuresOf returns the figures of a peer, and whether there are any.
func (s *State) figuresOf(peer string) (Client, bool) {
	i, known := slices.BinarySearchFunc(s.Clients, peer,
		func(c Client, p string) int { return strings.Compare(c.Peer, p) })
	if !known {
		return Client{Peer: peer}, false
	}
	return s.Clients[i], true
}

// remember keeps what the members of a round gave: weights are theirs where they were judged, and else their samples.
func (c *Component) remember(number int64, members []Share, weights []float64) {
	if !c.cfg.Figures {
		return
	}
	p := Past{Number: number, Members: int64(len(members))}
	for i, m := range members[:min(len(members), pastClients)] {
		x := PastClient{Weight: float64(m.Samples)}
		x.Client, _ = c.st.figuresOf(m.Peer)
		if weights != nil {
			x.Weight = weights[i]
		}
		p.Clients = append(p.Clients, x)
	}
	before := 0
	from := len(c.past)
	for from > 0 && len(c.past)-from < pastRounds-1 && before+len(c.past[from-1].Clients) <= pastMost {
		from--
		before += len(c.past[from].Clients)
	}
	c.past = append(slices.Clone(c.past[from:]), p)
}
