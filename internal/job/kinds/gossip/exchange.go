package gossip

import (
	"time"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/types"
)

// Which models go between a node and the neighbour that it chose.
const (
	ExchangePush     = "push"      // the node's, which the neighbour merges
	ExchangePull     = "pull"      // the neighbour's, which the node asks for and merges
	ExchangePushPull = "push-pull" // both, and both merge
)

// CountUnanswered counts the questions of a node whose neighbour did not answer in time.
const CountUnanswered = "unanswered"

// A question is open for so many periods, and for no less than the time below: a neighbour that is away is not asked
// for ever, and questions that cross slow links are answered.
const (
	openPeriods = 4
	openLeast   = 2 * time.Second
)

// exchanged records what goes between a node and a neighbour, once something is there: the component of the slot gives
// the node's model by Share, and takes another's by Merge.
func (c Config) exchanged(g *graph.Graph, peers graph.Place, slot *graph.Slot, params types.Type, to,
	now graph.Value) {
	best := c.Delivery == DeliveryBest
	merge := func(model, age graph.Value) {
		g.Count(CountMerges, g.Invoke(slot, "Merge", g.Typed(model, params), age)[0])
	}
	if c.Exchange == ExchangePush {
		own := g.Invoke(slot, "Share", now)
		sent := g.Named("model").Send(graph.Edge{To: peers, Name: "model", BestEffort: best}, to, own[0], own[1])
		merge(sent.Value(0), sent.Value(1))
		return
	}
	edge := graph.Edge{To: peers, Name: "question", BestEffort: best, Deadline: max(openPeriods*c.Period, openLeast)}
	carried := []graph.Value{now}
	if c.Exchange == ExchangePushPull {
		carried = g.Invoke(slot, "Share", now)
	}
	asked := g.Named("question").Request(edge, to, now, carried...)
	// It answers with the model that it has before it merges the other's. An answer is never lost: whoever asked waits.
	own := g.Invoke(slot, "Share", asked.Value(0))
	answer := g.Named("answer").Reply(asked, graph.Edge{Name: "answer"}, own[0], own[1])
	if c.Exchange == ExchangePushPull {
		merge(g.Gate(asked.Value(0), own[1]), asked.Value(1))
	}
	came, failure := g.Catch(g.Bundle(answer.Value(0), answer.Value(1)))
	g.Count(CountUnanswered, failure)
	both := g.Unbundle(came, 2)
	merge(both[0], both[1])
}
