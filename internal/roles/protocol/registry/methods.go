package registry

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	return []graph.Method{
		{
			Name: "Await", Deferred: true, Doc: "Waits until enough peers are members.",
			In:  []graph.Port{{Name: "round", Type: types.Int()}},
			Out: []graph.Port{{Name: "ready", Type: types.Trigger()}},
		},
		{
			Name: "Members", Doc: "Gives all members.",
			In:  []graph.Port{{Name: "trigger", Type: types.Trigger()}},
			Out: []graph.Port{{Name: "peers", Type: types.ListsOf(types.Peer())}},
		},
		{
			Name: "Share",
			Doc:  "Gives which part so many peers are of as many as of says; of 0, of all who joined and were not removed.",
			In:   []graph.Port{{Name: "peers", Type: types.ListsOf(types.Peer())}, {Name: "of", Type: types.Int()}},
			Out:  []graph.Port{{Name: "share", Type: types.Tensors(tensor.Float32)}},
		},
		{
			Name: "Edges", Doc: "Gives the edges that the peers joined, each once.",
			In:  []graph.Port{{Name: "peers", Type: types.ListsOf(types.Peer())}},
			Out: []graph.Port{{Name: "edges", Type: types.ListsOf(types.Peer())}},
		},
		{
			Name: "Mine", Doc: "Gives those of the peers that joined this node.",
			In:  []graph.Port{{Name: "peers", Type: types.ListsOf(types.Peer())}},
			Out: []graph.Port{{Name: "peers", Type: types.ListsOf(types.Peer())}},
		},
	}
}
