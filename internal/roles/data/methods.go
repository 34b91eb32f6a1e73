package data

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/op"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	return []graph.Method{
		{
			Name: "Begin", Doc: "Puts the cursor at the start of a round and gives the samples and the batches of it.",
			In:  []graph.Port{{Name: "round", Type: op.Int()}},
			Out: []graph.Port{{Name: "samples", Type: op.Int()}, {Name: "steps", Type: op.Int()}},
		},
		{
			Name: "NextBatch", Doc: "Gives the batch of a step and its labels; the round is that of the last Begin unless it is given.",
			In:  []graph.Port{{Name: "step", Type: op.Int()}, {Name: "round", Type: op.Int(), Optional: true}},
			Out: []graph.Port{{Name: "batch", Type: op.Tensor()}, {Name: "labels", Type: op.Tensor()}},
		},
		{
			Name: "Test", Doc: "Gives all test samples and their labels.",
			In:  []graph.Port{{Name: "trigger", Type: op.Trigger()}},
			Out: []graph.Port{{Name: "batch", Type: op.Tensor()}, {Name: "labels", Type: op.Tensor()}},
		},
		{
			Name: "Reset", Doc: "Puts the cursor at the start.",
			In:  []graph.Port{{Name: "trigger", Type: op.Trigger()}},
			Out: []graph.Port{{Name: "done", Type: op.Trigger()}},
		},
		{
			Name: "Loaded", Doc: "Gives how many samples the node holds.",
			In:  []graph.Port{{Name: "trigger", Type: op.Trigger()}},
			Out: []graph.Port{{Name: "samples", Type: op.Int()}},
		},
	}
}
