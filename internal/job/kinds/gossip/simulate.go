package gossip

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model/logistic"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
	"github.com/rhizome-ml/rhizome/value"
)

// scoredTimes is how often they are looked at in a run.
const scoredTimes = 100

// simulated is nodes without a server.
type simulated struct {
	cfg      Config
	swarm    *Swarm
	held     *dataset.SyntheticRows // of the test
	nextLook time.Duration
	failures map[string]uint64
	broke    map[int]*value.Failure // the first of each node in step that it could not handle, by node
	world    *sim.World             // at the last look
	looks    int                    // that found the rounds of a node ended so, one after the other

	asked  int           // how often nodes that train a network were asked how good it is
	scores map[int]score // what they told when they were asked last, by node

	through through
}

// through is how far nodes in step are.
type through struct {
	of    map[int]int // rounds, by node
	nodes map[int]int // how many nodes are that far
	all   int         // rounds through which all are
	look  int         // the round at which nodes are asked how good they are
	asked time.Duration
	done  bool
}

// note takes what a node told; it tells it again after a crash.
func (t *through) note(node, rounds, nodes int) {
	if t.of == nil {
		t.of, t.nodes = map[int]int{}, map[int]int{}
	}
	for r := t.of[node] + 1; r <= rounds; r++ {
		t.nodes[r]++
	}
	t.of[node] = max(t.of[node], rounds)
	for t.nodes[t.all+1] == nodes {
		delete(t.nodes, t.all)
		t.all++
	}
}

// askAgain is how long nodes that are through have to tell how good they are, before they are asked again: one may
// have died with the question.
const askAgain = 10 * time.Second

// lookInStep is Look of nodes in step.
func (g *simulated) lookInStep(w *sim.World, s *study.Sample) {
	g.told(w, s)
	g.world = w
	g.looks++
	if g.Failure() == nil {
		g.looks = 0
	}
	if g.through.all < g.cfg.Rounds {
		if g.asked == 0 || g.through.all >= g.through.look {
			g.through.look = g.through.all + max(1, g.cfg.Rounds/scoredTimes)
			g.ask(w)
		}
		return
	}
	for _, n := range w.Nodes() {
		if !n.Up() {
			return
		}
	}
	switch asked := min(study.ScoredNodes, len(w.Nodes())); {
	case g.through.asked == 0 || s.At-g.through.asked > askAgain:
		g.through.asked = s.At
		g.ask(w)
	case len(g.scores) == asked:
		g.through.done = true
	}
}

// Simulate makes the nodes of the job in the simulator.
func (c Config) Simulate() (study.Subject, error) { return simulate(c) }

func simulate(c Config) (*simulated, error) {
	g := &simulated{cfg: c, failures: map[string]uint64{}, broke: map[int]*value.Failure{}}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var err error
	if g.cfg, err = job.Bring(c); err != nil {
		return nil, err
	}
	g.swarm, err = g.cfg.Swarm()
	return g, err
}

func (g *simulated) Members(yield func(job.Member, bool) error) error {
	for i := range g.cfg.Nodes {
		m := g.swarm.Member(i)
		if err := g.cfg.Give(&m.Config, i); err != nil {
			return err
		}
		if err := yield(m, false); err != nil {
			return err
		}
	}
	return nil
}

func (g *simulated) Rounds() int { return g.cfg.Rounds }

// Failure is why the rounds of a node in step have ended before the last, or nil. What it refuses of a neighbour ends
// none.
func (g *simulated) Failure() error {
	if len(g.broke) == 0 || g.world == nil {
		return nil
	}
	for _, n := range g.world.Nodes() {
		i := n.ID()
		f, ended := g.broke[i], n.Up() && n.Node().Engine().Rests() && g.through.of[i] < g.cfg.Rounds
		if f != nil && ended {
			return &job.NodeError{Node: n.Name, Err: &job.FailedError{Failed: job.Failed{Round: g.through.of[i] + 1,
				Reason: f.Error()}}}
		}
	}
	return nil
}

// Horizon is that of periods; nobody knows when nodes in step are through.
func (g *simulated) Horizon() time.Duration {
	if g.cfg.steps() {
		return 0
	}
	return time.Duration(g.cfg.Rounds) * g.cfg.Period
}

// Round returns how many periods have ended, or how many rounds all nodes are through.
func (g *simulated) Round(now time.Duration) int {
	if g.cfg.steps() {
		return g.through.all
	}
	return int(now / g.cfg.Period)
}

// Done says whether all nodes in step are through, are there, and have told how good they are, or one has failed.
func (g *simulated) Done() bool { return g.through.done || g.looks > 1 }

func (g *simulated) App(n *sim.Node, ev engine.AppEvent) error {
	if ev.Name == engine.FailureEvent {
		f, harmless := job.Harmless(ev.Value)
		if f != nil {
			g.failures[f.Code]++
		}
		if !harmless && g.cfg.steps() && g.broke[n.ID()] == nil {
			g.broke[n.ID()] = f
		}
	}
	if round, ok := mixedRound(ev); ok {
		g.through.note(n.ID(), round+1, g.cfg.Nodes)
	}
	if tag, accuracy, loss, ok, err := g.cfg.Evaluation(ev); ok {
		if err != nil {
			return err
		}
		if tag == g.asked {
			g.scores[n.ID()] = score{accuracy, loss}
		}
	}
	return nil
}

// score is what a node finds of its model.
type score struct{ accuracy, loss float64 }

// ask has nodes that train a network test it; they tell what they found by the next look.
func (g *simulated) ask(w *sim.World) {
	g.asked++
	g.scores = map[int]score{}
	nodes := w.Nodes()
	for i := range min(study.ScoredNodes, len(nodes)) {
		if n := nodes[i*len(nodes)/min(study.ScoredNodes, len(nodes))]; n.Up() {
			w.Deliver(n, &engine.Event{Invoke: g.cfg.Evaluate(g.asked)})
		}
	}
}

// told is what was found of the networks of nodes when they were asked last.
func (g *simulated) told(w *sim.World, s *study.Sample) {
	n, accuracy, loss, least := 0, 0.0, 0.0, 1.0
	for _, node := range w.Nodes() {
		if x, ok := g.scores[node.ID()]; ok {
			n, accuracy, loss, least = n+1, accuracy+x.accuracy, loss+x.loss, min(least, x.accuracy)
		}
	}
	if n > 0 {
		s.Accuracy, s.Loss, s.Least, s.Scored = job.Number(accuracy/float64(n)), job.Number(loss/float64(n)),
			job.Number(least), true
	}
}

// Look evaluates the models of nodes that stand evenly in the order of all.
func (g *simulated) Look(w *sim.World, s *study.Sample) {
	if g.cfg.steps() {
		g.lookInStep(w, s)
		return
	}
	if g.cfg.learns() && s.At >= g.Horizon() {
		g.told(w, s)
		return
	}
	if s.At < g.nextLook && s.At < g.Horizon() {
		return
	}
	g.nextLook = s.At + g.Horizon()/scoredTimes
	if g.cfg.learns() {
		g.told(w, s)
		g.ask(w)
		return
	}
	nodes := w.Nodes()
	n, accuracy, loss, least := 0, 0.0, 0.0, 1.0
	for i := range min(study.ScoredNodes, len(nodes)) {
		m := modelOf(nodes[i*len(nodes)/min(study.ScoredNodes, len(nodes))])
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
		s.Accuracy, s.Loss, s.Least, s.Scored = job.Number(accuracy/float64(n)), job.Number(loss/float64(n)),
			job.Number(least), true
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

func (g *simulated) Result(w *sim.World, r *study.Result) {
	r.Failures, r.Done = g.failures, r.At >= g.Horizon() && !g.cfg.steps() || g.Done()
	h := sha256.New()
	var b []byte
	for _, n := range w.Nodes() {
		if g.cfg.learns() && n.Up() {
			b, err := g.cfg.Model(n.Node())
			fmt.Fprint(h, err)
			h.Write(b)
			r.Contributions += study.CounterOf(n, CountMerges)
			continue
		}
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
		r.Contributions += study.CounterOf(n, CountMerges)
	}
	r.ModelSHA256 = hex.EncodeToString(h.Sum(nil))
}
