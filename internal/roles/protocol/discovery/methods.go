package discovery

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/types"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	return []graph.Method{
		{
			Name: "Members", Doc: "Gives all who play the place that the component looks for, as far as this node " +
				"knows, the node itself apart.",
			In:  []graph.Port{{Name: "trigger", Type: types.Trigger()}},
			Out: []graph.Port{{Name: "peers", Type: types.ListsOf(types.Peer())}},
		},
	}
}
