package neighbour

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/types"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	return []graph.Method{
		{
			Name: "Peer", Doc: "Draws for a tick one of the peers that are known from the start.",
			In:  []graph.Port{{Name: "tick", Type: types.Int()}},
			Out: []graph.Port{{Name: "peer", Type: types.Peer()}},
		},
		{
			Name: "Next", Doc: "Draws for a tick one of the peers that are known by then, or nobody where none is.",
			In:  []graph.Port{{Name: "tick", Type: types.Int()}},
			Out: []graph.Port{{Name: "peers", Type: types.ListsOf(types.Peer())}},
		},
	}
}
