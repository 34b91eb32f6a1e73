package chaos

import (
	"fmt"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// The places of the ledger's program, and the names of what its nodes count and tell.
const (
	askerPlace  = "asker"
	othersPlace = "others"

	countInvoked  = "invoked"  // questions that the asker's host put
	countDistinct = "distinct" // numbers that a latch at one of the others saw for the first time
	countTaken    = "taken"    // numbers that went through the bus and the queue of one of the others
	eventAnswered = "answered" // list: number, who answered, doubled, counted
)

// ledgerGraph records the program: the host of the asker gives numbers; each goes to all others, which double it by a
// worker that may fail, count it, and answer. On its way a number meets everything that a node can keep: a permit, a
// retried command, a timer, a loop, a latch, the bus, a queue, a held value, an interval, and messages that may be
// lost.
func ledgerGraph(others []value.Value) (*onnx.ModelProto, error) {
	g := graph.New("ledger")
	asker, place := g.Place(askerPlace), g.Place(othersPlace)
	tally := g.Component(graph.Component{Name: "tally", Role: tallyRole, Kind: tallyKind, At: []graph.Place{place},
		Methods: tallyMethods})

	number := g.Input(asker, "ask", types.Int())[0]
	g.Count(countInvoked, number)
	asked := g.Named("ask").Request(graph.Edge{To: place, Name: "ask"}, g.Constant(value.NewList(others...)), number,
		number)

	x := g.Gate(asked.Value(0), g.Limit("busy", 3, asked.Value(0)))
	doubled := g.Retry(8, 20*time.Millisecond).Invoke(tally, "Double", x)[0]
	counted := g.Invoke(tally, "Count", x, doubled)[0]
	g.Count(countDistinct, g.AnyOnce("seen", counted, counted))
	g.Record("recent", counted)
	slept := g.Sleep(counted, 15*time.Millisecond)
	looped := g.Loop(g.Constant(value.Int(2)), []graph.Value{slept}, func(b *graph.Graph, _ graph.Value,
		in []graph.Value) []graph.Value {
		return []graph.Value{b.Sleep(in[0], 3*time.Millisecond)}
	})[0]
	published := g.Publish("counted", x)
	answer := g.Reply(asked, graph.Edge{Name: "answer"}, doubled, g.Gate(looped, published))
	g.AppEmit(eventAnswered, g.Bundle(answer.Context(), answer.Sender(), answer.Value(0), answer.Value(1)))

	queued := g.Event(place, "counted")
	g.Count(countTaken, g.QueueTake("line", g.QueuePut("line", 4, queued)))

	tick := g.Interval(place, 700*time.Millisecond)
	g.HoldPut("tick", tick)
	beat := g.Named("beat").Send(graph.Edge{To: asker, Name: "beat", BestEffort: true},
		g.Constant(value.Peer(ledgerPeer(0))), g.Random(tick))
	g.Count("beats", beat.Value(0))
	return g.Model()
}

// ledgerPeer returns the peer id of a node of the ledger; node 0 is the asker.
func ledgerPeer(i int) wire.PeerID { return wire.PeerID(fmt.Sprintf("node-%d", i)) }

// ledgerParts is the compiled program for some number of others: compiled once for a process, and shared.
type ledgerParts struct {
	artifact      *onnx.ModelProto
	asker, others *program.Program
}

var ledgerCache sync.Map // others → *ledgerParts

func ledgerOf(others int) (*ledgerParts, error) {
	if p, ok := ledgerCache.Load(others); ok {
		return p.(*ledgerParts), nil
	}
	peers := make([]value.Value, others)
	for i := range peers {
		peers[i] = value.Peer(ledgerPeer(i + 1))
	}
	m, err := ledgerGraph(peers)
	if err != nil {
		return nil, err
	}
	art, _, err := compile.Compile(m, compile.Options{})
	if err != nil {
		return nil, err
	}
	p := &ledgerParts{artifact: art.Model}
	if p.asker, err = program.Load(art.Model, askerPlace); err != nil {
		return nil, err
	}
	if p.others, err = program.Load(art.Model, othersPlace); err != nil {
		return nil, err
	}
	ledgerCache.Store(others, p)
	return p, nil
}

// config returns what node i is installed with.
func (p *ledgerParts) config(i int, seed uint64, trace bool) (node.Config, error) {
	cat := node.NewCatalogue()
	if err := cat.Register(tallyRole, tallyKind, 1, newTally); err != nil {
		return node.Config{}, err
	}
	part := p.others
	if i == 0 {
		part = p.asker
	}
	return node.Config{
		Program: part, Artifact: p.artifact, Catalogue: cat, Values: value.NewRegistry(), Self: ledgerPeer(i),
		Seed:   seed,
		Limits: engine.DefaultLimits(), Trace: trace, Anyone: part.Places(),
	}, nil
}
