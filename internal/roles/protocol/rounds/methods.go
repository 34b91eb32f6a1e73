package rounds

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/types"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	return []graph.Method{
		{
			Name: "Open", Doc: "Opens a round for a cohort.",
			In:  []graph.Port{{Name: "round", Type: types.Int()}, {Name: "cohort", Type: types.ListsOf(types.Peer())}},
			Out: []graph.Port{{Name: "opened", Type: types.Trigger()}},
		},
		{
			Name: "Asked", Doc: "Gives those of the peers that still owe the round an answer.",
			In:  []graph.Port{{Name: "round", Type: types.Int()}, {Name: "peers", Type: types.ListsOf(types.Peer())}},
			Out: []graph.Port{{Name: "peers", Type: types.ListsOf(types.Peer())}},
		},
		{
			Name: "Failed", Doc: "Says what a job tells that cannot go on: round, reason, and at whom; from what " +
				"Catch gives.",
			In:  []graph.Port{{Name: "failure", Type: types.ListsOf(types.String())}},
			Out: []graph.Port{{Name: "failed", Type: types.List()}},
		},
		{
			Name: "Await", Deferred: true,
			Doc: "Waits until a round is closed by its quorum or its deadline, and says who came.",
			In:  []graph.Port{{Name: "round", Type: types.Int()}, {Name: "opened", Type: types.Trigger()}},
			Out: []graph.Port{{Name: "members", Type: types.ListsOf(types.Peer())}},
		},
	}
}
