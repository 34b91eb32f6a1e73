package study

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/rhizome-ml/rhizome/component/data"
	"github.com/rhizome-ml/rhizome/component/model/logistic"
	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/job/kinds/gossip"
	"github.com/rhizome-ml/rhizome/sim"
)

// ScoredNodes is how many nodes of a gossip job have their models looked at: enough for a curve, and next to nothing beside the
// run.
const ScoredNodes = 40

// scoredTimes is how often they are looked at in a run.
const scoredTimes = 100

// gossipJob is nodes without a server.
type gossipJob struct {
	cfg      gossip.Config
	swarm    *gossip.Swarm
	held     *dataset.SyntheticRows // of the test
	nextLook time.Duration
	failures map[string]uint64
}

func newGossip(c gossip.Config) (*gossipJob, error) {
	g := &gossipJob{cfg: c, failures: map[string]uint64{}}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var err error
	g.swarm, err = c.Swarm()
	return g, err
}

func (g *gossipJob) members(yield func(job.Member, bool) error) error {
	for i := range g.cfg.Nodes {
		if err := yield(g.swarm.Member(i), false); err != nil {
			return err
		}
	}
	return nil
}

func (g *gossipJob) horizon() time.Duration      { return time.Duration(g.cfg.Rounds) * g.cfg.Period }
func (g *gossipJob) rounds() int                 { return g.cfg.Rounds }
func (g *gossipJob) round(now time.Duration) int { return int(now / g.cfg.Period) }
func (g *gossipJob) done() bool                  { return false }
func (g *gossipJob) failure() error              { return nil }

func (g *gossipJob) app(n *sim.Node, ev engine.AppEvent) error {
	if ev.Name == engine.FailureEvent {
		if f, _ := job.Harmless(ev.Value); f != nil {
			g.failures[f.Code]++
		}
	}
	return nil
}

// look evaluates the models of nodes that stand evenly in the order of all.
func (g *gossipJob) look(w *sim.World, s *Sample) {
	if s.At < g.nextLook && s.At < g.horizon() {
		return
	}
	g.nextLook = s.At + g.horizon()/scoredTimes
	nodes := w.Nodes()
	n, accuracy, loss, least := 0, 0.0, 0.0, 1.0
	for i := range min(ScoredNodes, len(nodes)) {
		m := modelOf(nodes[i*len(nodes)/min(ScoredNodes, len(nodes))])
		if m == nil {
			continue
		}
		if g.held == nil {
			g.held = heldOf(nodes)
		}
		a, l := m.Evaluate(g.held)
		n, accuracy, loss, least = n+1, accuracy+a, loss+l, min(least, a)
	}
	if n > 0 {
		s.Accuracy, s.Loss, s.Least, s.Scored = job.Number(accuracy/float64(n)), job.Number(loss/float64(n)), job.Number(least), true
	}
}

// modelOf returns the model of a node, or nil while it is down.
func modelOf(n *sim.Node) *logistic.Component {
	if !n.Up() {
		return nil
	}
	m, _ := n.Node().Component("model").(*logistic.Component)
	return m
}

func heldOf(nodes []*sim.Node) *dataset.SyntheticRows {
	for _, n := range nodes {
		if n.Up() {
			if d, ok := n.Node().Component("data").(*data.Component); ok {
				return logistic.RowsOf(d.Held())
			}
		}
	}
	return nil
}

func (g *gossipJob) result(w *sim.World, r *Result) {
	r.Failures, r.Done = g.failures, r.At >= g.horizon()
	h := sha256.New()
	var b []byte
	for _, n := range w.Nodes() {
		m := modelOf(n)
		if m == nil {
			fmt.Fprint(h, "down")
			continue
		}
		params, age := m.Params()
		b = binary.LittleEndian.AppendUint64(b[:0], uint64(age))
		for _, p := range params {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(p))
		}
		h.Write(b)
		r.Contributions += counterOf(n, gossip.CountMerges)
	}
	r.ModelSHA256 = hex.EncodeToString(h.Sum(nil))
}
