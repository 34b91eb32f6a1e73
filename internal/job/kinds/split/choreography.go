package split

import (
	"strconv"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// The edges along which the server asks the client whose turn it is.
const (
	edgeBegin = "begin" // its turn, with the parameters that it goes on with
	edgeStep  = "step"  // the gradient of the last batch, where there was one, for what it gives of the next
	edgeLast  = "last"  // what the server made of it, for the gradient by that; where the model is cut twice
	edgeEnd   = "end"   // the gradient of the last batch, for the parameters that it has come to
)

// edge is an edge while it is recorded.
type edge struct {
	name   string
	number int
	rounds *graph.Slot
	asked  []types.Type // what a question has
	answer []answerSpec
}

// recorder is the choreography while it is recorded.
type recorder struct {
	c      Config
	g      *graph.Graph
	p      *federated.Pieces
	server graph.Place
	edges  []*edge

	registry, selector, desk *graph.Slot
	parts                    []*graph.Slot // what clients hold, as own says

	begin, step, last, end *edge
}

// Choreography returns the job as one program for all its places: split learning (Gupta and Raskar, "Distributed
// learning of deep neural network over multiple agents", 2018; Vepakomma and others, "Split learning for health",
// 2018).
func (c Config) Choreography() (*onnx.ModelProto, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p, err := c.pieces()
	if err != nil {
		return nil, err
	}
	r := &recorder{c: c, g: graph.New(c.Name), p: p}
	r.server = r.g.Place(job.ServerPlace)
	clients := r.g.Place(job.ClientsPlace)
	p.Declare(r.g, r.server, clients)
	r.describe()
	r.components(clients)
	r.asked(r.begin, clients, r.beginTurn)
	r.asked(r.step, clients, r.stepOn)
	if r.last != nil {
		r.asked(r.last, clients, r.lastPiece)
	}
	r.asked(r.end, clients, r.endTurn)
	r.rounds()
	if p.Err() != nil {
		return nil, p.Err()
	}
	return r.g.Model()
}

// describe says what goes along each edge.
func (r *recorder) describe() {
	c, p := r.c, r.p
	tensors := func(name string, of ...types.Type) (out []answerSpec) {
		for _, t := range of {
			out = append(out, answerSpec{Name: name, port: portOf(t)})
		}
		return out
	}
	params := []types.Type{}
	for _, i := range c.own() {
		params = append(params, p.Values[i][:p.Params(i)]...)
	}
	edge := func(name string, answer []answerSpec, asked ...types.Type) *edge {
		e := &edge{name: name, number: len(r.edges), asked: asked, answer: answer}
		r.edges = append(r.edges, e)
		return e
	}
	r.begin = edge(edgeBegin, []answerSpec{{Name: "the samples", Is: isSamples}, {Name: "the batches", Is: isSteps}},
		append([]types.Type{types.Int()}, params...)...)
	given := tensors("the activations", p.Cuts[0])
	if c.CutBack == "" {
		labels := tensors("the labels", p.Labels)
		labels[0].Classes = p.Classes()
		given = append(given, labels...)
	}
	r.step = edge(edgeStep, given, types.Int(), types.Int(), types.Int(), types.Bool(), p.Cuts[0])
	if c.CutBack != "" {
		r.last = edge(edgeLast, tensors("the gradients", p.Cuts[1]), types.Int(), types.Int(), p.Cuts[1])
	}
	r.end = edge(edgeEnd, tensors("the parameters", params...), types.Int(), types.Int(), p.Cuts[0])
}

func (r *recorder) components(clients graph.Place) {
	both, one := []graph.Place{r.server, clients}, []graph.Place{r.server}
	r.registry = r.g.Component(graph.Component{Name: "registry", Role: registry.Role, Kind: registry.Kind,
		Version: registry.Version, At: both, Methods: registry.Methods(), Deps: []*graph.Slot{r.p.Data},
		Config: r.c.learn().Membership()})
	r.selector = r.g.Component(graph.Component{Name: "selector", Role: selector.Role, Kind: selector.Kind,
		Version: selector.Version, At: one, Methods: selector.Methods(), Deps: []*graph.Slot{r.registry},
		Config: selector.Config{}})
	cfg := deskConfig{Batch: r.c.Learn.Batch, Epochs: r.c.Learn.Epochs}
	deps := []*graph.Slot{r.registry}
	for _, e := range r.edges {
		e.rounds = r.g.Component(graph.Component{Name: e.name, Role: rounds.Role, Kind: rounds.Kind,
			Version: rounds.Version, At: one, Methods: rounds.Methods(), Deps: []*graph.Slot{r.registry},
			Config: rounds.Config{OnFailed: rounds.Stop, Retries: 1,
				CheckMS: min(r.c.Learn.Heartbeat.Milliseconds(), 5000), Asks: r.event(e)}})
		cfg.Edges = append(cfg.Edges, edgeSpec{Rounds: e.name, Answer: e.answer})
		deps = append(deps, e.rounds)
	}
	r.desk = r.g.Component(graph.Component{Name: deskSlot, Role: deskRole, Kind: deskKind, Version: version, At: one,
		Methods: deskMethods(), Deps: deps, Config: cfg})
	for n, i := range r.c.own() {
		var of partConfig
		for _, t := range r.p.Values[i] {
			of.Values = append(of.Values, portOf(t))
		}
		r.parts = append(r.parts, r.g.Component(graph.Component{Name: "part" + strconv.Itoa(n+1), Role: partRole,
			Kind: partKind, Version: version, At: []graph.Place{clients}, Methods: partMethods(), Config: of}))
	}
}

func (r *recorder) event(e *edge) string { return e.name + ".ask" }

// ask records a question to a client, at the server, and returns its answer.
func (r *recorder) ask(b *graph.Graph, e *edge, round, peer graph.Value, question ...graph.Value) []graph.Value {
	b = b.Named(e.name)
	number := b.Invoke(r.desk, "Ask", b.Constant(value.Int(e.number)), round, b.Bundle(question...))[0]
	opened := b.Invoke(e.rounds, "Open", number, b.Gate(peer, number))[0]
	members := b.Invoke(e.rounds, "Await", number, opened)[0]
	var of []types.Type
	for _, a := range e.answer {
		t := types.Int()
		if a.Is == isTensor {
			t = a.typ()
		}
		of = append(of, t)
	}
	answer := b.Invoke(r.desk, "Answer", number, members)[0]
	return b.Unbundle(b.Typed(answer, types.ListOf(of...)), len(of))
}

// asked records what happens when a question is to be sent: the client answers it as answers says, and the desk takes
// that.
func (r *recorder) asked(e *edge, clients graph.Place, answers func(b *graph.Graph, in []graph.Value) []graph.Value) {
	b := r.g
	event := b.Unbundle(b.Event(r.server, r.event(e)), 2)
	number := b.Typed(event[0], types.Int())
	whom := b.Invoke(e.rounds, "Asked", number, b.Typed(event[1], types.ListsOf(types.Peer())))[0]
	list := b.Invoke(r.desk, "Question", b.Gate(number, whom))[0]
	question := b.Unbundle(b.Typed(list, types.ListOf(e.asked...)), len(e.asked))
	asked := b.Named(e.name).Request(graph.Edge{To: clients, Name: e.name, Latest: true}, whom, number, question...)
	answer := b.Reply(asked, graph.Edge{Name: e.name + ".answer"}, answers(b, asked.Values())...)
	_, failure := b.Catch(b.Invoke(r.desk, "Contribute", answer.Context(), answer.Sender(),
		b.Bundle(answer.Values()...))[0])
	b.Invoke(r.desk, "Refuse", answer.Context(), answer.Sender(), failure)
}

// read records what a client holds of piece own()[n] before a step.
func (r *recorder) read(b *graph.Graph, n int, round, step graph.Value) []graph.Value {
	of := r.p.Values[r.c.own()[n]]
	list := b.Invoke(r.parts[n], "Read", round, step)[0]
	return b.Unbundle(b.Typed(list, types.ListOf(of...)), len(of))
}

// written records that a client holds what a step made of a piece, and returns it behind that.
func (r *recorder) written(b *graph.Graph, n int, round, step graph.Value, made []graph.Value) []graph.Value {
	done := b.Invoke(r.parts[n], "Write", round, step, b.Bundle(made...))[0]
	out := make([]graph.Value, len(made))
	for i, v := range made {
		out[i] = b.Typed(b.Gate(v, done), r.p.Values[r.c.own()[n]][i])
	}
	return out
}

// beginTurn records what a client does when its turn begins: it holds the parameters, and says how many batches it has.
func (r *recorder) beginTurn(b *graph.Graph, in []graph.Value) []graph.Value {
	round, params := in[0], in[1:]
	for n, i := range r.c.own() {
		of := make([]graph.Value, r.p.Params(i))
		for k := range of {
			of[k] = b.Typed(params[k], r.p.Values[i][k])
		}
		params = params[len(of):]
		held := b.Invoke(r.parts[n], "Begin", round, b.Bundle(r.p.Begin(b, i, of)...))[0]
		round = b.Typed(b.Gate(round, held), types.Int())
	}
	return b.Invoke(r.p.Data, "Begin", round)
}

// back records a step of a client's first piece, of the gradient of what it gave of a batch.
func (r *recorder) back(b *graph.Graph, round, step, gradient graph.Value) []graph.Value {
	x, y := r.p.Batch(b, round, step)
	next := r.p.FirstBack(b, x, y, b.Typed(gradient, r.p.Cuts[0]), r.read(b, 0, round, step), r.p.Turn(b, round))
	return r.written(b, 0, round, step, next)
}

// stepOn records what a client does in each step but for the end of its turn.
func (r *recorder) stepOn(b *graph.Graph, in []graph.Value) []graph.Value {
	round, step, before, first, gradient := in[0], in[1], in[2], in[3], in[4]
	held := b.Named("held").If(first, func(b *graph.Graph) []graph.Value {
		return r.read(b, 0, round, before)
	}, func(b *graph.Graph) []graph.Value {
		return r.back(b, round, before, gradient)
	})
	x, y := r.p.Batch(b, round, step)
	out := []graph.Value{r.p.First(b, x, y, r.p.Typed(b, 0, held))}
	if r.c.CutBack == "" {
		out = append(out, y)
	}
	return out
}

// lastPiece records how a client computes the last piece and the loss, where labels stay there.
func (r *recorder) lastPiece(b *graph.Graph, in []graph.Value) []graph.Value {
	round, step := in[0], in[1]
	_, y := r.p.Batch(b, round, step)
	next, back := r.p.Last(b, b.Typed(in[2], r.p.Cuts[1]), y, r.read(b, 1, round, step), r.p.Turn(b, round))
	next = r.written(b, 1, round, step, next)
	return []graph.Value{b.Gate(back, next[0])}
}

// endTurn records what a client does at the end of its turn: the last step of its first piece, and the parameters of
// all of its own.
func (r *recorder) endTurn(b *graph.Graph, in []graph.Value) []graph.Value {
	round, step, gradient := in[0], in[1], in[2]
	out := r.back(b, round, step, gradient)[:r.p.Params(0)]
	if r.last != nil {
		// the last piece has this step behind it already
		held := b.Invoke(r.parts[1], "Held", round)[0]
		of := r.p.Values[2]
		out = append(out, b.Unbundle(b.Typed(held, types.ListOf(of...)), len(of))[:r.p.Params(2)]...)
	}
	return out
}

// rounds records the rounds at the server.
func (r *recorder) rounds() {
	at := r.g.At(r.server)
	none := at.Constant(r.p.None())
	last := at.Named(job.RoundsLoop).Loop(at.Constant(value.Int(r.c.Rounds)), []graph.Value{none},
		func(b *graph.Graph, i graph.Value, _ []graph.Value) []graph.Value {
			return []graph.Value{r.round(b, i)}
		})[0]
	last, failure := at.Catch(last)
	failed := at.Named("failed").Invoke(r.desk, "Failed", failure)[0]
	at.AppEmit(job.EventFailed, at.Gate(failed, at.Record(job.RecordFailed, failed)))
	r.p.End(at, last)
}

// round records a round: each client has its turn, in the order of their ids.
func (r *recorder) round(b *graph.Graph, i graph.Value) graph.Value {
	ready := b.Invoke(r.registry, "Await", i)[0]
	members := b.Invoke(r.selector, "Sample", ready, i)[0]
	params := b.Invoke(r.p.Model, "Parameters", members)[0]
	made := b.Named("turns").Loop(b.Constant(value.Int(r.c.Clients)), []graph.Value{params},
		func(b *graph.Graph, turn graph.Value, carried []graph.Value) []graph.Value {
			return []graph.Value{r.turn(b, i, b.Invoke(r.desk, "Pick", members, turn)[0], carried[0])}
		})[0]
	loaded := b.Invoke(r.p.Model, "LoadParameters", b.Typed(made, types.ListsOf(types.Tensor())))[0]
	return r.p.Told(b, i, made, members, loaded)
}

// turn records the turn of a client, and returns the parameters of the whole model that it makes of others.
func (r *recorder) turn(b *graph.Graph, round, peer, list graph.Value) graph.Value {
	p := r.p
	pieces := p.Parted(b, list)
	question := []graph.Value{round}
	for _, i := range r.c.own() {
		question = append(question, pieces[i]...)
	}
	begun := r.ask(b, r.begin, round, peer, question...)
	nought := b.Constant(zeros(p.Cuts[0]))
	carried := append([]graph.Value{b.Constant(value.Int(0)), b.Constant(value.Bool(true)), nought},
		p.Begin(b, 1, pieces[1])...)
	carried = b.Named("steps").Loop(begun[1], carried, func(b *graph.Graph, step graph.Value,
		carried []graph.Value) []graph.Value {
		before, first, gradient := b.Typed(carried[0], types.Int()), carried[1], b.Typed(carried[2], p.Cuts[0])
		given := r.ask(b, r.step, round, peer, round, step, before, first, gradient)
		own := p.Typed(b, 1, carried[3:])
		var back graph.Value
		if r.last == nil {
			own, back = p.Last(b, given[0], given[1], own, p.Turn(b, round))
		} else {
			out := p.Next(b, 1, given[0], own)
			gradient := r.ask(b, r.last, round, peer, round, step, out)[0]
			own, back = r.middle(b, given[0], gradient, own, round)
		}
		return append([]graph.Value{step, b.Constant(value.Bool(false)), back}, own...)
	})
	before, gradient := b.Typed(carried[0], types.Int()), b.Typed(carried[2], p.Cuts[0])
	pieces[1] = carried[3:][:p.Params(1)]
	ended := r.ask(b, r.end, round, peer, round, before, gradient)
	for _, i := range r.c.own() {
		pieces[i], ended = ended[:p.Params(i)], ended[p.Params(i):]
	}
	made := b.Invoke(r.desk, "Sound", p.Joined(b, list, pieces), peer)[0]
	return b.Gate(made, b.Count(job.CountContributions, made))
}

// middle records a step of the server's piece between two cuts. It is in a frame of its own: the gradient that the
// client sent was computed of what the server sent, by ways that no derivative goes.
func (r *recorder) middle(b *graph.Graph, x, gradient graph.Value, own []graph.Value,
	round graph.Value) (next []graph.Value, back graph.Value) {
	in := append([]graph.Value{x, gradient, round}, own...)
	out := b.Named("middle").Frame(in, func(b *graph.Graph, in []graph.Value) []graph.Value {
		next, back := r.p.Back(b, 1, b.Typed(in[0], r.p.Cuts[0]), b.Typed(in[1], r.p.Cuts[1]),
			r.p.Typed(b, 1, in[3:]), r.p.Turn(b, in[2]))
		return append([]graph.Value{back}, next...)
	})
	return out[1:], out[0]
}
