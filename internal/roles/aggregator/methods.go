package aggregator

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/op"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	return []graph.Method{
		{
			Name: "Contribute", Doc: "Adds one peer's update to the aggregate of a round, at most once.",
			In: []graph.Port{
				{Name: "round", Type: op.Int()}, {Name: "who", Type: op.Peer()},
				{Name: "update", Type: op.ListsOf(op.Tensor())}, {Name: "samples", Type: op.Int()},
				{Name: "loss_before", Type: op.Tensor(), Optional: true},
				{Name: "loss_after", Type: op.Tensor(), Optional: true},
			},
			Out: []graph.Port{{Name: "settled", Type: op.Trigger()}},
		},
		{
			Name: "Mean", Deferred: true, Doc: "Waits for the updates that are lent, and gives the mean of a round, weighted by samples, all samples, the members that it is of, and how many those are.",
			In:  []graph.Port{{Name: "round", Type: op.Int()}, {Name: "members", Type: op.ListsOf(op.Peer())}},
			Out: []graph.Port{{Name: "mean", Type: op.ListsOf(op.Tensor())}, {Name: "samples", Type: op.Int()}, {Name: "members", Type: op.ListsOf(op.Peer())}, {Name: "count", Type: op.Int()}},
		},
		{
			Name: "Aggregate", Doc: "Is Mean where no update is lent, without the members.",
			In:  []graph.Port{{Name: "round", Type: op.Int()}, {Name: "members", Type: op.ListsOf(op.Peer())}},
			Out: []graph.Port{{Name: "mean", Type: op.ListsOf(op.Tensor())}, {Name: "samples", Type: op.Int()}},
		},
		{
			Name: "Refuse", Doc: "Notes that a peer's answer to a round failed, and why: code, place and message, as Catch gives them.",
			In: []graph.Port{
				{Name: "round", Type: op.Int()}, {Name: "who", Type: op.Peer()},
				{Name: "failure", Type: op.ListsOf(op.String())},
			},
			Out: []graph.Port{{Name: "noted", Type: op.Trigger()}},
		},
	}
}
