package analytics

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// edgeAsk is the edge along which clients are asked. Only the newest question to a client matters.
const edgeAsk = "count"

// dataSlot is the slot of the data, which registries and hosts know it by.
const dataSlot = "data"

// recorder is the choreography while it is recorded.
type recorder struct {
	c Config

	data, registry, selector, rounds, ledger *graph.Slot
}

// Choreography returns the job as one program for all its places.
func (c Config) Choreography() (*onnx.ModelProto, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	r := &recorder{c: c}
	g := graph.New(c.Name)
	server, clients := g.Place(job.ServerPlace), g.Place(job.ClientsPlace)
	r.components(g, server, clients)
	r.ask(g, server, clients)

	at := g.At(server)
	none := at.Constant(value.NewList(value.Int(0), value.NewList(), value.Int(0), value.NewBytes(nil)))
	last := at.Named(job.RoundsLoop).Loop(at.Constant(value.Int(c.Rounds)), []graph.Value{none},
		func(b *graph.Graph, i graph.Value, _ []graph.Value) []graph.Value {
			return []graph.Value{r.round(b, i)}
		})[0]
	last, failure := at.Catch(last)
	failed := at.Named("failed").Invoke(r.rounds, "Failed", failure)[0]
	at.AppEmit(job.EventFailed, at.Gate(failed, at.Record(job.RecordFailed, failed)))
	at.AppEmit(job.EventDone, at.Gate(last, at.Record(job.RecordDone, last)))
	return g.Model()
}

func (r *recorder) components(g *graph.Graph, server, clients graph.Place) {
	both, one := []graph.Place{server, clients}, []graph.Place{server}
	r.data = g.Component(graph.Component{Name: dataSlot, Role: data.Role, Kind: data.KindColumns, Version: data.Version,
		At: both, Methods: data.ColumnsMethods(), Config: r.c.columns()})
	r.registry = g.Component(graph.Component{Name: "registry", Role: registry.Role, Kind: registry.Kind,
		Version: registry.Version, At: both,
		Methods: registry.Methods(), Deps: []*graph.Slot{r.data},
		Config: registry.Config{Min: r.c.Clients, HeartbeatMS: r.c.Heartbeat.Milliseconds(), Admitted: true,
			MaxSamples: data.SamplesMost}})
	r.selector = g.Component(graph.Component{Name: "selector", Role: selector.Role, Kind: selector.Kind,
		Version: selector.Version, At: one,
		Methods: selector.Methods(), Deps: []*graph.Slot{r.registry}, Config: selector.Config{}})
	r.rounds = g.Component(graph.Component{Name: "rounds", Role: rounds.Role, Kind: rounds.Kind,
		Version: rounds.Version, At: one,
		Methods: rounds.Methods(), Deps: []*graph.Slot{r.registry},
		Config: rounds.Config{OnFailed: rounds.Stop, Fewer: true, CheckMS: min(r.c.Heartbeat.Milliseconds(), 5000),
			Withdraws: edgeAsk}})
	r.ledger = g.Component(graph.Component{Name: ledgerSlot, Role: ledgerRole, Kind: ledgerKind,
		Version: ledgerVersion, At: one, Methods: ledgerMethods(), Deps: []*graph.Slot{r.rounds, r.registry},
		Config: ledgerConfig{Queries: r.c.columns().Queries, Least: int64(r.c.Least), Rounds: int64(r.c.Rounds)}})
}

// round records a round at the server and returns what it tells.
func (r *recorder) round(b *graph.Graph, i graph.Value) graph.Value {
	ready := b.Invoke(r.registry, "Await", i)[0]
	cohort := b.Invoke(r.selector, "Sample", ready, i)[0]
	opened := b.Invoke(r.rounds, "Open", i, cohort)[0]
	members := b.Invoke(r.rounds, "Await", i, opened)[0]
	closed := b.Invoke(r.ledger, "Close", i, members)
	told := b.Named("told").Bundle(i, members, closed[0], closed[1])
	kept := b.Record(job.RecordRounds, b.Bundle(i, closed[2], closed[2]))
	return b.Gate(told, b.AppEmit(job.EventRound, b.Gate(told, kept)))
}

// ask records what happens when the rounds say whom to ask.
func (r *recorder) ask(b *graph.Graph, server, clients graph.Place) {
	event := b.Unbundle(b.Event(server, rounds.EventAsk), 2)
	round := b.Typed(event[0], types.Int())
	whom := b.Invoke(r.rounds, "Asked", round, b.Typed(event[1], types.ListsOf(types.Peer())))[0]
	asks := b.Invoke(r.ledger, "Ask", b.Gate(b.Constant(value.Trigger{}), whom))[0]
	asked := b.Named("count").Request(graph.Edge{To: clients, Name: edgeAsk, Latest: true}, whom, round, asks)
	found := b.Invoke(r.data, "Answer", asked.Value(0))[0]
	answer := b.Reply(asked, graph.Edge{Name: "found"}, found)
	settled, failure := b.Catch(b.Invoke(r.ledger, "Contribute", answer.Context(), answer.Sender(),
		answer.Value(0))[0])
	b.Invoke(r.ledger, "Refuse", answer.Context(), answer.Sender(), failure)
	b.Count(job.CountContributions, settled)
}
