package job

import (
	"github.com/rhizome-ml/rhizome/node"
	"github.com/rhizome-ml/rhizome/value"
)

// Tally reads what the server has counted and recorded.
func Tally(n *node.Node) (contributions uint64, history []Point) {
	for _, counter := range n.Engine().Counters() {
		if counter.Name == CountContributions {
			contributions = counter.Count
		}
	}
	for _, e := range n.Engine().Records(RecordRounds) {
		if p, ok := parsePoint(e.Value); ok {
			history = append(history, p)
		}
	}
	return contributions, history
}

// History returns the rounds that a server has finished, the last 1,024 of them.
func History(n *node.Node) []Point {
	_, history := Tally(n)
	return history
}

// parsePoint reads an entry of RecordRounds.
func parsePoint(v value.Value) (Point, bool) {
	list, ok := v.(*value.List)
	if !ok || list.Len() != 3 {
		return Point{}, false
	}
	number, ok := list.At(0).(value.Int)
	accuracy, ok2 := scalarOf(list.At(1))
	loss, ok3 := scalarOf(list.At(2))
	return Point{int(number) + 1, accuracy, loss}, ok && ok2 && ok3
}

// ToldDone returns the result that the server has told, or nil.
func ToldDone(n *node.Node) value.Value {
	if r := n.Engine().Records(RecordDone); len(r) > 0 {
		return r[len(r)-1].Value
	}
	return nil
}

// FailedBy returns what a server has told of its failure, or nil while its job goes on or is done. It reads the node, so it
// runs in the node's thread.
func FailedBy(n *node.Node) *Failed {
	r := n.Engine().Records(RecordFailed)
	if len(r) == 0 {
		return nil
	}
	f, err := ParseFailed(r[len(r)-1].Value)
	if err != nil {
		return &Failed{Reason: err.Error()}
	}
	return f
}
