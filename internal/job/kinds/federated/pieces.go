package federated

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/forward"
	"github.com/rhizome-ml/rhizome/internal/job/optimizer"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// Pieces record how a model that is cut is trained by two places, in a choreography of another kind of job: with the
// model, the data, the loss and the optimizer that a Config says, and nothing of its rounds.
type Pieces struct {
	Model, Data *graph.Slot
	Cuts        []types.Type // of a batch of what goes from each piece to the next
	// Values are what is carried from step to step, by piece: its parameters and running statistics, and behind them
	// what its optimizer keeps.
	Values [][]types.Type
	// Features and Labels are the types of a batch.
	Features, Labels types.Type

	j      *fedavg
	pieces []forward.Piece
}

// Cut parts the model of the job at tensors, to be trained in batches. Errors are *job.ConfigError, of the key "cut"
// where it cannot be cut so.
func (c Config) Cut(at ...string) (*Pieces, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	bad := func(key, value, want string) error { return &job.ConfigError{Key: key, Value: value, Want: want} }
	switch {
	case c.federates():
		return nil, bad("normalize", c.Normalize, "none, standard or minmax: a model that is cut is trained as it is")
	case c.given():
		return nil, bad("loss", c.Loss, "another where the model is cut: that one is computed by the model of the labels")
	case c.ClipGradient > 0:
		return nil, bad("clip_gradient", fmt.Sprint(c.ClipGradient),
			"0 where the model is cut: nobody has the gradients of all of it")
	}
	j, err := c.newFedavg()
	if err != nil {
		return nil, err
	}
	if len(j.net.Local()) > 0 || len(j.net.training().Masks) > 0 {
		return nil, bad("model", c.Model, "a model without local statistics and Dropout where it is cut")
	}
	p := &Pieces{j: j}
	p.pieces, err = forward.Cut(j.net.training(), at...)
	if e := (*forward.CutError)(nil); errors.As(err, &e) {
		return nil, bad("cut", strconv.Quote(e.At), "a tensor that separates the samples from the output: "+e.Error())
	}
	return p, p.infer()
}

// infer finds the types of all that is carried and sent, in a choreography that nobody runs.
func (p *Pieces) infer() error {
	g := graph.New("types")
	at := g.Place("here")
	g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: []graph.Place{at}})
	s := p.j.c.form()
	label := s.Label
	if label == 0 {
		label = tensor.Int64
	}
	p.Features = types.Tensors(s.Features, append([]int{p.j.c.Batch}, s.Shape...)...)
	p.Labels = types.Tensors(label, append([]int{p.j.c.Batch}, s.LabelShape...)...)
	b := g.At(at)
	in := g.Input(at, "x", p.Features, p.Labels)
	out := in[0]
	for i, piece := range p.pieces {
		var of []types.Type
		for _, k := range piece.Of {
			of = append(of, p.j.values[k])
		}
		params := g.Input(at, "p"+strconv.Itoa(i), of...)
		carried := p.Begin(b, i, params)
		for _, v := range carried[len(params):] {
			of = append(of, v.Type())
		}
		p.Values = append(p.Values, of)
		if i == 0 {
			out, _ = p.first(b, batch{in[0], in[1]}, params)
		} else {
			out, _ = p.piece(b, i, out, params)
		}
		if i == len(p.pieces)-1 {
			break
		}
		t := out.Type().Tensor
		if t.DType != tensor.Float32 || t.Unranked || len(t.Shape) == 0 || slices.Min(t.Shape) < 1 {
			return &job.ConfigError{Key: "cut", Value: strconv.Quote(piece.Output),
				Want: fmt.Sprintf("a tensor of float32 of a known shape, not %v", out.Type())}
		}
		p.Cuts = append(p.Cuts, types.Tensors(tensor.Float32, t.Shape...))
		out = b.Typed(out, p.Cuts[i])
	}
	return nil
}

// Bytes returns the size of a tensor of a known type.
func Bytes(t types.Type) int {
	n := t.Tensor.DType.Size()
	for _, d := range t.Tensor.Shape {
		if d > 0 && n > math.MaxInt32/d {
			return math.MaxInt32
		}
		n *= d
	}
	return n
}

// Declare declares the model at one place, and the data and what computes at both.
func (p *Pieces) Declare(g *graph.Graph, server, clients graph.Place) {
	j, both := p.j, []graph.Place{server, clients}
	j.g, j.server, j.clients = g, server, clients
	j.slots.backend = g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: both})
	j.slots.model = g.Component(j.c.model(both[:1]))
	j.slots.data = g.Component(j.c.source(both))
	p.Model, p.Data = j.slots.model, j.slots.data
}

// Membership is the settings of a registry that waits for all clients.
func (c Config) Membership() registry.Config { return c.membership() }

// Parted records the parameters of each piece, of a list of those of the whole model.
func (p *Pieces) Parted(b *graph.Graph, list graph.Value) (out [][]graph.Value) {
	all := p.j.tensors(b, list)
	for _, piece := range p.pieces {
		var of []graph.Value
		for _, k := range piece.Of {
			of = append(of, all[k])
		}
		out = append(out, of)
	}
	return out
}

// Joined records the list of the parameters of the whole model, of those of its pieces. What no piece reads stays as
// the list before has it.
func (p *Pieces) Joined(b *graph.Graph, before graph.Value, pieces [][]graph.Value) graph.Value {
	all := p.j.tensors(b, before)
	for i, piece := range p.pieces {
		for at, k := range piece.Of {
			all[k] = b.Typed(pieces[i][at], p.j.values[k])
		}
	}
	return p.j.bundle(b, all)
}

// Params returns how many of what a piece carries are its parameters and statistics: the first ones.
func (p *Pieces) Params(i int) int { return len(p.pieces[i].Of) }

// trained are the places of what is trained among what a piece carries.
func (p *Pieces) trained(i int) (out []int) {
	for at, k := range p.pieces[i].Of {
		if k < p.j.trained {
			out = append(out, at)
		}
	}
	return out
}

func (p *Pieces) of(i int, carried []graph.Value) (out []graph.Value) {
	for _, at := range p.trained(i) {
		out = append(out, carried[at])
	}
	return out
}

// Begin records what a piece carries before the first step of a turn, of its parameters.
func (p *Pieces) Begin(b *graph.Graph, i int, params []graph.Value) []graph.Value {
	trained, carried := p.of(i, params), slices.Clone(params)
	if p.j.optimizer != nil {
		return append(carried, p.j.optimizer.Begin(b, trained)...)
	}
	if p.j.c.Momentum > 0 {
		for _, v := range trained {
			carried = append(carried, b.Mul(v, b.Constant(scalar(0))))
		}
	}
	return carried
}

// Typed types what a piece carries.
func (p *Pieces) Typed(b *graph.Graph, i int, carried []graph.Value) []graph.Value {
	out := make([]graph.Value, len(carried))
	for k, v := range carried {
		out[k] = b.Typed(v, p.Values[i][k])
	}
	return out
}

// Batch records the batch of a step.
func (p *Pieces) Batch(b *graph.Graph, round, step graph.Value) (x, y graph.Value) {
	return p.j.batch(b, b.Invoke(p.j.slots.data, "NextBatch", step, round))
}

// first records the first piece over a batch.
func (p *Pieces) first(b *graph.Graph, of batch, carried []graph.Value) (out graph.Value, renewed []graph.Value) {
	return p.through(b, 0, p.j.net.inputs(b, of), carried)
}

// piece records another one, of what the one before gave.
func (p *Pieces) piece(b *graph.Graph, i int, x graph.Value, carried []graph.Value) (out graph.Value,
	renewed []graph.Value) {
	return p.through(b, i, map[string]graph.Value{p.pieces[i].Input: x}, carried)
}

func (p *Pieces) through(b *graph.Graph, i int, x map[string]graph.Value, carried []graph.Value) (graph.Value,
	[]graph.Value) {
	out, renewed := p.pieces[i].Through(b, x, carried[:p.Params(i)])
	if i == len(p.pieces)-1 {
		out = p.j.net.flat(b, out)
	} else if i < len(p.Cuts) {
		out = b.Typed(out, p.Cuts[i])
	}
	return out, renewed
}

// First records what the first piece gives of a batch.
func (p *Pieces) First(b *graph.Graph, x, y graph.Value, carried []graph.Value) graph.Value {
	out, _ := p.first(b, batch{x, y}, carried)
	return out
}

// Next records what another piece, which is not the last one, gives of what the one before gave.
func (p *Pieces) Next(b *graph.Graph, i int, x graph.Value, carried []graph.Value) graph.Value {
	out, _ := p.piece(b, i, x, carried)
	return out
}

// FirstBack records a step of the first piece, of the gradient of what it gave, and returns what it carries then.
func (p *Pieces) FirstBack(b *graph.Graph, x, y, gradient graph.Value, carried []graph.Value,
	turn func() graph.Value) []graph.Value {
	out, renewed := p.first(b, batch{x, y}, carried)
	return p.step(b, 0, carried, b.Gradient(along(b, out, gradient), p.of(0, carried)...), renewed, turn)
}

// Back records a step of a piece in the middle, and returns what it carries then, and the gradient of what it was
// given.
func (p *Pieces) Back(b *graph.Graph, i int, x, gradient graph.Value, carried []graph.Value,
	turn func() graph.Value) (next []graph.Value, back graph.Value) {
	out, renewed := p.piece(b, i, x, carried)
	return p.both(b, i, x, along(b, out, gradient), carried, renewed, turn)
}

// Last records a step of the last piece, by the loss of a batch, and returns what it carries then, and the gradient of
// what it was given.
func (p *Pieces) Last(b *graph.Graph, x, y graph.Value, carried []graph.Value,
	turn func() graph.Value) (next []graph.Value, back graph.Value) {
	i := len(p.pieces) - 1
	out, renewed := p.piece(b, i, x, carried)
	return p.both(b, i, x, p.j.lossOf(b, out, p.j.labels(b, y)), carried, renewed, turn)
}

// both records the gradient of a scalar by what a piece was given and by what it trains, and its step.
func (p *Pieces) both(b *graph.Graph, i int, x, scalar graph.Value, carried, renewed []graph.Value,
	turn func() graph.Value) (next []graph.Value, back graph.Value) {
	all := b.Gradient(scalar, append([]graph.Value{x}, p.of(i, carried)...)...)
	return p.step(b, i, carried, all[1:], renewed, turn), all[0]
}

// along records a scalar whose gradient by what made a tensor is that of a loss, of which the gradient by the tensor is
// known: the sum of their products.
func along(b *graph.Graph, out, gradient graph.Value) graph.Value {
	return b.Tensor("ReduceSum", graph.Attrs{"keepdims": 0}, b.Mul(out, gradient))
}

// step records what a piece carries behind a step.
func (p *Pieces) step(b *graph.Graph, i int, carried, gradients, renewed []graph.Value,
	turn func() graph.Value) []graph.Value {
	j, n := p.j, p.Params(i)
	places, kept := p.trained(i), slices.Clone(carried[n:])
	params := p.of(i, carried)
	var of []types.Type
	for _, at := range places {
		of = append(of, p.Values[i][at])
	}
	var next, keep []graph.Value
	if j.optimizer != nil {
		var rate optimizer.Rate
		if !j.schedule.Constant() {
			rate = j.schedule.Rate(j.optimizer.Get("rate"), turn(), j.c.Rounds)
		}
		for k, v := range kept {
			kept[k] = b.Typed(v, p.Values[i][n+k])
		}
		next, keep = j.optimizer.Step(b, rate, params, gradients, kept)
	} else {
		next, keep = j.descend(b, params, gradients, kept, of)
	}
	out := slices.Clone(carried[:n])
	for k, at := range places {
		out[at] = next[k]
	}
	for k, of := range p.pieces[i].Renewed {
		if at := slices.Index(p.pieces[i].Of, j.trained+of); at >= 0 {
			out[at] = renewed[k]
		}
	}
	return append(out, keep...)
}

// Turn records the number of a round by which a schedule goes.
func (p *Pieces) Turn(b *graph.Graph, round graph.Value) func() graph.Value {
	return func() graph.Value { return b.Invoke(p.j.slots.data, "Turn", round)[0] }
}

// None is what is told where no round was.
func (p *Pieces) None() value.Value {
	n := p.j.told()
	return value.NewList(value.Int(0), scalar(0), scalar(0), value.NewList(), zeros(n, n))
}

// Told records the test of the whole model and what a round tells, once its parameters are loaded.
func (p *Pieces) Told(b *graph.Graph, round, params, members, loaded graph.Value) graph.Value {
	return p.j.report(b, round, members, p.j.evaluate(b, params, loaded))
}

// End records what the server tells at the end.
func (p *Pieces) End(g *graph.Graph, last graph.Value) { p.j.end(g, last) }

// Err returns why something could not be recorded, or nil.
func (p *Pieces) Err() error { return p.j.err }

// Classes is how many classes labels are the numbers of, 0 where they are quantities.
func (p *Pieces) Classes() int { return p.j.c.shape().classes }
