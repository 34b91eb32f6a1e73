package federated

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
)

// The runs of the first release keep no artifact.onnx, and go on with the program that it made of their job: the
// choreography of that release stands here for them alone, and what it makes is never changed. A run that is begun
// today is of Choreography.

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

// unnamed makes of an artifact the one that the first release made: its slots do not name the methods that are invoked
// on them, for what those are was a table of the language then.
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
	if c.chunked() {
		return nil, fmt.Errorf("job: its parameters travel in chunks, by a program of an earlier release that this " +
			"one does not run any more: finish it with the release that began it, or begin it anew")
	}
	today, err := c.newFedavg()
	if err != nil {
		return nil, err
	}
	j := &firstFedavg{today}
	j.components()
	g := j.g.At(j.server)
	j.end(g, j.loop(g, nil, func(b *graph.Graph, i graph.Value, _ []graph.Value) (graph.Value, []graph.Value) {
		return j.round(b, i), nil
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
	s.backend = slot(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", Version: 1, At: both})
	s.model = slot(graph.Component{Name: "model", Role: "model", Kind: model.Kind, Version: model.Version, At: server,
		Methods: model.Methods(), Config: model.Config{MLP: j.c.widths()}})
	s.data = slot(j.c.source(both))
	s.registry = slot(graph.Component{Name: "registry", Role: "protocol", Kind: registry.Kind,
		Version: registry.Version, At: both,
		Methods: registry.Methods(), Deps: []*graph.Slot{s.data}, Config: j.membership()})
	s.selector = slot(graph.Component{Name: "selector", Role: "selector", Kind: selector.Kind,
		Version: selector.Version, At: server,
		Methods: selector.Methods(), Deps: []*graph.Slot{s.registry}, Config: selector.Config{N: j.c.Cohort,
			Over: j.c.Over}})
	s.rounds = slot(graph.Component{Name: "rounds", Role: "protocol", Kind: rounds.Kind, Version: rounds.Version,
		At:      server,
		Methods: rounds.Methods(), Config: rounds.Config{Quorum: j.c.Quorum, Over: j.c.Over,
			DeadlineMS: j.c.Deadline.Milliseconds()}})
	s.aggregator = slot(graph.Component{Name: "aggregator", Role: "aggregator", Kind: aggregator.Kind,
		Version: aggregator.Version, At: server,
		Methods: aggregator.Methods(), Deps: []*graph.Slot{s.rounds, s.registry, s.model},
		Config: aggregator.Config{Model: "model"}})
}

func (j *firstFedavg) round(b *graph.Graph, i graph.Value) graph.Value {
	s := &j.slots
	ready := b.Invoke(s.registry, "Await", i)[0]
	cohort := b.Invoke(s.selector, "Sample", ready, i)[0]
	opened := b.Invoke(s.rounds, "Open", i, cohort)[0]
	global := b.Invoke(s.model, "Parameters", opened)[0]

	asked := b.Named("train").Request(graph.Edge{To: j.clients, Name: "train"}, cohort, i, global, i)
	made := j.local(b, asked.Value(0), asked.Value(1), nil)
	answer := b.Reply(asked, graph.Edge{Name: "update"}, made.update, made.samples)
	settled := b.Invoke(s.aggregator, "Contribute", answer.Context(), answer.Sender(), answer.Value(0),
		answer.Value(1))[0]
	b.Count(job.CountContributions, settled)

	members := b.Invoke(s.rounds, "Await", i, opened)[0]
	mean := b.Invoke(s.aggregator, "Aggregate", i, members)[0]
	loaded := b.Invoke(s.model, "LoadParameters", mean)[0]
	return j.report(b, i, members, j.evaluate(b, mean, loaded))
}
