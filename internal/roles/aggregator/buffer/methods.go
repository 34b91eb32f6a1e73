package buffer

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	tensors, peers, numbers := types.ListsOf(types.Tensor()), types.ListsOf(types.Peer()), types.ListsOf(types.Int())
	return []graph.Method{
		{
			Name: "Begin", Doc: "Begins to ask: who is there, and who comes.",
			In:  []graph.Port{{Name: "ready", Type: types.Trigger()}},
			Out: []graph.Port{{Name: "begun", Type: types.Trigger()}},
		},
		{
			Name: "Asked", Doc: "Gives those of the peers that are to answer the call, and the version and the parameters " +
				"that the model has now, by which they do.",
			In: []graph.Port{{Name: "call", Type: types.Int()}, {Name: "peers", Type: peers}},
			Out: []graph.Port{{Name: "peers", Type: peers}, {Name: "version", Type: types.Int()},
				{Name: "params", Type: tensors}},
		},
		{
			Name: "Contribute", Doc: "Takes a peer's answer to a call, at most one.",
			In: []graph.Port{
				{Name: "call", Type: types.Int()}, {Name: "who", Type: types.Peer()}, {Name: "update", Type: tensors},
				{Name: "samples", Type: types.Int()},
				{Name: "loss_before", Type: types.Tensor(), Optional: true},
				{Name: "loss_after", Type: types.Tensor(), Optional: true},
			},
			Out: []graph.Port{{Name: "settled", Type: types.Trigger()}},
		},
		{
			Name: "Refuse", Doc: "Notes that a peer's answer to a call failed, and why: code, place and message, as Catch " +
				"gives them.",
			In: []graph.Port{{Name: "call", Type: types.Int()}, {Name: "who", Type: types.Peer()},
				{Name: "failure", Type: types.ListsOf(types.String())}},
			Out: []graph.Port{{Name: "noted", Type: types.Trigger()}},
		},
		{
			Name: "Await", Deferred: true,
			Doc: "Waits for the updates of which the version after that one is made. It gives their mean, by samples and " +
				"age, what they weigh for their age in the mean, and in the order in which they were accepted of whom they " +
				"are, how many versions old, and to which call; and how many they are.",
			In: []graph.Port{{Name: "version", Type: types.Int()}},
			Out: []graph.Port{{Name: "mean", Type: tensors}, {Name: "fresh", Type: types.Tensors(tensor.Float32)},
				{Name: "members", Type: peers}, {Name: "ages", Type: numbers}, {Name: "calls", Type: numbers},
				{Name: "count", Type: types.Int()}},
		},
		{
			Name: "Load",
			Doc: "Puts the parameters of the version after that one into the model; where it was the last to be awaited, " +
				"nobody is asked any more.",
			In: []graph.Port{{Name: "version", Type: types.Int()}, {Name: "params", Type: tensors},
				{Name: "last", Type: types.Int()}},
			Out: []graph.Port{{Name: "loaded", Type: types.Trigger()}},
		},
		{
			Name: "Failed", Doc: "Says what a job tells that cannot go on: version, reason, and at whom; from what " +
				"Catch gives.",
			In:  []graph.Port{{Name: "failure", Type: types.ListsOf(types.String())}},
			Out: []graph.Port{{Name: "failed", Type: types.List()}},
		},
	}
}
