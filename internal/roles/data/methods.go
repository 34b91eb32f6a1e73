package data

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/types"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	return []graph.Method{
		{
			Name: "Begin", Doc: "Puts the cursor at the start of a round and gives the samples and the batches of it.",
			In:  []graph.Port{{Name: "round", Type: types.Int()}},
			Out: []graph.Port{{Name: "samples", Type: types.Int()}, {Name: "steps", Type: types.Int()}},
		},
		{
			Name: "NextBatch",
			Doc:  "Gives the batch of a step and its labels; the round is that of the last Begin unless it is given.",
			In:   []graph.Port{{Name: "step", Type: types.Int()}, {Name: "round", Type: types.Int(), Optional: true}},
			Out:  []graph.Port{{Name: "batch", Type: types.Tensor()}, {Name: "labels", Type: types.Tensor()}},
		},
		{
			Name: "Test", Doc: "Gives all test samples and their labels.",
			In:  []graph.Port{{Name: "trigger", Type: types.Trigger()}},
			Out: []graph.Port{{Name: "batch", Type: types.Tensor()}, {Name: "labels", Type: types.Tensor()}},
		},
		{
			Name: "Reset", Doc: "Puts the cursor at the start.",
			In:  []graph.Port{{Name: "trigger", Type: types.Trigger()}},
			Out: []graph.Port{{Name: "done", Type: types.Trigger()}},
		},
		{
			Name: "Loaded", Doc: "Gives how many samples the node holds.",
			In:  []graph.Port{{Name: "trigger", Type: types.Trigger()}},
			Out: []graph.Port{{Name: "samples", Type: types.Int()}},
		},
	}
}
