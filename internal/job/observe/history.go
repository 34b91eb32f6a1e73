package observe

import (
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/progress"
	"github.com/rhizome-ml/rhizome/value"
)

// Tally reads what the server has counted and recorded.
func Tally(n *node.Node) (contributions uint64, history []job.Point) {
	for _, counter := range n.Engine().Counters() {
		if counter.Name == job.CountContributions {
			contributions = counter.Count
		}
	}
	for _, e := range n.Engine().Records(job.RecordRounds) {
		if p, ok := parsePoint(e.Value); ok {
			history = append(history, p)
		}
	}
	return contributions, history
}

// History returns the rounds that a server has finished, the last 1,024 of them.
func History(n *node.Node) []job.Point {
	_, history := Tally(n)
	return history
}

// parsePoint reads an entry of RecordRounds.
func parsePoint(v value.Value) (job.Point, bool) {
	list, ok := v.(*value.List)
	if !ok || list.Len() != 3 {
		return job.Point{}, false
	}
	number, ok := list.At(0).(value.Int)
	accuracy, ok2 := job.ScalarOf(list.At(1))
	loss, ok3 := job.ScalarOf(list.At(2))
	return job.Point{Round: int(number) + 1, Accuracy: accuracy, Loss: loss}, ok && ok2 && ok3
}

// ToldDone returns the result that the server has told, or nil.
func ToldDone(n *node.Node) value.Value {
	if r := n.Engine().Records(job.RecordDone); len(r) > 0 {
		return r[len(r)-1].Value
	}
	return nil
}

// FailedBy returns what a server has told of its failure, or nil while its job goes on or is done. It reads the node,
// so it runs in the node's thread.
func FailedBy(n *node.Node) *job.Failed {
	r := n.Engine().Records(job.RecordFailed)
	if len(r) == 0 {
		return nil
	}
	f, err := job.ParseFailed(r[len(r)-1].Value)
	if err != nil {
		return &job.Failed{Reason: err.Error()}
	}
	return f
}

// StoppedBy returns why the job of a server ends before its last round, "" where it does not. It reads the node, so it
// runs in the node's thread.
func StoppedBy(n *node.Node) string {
	if p, ok := n.Component("progress").(*progress.Component); ok {
		return p.Stopped()
	}
	return ""
}
