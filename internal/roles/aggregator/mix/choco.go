package mix

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/rhizome-ml/rhizome/codec"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// Public is what all its neighbours know of a node: the sum of the differences that it sent, on top of the model that
// all nodes begin with.
type Public struct {
	Peer   string        `snap:"1"` // "" is the node itself
	Params []value.Value `snap:"2"`
}

func differenceMethods() []graph.Method {
	integer := func(name string) graph.Port { return graph.Port{Name: name, Type: types.Int()} }
	differences := graph.Port{Name: "differences", Type: types.ListsOf(types.Any())}
	return []graph.Method{{
		Name: "Differ", Doc: "Begins the mixing of a round with what the node's training made in it, and gives how it " +
			"differs from what the neighbours know of the node, made smaller, how many they are, and who.",
		In:  []graph.Port{integer("round"), {Name: "params", Type: types.ListsOf(types.Tensor())}},
		Out: []graph.Port{differences, integer("degree"), {Name: "peers", Type: types.ListsOf(types.Peer())}},
	}, {
		Name: "Hear", Doc: "Takes the difference of a neighbour for a round, and how many neighbours it has.",
		In:  []graph.Port{{Name: "who", Type: types.Peer()}, integer("round"), differences, integer("degree")},
		Out: []graph.Port{{Name: "heard", Type: types.Trigger()}},
	}}
}

// compresses says whether nodes send differences and not models.
func (c *Component) compresses() bool { return c.cfg.Step > 0 }

// open returns the codec of differences, nil where they are sent as they are.
func (c Config) open() (codec.Codec, error) {
	if c.Codec == "" {
		return nil, nil
	}
	of, _, err := codec.Open(codec.Ref{Name: c.Codec, Version: 1})
	return of, err
}

// differ begins the mixing of a round with a difference.
func (c *Component) differ(ctx *engine.Context, m Model, in []value.Value) ([]value.Value, error) {
	if !c.compresses() {
		return nil, c.fail(value.CodeError, "Differ is of nodes with a step")
	}
	if len(c.st.Public) == 0 { // all begin with one model, which the seed or a file says
		begun, err := m.Kept()
		if err != nil {
			return nil, err
		}
		c.st.Public = []Public{{Params: slices.Clone(listOf(begun).Items())}}
		for _, p := range c.around(ctx) {
			c.st.Public = append(c.st.Public, Public{Peer: string(p), Params: slices.Clone(c.st.Public[0].Params)})
		}
	}
	out, err := c.offer(ctx, m, in)
	if err != nil {
		return nil, err
	}
	sent, next, f := c.difference(m)
	if f != nil {
		c.st.Own = nil
		return nil, f
	}
	c.st.Public[0].Params = next
	out[0] = sent
	return out, nil
}

// difference returns what is sent of the way from what is known of the node to what its training made, and what is
// known of it then.
func (c *Component) difference(m Model) (sent *value.List, next []value.Value, _ *value.Failure) {
	own, f := c.take(m, value.NewList(c.st.Own...), "the node's own model")
	if f != nil {
		return nil, nil, f
	}
	known, f := c.take(m, value.NewList(c.st.Public[0].Params...), "what is known of the node")
	if f != nil {
		return nil, nil, f
	}
	all := make([]value.Value, len(own))
	for i, shape := range m.Shapes() {
		t, d, err := tensor.NewFloat32(shape)
		if err != nil {
			return nil, nil, c.fail(value.CodeError, "%v", err)
		}
		for k := range d {
			d[k] = own[i][k] - known[i][k]
		}
		if c.cfg.Random > 0 {
			c.thin(d, i)
		}
		all[i] = value.Tensor{Tensor: t}
	}
	sent = value.NewList(all...)
	if of, err := c.cfg.open(); err != nil {
		return nil, nil, c.fail(value.CodeError, "%v", err)
	} else if of != nil {
		v, err := of.Encode(sent)
		if err != nil {
			return nil, nil, c.fail(value.CodeError, "%v", err)
		}
		sent = v.(*value.List) // a list stays one
	}
	if next, f = c.moved(m, c.st.Public[0].Params, sent, "the difference"); f != nil {
		return nil, nil, f
	}
	return sent, next, nil
}

// thin leaves of a tensor's difference as many elements as are drawn for the round.
func (c *Component) thin(d []float32, which int) {
	at := make([]int, len(d))
	for i := range at {
		at[i] = i
	}
	n := int((int64(len(d))*c.cfg.Random + millionth - 1) / millionth)
	draw.New(c.seed, "aggregator/"+c.slot+"/"+string(c.self), uint64(c.st.Round), uint64(which)).Shuffle(at, n)
	for _, i := range at[n:] {
		d[i] = 0
	}
}

// hear takes the difference of a neighbour for a round. One that is refused is none.
func (c *Component) hear(ctx *engine.Context, m Model, in []value.Value) ([]value.Value, error) {
	if !c.compresses() {
		return nil, c.fail(value.CodeError, "Hear is of nodes with a step")
	}
	return c.keep(ctx, m, in, func(who string) *value.Failure {
		_, f := c.decoded(m, in[2], "the difference of "+who)
		return f
	})
}

// decoded reads a difference, as whoever sends it and whoever gets it do.
func (c *Component) decoded(m Model, v value.Value, what string) ([][]float32, *value.Failure) {
	of, err := c.cfg.open()
	if err != nil {
		return nil, c.fail(value.CodeError, "%v", err)
	}
	if of != nil {
		lim, most := value.DefaultLimits(), 1
		for _, s := range m.Shapes() {
			n := 1
			for _, d := range s {
				n *= d
			}
			most = max(most, n)
		}
		lim.Tensor.Elements = most
		if v, err = of.Decode(v, lim); err != nil {
			return nil, c.fail(value.CodeType, "%s is none: %v", what, err)
		}
	}
	return c.take(m, v, what)
}

// moved returns what is known of a node once it has sent a difference.
func (c *Component) moved(m Model, known []value.Value, sent value.Value, what string) ([]value.Value, *value.Failure) {
	by, f := c.decoded(m, sent, what)
	if f != nil {
		return nil, f
	}
	from, f := c.take(m, value.NewList(known...), "what is known of a node")
	if f != nil {
		return nil, f
	}
	out := make([]value.Value, len(from))
	for i, shape := range m.Shapes() {
		t, x, err := tensor.NewFloat32(shape)
		if err != nil {
			return nil, c.fail(value.CodeError, "%v", err)
		}
		for k := range x {
			x[k] = from[i][k] + by[i][k]
			if !(math.Abs(float64(x[k])) <= math.MaxFloat32) {
				return nil, c.fail(value.CodeError, "element %d of parameter %d becomes %v by %s", k, i, x[k], what)
			}
		}
		out[i] = value.Tensor{Tensor: t}
	}
	return out, nil
}

// drawn puts in place of the model the node's own, drawn by Config.Step from what is known of the node towards what is
// known of its neighbours, with the weights of mixed. A neighbour whose difference was refused, or leads beyond all
// numbers, stays where it was known, and counts for nothing in the round.
func (c *Component) drawn(ctx *engine.Context, m Model, degree int, from []Taken) *value.Failure {
	own, f := c.take(m, value.NewList(c.st.Own...), "the node's own model")
	if f != nil {
		return f
	}
	self, f := c.take(m, value.NewList(c.st.Public[0].Params...), "what is known of the node")
	if f != nil {
		return f
	}
	var weights []float64
	var known [][][]float32
	for _, t := range from {
		at, there := c.public(t.Peer)
		if len(t.Params) == 0 || !there {
			continue
		}
		next, f := c.moved(m, c.st.Public[at].Params, value.NewList(t.Params...), "the difference of "+t.Peer)
		if f != nil {
			ctx.Count("beyond")
			continue
		}
		of, f := c.take(m, value.NewList(next...), "what is known of "+t.Peer)
		if f != nil {
			return f
		}
		c.st.Public[at].Params = next
		weights = append(weights, 1/float64(1+max(degree, int(t.Degree))))
		known = append(known, of)
	}
	f = c.put(m, func(i, k int, _ float32) float32 {
		sum := 0.0
		for n, w := range weights {
			sum += float64(w * (float64(known[n][i][k]) - float64(self[i][k])))
		}
		return float32(float64(own[i][k]) + float64(c.cfg.Step*sum))
	})
	if f == nil {
		c.st.Changes, c.st.Age = c.st.Changes+1, min(c.st.Age+1, AgeMax)
	}
	return f
}

// public returns where it is that is known of a node.
func (c *Component) public(peer string) (at int, there bool) {
	return sort.Find(len(c.st.Public), func(i int) int { return compare(peer, c.st.Public[i].Peer) })
}

// soundPublic says what is wrong with what is known of nodes.
func (s *State) soundPublic() error {
	for i, p := range s.Public {
		if (i == 0) != (p.Peer == "") || i > 0 && p.Peer <= s.Public[i-1].Peer || len(p.Params) == 0 {
			return fmt.Errorf("the rounds: what is known of nodes is out of its order")
		}
	}
	return nil
}
