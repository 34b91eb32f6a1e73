package federated

import (
	"github.com/rhizome-ml/rhizome/artifact"
	"github.com/rhizome-ml/rhizome/compile"
	"github.com/rhizome-ml/rhizome/component/aggregator"
	"github.com/rhizome-ml/rhizome/component/model"
	"github.com/rhizome-ml/rhizome/component/model/chunked"
	"github.com/rhizome-ml/rhizome/component/model/copied"
	"github.com/rhizome-ml/rhizome/component/protocol/registry"
	"github.com/rhizome-ml/rhizome/component/protocol/rounds"
	"github.com/rhizome-ml/rhizome/component/selector"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/onnx"
	"github.com/rhizome-ml/rhizome/value"
)

// The runs of the first release keep no artifact.onnx, and go on with the program that it made of their job: the choreography of
// that release stands here for them alone, and what it makes is never changed. A run that is begun today is of Choreography.

// firstFedavg is the choreography of the first release while it is recorded.
type firstFedavg struct{ *fedavg }

// CompileFirst makes the artifact that the first release made of the job.
func (c Config) CompileFirst() (*compile.Artifact, error) {
	model, err := c.firstChoreography()
	if err != nil {
		return nil, err
	}
	art, _, err := compile.Compile(model, compile.Options{})
	if err != nil {
		return nil, err
	}
	return unnamed(art.Model)
}

// unnamed makes of an artifact the one that the first release made: its slots do not name the methods that are invoked on them, for
// what those are was a table of the language then.
func unnamed(m *onnx.ModelProto) (*compile.Artifact, error) {
	var slots []artifact.Slot
	text, _ := onnx.Meta(m.GetMetadataProps(), artifact.KeySlots)
	if err := artifact.Decode(text, &slots); err != nil {
		return nil, err
	}
	for i := range slots {
		slots[i].Methods = nil
	}
	b, err := artifact.Encode(slots)
	if err != nil {
		return nil, err
	}
	m.MetadataProps = onnx.SetMeta(m.MetadataProps, artifact.KeySlots, string(b))
	digest, err := artifact.Stamp(m)
	return &compile.Artifact{Model: m, Digest: digest}, err
}

func (c Config) firstChoreography() (*onnx.ModelProto, error) {
	today, err := c.newFedavg()
	if err != nil {
		return nil, err
	}
	j := &firstFedavg{today}
	j.components()
	g := j.g.At(j.server)
	j.end(g, j.loop(g, func(b *graph.Graph, i graph.Value) graph.Value {
		if c.chunked() {
			return j.chunkedRound(b, i)
		}
		return j.round(b, i)
	}))
	return j.g.Model()
}

func (j *firstFedavg) membership() registry.Config {
	r := registry.Config{Min: j.c.Clients, HeartbeatMS: j.c.Heartbeat.Milliseconds()}
	if j.c.Clients > registryMembers {
		r.MaxMembers = j.c.Clients
	}
	return r
}

func (j *firstFedavg) components() {
	both, server := []graph.Place{j.server, j.clients}, []graph.Place{j.server}
	slot := func(c graph.Component) *graph.Slot { return j.g.Component(c) }
	s := &j.slots
	s.backend = slot(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: both})
	if j.c.chunked() {
		j.chunkedModel(slot)
	} else {
		s.model = slot(graph.Component{Name: "model", Role: "model", Kind: model.Kind, Version: model.Version, At: server,
			Methods: model.Methods(), Config: model.Config{MLP: j.c.widths()}})
	}
	s.data = slot(j.c.source(both))
	s.registry = slot(graph.Component{Name: "registry", Role: "protocol", Kind: registry.Kind, Version: registry.Version, At: both,
		Methods: registry.Methods(), Deps: []*graph.Slot{s.data}, Config: j.membership()})
	s.selector = slot(graph.Component{Name: "selector", Role: "selector", Kind: selector.Kind, Version: selector.Version, At: server,
		Methods: selector.Methods(), Deps: []*graph.Slot{s.registry}, Config: selector.Config{N: j.c.Cohort, Over: j.c.Over}})
	s.rounds = slot(graph.Component{Name: "rounds", Role: "protocol", Kind: rounds.Kind, Version: rounds.Version, At: server,
		Methods: rounds.Methods(), Config: rounds.Config{Quorum: j.c.Quorum, Over: j.c.Over, DeadlineMS: j.c.Deadline.Milliseconds()}})
	s.aggregator = slot(graph.Component{Name: "aggregator", Role: "aggregator", Kind: aggregator.Kind, Version: aggregator.Version, At: server,
		Methods: aggregator.Methods(), Deps: []*graph.Slot{s.rounds, s.registry, s.model}, Config: aggregator.Config{Model: "model"}})
}

func (j *firstFedavg) round(b *graph.Graph, i graph.Value) graph.Value {
	s := &j.slots
	ready := b.Invoke(s.registry, "Await", i)[0]
	cohort := b.Invoke(s.selector, "Sample", ready, i)[0]
	opened := b.Invoke(s.rounds, "Open", i, cohort)[0]
	global := b.Invoke(s.model, "Parameters", opened)[0]

	asked := b.Named("train").Request(graph.Edge{To: j.clients, Name: "train"}, cohort, i, global, i)
	update, samples := j.local(b, asked.Value(0), asked.Value(1))
	answer := b.Reply(asked, graph.Edge{Name: "update"}, update, samples)
	settled := b.Invoke(s.aggregator, "Contribute", answer.Context(), answer.Sender(), answer.Value(0), answer.Value(1))[0]
	b.Count(job.CountContributions, settled)

	members := b.Invoke(s.rounds, "Await", i, opened)[0]
	mean := b.Invoke(s.aggregator, "Aggregate", i, members)[0]
	loaded := b.Invoke(s.model, "LoadParameters", mean)[0]
	return j.tell(b, i, members, j.evaluate(b, mean, loaded))
}

func (j *firstFedavg) chunkedModel(slot func(graph.Component) *graph.Slot) {
	net, chunk := model.Config{MLP: j.c.widths()}, j.c.chunkElements()
	j.slots.model = slot(graph.Component{Name: modelSlot, Role: chunked.Role, Kind: chunked.Kind, Version: chunked.Version, At: []graph.Place{j.server},
		Config: chunked.Config{Model: net, Chunk: chunk, Window: chunksUnderWay, DeadlineMS: j.c.Deadline.Milliseconds()}})
	j.slots.copy = slot(graph.Component{Name: copySlot, Role: copied.Role, Kind: copied.Kind, Version: copied.Version, At: []graph.Place{j.clients},
		Config: copied.Config{Model: net, Chunk: chunk, Window: chunksUnderWay}})
}

func (j *firstFedavg) chunkedRound(b *graph.Graph, i graph.Value) graph.Value {
	s := &j.slots
	ready := b.Invoke(s.registry, "Await", i)[0]
	cohort := b.Invoke(s.selector, "Sample", ready, i)[0]
	opened := b.Invoke(s.rounds, "Open", i, cohort)[0]
	chunks := b.Invoke(s.model, "Offer", i, opened)[0]

	asked := b.Named("train").Request(graph.Edge{To: j.clients, Name: "train"}, cohort, i, i, chunks)
	update, samples := j.local(b, j.fetch(b, asked), asked.Value(0))
	kept := b.Invoke(s.copy, "Keep", asked.Value(0), update)[0]
	answer := b.Reply(asked, graph.Edge{Name: "trained"}, b.Gate(samples, kept))
	b.Invoke(s.aggregator, "Announce", answer.Context(), answer.Sender(), answer.Value(0))

	members := b.Invoke(s.rounds, "Await", i, opened)[0]
	weights := b.Invoke(s.aggregator, "Weights", i, members)[0]
	gathered := j.gather(b, i, members, weights)
	counted := b.Invoke(s.model, "Members", i, gathered)
	b.Named("contributions").Loop(counted[1], []graph.Value{gathered}, func(b *graph.Graph, _ graph.Value, carried []graph.Value) []graph.Value {
		return []graph.Value{b.Count(job.CountContributions, carried[0])}
	})
	params := b.Invoke(s.model, "Parameters", counted[0])[0]
	return j.tell(b, i, counted[0], j.evaluate(b, params, counted[0]))
}

func (j *firstFedavg) gather(b *graph.Graph, i, members, weights graph.Value) graph.Value {
	s, attempts := &j.slots, 1
	if j.c.Deadline > 0 {
		attempts = j.c.cohort() + j.c.Over
	}
	begun := b.Gate(b.Constant(value.Trigger{}), weights)
	return b.Named("gather").Loop(b.Constant(value.Int(attempts)), []graph.Value{begun}, func(b *graph.Graph, a graph.Value, _ []graph.Value) []graph.Value {
		chunks := b.Invoke(s.model, "Gather", i, a, members, weights)[0]
		started := b.Gate(b.Constant(value.Trigger{}), chunks)
		asked := b.Named("chunks").Loop(chunks, []graph.Value{started}, func(b *graph.Graph, k graph.Value, _ []graph.Value) []graph.Value {
			peers := b.Invoke(s.model, "Ask", i, a, k)[0]
			pull := b.Request(graph.Edge{To: j.clients, Name: "pull"}, peers, b.Bundle(i, a, k), i, k)
			part := b.Invoke(s.copy, "Part", pull.Value(0), pull.Value(1))[0]
			got := b.Reply(pull, graph.Edge{Name: "part"}, part)
			b.Invoke(s.model, "Fold", got.Context(), got.Sender(), got.Value(0))
			return []graph.Value{pull.Sent()}
		})[0]
		return []graph.Value{b.Invoke(s.model, "Gathered", i, a, asked)[0]}
	})[0]
}
