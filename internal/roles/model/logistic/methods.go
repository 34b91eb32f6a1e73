package logistic

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/types"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	return []graph.Method{
		{
			Name: "Share", Doc: "Gives the model as one vector, for a peer to merge, and its age in steps.",
			In:  []graph.Port{{Name: "trigger", Type: types.Trigger()}},
			Out: []graph.Port{{Name: "params", Type: types.Tensor()}, {Name: "age", Type: types.Int()}},
		},
		{
			Name: "Merge", Doc: "Averages a peer's model with the own, weighted by age, and takes a step on the own " +
				"samples.",
			In:  []graph.Port{{Name: "params", Type: types.Tensor()}, {Name: "age", Type: types.Int()}},
			Out: []graph.Port{{Name: "merged", Type: types.Trigger()}},
		},
		{
			Name: "Alone", Doc: "Takes a step on the own samples where there is nobody to learn from.",
			In:  []graph.Port{{Name: "peers", Type: types.ListsOf(types.Peer())}},
			Out: []graph.Port{{Name: "settled", Type: types.Trigger()}},
		},
		{
			Name: "Evaluate", Doc: "Gives the accuracy and the loss of the model over the held-out samples.",
			In:  []graph.Port{{Name: "trigger", Type: types.Trigger()}},
			Out: []graph.Port{{Name: "accuracy", Type: types.Float()}, {Name: "loss", Type: types.Float()}},
		},
	}
}
