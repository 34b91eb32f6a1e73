package logistic

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/op"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	return []graph.Method{
		{
			Name: "Share", Doc: "Gives the model as one vector, for a peer to merge, and its age in steps.",
			In:  []graph.Port{{Name: "trigger", Type: op.Trigger()}},
			Out: []graph.Port{{Name: "params", Type: op.Tensor()}, {Name: "age", Type: op.Int()}},
		},
		{
			Name: "Merge", Doc: "Averages a peer's model with the own, weighted by age, and takes a step on the own samples.",
			In:  []graph.Port{{Name: "params", Type: op.Tensor()}, {Name: "age", Type: op.Int()}},
			Out: []graph.Port{{Name: "merged", Type: op.Trigger()}},
		},
		{
			Name: "Alone", Doc: "Takes a step on the own samples where there is nobody to learn from.",
			In:  []graph.Port{{Name: "peers", Type: op.ListsOf(op.Peer())}},
			Out: []graph.Port{{Name: "settled", Type: op.Trigger()}},
		},
		{
			Name: "Evaluate", Doc: "Gives the accuracy and the loss of the model over the held-out samples.",
			In:  []graph.Port{{Name: "trigger", Type: op.Trigger()}},
			Out: []graph.Port{{Name: "accuracy", Type: op.Float()}, {Name: "loss", Type: op.Float()}},
		},
	}
}
