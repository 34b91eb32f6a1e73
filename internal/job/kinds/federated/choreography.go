package federated

import (
	"slices"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/loss"
	"github.com/rhizome-ml/rhizome/internal/job/optimizer"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// slots are the components of a job.
type slots struct {
	backend, model, data, registry, selector, rounds, aggregator *graph.Slot

	buffer *graph.Slot // of an asynchronous job, in the place of the last three
	// at an edge, as what they are beside it at the server
	edgeRounds, edgeAggregator *graph.Slot

	sound *graph.Slot // at a client, where its update is lent
	own   *graph.Slot // at a client that keeps parameters or running statistics

	mine       *graph.Slot // at a client that has a model of its own as well
	kept, told *graph.Slot // what the strategy keeps at a client, and what it tells clients, at the server
	progress   *graph.Slot // where the job follows its own

	evaluations, scores *graph.Slot // at the server, where clients test the model

	root *graph.Slot // at the server, where it trains too
}

// fedavg is one choreography while it is recorded.
type fedavg struct {
	c               Config
	g               *graph.Graph
	server, clients graph.Place
	edges           graph.Place // only of a job that has some
	slots           slots
	scaleSlots      scaleSlots
	scale           []graph.Value // what features are shifted and divided by, where it is recorded
	net             trainee
	params          types.Type    // list of the parameters' types, in float32
	stored          types.Type    // the same as they are kept and sent
	trained         int           // of the parameters, the first ones; those behind them are running statistics
	values          []types.Type  // the parameters' types, and behind them those of what is a client's own
	personal        int           // of what is its own, the first ones, which are trained
	learns          []types.Type  // of all that is trained: of the parameters, and behind them what is personal
	first           []graph.Value // at a client, what is personal as it is at first, where it is recorded
	strategy        strategy.Chosen
	loss            loss.Loss
	optimizer       *optimizer.Optimizer // nil: gradient descent by learning_rate and momentum
	schedule        optimizer.Schedule
	asked           *graph.Arrival // of an asynchronous job: what a client is asked by
	err             error          // the first reason why it cannot be recorded
}

// Choreography returns the job as one program for all its places: federated averaging (McMahan et al.,
// "Communication-Efficient Learning of Deep Networks from Decentralized Data", 2017).
func (c Config) Choreography() (*onnx.ModelProto, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	j, err := c.newFedavg()
	if err != nil {
		return nil, err
	}
	return j.record()
}

// record records the whole choreography.
func (j *fedavg) record() (*onnx.ModelProto, error) {
	j.components()
	g := j.g.At(j.server)
	round, decides := j.round, j.slots.rounds
	switch {
	case j.slots.buffer != nil:
		round, decides = j.version, j.slots.buffer
		j.askOne()
	case j.c.Edges > 0:
		j.askEdges()
	default:
		j.ask(j.server, rounds.EventAsk, j.slots.rounds, j.slots.aggregator)
	}
	j.askSums()
	j.askScores()
	last := j.loop(g, j.kept(g), round)
	last, failure := g.Catch(last)
	failed := g.Named("failed").Invoke(decides, "Failed", failure)[0]
	g.AppEmit(job.EventFailed, g.Gate(failed, g.Record(job.RecordFailed, failed)))
	j.end(g, last)
	if j.err != nil {
		return nil, j.err
	}
	return j.g.Model()
}

// newFedavg begins to record a choreography.
func (c Config) newFedavg() (*fedavg, error) {
	if c.brings() && c.Samples == "" || c.Model != "" && c.Network == "" {
		return nil, &job.ConfigError{Key: "data", Value: c.Data, Want: "files that were read first: job.Bring does it"}
	}
	net, err := c.trainee()
	if err != nil {
		return nil, err
	}
	j := &fedavg{c: c, g: graph.New(c.Name), net: net}
	if j.strategy, err = c.chosen(); err != nil {
		return nil, err
	}
	if j.loss, err = loss.Of(c.lossName()); err != nil {
		return nil, &job.ConfigError{Key: "loss", Value: c.Loss, Want: err.Error()}
	}
	if j.optimizer, j.schedule, err = c.optimizer(); err != nil {
		return nil, err
	}
	var params []types.Type
	for _, s := range net.Shapes() {
		params = append(params, types.Tensors(tensor.Float32, s...))
	}
	j.params = types.ListOf(params...)
	j.store()
	j.passes()
	j.server, j.clients = j.g.Place(job.ServerPlace), j.g.Place(job.ClientsPlace)
	if c.Edges > 0 {
		j.edges = j.g.Place(job.EdgesPlace)
	}
	return j, nil
}

// loop records the rounds at the server. It carries what the last round told, so that the end of the job can tell it
// again, and what the strategy keeps.
func (j *fedavg) loop(g *graph.Graph, kept []graph.Value,
	round func(b *graph.Graph, i graph.Value, kept []graph.Value) (graph.Value, []graph.Value)) graph.Value {
	first := []value.Value{value.Int(0), scalar(0), scalar(0), value.NewList(), zeros(j.told(), j.told())}
	if j.slots.buffer != nil {
		first = append(first, value.NewList(), value.NewList()) // their ages and calls
	}
	first = append(first, j.foundNone()...)
	none := g.Constant(value.NewList(first...))
	count := j.beginScaled(g)
	if j.slots.buffer != nil {
		count = j.beginAsking(g, count)
	}
	return g.Named("rounds").Loop(count, append([]graph.Value{none}, kept...),
		func(b *graph.Graph, i graph.Value, carried []graph.Value) []graph.Value {
			return j.going(b, i, carried, func(b *graph.Graph) []graph.Value {
				told, kept := round(b, i, carried[1:])
				return append([]graph.Value{told}, kept...)
			})
		})[0]
}

// kept records what the strategy keeps before the first round.
func (j *fedavg) kept(g *graph.Graph) []graph.Value {
	if j.strategy.Kept == 0 {
		return nil
	}
	params := j.tensors(g, g.Invoke(j.slots.model, "Parameters", g.Pulse())[0])
	return slices.Concat(j.strategy.Begin(g, params[:j.trained])...)
}

// next records what the server makes of the mean of round i: the new parameters, and what it keeps. Running statistics
// are no matter of the strategy: their mean holds.
func (j *fedavg) next(b *graph.Graph, i, mean, members graph.Value, kept []graph.Value) (graph.Value, []graph.Value) {
	if j.strategy.Server == nil {
		return mean, nil
	}
	n, before := j.trained, make([][]graph.Value, j.strategy.Kept)
	for k, v := range kept {
		before[k/n] = append(before[k/n], b.Typed(v, j.params.Items[k%n]))
	}
	now := b.Gate(b.Constant(value.Trigger{}), members)
	global := j.tensors(b, b.Invoke(j.slots.model, "Parameters", now)[0])
	all := types.ListOf(slices.Concat(j.params.Items, j.beside())...) // see aggregator.Config.Wide
	means := b.Unbundle(b.Typed(mean, all), len(all.Items))
	sent, numbers := j.parted(means[len(j.params.Items):])
	params, next := j.strategy.Next(&strategy.Server{Graph: b, Global: global[:n], Mean: means[:n], Kept: before,
		Sent: sent, Numbers: numbers, Round: j.number(b, i), Share: j.share(b, members)})
	made := j.bundle(b, append(params, means[n:len(j.params.Items)]...))
	return made, j.tell(b, i, slices.Concat(next...))
}

// end records what the server tells at the end. A model that is too large for an event stays in its component, where
// ModelOf finds it.
func (j *fedavg) end(g *graph.Graph, last graph.Value) {
	var file graph.Value
	if j.c.large() {
		file = g.Gate(g.Constant(value.Trigger{}), last)
	} else {
		file = g.Invoke(j.slots.model, "Export", g.Invoke(j.slots.model, "Parameters", last)[0])[0]
	}
	done := g.Named("done").Bundle(last, file)
	g.AppEmit(job.EventDone, g.Gate(done, g.Record(job.RecordDone, done)))
}

// Net returns the network that the job trains.
func (c Config) Net() (*model.Graph, error) {
	return c.perceptron().Graph()
}

// model is the component that holds the parameters.
func (c Config) model(at []graph.Place) graph.Component {
	m := graph.Component{Name: modelSlot, Role: model.Role, Kind: model.Kind, Version: model.Version, At: at,
		Methods: model.Methods()}
	cfg := c.perceptron()
	if n := c.net(); n != nil {
		cfg = model.Config{Bare: n.bare, SHA256: n.File.SHA256, Read: &n.Options, Scaled: c.scaled()}
		if c.Edges > 0 && !c.edgesRead() {
			cfg.Away = []string{job.EdgesPlace}
		}
	}
	cfg.Personal, _ = c.personal() // Validate says what is wrong with it
	if c.halves() {
		cfg.Storage = c.Precision
	}
	m.Config = cfg
	return m
}

func (j *fedavg) components() {
	both, server := []graph.Place{j.server, j.clients}, []graph.Place{j.server}
	all, holders := both, server // where members are listed, and where the model is
	if j.c.Edges > 0 {
		all, holders = append(slices.Clip(both), j.edges), append(slices.Clip(server), j.edges)
	}
	slot := func(c graph.Component) *graph.Slot { return j.g.Component(c) }
	s := &j.slots
	s.backend = slot(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: both})
	s.model = slot(j.c.model(holders))
	if j.c.chunked() {
		s.sound = slot(graph.Component{Name: "sound", Role: aggregator.Role, Kind: aggregator.SoundKind,
			Version: aggregator.SoundVersion,
			At:      []graph.Place{j.clients}, Methods: aggregator.SoundMethods()})
	}
	if own := j.net.Local(); len(own) > 0 {
		s.own = slot(j.ownStatistics(own))
	}
	j.strategyComponents()
	s.data = slot(j.c.source(all))
	if j.strategy.Root {
		s.root = slot(j.c.rootComponent(j.server))
	}
	s.registry = slot(graph.Component{Name: "registry", Role: "protocol", Kind: registry.Kind,
		Version: registry.Version, At: all,
		Methods: registry.Methods(), Deps: []*graph.Slot{s.data}, Config: j.c.membership()})
	if j.strategy.Stale != nil {
		s.buffer = slot(j.c.buffer(server, s.registry, s.model))
		j.scaleComponents()
		j.follow()
		return
	}
	by := j.c.selection()
	if by.By != selector.ByLoss {
		s.selector = slot(selects(by, server, s.registry))
	}
	s.rounds = slot(graph.Component{Name: "rounds", Role: "protocol", Kind: rounds.Kind, Version: rounds.Version,
		At:      server,
		Methods: rounds.Methods(), Deps: []*graph.Slot{s.registry}, Config: j.c.rounds()})
	s.aggregator = slot(graph.Component{Name: "aggregator", Role: "aggregator", Kind: aggregator.Kind,
		Version: aggregator.Version, At: server,
		Methods: aggregator.Methods(), Deps: []*graph.Slot{s.rounds, s.registry, s.model},
		Config: j.c.aggregation(j.besides())})
	if by.By == selector.ByLoss {
		s.selector = slot(selects(by, server, s.registry, s.aggregator))
	}
	j.edgeComponents()
	j.scaleComponents()
	j.follow()
	j.evaluateComponents()
}

// round records one round at the server and returns what it tells, and what the strategy keeps.
func (j *fedavg) round(b *graph.Graph, i graph.Value, kept []graph.Value) (graph.Value, []graph.Value) {
	s := &j.slots
	ready := b.Invoke(s.registry, "Await", i)[0]
	cohort := b.Invoke(s.selector, "Sample", ready, i)[0]
	opened := b.Invoke(s.rounds, "Open", i, cohort)[0]
	var own []graph.Value
	of := "Mean"
	if s.root != nil {
		own, of = []graph.Value{j.trainRoot(b, i, opened)}, "Trust"
	}
	members := b.Invoke(s.rounds, "Await", i, opened)[0]
	mean := b.Invoke(s.aggregator, of, append([]graph.Value{i, members}, own...)...)
	params, kept := j.next(b, i, mean[0], mean[2], kept)
	loaded := b.Invoke(s.model, "LoadParameters", params)[0]
	if j.c.chunked() {
		loaded = j.count(b, mean[3], loaded)
	}
	return j.report(b, i, mean[2], j.tested(b, i, params, mean[2], loaded)), kept
}

// edgeTrain is the edge along which clients are asked to train. Only the newest question to a client matters.
const edgeTrain = "train"

// ask records what happens when the rounds say whom to ask: at the beginning of a round, and again when others are
// asked in place of those who cannot answer. It is at the server, or, by other slots, at each edge.
func (j *fedavg) ask(at graph.Place, event string, of, to *graph.Slot) {
	s, b := &j.slots, j.g
	said := b.Unbundle(b.Event(at, event), 2)
	round := b.Typed(said[0], types.Int())
	whom := b.Invoke(of, "Asked", round, b.Typed(said[1], types.ListsOf(types.Peer())))[0]
	global := b.Invoke(s.model, "Parameters", b.Gate(b.Constant(value.Trigger{}), whom))[0]
	scale, kept, personal := j.constants(b, whom), j.toTell(b, round, whom), j.beginning(b, whom)
	asked := b.Named("train").Request(graph.Edge{To: j.clients, Name: edgeTrain, Latest: true, Chunk: j.c.chunkBytes()},
		whom, round, slices.Concat([]graph.Value{global, round}, scale, kept, personal)...)
	j.scale = told(asked, 2, scale)
	j.first = told(asked, 2+len(scale)+len(kept), personal)
	update, samples, losses := j.train(b, asked.Value(0), asked.Value(1), told(asked, 2+len(scale), kept))
	if j.c.chunked() {
		update = b.Invoke(s.sound, "Check", update)[0]
	}
	answer := b.Reply(asked, graph.Edge{Name: "update", Chunk: j.c.chunkBytes()}, append([]graph.Value{update, samples},
		losses...)...)
	given := []graph.Value{answer.Context(), answer.Sender(), answer.Value(0), answer.Value(1)}
	settled := b.Invoke(to, "Contribute", append(given, told(answer, 2, losses)...)...)[0]
	sound := j.caught(b, to, answer, settled)
	if !j.c.chunked() {
		b.Count(job.CountContributions, sound)
	}
}

// count counts the contributions of a round whose updates were lent: only now it is known which of them came.
func (j *fedavg) count(b *graph.Graph, members, loaded graph.Value) graph.Value {
	return b.Named("contributions").Loop(members, []graph.Value{loaded}, func(b *graph.Graph, _ graph.Value,
		carried []graph.Value) []graph.Value {
		return []graph.Value{b.Count(job.CountContributions, carried[0])}
	})[0]
}

// caught returns what came of an answer where it counts. One that failed is told to the rounds, which go on without it:
// no answer of a client ends the server's program.
func (j *fedavg) caught(b *graph.Graph, to *graph.Slot, answer *graph.Arrival, settled graph.Value) graph.Value {
	sound, failure := b.Catch(settled)
	b.Invoke(to, "Refuse", answer.Context(), answer.Sender(), failure)
	return sound
}

// report records what a round tells.
func (j *fedavg) report(b *graph.Graph, i, members graph.Value, m measured, more ...graph.Value) graph.Value {
	if j.c.atClients() {
		more = append(more, m.clients)
	}
	told := b.Named("told").Bundle(append([]graph.Value{i, m.accuracy, m.loss, members, m.confusion}, more...)...)
	kept := b.Record(job.RecordRounds, b.Bundle(i, m.accuracy, m.loss))
	return b.Gate(told, b.AppEmit(job.EventRound, b.Gate(told, kept)))
}

func zeros(shape ...int) value.Value {
	n := 1
	for _, d := range shape {
		n *= d
	}
	t, err := tensor.FromFloat32(shape, make([]float32, n))
	if err != nil {
		panic("job: " + err.Error()) // as many elements as the shape has
	}
	return value.Tensor{Tensor: t}
}

func scalar(x float64) value.Value {
	t, err := tensor.FromFloat32(nil, []float32{float32(x)})
	if err != nil {
		panic("job: " + err.Error()) // one element always makes a scalar
	}
	return value.Tensor{Tensor: t}
}
