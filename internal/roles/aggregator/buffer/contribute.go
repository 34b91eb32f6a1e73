package buffer

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/exact"
	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Codes of refusals: of an update that is no number, or out of range, and of one that is too old.
const (
	codeDiverged = aggregator.CodeDiverged
	codeStale    = "stale"
)

// contribute does all checks before the first change, so that a refused update leaves everything as it was.
func (c *Component) contribute(ctx *engine.Context, in []value.Value) *value.Failure {
	if len(in) != 4 && len(in) != 6 {
		return c.fail(value.CodeType, "a contribution is call, peer, update, samples, and perhaps two losses, not %d values",
			len(in))
	}
	call, ok1 := in[0].(value.Int)
	who, ok2 := in[1].(value.Peer)
	update, ok3 := in[2].(*value.List)
	samples, ok4 := in[3].(value.Int)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return c.fail(value.CodeType, "a contribution is an Int, a Peer, a List and an Int")
	}
	before, after, told, f := c.told(in[4:])
	if f != nil {
		return f
	}
	i, f := c.owed(int64(call), string(who))
	if f != nil {
		return f
	}
	q := c.st.Out[i]
	if c.weight(q.Version) <= 0 {
		return c.old(q.Peer, q.Version)
	}
	if f := c.checkSamples(ctx, wire.PeerID(who), int64(samples)); f != nil {
		return f
	}
	if f := c.checkUpdate(ctx, update.Items()); f != nil {
		return f
	}
	a := Arrival{Peer: q.Peer, Call: q.Call, Version: q.Version, Samples: c.counted(int64(samples)),
		Update: slices.Clone(update.Items()),
		Given:  Given{Samples: int64(samples), Told: told, Before: before, After: after}}
	if !c.folds() && elements(a.Update) > queuedMost-c.waiting() {
		return c.fail(value.CodeOverflow, "updates of %d elements wait to be folded, and at most %d may", c.waiting(),
			queuedMost)
	}
	c.st.Out = slices.Delete(c.st.Out, i, i+1)
	x := c.st.client(q.Peer)
	a.Given.Norm, a.Given.Normed = c.norm(a.Update)
	x.Samples, x.Told, x.Before, x.After = int64(samples), told, before, after
	x.Norm, x.Lent = a.Given.Norm, !a.Given.Normed
	if !c.folds() {
		c.st.Queue = append(c.st.Queue, a)
		return nil
	}
	c.fold(ctx, a)
	if !c.full() {
		c.next(ctx, a.Peer)
	}
	c.decide(ctx, false)
	c.give(ctx)
	return nil
}

// next asks a peer again whose update was taken; or another, where not all train at once. Where each gives to a version
// once, nobody is asked for that.
func (c *Component) next(ctx *engine.Context, peer string) {
	if c.folded(peer) {
		return
	}
	if c.cfg.Most > 0 {
		c.idle(ctx)
	} else if ctx.Admitted(wire.PeerID(peer)) && c.asks() {
		c.ask(ctx, []string{peer})
	}
}

// owed returns the place of the question that a peer answers.
func (c *Component) owed(call int64, who string) (int, *value.Failure) {
	i, out := c.st.out(who)
	switch {
	case call < 0 || call >= c.st.Calls:
		return 0, c.fail(value.CodeStranger, "%s answers call %d, which was never put", who, call)
	case out && c.st.Out[i].Call == call && c.st.Out[i].Put:
		return i, nil
	}
	return 0, c.fail(value.CodeDuplicate, "%s owes no answer to call %d: it was given, or is not wanted any more", who,
		call)
}

// old is the failure of an update whose parameters are too many versions old.
func (c *Component) old(who string, version int64) *value.Failure {
	return c.fail(codeStale, "the parameters that %s trained on are %d versions old, which %s does not take", who,
		c.st.Version-version, c.strategy.Name)
}

// told reads what a client says of its loss before and after its training: none, or two scalars.
func (c *Component) told(in []value.Value) (before, after float64, known bool, f *value.Failure) {
	var losses [2]float64
	known = len(in) > 0
	for i, v := range in {
		t, ok := v.(value.Tensor)
		if !ok || t.DType() != tensor.Float32 || t.Len() != 1 || t.Rank() > 0 {
			return 0, 0, false, c.fail(value.CodeType, "a loss is a scalar of float32")
		}
		losses[i] = float64(t.Float32()[0])
		known = known && !math.IsNaN(losses[i]) && !math.IsInf(losses[i], 0)
	}
	if !known {
		return 0, 0, false, nil
	}
	return losses[0], losses[1], true, nil
}

// checkSamples holds the claimed samples against the bound and against what the peer joined with.
func (c *Component) checkSamples(ctx *engine.Context, who wire.PeerID, samples int64) *value.Failure {
	if samples < 1 || samples >= exact.SamplesMax {
		return c.fail(value.CodeOverflow, "%s weighs its update with %d samples; want 1 to %d", who, samples,
			exact.SamplesMax-1)
	}
	registry, f := c.registry(ctx)
	if f != nil {
		return f
	}
	switch known, ok := registry.Samples(who); {
	case !ok:
		return c.fail(value.CodeStranger, "%s never joined", who)
	case samples > known:
		return c.fail(value.CodeError, "%s claims %d samples and joined with %d", who, samples, known)
	}
	return nil
}

// counted returns what an update weighs that was trained on so many samples.
func (c *Component) counted(samples int64) int64 {
	if c.cfg.Weighting == aggregator.Uniform {
		return 1
	}
	if c.cfg.MaxSamples > 0 {
		return min(samples, c.cfg.MaxSamples)
	}
	return samples
}

// checkUpdate says what is wrong with an update that is not of the model's shapes and types, or cannot be summed.
func (c *Component) checkUpdate(ctx *engine.Context, update []value.Value) *value.Failure {
	model, f := c.model(ctx)
	if f != nil {
		return f
	}
	shapes, stored := model.Shapes(), model.Stored()
	switch {
	case len(update) != len(shapes) || len(shapes) == 0:
		return c.fail(value.CodeError, "the update has %d tensors, want %d", len(update), len(shapes))
	case len(c.st.Sums) > 0 && !slices.EqualFunc(c.st.Sums, shapes,
		func(s Sum, shape []int) bool { return slices.Equal(s.Shape, shape) }):
		return c.fail(value.CodeError, "what was folded before has other shapes than the model")
	}
	for i, v := range update {
		t, ok := v.(value.Tensor)
		switch {
		case !ok:
			return c.fail(value.CodeType, "item %d of the update is a %s, want a tensor", i, v.Type())
		case t.DType() != stored[i]:
			return c.fail(value.CodeError, "tensor %d of the update is %s, want %s", i, t.DType(), stored[i])
		case !slices.Equal(t.Shape(), shapes[i]):
			return c.fail(value.CodeError, "tensor %d of the update has shape %v, want %v", i, t.Shape(), shapes[i])
		}
		wide, err := half.Widen(t.Tensor)
		if err != nil {
			return c.fail(value.CodeError, "tensor %d of the update: %v", i, err)
		}
		x := wide.Float32()
		if k := aggregator.Summable(x); k >= 0 {
			return c.fail(codeDiverged, "element %d of tensor %d is %g; want a number between -%d and %d", k, i, x[k],
				exact.ValueMax, exact.ValueMax)
		}
		if _, variance := slices.BinarySearch(c.cfg.Variances, i); variance {
			if k := slices.IndexFunc(x, func(v float32) bool { return v < 0 }); k >= 0 {
				return c.fail(value.CodeError, "element %d of tensor %d is %g; want a variance, of 0 or above", k, i, x[k])
			}
		}
	}
	return nil
}

// fold adds an update to what becomes the next version. It is not too old.
func (c *Component) fold(ctx *engine.Context, a Arrival) {
	w := float64(float64(a.Samples) * c.weight(a.Version))
	if len(c.st.Sums) == 0 {
		c.st.Sums = make([]Sum, len(a.Update))
		for i, v := range a.Update {
			t := v.(value.Tensor)
			c.st.Sums[i] = Sum{Shape: slices.Clone(t.Shape()), Words: snapshot.NewWords(t.Len())}
		}
	}
	for i, v := range a.Update {
		wide, err := half.Widen(v.(value.Tensor).Tensor)
		if err != nil {
			panic("buffer: " + err.Error()) // checkUpdate has widened it
		}
		c.st.Sums[i].add(wide.Float32(), w)
	}
	c.st.Weight = math.Float64bits(math.Float64frombits(c.st.Weight) + float64(a.Samples))
	c.st.Fresh = math.Float64bits(math.Float64frombits(c.st.Fresh) + w)
	x := c.st.client(a.Peer)
	x.Contributions++
	x.Round = c.st.Version
	a.Given.Contributions, a.Given.Refusals = x.Contributions, x.Refusals
	c.st.Folded = append(c.st.Folded, Fold{Peer: a.Peer, Call: a.Call, Version: a.Version,
		Age: c.st.Version - a.Version, Samples: a.Samples, Given: a.Given})
	ctx.Count("folded")
}

// norm is that of what an update changes, and whether it is known: where what clients send is the change, and no
// running statistics are beside it.
func (c *Component) norm(update []value.Value) (norm float64, known bool) {
	if c.strategy.Client == nil || len(c.cfg.Variances) > 0 {
		return 0, false
	}
	square := 0.0
	for _, v := range update {
		wide, err := half.Widen(v.(value.Tensor).Tensor)
		if err != nil {
			panic("buffer: " + err.Error()) // checkUpdate has widened it
		}
		for _, x := range wide.Float32() {
			square += float64(float64(x) * float64(x))
		}
	}
	return math.Sqrt(square), true
}

// drain folds what waits in the queue, as far as the next version wants it, and asks whose updates that were again.
func (c *Component) drain(ctx *engine.Context) {
	for len(c.st.Queue) > 0 && c.folds() {
		a := c.st.Queue[0]
		c.st.Queue = slices.Delete(c.st.Queue, 0, 1)
		why := c.checkUpdate(ctx, a.Update)
		if c.weight(a.Version) <= 0 {
			why = c.old(a.Peer, a.Version)
		}
		if why != nil {
			c.noted(ctx, a.Peer, why)
			ctx.Count("refused." + why.Code)
		} else {
			c.fold(ctx, a)
		}
		if !c.full() {
			c.next(ctx, a.Peer)
		}
	}
	c.decide(ctx, false)
	c.give(ctx)
}

// add adds w times each element.
func (s *Sum) add(x []float32, w float64) {
	for k := range s.Words.Chunks() {
		words := s.Words.Write(k)
		for i := range words {
			words[i] = math.Float64bits(math.Float64frombits(words[i]) + float64(w*float64(x[i])))
		}
		x = x[len(words):]
	}
}

// over returns the sums over what all of them weigh.
func (s *Sum) over(weight float64) (*tensor.Tensor, error) {
	x := make([]float32, 0, s.Words.Len())
	for k := range s.Words.Chunks() {
		for _, w := range s.Words.Read(k) {
			x = append(x, float32(math.Float64frombits(w)/weight))
		}
	}
	return tensor.FromFloat32(slices.Clone(s.Shape), x)
}

// waiting returns how many elements the updates have that wait to be folded.
func (c *Component) waiting() (n int) {
	for _, a := range c.st.Queue {
		n += elements(a.Update)
	}
	return n
}

func elements(update []value.Value) (n int) {
	for _, v := range update {
		n += v.(value.Tensor).Len()
	}
	return n
}
