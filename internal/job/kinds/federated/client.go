package federated

import (
	"slices"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job/optimizer"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// learned is what a client makes of a round, while it is recorded.
type learned struct {
	update, samples graph.Value
	params          []graph.Value    // behind the last step, where they are not the update alone
	own             [2][]graph.Value // what the client keeps of the network, before the round and after it
}

// train is local, and with it what the client says of its loss, where the job asks for that: on the first batch of
// the round, before the first step and after the last one.
func (j *fedavg) train(b *graph.Graph, global, round graph.Value, told []graph.Value) (update, samples graph.Value,
	losses []graph.Value) {
	made := j.local(b, global, round, told)
	if !j.c.ClientMetrics {
		return made.update, made.samples, nil
	}
	step := b.Gate(b.Constant(value.Int(0)), made.samples)
	first := b.Named("measured").Invoke(j.slots.data, "NextBatch", step, round)
	x, y := j.batch(b, first)
	for i, list := range []graph.Value{global, made.update} {
		params := made.params
		if i == 0 || params == nil {
			params = j.tensors(b, list)
		}
		all := slices.Concat(params, made.own[i])
		losses = append(losses, j.lossOf(b, j.net.own(b, batch{x, y}, all), j.labels(b, y)))
	}
	return made.update, made.samples, losses
}

// told returns those values of an arrival that stand behind its first ones, as many as were sent.
func told(answer *graph.Arrival, from int, sent []graph.Value) (out []graph.Value) {
	for i := range sent {
		out = append(out, answer.Value(from+i))
	}
	return out
}

// local records what a client does with the parameters of a round, and with what it is told beside them: its epochs of
// gradient descent over its own data.
func (j *fedavg) local(b *graph.Graph, global, round graph.Value, told []graph.Value) learned {
	s := &j.slots
	begun := b.Invoke(s.data, "Begin", round)
	params := j.tensors(b, global)
	made, carried := learned{samples: begun[0]}, params
	if s.own != nil {
		made.own[0] = j.readOwn(b, round)
		carried = slices.Concat(carried, made.own[0])
	}
	var turn graph.Value
	if !j.schedule.Constant() {
		turn = b.Invoke(s.data, "Turn", j.turnOf(round))[0]
	}
	steps := span{to: len(j.learns)}
	if j.strategy.First != nil {
		carried, steps = j.firstly(b, round, carried, turn), span{to: j.trained}
	}
	carried = j.keeping(b, carried, steps)
	at := strategy.Local{Global: params[:j.trained], Own: j.readKept(b, round), Told: j.toldBy(b, told)}
	counts := j.strategy.Client != nil
	if counts {
		carried = append(slices.Clone(carried), b.Constant(scalar(0))) // steps
	}
	last := len(carried) - 1
	trained := b.Named("steps").Loop(begun[1], carried, func(b *graph.Graph, step graph.Value,
		carried []graph.Value) []graph.Value {
		batch := b.Invoke(s.data, "NextBatch", step, round)
		x, y := j.batch(b, batch)
		var count []graph.Value
		if counts {
			count = []graph.Value{b.Add(b.Typed(carried[last], types.Tensors(tensor.Float32)), b.Constant(scalar(1)))}
			carried = carried[:last]
		}
		return append(j.step(b, x, y, at, steps, carried, turn, j.chance(b, step, round)), count...)
	})
	if !counts {
		made.update = j.bundle(b, trained[:len(params)])
	} else {
		made.params = make([]graph.Value, len(params))
		for i := range params {
			made.params[i] = b.Typed(trained[i], j.params.Items[i])
		}
		made.update = j.answer(b, round, &strategy.Client{Graph: b, Global: at.Global, Params: made.params[:j.trained],
			Own: at.Own, Told: at.Told, Steps: b.Typed(trained[last], types.Tensors(tensor.Float32)),
			Rate: j.rate(b, turn), Loss: j.lossBefore(b, round, params, made.own[0])}, made.params[j.trained:])
	}
	if s.mine != nil {
		written := j.trainApart(b, round, begun[1], params, turn)
		made.update = b.Gate(made.update, written)
	}
	if s.own != nil {
		made.own[1] = trained[len(params):len(j.values)]
		written := b.Invoke(s.own, "Write", round, b.Bundle(made.own[1]...))[0]
		made.update = b.Gate(made.update, written)
	}
	return made
}

// span is a piece of what is trained: of the parameters, and of what is personal behind them.
type span struct {
	from, to int
	apart    bool // of a model that the client has beside it
}

// keeping records what a client carries from step to step, before the first one: the values of the network, and what
// its optimizer keeps of what is trained in these steps.
func (j *fedavg) keeping(b *graph.Graph, values []graph.Value, of span) []graph.Value {
	carried, trained := slices.Clone(values), j.learned(values)[of.from:of.to]
	if j.optimizer != nil {
		return append(carried, j.optimizer.Begin(b, trained)...)
	}
	if j.c.Momentum > 0 {
		for _, p := range trained {
			carried = append(carried, b.Mul(p, b.Constant(scalar(0))))
		}
	}
	return carried
}

// step records one step of gradient descent on a batch, of a piece of what is trained, and returns what it changes: the
// parameters with the running statistics and, with momentum, the velocities behind them. Of at it completes what is of
// the step.
func (j *fedavg) step(b *graph.Graph, x, y graph.Value, at strategy.Local, of span, carried []graph.Value,
	turn graph.Value, chance func(int, []int) graph.Value) []graph.Value {
	n := max(0, min(of.to, j.trained)-of.from) // of all clients
	values := make([]graph.Value, len(j.values))
	for i := range values {
		values[i] = b.Typed(carried[i], j.values[i])
	}
	all, kept := j.learned(values), carried[len(values):]
	params := all[of.from:of.to:of.to]
	out, renewed := j.net.train(b, batch{x, y}, values, chance)
	loss := j.lossOf(b, out, j.labels(b, y))
	gradients := b.Gradient(loss, params...)
	steps := gradients
	if n > 0 {
		at.Graph, at.Params, at.Gradients = b, params[:n:n], gradients[:n:n]
		by := j.strategy
		if of.apart {
			by = by.Beside()
		}
		steps = slices.Concat(by.Gradients(&at), gradients[n:])
	}
	if j.optimizer != nil {
		next, kept := j.stepBy(b, of, params, steps, kept, turn)
		return append(j.inPlace(slices.Concat(all[:of.from], next, all[of.to:]), renewed), kept...)
	}
	if j.c.ClipGradient > 0 {
		steps = optimizer.ClipNorm(b, steps, j.c.ClipGradient)
	}
	next, velocities := j.descend(b, params, steps, kept, j.learns[of.from:])
	return append(j.inPlace(slices.Concat(all[:of.from], next, all[of.to:]), renewed), velocities...)
}

// descend records a step of gradient descent by learning_rate and momentum, and returns the parameters behind it and,
// with momentum, their velocities.
func (j *fedavg) descend(b *graph.Graph, params, steps, kept []graph.Value, of []types.Type) (next,
	velocities []graph.Value) {
	if j.c.Momentum > 0 {
		share := b.Constant(scalar(j.c.Momentum))
		for i, v := range kept {
			steps[i] = b.Add(b.Mul(b.Typed(v, of[i]), share), steps[i])
		}
		velocities = steps
	}
	rate := b.Constant(scalar(j.c.LearningRate))
	for i, p := range params {
		next = append(next, b.Sub(p, b.Mul(steps[i], rate)))
	}
	return next, velocities
}
