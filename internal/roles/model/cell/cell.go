// Package cell keeps tensors of a node from round to round, as the component kind "cell" version 1 of the role model:
// what a client has for itself, such as running statistics that never leave it, and what a strategy keeps.
//
// Ops of the component:
//
//	Read(round, first)   → List of Tensor   what was kept before the round; or first, or zeros where that is empty
//	Write(round, List)   → trigger          keeps what a round made
package cell

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "model"
	Kind    = "cell"
	Version = 1
)

// The bounds of what is kept.
const (
	tensorsMax  = 1 << 14
	ElementsMax = 1 << 26 // of all tensors of a cell
)

// Config is the settings of the component.
type Config struct {
	// Shapes are those of the tensors that it keeps, all of float32: 1 to 2^14, of 2^26 elements together.
	Shapes [][]int `json:"shapes"`
	// Chained says that what is kept goes with what others keep of the same rounds, so that a round before the last one
	// that was kept fails, for its state is gone; else it reads the oldest that is there. Each says that every round is
	// kept, so that one fails too which does not follow on the last one, the first of which is 0.
	Chained bool `json:"chained,omitempty"`
	Each    bool `json:"each,omitempty"`
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte { return config.JSON(c) }

func (c Config) check() (Config, error) {
	const of = "cell config"
	if err := config.Within(of, "shapes", int64(len(c.Shapes)), 1, tensorsMax); err != nil {
		return c, err
	}
	left := ElementsMax
	for i, s := range c.Shapes {
		n := 1
		for _, d := range s {
			if d < 0 || d > left || len(s) > tensor.MaxRank || n*max(d, 1) > left {
				return c, config.Errorf(of, "shape %d is %v; want at most %d dimensions, and %d elements of all shapes", i,
					s, tensor.MaxRank, ElementsMax)
			}
			n *= d
		}
		left -= n
	}
	return c, nil
}

// Component keeps tensors. What is read in a round is what was
// written in an earlier one, also where the round is begun again, so that it comes to the same. It is thread-unsafe,
// like every component.
type Component struct {
	slot   string
	cfg    Config
	shapes [][]int
	st     State
}

// State is what is kept.
type State struct {
	Round  int64         `snap:"1"` // in which Now was written
	Before []value.Value `snap:"2"` // what was there before that round; none: nothing
	Now    []value.Value `snap:"3"` // none: nothing was written yet
}

// Factory builds the component of a slot.
func Factory(env node.Env) (engine.Component, error) {
	c, err := config.Parse("cell config", env.Config, Config.check)
	if err != nil {
		return nil, err
	}
	return &Component{slot: env.Slot, cfg: c, shapes: c.Shapes}, nil
}

// Methods returns what a choreography may invoke on it.
func Methods() []graph.Method {
	return []graph.Method{{
		Name: "Read", Doc: "Gives what was kept before a round; where nothing was, what is given as first, or zeros where " +
			"that is empty.",
		In:  []graph.Port{{Name: "round", Type: types.Int()}, {Name: "first", Type: types.ListsOf(types.Tensor())}},
		Out: []graph.Port{{Name: "kept", Type: types.ListsOf(types.Tensor())}},
	}, {
		Name: "Write", Doc: "Keeps what a round made; that of an earlier round than the last one is not kept.",
		In:  []graph.Port{{Name: "round", Type: types.Int()}, {Name: "made", Type: types.ListsOf(types.Tensor())}},
		Out: []graph.Port{{Name: "written", Type: types.Trigger()}},
	}}
}

// State returns what is kept.
func (c *Component) State() any { return &c.st }

// Restored checks that what is kept fits the settings.
func (c *Component) Restored() error {
	for _, list := range [][]value.Value{c.st.Before, c.st.Now} {
		if f := c.fits(list); len(list) > 0 && f != nil {
			return f
		}
	}
	if len(c.st.Now) == 0 && (len(c.st.Before) > 0 || c.st.Round != 0) {
		return fmt.Errorf("%s: it keeps what was before a round in which nothing was written", c.slot)
	}
	return nil
}

// fits says whether values are what can be kept.
func (c *Component) fits(items []value.Value) *value.Failure {
	if len(items) != len(c.shapes) {
		return c.fail(value.CodeError, "%d tensors; want %d", len(items), len(c.shapes))
	}
	for i, v := range items {
		t, ok := v.(value.Tensor)
		if !ok || t.DType() != tensor.Float32 || !slices.Equal(t.Shape(), c.shapes[i]) {
			return c.fail(value.CodeType, "item %d is no float32 tensor of the shape %v", i, c.shapes[i])
		}
	}
	return nil
}

// Invoke runs one op.
func (c *Component) Invoke(_ *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	if len(in) != 2 {
		return nil, c.fail(value.CodeType, "%s takes 2 values, not %d", method, len(in))
	}
	n, ok := in[0].(value.Int)
	list, listed := in[1].(*value.List)
	if !ok || !listed {
		return nil, c.fail(value.CodeType, "%s takes a round and a List of Tensor", method)
	}
	if f := c.fits(list.Items()); f != nil && (method != "Read" || list.Len() > 0) {
		return nil, f
	}
	round, none := int64(n), len(c.st.Now) == 0
	if f := c.follows(round); f != nil {
		return nil, f
	}
	switch method {
	case "Read":
		kept := c.st.Now
		if round <= c.st.Round {
			kept = c.st.Before
		}
		if len(kept) == 0 && list.Len() == 0 {
			return c.zeros()
		}
		if len(kept) == 0 {
			return []value.Value{list}, nil
		}
		return []value.Value{value.NewList(kept...)}, nil
	case "Write":
		switch {
		case none:
			c.st = State{Round: round, Now: slices.Clone(list.Items())}
		case round > c.st.Round:
			c.st = State{Round: round, Before: c.st.Now, Now: slices.Clone(list.Items())}
		case round == c.st.Round:
			c.st.Now = slices.Clone(list.Items())
		}
		return []value.Value{value.Trigger{}}, nil
	}
	return nil, c.fail(value.CodeError, "no op %q; want Read or Write", method)
}

// WentBack is in the words of a failure that says that states of several nodes are not of one moment.
const WentBack = "went back in time, or began anew"

// follows says whether there is what was kept before a round, where it goes with what others keep.
func (c *Component) follows(round int64) *value.Failure {
	none, last := len(c.st.Now) == 0, "of no round"
	if !none {
		last = fmt.Sprintf("of round %d", c.st.Round+1)
	}
	switch {
	case c.cfg.Chained && !none && round < c.st.Round, c.cfg.Each && none && round != 0,
		c.cfg.Each && !none && round > c.st.Round+1:
		return c.fail(value.CodeError, "what this client keeps is %s, and the server asks for round %d: the directory "+
			"of one of them %s", last, round+1, WentBack)
	}
	return nil
}

// zeros gives what is kept where nothing else is said.
func (c *Component) zeros() ([]value.Value, error) {
	out := make([]value.Value, len(c.shapes))
	for i, s := range c.shapes {
		t, _, err := tensor.NewFloat32(s)
		if err != nil {
			return nil, err
		}
		out[i] = value.Tensor{Tensor: t}
	}
	return []value.Value{value.NewList(out...)}, nil
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
