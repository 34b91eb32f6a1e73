package compile_test

import (
	"time"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// fedAvg is the choreography on which the tests stand: one server, many clients, an MLP, and rounds.
type fedAvg struct {
	rounds  int64
	rate    float32
	reverse bool // declare places and slots in another order
}

// parameters are the types of the MLP's parameters.
var parameters = types.ListOf(
	types.Tensors(tensor.Float32, 64, 32), types.Tensors(tensor.Float32, 32),
	types.Tensors(tensor.Float32, 32, 10), types.Tensors(tensor.Float32, 10),
)

type slots struct {
	backend, model, aggregator, data, selector, registry, rounds *graph.Slot
}

func (f fedAvg) declare(g *graph.Graph) (server, clients graph.Place, s slots) {
	if f.reverse {
		clients, server = g.Place("clients"), g.Place("server")
	} else {
		server, clients = g.Place("server"), g.Place("clients")
	}
	at := []graph.Place{server}
	both := []graph.Place{server, clients}
	if f.reverse {
		s.data = g.Component(graph.Component{Name: "data", Role: "data", Kind: "digits", At: []graph.Place{clients,
			server}, Methods: data.Methods(), Config: map[string]any{"batch": 32, "epochs": 1}})
		s.backend = g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: both})
	} else {
		s.backend = g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: both})
		s.data = g.Component(graph.Component{Name: "data", Role: "data", Kind: "digits", At: both,
			Methods: data.Methods(), Config: map[string]any{"epochs": 1, "batch": 32}})
	}
	s.model = g.Component(graph.Component{Name: "model", Role: "model", Kind: "onnx", At: at, Methods: model.Methods()})
	s.registry = g.Component(graph.Component{Name: "registry", Role: "protocol", Kind: "registry", At: both,
		Methods: registry.Methods(), Config: map[string]any{"min": 4}})
	s.rounds = g.Component(graph.Component{Name: "rounds", Role: "protocol", Kind: "rounds", At: at,
		Methods: rounds.Methods(), Config: map[string]any{"quorum": 3}})
	s.selector = g.Component(graph.Component{Name: "selector", Role: "selector", Kind: "uniform", At: at,
		Methods: selector.Methods(), Config: map[string]any{"n": 4}, Deps: []*graph.Slot{s.registry}})
	s.aggregator = g.Component(graph.Component{Name: "aggregator", Role: "aggregator", Kind: "fedavg", At: at,
		Methods: aggregator.Methods(), Deps: []*graph.Slot{s.rounds, s.registry}})
	return server, clients, s
}

// logits records the forward pass.
func logits(g *graph.Graph, x graph.Value, p []graph.Value) graph.Value {
	h := g.Relu(g.Add(g.MatMul(x, p[0]), p[1]))
	return g.Add(g.MatMul(h, p[2]), p[3])
}

// batches declares what the data source gives.
func batches(g *graph.Graph, xy []graph.Value) (x, y graph.Value) {
	return g.Typed(xy[0], types.Tensors(tensor.Float32, -1, 64)), g.Typed(xy[1], types.Tensors(tensor.Int64, -1))
}

func (f fedAvg) record() *graph.Graph {
	g := graph.New("fedavg")
	server, clients, s := f.declare(g)
	out := g.At(server).Named("rounds").Loop(g.Constant(value.Int(f.rounds)), []graph.Value{g.Pulse()},
		func(b *graph.Graph, i graph.Value, _ []graph.Value) []graph.Value {
			return []graph.Value{f.round(b, server, clients, s, i)}
		})
	g.AppEmit("done", out[0])
	return g
}

// round records one round and returns a trigger for its end.
func (f fedAvg) round(g *graph.Graph, server, clients graph.Place, s slots, i graph.Value) graph.Value {
	ready := g.Invoke(s.registry, "Await", i)[0]
	cohort := g.Invoke(s.selector, "Sample", ready, i)[0]
	opened := g.Invoke(s.rounds, "Open", i, cohort)[0]
	params := g.Typed(g.Invoke(s.model, "Parameters", opened)[0], parameters)
	work := g.Request(graph.Edge{To: clients, Name: "work", Deadline: 10 * time.Second}, cohort, i, params, i)
	answer := f.train(g, s, work)
	g.Invoke(s.aggregator, "Contribute", answer.Context(), answer.Sender(), answer.Value(0), answer.Value(1))

	members := g.Invoke(s.rounds, "Await", i, opened)[0]
	aggregate := g.Invoke(s.aggregator, "Aggregate", i, members)
	mean := g.Typed(aggregate[0], parameters)
	loaded := g.Invoke(s.model, "LoadParameters", mean)[0]
	x, y := batches(g, g.Invoke(s.data, "Test", loaded))
	z := logits(g, x, g.Unbundle(mean, 4))
	loss := g.Named("test_loss").CrossEntropy(z, y)
	hits := g.Tensor("Cast", graph.Attrs{"to": int(tensor.Float32)},
		g.Tensor("Equal", nil, g.Tensor("ArgMax", graph.Attrs{"axis": 1, "keepdims": false}, z), y))
	accuracy := g.Named("accuracy").Tensor("ReduceMean", graph.Attrs{"keepdims": false}, hits)
	return g.AppEmit("round", g.Bundle(i, accuracy, loss, aggregate[1]))
}

// train records what a client does with a request.
func (f fedAvg) train(g *graph.Graph, s slots, work *graph.Arrival) *graph.Arrival {
	begun := g.Invoke(s.data, "Begin", work.Value(1))
	rate, _ := tensor.FromFloat32([]int{}, []float32{f.rate})
	lr := g.Constant(value.Tensor{Tensor: rate})
	trained := g.Named("steps").Loop(begun[1], g.Unbundle(work.Value(0), 4),
		func(b *graph.Graph, j graph.Value, p []graph.Value) []graph.Value {
			x, y := batches(b, b.Invoke(s.data, "NextBatch", j))
			loss := b.Named("loss").CrossEntropy(logits(b, x, p), y)
			grads := b.Gradient(loss, p...)
			next := make([]graph.Value, len(p))
			for k := range p {
				next[k] = b.Sub(p[k], b.Mul(lr, grads[k]))
			}
			return next
		})
	return g.Reply(work, graph.Edge{Name: "update"}, g.Bundle(trained...), begun[0])
}
