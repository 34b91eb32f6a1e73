package observe

import (
	"maps"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/buffer"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/scores"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Round is what a server knows of a round that is over.
type Round struct {
	job.Point
	Contributions int
	Clients       []Weighed     // whom it counts, sorted by peer: the first 1,024
	Left          []rounds.Left // who was asked and is not in it
	Partial       bool          // more was known, and is forgotten
	Bare          bool          // its server keeps nothing of rounds: what there is was told
	Told          *job.Round    // what clients found of its model, where that is kept
	Staleness     *job.Ages     // of an asynchronous job: how old its updates were
}

// Weighed is a client in a round, and what its update weighs.
type Weighed struct {
	Measures
	Weight float64 `json:"weight"`
}

// RoundsAfter returns the rounds of a server that are over, behind one of that number, as far as it remembers them. It
// reads the node, so it runs in the node's thread.
func RoundsAfter(n *node.Node, number int) (out []Round) {
	asked, _ := n.Component("rounds").(*rounds.Component)
	mean, _ := n.Component("aggregator").(*aggregator.Component)
	cfg := aggregatorOf(n)
	for _, p := range History(n) {
		if p.Round <= number {
			continue
		}
		r := Round{Point: p, Bare: mean == nil || asked == nil}
		if c, ok := n.Component("aggregator").(*buffer.Component); ok {
			r.Partial, r.Bare = true, false
			r.made(c)
		}
		if asked != nil {
			members, left, ok := asked.Over(int64(p.Round - 1))
			r.Contributions, r.Left, r.Partial = len(members), left, !ok
			if mean != nil && ok {
				past := mean.Past(int64(p.Round-1), members)
				r.take(past, cfg)
				r.Partial = past.Members > int64(len(past.Clients))
			}
		}
		if tested, ok := n.Component("scores").(*scores.Component); ok {
			r.found(tested)
		}
		out = append(out, r)
	}
	return out
}

// found adds what clients found.
func (r *Round) found(by *scores.Component) {
	past, ok := by.Past(int64(r.Round - 1))
	if !ok {
		return
	}
	r.Told = &job.Round{Number: r.Round, Accuracy: r.Accuracy, Loss: r.Loss, Contributions: r.Contributions}
	if by.Settings().Beside {
		accuracy, loss := by.Means(past)
		r.Told.AtClients = &job.Found{Accuracy: job.Number(accuracy), Loss: job.Number(loss)}
	}
	for _, f := range past.Found {
		r.Told.Clients = append(r.Told.Clients, job.ScoreOf(f.Peer, f.Accuracy, f.Loss, f.Samples))
	}
}

// made adds what is known of a version, as far as it is remembered: a client is there once, with all that it gave.
func (r *Round) made(c *buffer.Component) {
	made, weights, refused, ok := c.Over(int64(r.Round - 1))
	if !ok {
		return
	}
	r.Partial, r.Contributions = false, len(made)
	var ages []int64
	gave, last := map[string]float64{}, map[string]buffer.Fold{}
	for i, f := range made {
		ages = append(ages, f.Age)
		gave[f.Peer] += weights[i]
		last[f.Peer] = f
	}
	r.Staleness = job.AgesOf(ages)
	now := map[string]Figures{}
	for _, x := range c.Clients() {
		now[x.Peer] = x
	}
	for _, peer := range slices.Sorted(maps.Keys(gave)) {
		if len(r.Clients) == clientsListed {
			break
		}
		x := givenBy(last[peer], int64(r.Round-1), now[peer])
		r.Clients = append(r.Clients, Weighed{measuresOf(x), gave[peer]})
	}
	for _, f := range refused {
		r.Left = append(r.Left, rounds.Left{Peer: wire.PeerID(f.Peer), Why: rounds.LeftRefused, Code: f.Code,
			Reason: f.Reason})
	}
}

// givenBy are the figures of a client as they were in a version; those of now where none were kept.
func givenBy(f buffer.Fold, version int64, now Figures) Figures {
	if g := f.Given; g.Contributions > 0 {
		return Figures{Peer: f.Peer, Round: version, Samples: g.Samples, Contributions: g.Contributions,
			Refusals: g.Refusals, Norm: g.Norm, Lent: !g.Normed, Told: g.Told, Before: g.Before, After: g.After}
	}
	now.Peer = f.Peer
	return now
}

// clientsListed is how many clients of a round are listed.
const clientsListed = 1024

// take adds the clients of the round.
func (r *Round) take(past aggregator.Past, cfg aggregator.Config) {
	r.Contributions = int(past.Members)
	all := make([]Measures, len(past.Clients))
	for i, c := range past.Clients {
		all[i] = measuresOf(c.Client)
	}
	compareToOthers(all, cfg)
	for i, c := range past.Clients {
		r.Clients = append(r.Clients, Weighed{all[i], c.Weight})
	}
}

// Metrics returns the figures that clients say of their own losses, where the job asks for them; name is how people
// call a peer.
func (r *Round) Metrics(name func(peer string) string) (out []job.Metric) {
	for _, of := range []struct {
		name  string
		value func(Weighed) *job.Number
	}{{"loss_before", func(c Weighed) *job.Number { return c.LossBefore }},
		{"loss_after", func(c Weighed) *job.Number { return c.LossAfter }}} {
		m, sum, weight := job.Metric{Name: of.name}, 0.0, 0.0
		for _, c := range r.Clients {
			if v := of.value(c); v != nil {
				m.Clients = append(m.Clients, job.ClientValue{Name: name(string(c.Peer)), Value: *v, Weight: c.Weight})
				sum, weight = sum+float64(float64(*v)*c.Weight), weight+c.Weight
			}
		}
		if weight > 0 {
			m.Value = job.Number(sum / weight)
			out = append(out, m)
		}
	}
	return out
}
