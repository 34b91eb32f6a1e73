package selector

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/op"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	return []graph.Method{
		{
			Name: "Sample", Doc: "Draws the cohort of a round from the peers that are members.",
			In:  []graph.Port{{Name: "ready", Type: op.Trigger()}, {Name: "round", Type: op.Int()}},
			Out: []graph.Port{{Name: "peers", Type: op.ListsOf(op.Peer())}},
		},
		{
			Name: "View", Doc: "Gives all members.",
			In:  []graph.Port{{Name: "trigger", Type: op.Trigger()}},
			Out: []graph.Port{{Name: "peers", Type: op.ListsOf(op.Peer())}},
		},
	}
}
