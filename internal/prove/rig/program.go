package rig

import (
	"errors"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// Tally is a component whose effects can be counted: "count" changes state at once, "double" is a worker's command.
type Tally struct {
	state struct {
		Sum int64 `snap:"1"`
	}
	wrong bool // computes something else than before: what a replay must notice
}

// Sum returns how often it counted.
func (c *Tally) Sum() int64 { return c.state.Sum }

// State returns what a snapshot keeps.
func (c *Tally) State() any { return &c.state }

// Restored has nothing to check.
func (c *Tally) Restored() error { return nil }

// Invoke counts, or has a worker double.
func (c *Tally) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	if method == "double" {
		ctx.Command(method, in)
		return nil, nil
	}
	c.state.Sum++
	return []value.Value{value.Int(c.state.Sum)}, nil
}

// Work doubles.
func (c *Tally) Work(_ string, in []value.Value) ([]value.Value, error) {
	l, ok := in[0].(*value.List)
	if !ok || len(l.Items()) == 0 {
		return nil, errors.New("want a list")
	}
	n, ok := l.Items()[0].(value.Int)
	if !ok {
		return nil, errors.New("want an Int in it")
	}
	if c.wrong {
		n++
	}
	return []value.Value{2 * n}, nil
}

// Recorded says that results are computed again by a replay.
func (c *Tally) Recorded(string) bool { return false }

// Programs returns the two parts: the host calls "go" with a number and some text that makes the inputs as long as the
// run wants them; one asks the other, which doubles the number and counts, beside and after each other; the answer
// comes back as an app event.
var Programs = sync.OnceValue(programs)

func programs() [2]*program.Program {
	edges := []program.Edge{
		{ID: 0, Name: "ask", From: "one", To: "other", Sites: []program.SiteID{1000}, Trigger: []bool{false}, Reply: 1},
		{ID: 1, Name: "answer", From: "other", To: "one", Sites: []program.SiteID{100, 101},
			Trigger: []bool{false, false}, Answer: true, Reply: program.None},
	}
	comps := []program.Component{{Name: "tally", Role: "protocol", Kind: "tally", Version: 1,
		Places: []string{"one", "other"}}}
	one := &program.Program{Place: "one", Bootstrap: program.None, Main: program.None, Edges: edges, Components: comps,
		Funcs: []program.Func{
			{ID: 0, Name: "go", Kind: program.KindInvoke, Label: "go", Edge: program.None, Inputs: 2, Slots: 5,
				Ops: []program.Op{
					{Code: program.OpConstant, Name: "who", Value: value.Peer("node1"), Out: []program.Slot{2}},
					{Code: program.OpBundle, Name: "with", In: []program.Slot{0, 1}, Out: []program.Slot{3}},
					{Code: program.OpRequest, Name: "ask", Edge: 0, In: []program.Slot{2, 0, 3},
						Out: []program.Slot{4}},
					{Code: program.OpCount, Name: "count", Label: "invoked", In: []program.Slot{0}},
				}},
			{ID: 1, Name: "back", Kind: program.KindRecv, Edge: 1, SiteBase: 100, OpBase: 100, Inputs: 4, Slots: 6,
				Ops: []program.Op{
					{Code: program.OpBundle, Name: "bundle", In: []program.Slot{0, 1, 3}, Out: []program.Slot{4}},
					{Code: program.OpAppEmit, Name: "emit", Label: "answered", In: []program.Slot{4},
						Out: []program.Slot{5}},
				}},
		}}
	other := &program.Program{Place: "other", Bootstrap: program.None, Main: program.None, Edges: edges,
		Components: comps, Funcs: []program.Func{
			{ID: 0, Name: "at", Kind: program.KindRecv, Edge: 0, SiteBase: 1000, OpBase: 1000, Inputs: 3, Slots: 6,
				Ops: []program.Op{
					{Code: program.OpComponent, Name: "double", Method: "double", In: []program.Slot{0},
						Out: []program.Slot{3}},
					{Code: program.OpComponent, Name: "count", Method: "count", In: []program.Slot{3},
						Out: []program.Slot{4}},
					{Code: program.OpReply, Name: "reply", Edge: 1, In: []program.Slot{3, 4}, Out: []program.Slot{5}},
				}},
		}}
	for _, p := range []*program.Program{one, other} {
		if err := p.Link(); err != nil {
			panic(err) // the program stands above
		}
	}
	return [2]*program.Program{one, other}
}
