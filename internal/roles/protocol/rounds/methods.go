package rounds

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/op"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	return []graph.Method{
		{
			Name: "Open", Doc: "Opens a round for a cohort.",
			In:  []graph.Port{{Name: "round", Type: op.Int()}, {Name: "cohort", Type: op.ListsOf(op.Peer())}},
			Out: []graph.Port{{Name: "opened", Type: op.Trigger()}},
		},
		{
			Name: "Asked", Doc: "Gives those of the peers that still owe the round an answer.",
			In:  []graph.Port{{Name: "round", Type: op.Int()}, {Name: "peers", Type: op.ListsOf(op.Peer())}},
			Out: []graph.Port{{Name: "peers", Type: op.ListsOf(op.Peer())}},
		},
		{
			Name: "Failed", Doc: "Says what a job tells that cannot go on: round, reason, and at whom; from what Catch gives.",
			In:  []graph.Port{{Name: "failure", Type: op.ListsOf(op.String())}},
			Out: []graph.Port{{Name: "failed", Type: op.List()}},
		},
		{
			Name: "Await", Deferred: true, Doc: "Waits until a round is closed by its quorum or its deadline, and says who came.",
			In:  []graph.Port{{Name: "round", Type: op.Int()}, {Name: "opened", Type: op.Trigger()}},
			Out: []graph.Port{{Name: "members", Type: op.ListsOf(op.Peer())}},
		},
	}
}
