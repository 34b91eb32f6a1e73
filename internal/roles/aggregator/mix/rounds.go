package mix

import (
	"fmt"
	"slices"
	"sort"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// What a node keeps of a neighbour.
const (
	takenMost  = 3       // models that wait for their rounds
	neighbours = 1 << 10 // of a node
	roundMost  = 1 << 40
)

// Taken is the model of a neighbour that waits for its round.
type Taken struct {
	Peer   string        `snap:"1"`
	Round  int64         `snap:"2"`
	Degree int64         `snap:"3"` // how many neighbours it has
	Params []value.Value `snap:"4"` // or the difference; none: what came was refused
}

// Newest is the newest round of which a neighbour was heard.
type Newest struct {
	Peer  string `snap:"1"`
	Round int64  `snap:"2"`
}

func roundMethods() []graph.Method {
	params := graph.Port{Name: "params", Type: types.ListsOf(types.Tensor())}
	integer := func(name string) graph.Port { return graph.Port{Name: name, Type: types.Int()} }
	return []graph.Method{{
		Name: "Offer", Doc: "Begins the mixing of a round with what the node's training made in it, and gives how many " +
			"neighbours it has, and who they are.",
		In:  []graph.Port{integer("round"), params},
		Out: []graph.Port{params, integer("degree"), {Name: "peers", Type: types.ListsOf(types.Peer())}},
	}, {
		Name: "Take", Doc: "Takes the model of a neighbour for a round, and how many neighbours it has.",
		In:  []graph.Port{{Name: "who", Type: types.Peer()}, integer("round"), params, integer("degree")},
		Out: []graph.Port{{Name: "taken", Type: types.Trigger()}},
	}, {
		Name: "Await", Doc: "Waits for the models of all neighbours, or the deadline, and puts their mean with the node's " +
			"in place of the model.",
		In:  []graph.Port{integer("round"), {Name: "offered", Type: types.Trigger()}},
		Out: []graph.Port{{Name: "mixed", Type: types.Trigger()}},
	}}
}

// around returns the node's neighbours, ascending.
func (c *Component) around(ctx *engine.Context) []wire.PeerID {
	all := slices.Clone(ctx.Peers(c.cfg.Place))
	all = slices.DeleteFunc(all, func(p wire.PeerID) bool { return p == ctx.Self() })
	slices.Sort(all)
	return all
}

// offer begins the mixing of a round.
func (c *Component) offer(ctx *engine.Context, m Model, in []value.Value) ([]value.Value, error) {
	round, ok := in[0].(value.Int)
	if !ok || int64(round) != c.st.Round || round >= roundMost || len(c.st.Own) > 0 {
		return nil, c.fail(value.CodeError, "Offer takes the round that follows, %d, not %v", c.st.Round, in[0])
	}
	if _, f := c.take(m, in[1], "what the training made"); f != nil {
		return nil, f
	}
	all := c.around(ctx)
	if len(all) > neighbours {
		return nil, c.fail(value.CodeOverflow, "%d neighbours; want at most %d", len(all), neighbours)
	}
	to := make([]value.Value, len(all))
	for i, p := range all {
		to[i] = value.Peer(p)
	}
	c.st.Own = slices.Clone(in[1].(*value.List).Items())
	return []value.Value{in[1], value.Int(len(all)), value.NewList(to...)}, nil
}

// receive takes the model of a neighbour for a round. One that is refused is none: its round is mixed without it.
func (c *Component) receive(ctx *engine.Context, m Model, in []value.Value) ([]value.Value, error) {
	if c.compresses() {
		return nil, c.fail(value.CodeError, "Take is of nodes without a step")
	}
	return c.keep(ctx, m, in, func(who string) *value.Failure {
		_, f := c.take(m, in[2], "the model of "+who)
		return f
	})
}

// keep keeps what a neighbour sent for a round, unless it is refused.
func (c *Component) keep(ctx *engine.Context, m Model, in []value.Value,
	check func(who string) *value.Failure) ([]value.Value, error) {
	who, ok1 := in[0].(value.Peer)
	round, ok2 := in[1].(value.Int)
	degree, ok3 := in[3].(value.Int)
	if !ok1 || !ok2 || !ok3 || round < 0 || round >= roundMost {
		return nil, c.fail(value.CodeType, "Take takes a Peer, a round from 0 on, a model and a degree")
	}
	if !slices.Contains(c.around(ctx), wire.PeerID(who)) {
		return nil, c.fail(value.CodeStranger, "%s is no neighbour", who)
	}
	t := Taken{Peer: string(who), Round: int64(round), Degree: int64(degree)}
	f := check(t.Peer)
	if degree < 1 || degree > neighbours {
		f = c.fail(value.CodeError, "%s says that it has %d neighbours; want 1 to %d", who, degree, neighbours)
	}
	if f == nil {
		t.Params = slices.Clone(in[2].(*value.List).Items())
	}
	i, known := sort.Find(len(c.st.Newest), func(i int) int { return compare(t.Peer, c.st.Newest[i].Peer) })
	if !known {
		c.st.Newest = slices.Insert(c.st.Newest, i, Newest{Peer: t.Peer, Round: t.Round})
	}
	c.st.Newest[i].Round = max(c.st.Newest[i].Round, t.Round)
	at, there := c.find(t.Peer, t.Round)
	switch {
	case t.Round < c.st.Round:
		ctx.Count("late")
	case there:
		ctx.Count("twice")
	default:
		c.st.Taken = slices.Insert(c.st.Taken, at, t)
		c.bound(ctx, t.Peer)
		if f == nil {
			ctx.Count("taken")
		}
	}
	c.settle(ctx, m, false)
	if f != nil {
		return nil, f
	}
	return []value.Value{value.Trigger{}}, nil
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// find returns where the model of a neighbour for a round is, or would be.
func (c *Component) find(peer string, round int64) (at int, there bool) {
	return sort.Find(len(c.st.Taken), func(i int) int {
		if d := compare(peer, c.st.Taken[i].Peer); d != 0 {
			return d
		}
		return int(max(-1, min(1, round-c.st.Taken[i].Round)))
	})
}

// bound drops the oldest model of a neighbour that is too far ahead: it has gone on without this node.
func (c *Component) bound(ctx *engine.Context, peer string) {
	first, n := -1, 0
	for i, t := range c.st.Taken {
		if t.Peer == peer {
			if n++; first < 0 {
				first = i
			}
		}
	}
	if n > takenMost {
		c.st.Taken = slices.Delete(c.st.Taken, first, first+1)
		ctx.Count("ahead")
	}
}

// await waits for the neighbours.
func (c *Component) await(ctx *engine.Context, m Model, in []value.Value) ([]value.Value, error) {
	if in[0] != value.Value(value.Int(c.st.Round)) || len(c.st.Own) == 0 || c.st.Waits {
		return nil, c.fail(value.CodeError, "Await takes the round that was offered, %d, once, not %v", c.st.Round,
			in[0])
	}
	c.st.Waits, c.st.Waiting = true, uint64(ctx.Park())
	if d := c.cfg.DeadlineMS * 1e6; d > 0 {
		if !ctx.Arm(d, uint64(c.st.Round)) {
			return nil, c.fail(value.CodeOverflow, "no timer is left for the deadline of round %d", c.st.Round)
		}
	}
	c.settle(ctx, m, false)
	return nil, nil
}

// Awaited returns the round in which the node waits for the models of its neighbours, from 0, and whose are there; ok
// is false while it does not wait.
func (c *Component) Awaited() (round int64, come []string, ok bool) {
	for _, t := range c.st.Taken {
		if t.Round == c.st.Round {
			come = append(come, t.Peer)
		}
	}
	return c.st.Round, come, c.st.Waits
}

// Alarm ends the wait for neighbours.
func (c *Component) Alarm(ctx *engine.Context, token uint64) error {
	m, ok := ctx.Dep(c.cfg.Model).(Model)
	if !ok {
		return c.fail(value.CodeError, "slot %q holds no model", c.cfg.Model)
	}
	if c.st.Waits && token == uint64(c.st.Round) {
		ctx.Count("deadline")
		c.settle(ctx, m, true)
	}
	return nil
}

// settle mixes the models of a round where all neighbours are heard, or where it is time.
func (c *Component) settle(ctx *engine.Context, m Model, now bool) {
	if !c.st.Waits {
		return
	}
	all := c.around(ctx)
	var from []Taken
	for _, p := range all {
		if at, ok := c.find(string(p), c.st.Round); ok {
			from = append(from, c.st.Taken[at])
		} else if !now && !(c.cfg.DeadlineMS > 0 && c.newest(string(p)) > c.st.Round+1) {
			return // one that is two rounds ahead has gone on without this node, and comes no more
		}
	}
	f := c.made(ctx, m, len(all), from)
	id := engine.CallID(c.st.Waiting)
	c.st.Waits, c.st.Waiting, c.st.Own, c.st.Round = false, 0, nil, c.st.Round+1
	c.st.Taken = slices.DeleteFunc(c.st.Taken, func(t Taken) bool { return t.Round < c.st.Round })
	if c.cfg.DeadlineMS > 0 {
		ctx.Disarm(uint64(c.st.Round - 1))
	}
	if f != nil {
		ctx.Reject(id, f)
		return
	}
	ctx.Resolve(id, value.Trigger{})
}

// made makes the model of a round.
func (c *Component) made(ctx *engine.Context, m Model, degree int, from []Taken) *value.Failure {
	if c.compresses() {
		return c.drawn(ctx, m, degree, from)
	}
	return c.mixed(m, degree, from)
}

func (c *Component) newest(peer string) int64 {
	for _, n := range c.st.Newest {
		if n.Peer == peer {
			return n.Round
		}
	}
	return -1
}

// mixed puts the mean of the own model and those of neighbours in place of the model: each weighs 1/(1 + the greater
// number of neighbours of the two), and the node's own model the rest, also what those would weigh that did not come.
// Both ends of an edge find the same weight, and the weights of a node are 1 together: a doubly stochastic matrix.
func (c *Component) mixed(m Model, degree int, from []Taken) *value.Failure {
	own, f := c.take(m, value.NewList(c.st.Own...), "the node's own model")
	if f != nil {
		return f
	}
	rest := 1.0
	var weights []float64
	var models [][][]float32
	for _, t := range from {
		if len(t.Params) == 0 {
			continue
		}
		of, f := c.take(m, value.NewList(t.Params...), "the model of "+t.Peer)
		if f != nil {
			return f
		}
		w := 1 / float64(1+max(degree, int(t.Degree)))
		rest -= w
		weights, models = append(weights, w), append(models, of)
	}
	f = c.put(m, func(i, k int, _ float32) float32 {
		sum := float64(float64(own[i][k]) * rest)
		for n, w := range weights {
			sum += float64(float64(models[n][i][k]) * w)
		}
		return float32(sum)
	})
	if f == nil {
		c.st.Changes, c.st.Age = c.st.Changes+1, min(c.st.Age+1, AgeMax)
	}
	return f
}

// sound says what is wrong with the state of rounds.
func (s *State) sound() error {
	bad := func(what string) error { return fmt.Errorf("the rounds: %s", what) }
	if s.Round < 0 || s.Round > roundMost || s.Waits && len(s.Own) == 0 || !s.Waits && s.Waiting != 0 {
		return bad("a wait for no round")
	}
	for i, t := range s.Taken {
		if t.Round < s.Round || t.Round >= roundMost || i > 0 && (t.Peer < s.Taken[i-1].Peer ||
			t.Peer == s.Taken[i-1].Peer && t.Round <= s.Taken[i-1].Round) {
			return bad("models out of their order")
		}
	}
	for i, n := range s.Newest {
		if n.Round < 0 || n.Round >= roundMost || i > 0 && n.Peer <= s.Newest[i-1].Peer {
			return bad("neighbours out of their order")
		}
	}
	return s.soundPublic()
}
