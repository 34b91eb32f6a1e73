package chaos

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// tally is a component whose effects can be counted: Count notes that it saw a number, Double is a worker's command.
type tally struct{ state tallyState }

// tallyState is what a tally has seen.
type tallyState struct {
	Seen  []int64 `snap:"1"` // ascending, each once
	Twice int64   `snap:"2"` // how often a number was counted that was counted before: an effect applied twice
}

const tallyRole, tallyKind = "protocol", "tally"

func newTally(node.Env) (engine.Component, error) { return &tally{}, nil }

// tallyMethods are what the program may invoke on a tally.
var tallyMethods = []graph.Method{
	{Name: "Count", Doc: "Notes a number and gives how many were noted.",
		In:  []graph.Port{{Name: "number", Type: types.Int()}, {Name: "doubled", Type: types.Int()}},
		Out: []graph.Port{{Name: "count", Type: types.Int()}}},
	{Name: "Double", Doc: "Gives twice a number, by a worker.",
		In: []graph.Port{{Name: "number", Type: types.Int()}}, Out: []graph.Port{{Name: "doubled", Type: types.Int()}}},
}

func (c *tally) State() any { return &c.state }

func (c *tally) Restored() error {
	if !slices.IsSorted(c.state.Seen) {
		return fmt.Errorf("tally: the numbers are not in order")
	}
	return nil
}

func (c *tally) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	if method == "Double" {
		ctx.Command(method, in)
		return nil, nil
	}
	n, ok := in[0].(value.Int)
	if !ok {
		return nil, fmt.Errorf("tally: want an Int")
	}
	at, there := slices.BinarySearch(c.state.Seen, int64(n))
	if there {
		c.state.Twice++
	} else {
		c.state.Seen = slices.Insert(c.state.Seen, at, int64(n))
	}
	return []value.Value{n}, nil
}

func (c *tally) Work(method string, in []value.Value) ([]value.Value, error) {
	n, ok := in[0].(value.Int)
	if !ok {
		return nil, fmt.Errorf("tally: %s wants an Int", method)
	}
	return []value.Value{2 * n}, nil
}

// Recorded says that results are computed again on replay: both ways are then in a run, for failures are always
// recorded.
func (c *tally) Recorded(string) bool { return false }
