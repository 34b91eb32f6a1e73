package selector

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/types"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	return []graph.Method{
		{
			Name: "Sample", Doc: "Draws the cohort of a round from the peers that are members.",
			In:  []graph.Port{{Name: "ready", Type: types.Trigger()}, {Name: "round", Type: types.Int()}},
			Out: []graph.Port{{Name: "peers", Type: types.ListsOf(types.Peer())}},
		},
		{
			Name: "View", Doc: "Gives all members.",
			In:  []graph.Port{{Name: "trigger", Type: types.Trigger()}},
			Out: []graph.Port{{Name: "peers", Type: types.ListsOf(types.Peer())}},
		},
	}
}
