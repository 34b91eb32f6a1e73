package aggregator

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/types"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	return []graph.Method{
		{
			Name: "Contribute", Doc: "Adds one peer's update to the aggregate of a round, at most once.",
			In: []graph.Port{
				{Name: "round", Type: types.Int()}, {Name: "who", Type: types.Peer()},
				{Name: "update", Type: types.ListsOf(types.Tensor())}, {Name: "samples", Type: types.Int()},
				{Name: "loss_before", Type: types.Tensor(), Optional: true},
				{Name: "loss_after", Type: types.Tensor(), Optional: true},
			},
			Out: []graph.Port{{Name: "settled", Type: types.Trigger()}},
		},
		{
			Name: "Mean", Deferred: true,
			Doc: "Waits for the updates that are lent, and gives the mean of a round, weighted by samples, all " +
				"samples, the members that it is of, and how many those are.",
			In: []graph.Port{{Name: "round", Type: types.Int()}, {Name: "members", Type: types.ListsOf(types.Peer())}},
			Out: []graph.Port{{Name: "mean", Type: types.ListsOf(types.Tensor())}, {Name: "samples", Type: types.Int()},
				{Name: "members", Type: types.ListsOf(types.Peer())}, {Name: "count", Type: types.Int()}},
		},
		{
			Name: "Trust", Deferred: true,
			Doc: "Is Mean where the strategy judges updates by what the server's own training made of the same " +
				"parameters.",
			In: []graph.Port{{Name: "round", Type: types.Int()}, {Name: "members", Type: types.ListsOf(types.Peer())},
				{Name: "root", Type: types.ListsOf(types.Tensor())}},
			Out: []graph.Port{{Name: "mean", Type: types.ListsOf(types.Tensor())}, {Name: "samples", Type: types.Int()},
				{Name: "members", Type: types.ListsOf(types.Peer())}, {Name: "count", Type: types.Int()}},
		},
		{
			Name: "Aggregate", Doc: "Is Mean where no update is lent, without the members.",
			In: []graph.Port{{Name: "round", Type: types.Int()}, {Name: "members", Type: types.ListsOf(types.Peer())}},
			Out: []graph.Port{{Name: "mean", Type: types.ListsOf(types.Tensor())},
				{Name: "samples", Type: types.Int()}},
		},
		{
			Name: "Sum", Doc: "Gives the exact sum of a round, and a tally: whose updates it is of, and whose were " +
				"refused.",
			In: []graph.Port{{Name: "round", Type: types.Int()}, {Name: "members", Type: types.ListsOf(types.Peer())}},
			Out: []graph.Port{{Name: "sum", Type: types.ListsOf(types.Tensor())},
				{Name: "tally", Type: types.List()}},
		},
		{
			Name: "AddSum", Doc: "Adds what Sum gave at an edge, and gives of how many updates it is.",
			In: []graph.Port{
				{Name: "round", Type: types.Int()}, {Name: "edge", Type: types.Peer()},
				{Name: "sum", Type: types.ListsOf(types.Tensor())}, {Name: "tally", Type: types.List()},
			},
			Out: []graph.Port{{Name: "count", Type: types.Int()}},
		},
		{
			Name: "Refuse", Doc: "Notes that a peer's answer to a round failed, and why: code, place and message, " +
				"as Catch gives them.",
			In: []graph.Port{
				{Name: "round", Type: types.Int()}, {Name: "who", Type: types.Peer()},
				{Name: "failure", Type: types.ListsOf(types.String())},
			},
			Out: []graph.Port{{Name: "noted", Type: types.Trigger()}},
		},
	}
}
