package aggregator

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// SoundKind and SoundVersion name Sound in an artifact; its role is Role.
const (
	SoundKind    = "sound"
	SoundVersion = 1
)

// Sound looks at an update where it was made, before it is lent: a server that gathers it has given up its own
// parameters by then, and finds too late that it cannot be added. It is thread-unsafe, like every component, and has no
// state.
type Sound struct {
	slot string
	st   struct{}
}

// SoundMethods returns what a choreography may invoke on it.
func SoundMethods() []graph.Method {
	return []graph.Method{{
		Name: "Check", Doc: "Gives an update on that a server can add, and fails for one that is no number or out " +
			"of range.",
		In:  []graph.Port{{Name: "update", Type: types.ListsOf(types.Tensor())}},
		Out: []graph.Port{{Name: "update", Type: types.ListsOf(types.Tensor())}},
	}}
}

// SoundFactory builds the component of a slot; it has no settings.
func SoundFactory(env node.Env) (engine.Component, error) { return &Sound{slot: env.Slot}, nil }

// State returns nothing that changes.
func (c *Sound) State() any { return &c.st }

// Restored has nothing to check.
func (c *Sound) Restored() error { return nil }

// Invoke runs Check.
func (c *Sound) Invoke(_ *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	list, ok := at[*value.List](in, 0)
	if method != "Check" || len(in) != 1 || !ok {
		return nil, value.Fail(value.CodeType, c.slot, fmt.Sprintf("%s of %d values; want Check of a List of Tensor",
			method, len(in)))
	}
	for i, v := range list.Items() {
		t, ok := v.(value.Tensor)
		if !ok {
			return nil, value.Fail(value.CodeType, c.slot, fmt.Sprintf("item %d of the update is a %s, want a tensor",
				i, v.Type()))
		}
		if k, x := summable(t.Tensor); k >= 0 {
			return nil, value.Fail(CodeDiverged, c.slot, outside(fmt.Sprintf("tensor %d", i), k, x, t.DType()))
		}
	}
	return []value.Value{list}, nil
}
