package evaluation

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/forward"
	"github.com/rhizome-ml/rhizome/internal/job/samples"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// edgeJudge is the edge along which clients are asked. Only the newest question to a client matters.
const edgeJudge = "judge"

// recorder is the choreography while it is recorded.
type recorder struct {
	c               Config
	net             *model.Graph
	params          types.Type
	inputs, classes int

	data, model, registry, selector, rounds, tally *graph.Slot
}

// Choreography returns the job as one program for all its places.
func (c Config) Choreography() (*onnx.ModelProto, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	network, net, err := c.network()
	if err != nil {
		return nil, err
	}
	if net, err = net.At(1); err != nil { // a sample at a time
		return nil, &job.ConfigError{Key: "model", Value: c.Model,
			Want: "a model that runs for one sample: " + err.Error()}
	}
	r := &recorder{c: c, net: net}
	r.inputs, r.classes = c.shape()
	var params []types.Type
	for _, s := range net.Shapes() {
		params = append(params, types.Tensors(tensor.Float32, s...))
	}
	r.params = types.ListOf(params...)
	g := graph.New(c.Name)
	server, clients := g.Place(job.ServerPlace), g.Place(job.ClientsPlace)
	r.components(g, server, clients, network)
	r.ask(g, server, clients)

	at := g.At(server)
	none := at.Constant(value.NewList(value.Int(0), zeros(), zeros(), value.NewList(), zeros(r.classes, r.classes),
		value.NewList()))
	last := at.Named(job.RoundsLoop).Loop(at.Constant(value.Int(c.Rounds)), []graph.Value{none},
		func(b *graph.Graph, i graph.Value, _ []graph.Value) []graph.Value {
			return []graph.Value{r.round(b, i)}
		})[0]
	last, failure := at.Catch(last)
	failed := at.Named("failed").Invoke(r.rounds, "Failed", failure)[0]
	at.AppEmit(job.EventFailed, at.Gate(failed, at.Record(job.RecordFailed, failed)))
	file := at.Invoke(r.model, "Export", at.Invoke(r.model, "Parameters", last)[0])[0]
	done := at.Named("done").Bundle(last, file)
	at.AppEmit(job.EventDone, at.Gate(done, at.Record(job.RecordDone, done)))
	return g.Model()
}

func (r *recorder) components(g *graph.Graph, server, clients graph.Place, network model.Config) {
	both, one := []graph.Place{server, clients}, []graph.Place{server}
	g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: both})
	r.model = g.Component(graph.Component{Name: "model", Role: model.Role, Kind: model.Kind, Version: model.Version,
		At:      one,
		Methods: model.Methods(), Config: network})
	// A batch of one sample: so each of them counts once, and none twice.
	r.data = g.Component(samples.Use{Data: r.c.Data, Alpha: r.c.Alpha, Parts: r.c.Clients, Batch: 1,
		Epochs: 1}.Component(both))
	members := registry.Config{Min: r.c.Clients, HeartbeatMS: r.c.Heartbeat.Milliseconds(), Admitted: true}
	if r.c.Clients > 1<<14 {
		members.MaxMembers = r.c.Clients
	}
	r.registry = g.Component(graph.Component{Name: "registry", Role: registry.Role, Kind: registry.Kind,
		Version: registry.Version, At: both,
		Methods: registry.Methods(), Deps: []*graph.Slot{r.data}, Config: members})
	r.selector = g.Component(graph.Component{Name: "selector", Role: selector.Role, Kind: selector.Kind,
		Version: selector.Version, At: one,
		Methods: selector.Methods(), Deps: []*graph.Slot{r.registry}, Config: selector.Config{}})
	r.rounds = g.Component(graph.Component{Name: "rounds", Role: rounds.Role, Kind: rounds.Kind,
		Version: rounds.Version, At: one,
		Methods: rounds.Methods(), Deps: []*graph.Slot{r.registry},
		Config: rounds.Config{OnFailed: rounds.Stop, Retries: 1, CheckMS: min(r.c.Heartbeat.Milliseconds(), 5000),
			Withdraws: edgeJudge}})
	r.tally = g.Component(graph.Component{Name: tallySlot, Role: tallyRole, Kind: tallyKind, Version: tallyVersion,
		At:      one,
		Methods: tallyMethods(), Deps: []*graph.Slot{r.rounds, r.registry}, Config: tallyConfig{Classes: r.classes}})
}

// round records a round at the server and returns what it tells.
func (r *recorder) round(b *graph.Graph, i graph.Value) graph.Value {
	ready := b.Invoke(r.registry, "Await", i)[0]
	cohort := b.Invoke(r.selector, "Sample", ready, i)[0]
	opened := b.Invoke(r.rounds, "Open", i, cohort)[0]
	members := b.Invoke(r.rounds, "Await", i, opened)[0]
	total := b.Invoke(r.tally, "Total", i, members)
	told := b.Named("told").Bundle(i, total[0], total[1], members, total[2], total[3])
	kept := b.Record(job.RecordRounds, b.Bundle(i, total[0], total[1]))
	return b.Gate(told, b.AppEmit(job.EventRound, b.Gate(told, kept)))
}

// ask records what happens when the rounds say whom to ask.
func (r *recorder) ask(b *graph.Graph, server, clients graph.Place) {
	event := b.Unbundle(b.Event(server, rounds.EventAsk), 2)
	round := b.Typed(event[0], types.Int())
	whom := b.Invoke(r.rounds, "Asked", round, b.Typed(event[1], types.ListsOf(types.Peer())))[0]
	global := b.Invoke(r.model, "Parameters", b.Gate(b.Constant(value.Trigger{}), whom))[0]
	asked := b.Named("judge").Request(graph.Edge{To: clients, Name: edgeJudge, Latest: true}, whom, round, global,
		round)
	confusion, loss, samples := r.judge(b, asked.Value(0), asked.Value(1))
	answer := b.Reply(asked, graph.Edge{Name: "found"}, confusion, loss, samples)
	settled, failure := b.Catch(b.Invoke(r.tally, "Contribute", answer.Context(), answer.Sender(), answer.Value(0),
		answer.Value(1), answer.Value(2))[0])
	b.Invoke(r.tally, "Refuse", answer.Context(), answer.Sender(), failure)
	b.Count(job.CountContributions, settled)
}

// judge records how a client runs the model over all of its samples: counts of [true class, class found], the sum of
// the losses, and how many samples there were.
func (r *recorder) judge(b *graph.Graph, global, round graph.Value) (confusion, loss, samples graph.Value) {
	begun := b.Invoke(r.data, "Begin", round)
	params := b.Unbundle(b.Typed(global, r.params), len(r.params.Items))
	matrix := types.Tensors(tensor.Float32, r.classes, r.classes)
	sums := b.Named("samples").Loop(begun[1], []graph.Value{b.Constant(zeros(r.classes, r.classes)),
		b.Constant(zeros())},
		func(b *graph.Graph, step graph.Value, carried []graph.Value) []graph.Value {
			// in one order in all rounds: sums of losses are rounded
			sample := b.Invoke(r.data, "NextBatch", step, b.Constant(value.Int(0)))
			x := b.Typed(sample[0], types.Tensors(tensor.Float32, 1, r.inputs))
			y := b.Typed(sample[1], types.Tensors(tensor.Int64, 1))
			typed := make([]graph.Value, len(params))
			for i := range params {
				typed[i] = b.Typed(params[i], r.params.Items[i])
			}
			logits := forward.Pass(b, r.net, x, typed)
			found := b.Tensor("ArgMax", graph.Attrs{"axis": 1, "keepdims": 0}, logits)
			pair := b.MatMul(b.Tensor("Transpose", graph.Attrs{"perm": []int{1, 0}}, r.oneHot(b, y)),
				r.oneHot(b, found))
			return []graph.Value{
				b.Add(b.Typed(carried[0], matrix), pair),
				b.Add(b.Typed(carried[1], types.Tensors(tensor.Float32)), b.CrossEntropy(logits, y)),
			}
		})
	return sums[0], sums[1], begun[0]
}

// oneHot returns a matrix with a row for each label and a 1 in the label's column.
func (r *recorder) oneHot(b *graph.Graph, labels graph.Value) graph.Value {
	depth, err := tensor.FromInt64([]int{1}, []int64{int64(r.classes)})
	if err != nil {
		panic("evaluation: " + err.Error()) // one element always makes a vector
	}
	ends, err := tensor.FromFloat32([]int{2}, []float32{0, 1})
	if err != nil {
		panic("evaluation: " + err.Error()) // two elements always make a vector
	}
	return b.Tensor("OneHot", graph.Attrs{"axis": 1}, labels, b.Constant(value.Tensor{Tensor: depth}),
		b.Constant(value.Tensor{Tensor: ends}))
}

// zeros returns a tensor of zeros.
func zeros(shape ...int) value.Value {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return floats(shape, make([]float32, n))
}

func floats(shape []int, x []float32) value.Value {
	t, err := tensor.FromFloat32(shape, x)
	if err != nil {
		panic("evaluation: " + err.Error()) // as many elements as the shape has
	}
	return value.Tensor{Tensor: t}
}
