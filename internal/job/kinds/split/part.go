package split

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/model/cell"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// The component that holds a part of the model at the client whose turn it is, and what its optimizer keeps. A step
// that is asked for again is computed from what was there before it, so that it comes to the same; one that does not
// follow on what is there fails, for the states of server and client are then not of one moment.
const (
	partRole = "model"
	partKind = "part"
	version  = 1
)

// The bounds of a part.
const (
	partTensorsMax  = 1 << 12
	partElementsMax = 1 << 22 // with what optimizers keep
)

// port is a tensor of which the type is known.
type port struct {
	DType int   `json:"dtype"` // as ONNX numbers them
	Shape []int `json:"shape"`
}

func portOf(t types.Type) port { return port{int(t.Tensor.DType), t.Tensor.Shape} }

// fits says whether a value is such a tensor.
func (p port) fits(v value.Value) bool {
	t, ok := v.(value.Tensor)
	return ok && int(t.DType()) == p.DType && slices.Equal(t.Shape(), p.Shape)
}

// typ is the type of the tensor.
func (p port) typ() types.Type { return types.Tensors(tensor.DType(p.DType), p.Shape...) }

// zeros is a tensor of float32 of a type, full of zeros.
func zeros(t types.Type) value.Value {
	x, _, err := tensor.NewFloat32(t.Tensor.Shape)
	if err != nil {
		panic("split: " + err.Error()) // of a size that was looked at
	}
	return value.Tensor{Tensor: x}
}

func (p port) String() string { return fmt.Sprintf("%v %v", tensor.DType(p.DType), p.Shape) }

// partConfig is the settings of the component.
type partConfig struct {
	Values []port `json:"values"`
}

// JSON returns the settings as the artifact holds them.
func (c partConfig) JSON() []byte { return config.JSON(c) }

func (c partConfig) check() (partConfig, error) {
	const of = "part config"
	if err := config.Within(of, "values", int64(len(c.Values)), 1, partTensorsMax); err != nil {
		return c, err
	}
	left := partElementsMax
	for i, p := range c.Values {
		n := 1
		for _, d := range p.Shape {
			if d < 0 || d > left || len(p.Shape) > tensor.MaxRank || n*max(d, 1) > left {
				return c, config.Errorf(of, "value %d is %v; want at most %d elements of all", i, p.Shape,
					partElementsMax)
			}
			n *= d
		}
		left -= n
	}
	return c, nil
}

// part is the component of one node. It is thread-unsafe, like every component.
type part struct {
	slot string
	cfg  partConfig
	st   partState
}

// partState is what is held.
type partState struct {
	Begun  bool          `snap:"1"` // a turn was begun here
	Round  int64         `snap:"2"` // of the turn
	Steps  int64         `snap:"3"` // that Now has behind it
	Before []value.Value `snap:"4"` // what was there before the last of them; none where Steps is 0
	Now    []value.Value `snap:"5"`
	// First is what the turn was begun with again, after steps: a question that comes once more, behind what followed
	// it, takes nothing back. Where the first step is asked for again, the turn begins anew with it.
	First []value.Value `snap:"6"`
}

func newPart(env node.Env) (engine.Component, error) {
	c, err := config.Parse("part config", env.Config, partConfig.check)
	if err != nil {
		return nil, err
	}
	return &part{slot: env.Slot, cfg: c}, nil
}

// partMethods returns what a choreography may invoke on the component.
func partMethods() []graph.Method {
	round, step := graph.Port{Name: "round", Type: types.Int()}, graph.Port{Name: "step", Type: types.Int()}
	list := types.ListsOf(types.Tensor())
	return []graph.Method{{
		Name: "Begin", Doc: "Holds what a turn begins with, in place of what was there; of a turn that has begun already, for when it " +
			"is asked for from its first step on.",
		In:  []graph.Port{round, {Name: "first", Type: list}},
		Out: []graph.Port{{Name: "begun", Type: types.Trigger()}},
	}, {
		Name: "Read", Doc: "Gives what was there before a step of the turn.",
		In:  []graph.Port{round, step},
		Out: []graph.Port{{Name: "held", Type: list}},
	}, {
		Name: "Held", Doc: "Gives what the last step of the turn made.",
		In:  []graph.Port{round},
		Out: []graph.Port{{Name: "held", Type: list}},
	}, {
		Name: "Write", Doc: "Holds what a step of the turn made.",
		In:  []graph.Port{round, step, {Name: "made", Type: list}},
		Out: []graph.Port{{Name: "written", Type: types.Trigger()}},
	}}
}

// State returns what is held.
func (p *part) State() any { return &p.st }

// Restored checks that what is held fits the settings.
func (p *part) Restored() error {
	s := &p.st
	switch {
	case !s.Begun && (s.Round != 0 || s.Steps != 0 || len(s.Before)+len(s.Now) > 0),
		s.Steps == 0 && len(s.First) > 0,
		s.Begun && (s.Round < 0 || s.Steps < 0 || (s.Steps == 0) != (len(s.Before) == 0)):
		return fmt.Errorf("%s: %d steps of round %d, which does not fit begun = %v", p.slot, s.Steps, s.Round, s.Begun)
	}
	if f := p.fits(s.First); f != nil && len(s.First) > 0 {
		return f
	}
	for _, list := range [][]value.Value{s.Before, s.Now} {
		if f := p.fits(list); f != nil && (len(list) > 0 || s.Begun && s.Steps > 0) {
			return f
		}
	}
	if f := p.fits(s.Now); s.Begun && f != nil {
		return f
	}
	return nil
}

// fits says whether values are what can be held.
func (p *part) fits(items []value.Value) *value.Failure {
	if len(items) != len(p.cfg.Values) {
		return p.fail(value.CodeError, "%d tensors; want %d", len(items), len(p.cfg.Values))
	}
	for i, v := range items {
		if !p.cfg.Values[i].fits(v) {
			return p.fail(value.CodeType, "item %d is no tensor %v", i, p.cfg.Values[i])
		}
	}
	return nil
}

// Invoke runs one op; partMethods lists them.
func (p *part) Invoke(_ *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	takes := map[string]int{"Begin": 2, "Read": 2, "Held": 1, "Write": 3}[method]
	if takes == 0 {
		return nil, p.fail(value.CodeError, "no op %q; want Begin, Read, Held or Write", method)
	}
	if len(in) != takes {
		return nil, p.fail(value.CodeType, "%s takes %d values, not %d", method, takes, len(in))
	}
	round, ok := in[0].(value.Int)
	if !ok || round < 0 {
		return nil, p.fail(value.CodeType, "%s takes a round as an Int", method)
	}
	var made []value.Value
	if method == "Begin" || method == "Write" {
		list, ok := in[takes-1].(*value.List)
		if !ok {
			return nil, p.fail(value.CodeType, "%s takes a List of Tensor", method)
		}
		if f := p.fits(list.Items()); f != nil {
			return nil, f
		}
		made = slices.Clone(list.Items())
	}
	if method == "Held" {
		if f := p.follows(int64(round), p.st.Steps); f != nil {
			return nil, f
		}
		return []value.Value{value.NewList(p.st.Now...)}, nil
	}
	if method == "Begin" {
		if p.st.Begun && p.st.Round == int64(round) && p.st.Steps > 0 {
			p.st.First = made
		} else {
			p.st = partState{Begun: true, Round: int64(round), Now: made}
		}
		return []value.Value{value.Trigger{}}, nil
	}
	step, ok := in[1].(value.Int)
	if !ok {
		return nil, p.fail(value.CodeType, "%s takes a step as an Int", method)
	}
	if step == 0 && len(p.st.First) > 0 && p.st.Round == int64(round) {
		p.st = partState{Begun: true, Round: int64(round), Now: p.st.First}
	}
	if f := p.follows(int64(round), int64(step)); f != nil {
		return nil, f
	}
	again := int64(step) < p.st.Steps
	if method == "Write" {
		if !again {
			p.st.Before, p.st.Steps = p.st.Now, p.st.Steps+1
		}
		p.st.Now = made
		return []value.Value{value.Trigger{}}, nil
	}
	if again {
		return []value.Value{value.NewList(p.st.Before...)}, nil
	}
	return []value.Value{value.NewList(p.st.Now...)}, nil
}

// follows says why a step is neither the next one of the turn nor the last one again, or nil.
func (p *part) follows(round, step int64) *value.Failure {
	if p.st.Begun && round == p.st.Round && (step == p.st.Steps || step == p.st.Steps-1) {
		return nil
	}
	has := "nothing"
	if p.st.Begun {
		has = fmt.Sprintf("step %d of round %d", p.st.Steps, p.st.Round+1)
	}
	return p.fail(value.CodeError, "this client has come to %s, and the server asks for step %d of round %d: the "+
		"directory of one of them %s", has, step+1, round+1, cell.WentBack)
}

func (p *part) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, p.slot, fmt.Sprintf(format, args...))
}
