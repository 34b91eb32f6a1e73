package local

import (
	"time"

	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// note writes down the rounds of a server up to one that was told; those that were told while it was being started, and
// have no host yet, are written with the next.
func (c *cluster) note(h *host.Host, r job.Round) error {
	c.noting.Lock()
	defer c.noting.Unlock()
	if h == nil {
		c.early = append(c.early, r)
		return nil
	}
	all, err := c.unnoted(h)
	if err != nil {
		return err
	}
	for len(all) > 0 && all[len(all)-1].Round > r.Number {
		all = all[:len(all)-1] // their own events come
	}
	return c.take(all, &r)
}

// noteAll writes down what a server knows of rounds that are not written yet.
func (c *cluster) noteAll(h *host.Host) error {
	c.noting.Lock()
	defer c.noting.Unlock()
	all, err := c.unnoted(h)
	if err != nil {
		return err
	}
	return c.take(all, nil)
}

func (c *cluster) unnoted(h *host.Host) (all []observe.Round, err error) {
	after := c.metrics.Last().Round
	err = look(h, func(n *node.Node) { all = observe.RoundsAfter(n, after) })
	return all, err
}

// take writes rounds down, of which one was just told, or none.
func (c *cluster) take(all []observe.Round, now *job.Round) error {
	for _, of := range all {
		told := now
		for i := range c.early {
			if c.early[i].Number == of.Round {
				told = &c.early[i]
			}
		}
		if told != nil && told.Number != of.Round {
			told = nil
		}
		line := rundir.MetricsOf(of, told, c.nameOf)
		if told != nil && told == now {
			line.Time, line.TookS = time.Now().UTC().Truncate(time.Millisecond), time.Duration(c.pace.Load()).Seconds()
		}
		if err := c.metrics.Add(line); err != nil {
			return err
		}
	}
	c.early = nil
	return nil
}

// nameOf returns the name of a peer in the run.
func (c *cluster) nameOf(peer string) string {
	if name, ok := c.names[peer]; ok {
		return name
	}
	return peer
}

// called puts the names of the run's nodes in what its server told.
func (c *cluster) called(told *job.Outcome) {
	told.Refused = c.named(told.Refused)
	c.callScores(told.Last.Clients)
}

// callScores puts the names of the run's nodes in what its clients found.
func (c *cluster) callScores(of []job.Score) {
	for i, s := range of {
		of[i].Name = c.nameOf(s.Peer)
	}
}
