package federated

import (
	"github.com/rhizome-ml/rhizome/component/model"
	"github.com/rhizome-ml/rhizome/component/model/chunked"
	"github.com/rhizome-ml/rhizome/component/model/copied"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/value"
)

// chunkedModel declares the model of a job whose parameters travel in chunks: one at the server, a copy at each client.
func (j *fedavg) chunkedModel(slot func(graph.Component) *graph.Slot) {
	net, chunk := model.Config{MLP: j.c.widths()}, j.c.chunkElements()
	j.slots.model = slot(graph.Component{Name: modelSlot, Role: chunked.Role, Kind: chunked.Kind, Version: chunked.Version, At: []graph.Place{j.server},
		Config: j.c.chunks(net)})
	j.slots.copy = slot(graph.Component{Name: copySlot, Role: copied.Role, Kind: copied.Kind, Version: copied.Version, At: []graph.Place{j.clients},
		Config: copied.Config{Model: net, Chunk: chunk, Window: chunksUnderWay, Checks: true}})
}

// chunkedRound records one round at the server and returns what it tells. The clients take the parameters at their own pace,
// and say that they have an update; from those who count, the server takes it, chunk by chunk.
func (j *fedavg) chunkedRound(b *graph.Graph, i graph.Value) graph.Value {
	s := &j.slots
	ready := b.Invoke(s.registry, "Await", i)[0]
	cohort := b.Invoke(s.selector, "Sample", ready, i)[0]
	offered := b.Invoke(s.model, "Offer", i, ready)[0]
	opened := b.Invoke(s.rounds, "Open", i, b.Gate(cohort, b.Gate(b.Constant(value.Trigger{}), offered)))[0]
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

// askChunked records how clients are asked to train.
func (j *fedavg) askChunked(b *graph.Graph, round, whom graph.Value) {
	s := &j.slots
	chunks := b.Constant(value.Int(model.NewLayout(j.net.Shapes(), j.c.chunkElements()).Chunks()))
	asked := b.Named("train").Request(graph.Edge{To: j.clients, Name: edgeTrain, Latest: true}, whom, round, round, chunks)
	update, samples, losses := j.trained(b, j.fetch(b, asked), asked.Value(0))
	kept := b.Invoke(s.copy, "Keep", asked.Value(0), update)[0]
	answer := b.Reply(asked, graph.Edge{Name: "trained"}, append([]graph.Value{b.Gate(samples, kept)}, losses...)...)
	given := []graph.Value{answer.Context(), answer.Sender(), answer.Value(0)}
	j.caught(b, answer, b.Invoke(s.aggregator, "Announce", append(given, told(answer, 1, losses)...)...)[0])
}

// fetch records how a client takes the parameters of a round: it asks for the chunks in order, a few at a time.
func (j *fedavg) fetch(b *graph.Graph, asked *graph.Arrival) graph.Value {
	s, round, chunks, server := &j.slots, asked.Value(0), asked.Value(1), asked.Sender()
	expected := b.Invoke(s.copy, "Expect", round)[0]
	got := b.Named("fetch").Loop(chunks, []graph.Value{expected}, func(b *graph.Graph, k graph.Value, _ []graph.Value) []graph.Value {
		open := b.Invoke(s.copy, "Room", round, k)[0]
		want := b.Request(graph.Edge{To: j.server, Name: "fetch"}, server, b.Bundle(round, k), round, b.Gate(k, open))
		chunk := b.Invoke(s.model, "Chunk", want.Value(0), want.Value(1))[0]
		given := b.Reply(want, graph.Edge{Name: "chunk"}, chunk)
		b.Invoke(s.copy, "Take", given.Context(), given.Value(0))
		return []graph.Value{want.Sent()}
	})[0]
	return b.Invoke(s.copy, "Whole", round, got)[0]
}

// edgePull is the edge along which members are asked for the chunks of their updates, and attemptsMost bounds how often gathering
// begins anew.
const (
	edgePull     = "pull"
	attemptsMost = 256
)

// gather records how the server takes the updates of the members: it asks all of them for a chunk, a few chunks at a time. When
// a member is dropped, the attempt is given up and the next one begins; each attempt has a member less, so there are never
// more than there are members.
func (j *fedavg) gather(b *graph.Graph, i, members, weights graph.Value) graph.Value {
	s, attempts := &j.slots, min(j.c.clients(), attemptsMost)
	begun := b.Gate(b.Constant(value.Trigger{}), weights)
	return b.Named("gather").Loop(b.Constant(value.Int(attempts)), []graph.Value{begun}, func(b *graph.Graph, a graph.Value, _ []graph.Value) []graph.Value {
		chunks := b.Invoke(s.model, "Gather", i, a, members, weights)[0]
		started := b.Gate(b.Constant(value.Trigger{}), chunks)
		asked := b.Named("chunks").Loop(chunks, []graph.Value{started}, func(b *graph.Graph, k graph.Value, _ []graph.Value) []graph.Value {
			peers := b.Invoke(s.model, "Ask", i, a, k)[0]
			pull := b.Request(graph.Edge{To: j.clients, Name: edgePull}, peers, b.Bundle(i, a, k), i, k)
			part := b.Invoke(s.copy, "Part", pull.Value(0), pull.Value(1))[0]
			got := b.Reply(pull, graph.Edge{Name: "part"}, part)
			_, failure := b.Catch(b.Invoke(s.model, "Fold", got.Context(), got.Sender(), got.Value(0))[0])
			b.Invoke(s.model, "Refuse", got.Context(), got.Sender(), failure)
			return []graph.Value{pull.Sent()}
		})[0]
		return []graph.Value{b.Invoke(s.model, "Gathered", i, a, asked)[0]}
	})[0]
}
