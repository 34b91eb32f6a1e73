package federated

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/optimizer"
	"github.com/rhizome-ml/rhizome/internal/roles/model/cell"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// A strategy may have clients keep values from round to round, tell them some of what the server keeps, and have them
// send values beside their updates. All of them are float32, in whatever type parameters are stored. What clients keep
// is in a component of theirs, which gives in a round what was there before it, however often the round is begun again.
// What the server tells is in one of its own, for the questions of a round are asked outside of the loop of rounds.
// What is sent stands behind the parameters in the list of the update: the aggregator makes means of it like of them.

// keptSlot is the slot of what the strategy keeps at a client.
const keptSlot = "kept"

// strategyComponents declares what holds the strategy's values.
func (j *fedavg) strategyComponents() {
	hold := func(name string, lists int, at graph.Place) *graph.Slot {
		if lists == 0 {
			return nil
		}
		var c cell.Config
		if name == keptSlot && mirrors(j.strategy) {
			c.Chained, c.Each = true, j.c.cohort() == j.c.Clients
		}
		for range lists {
			c.Shapes = append(c.Shapes, j.net.Shapes()[:j.trained]...)
		}
		return j.g.Component(graph.Component{Name: name, Role: cell.Role, Kind: cell.Kind, Version: cell.Version,
			At: []graph.Place{at}, Methods: cell.Methods(), Config: c})
	}
	if j.strategy.Apart != nil {
		j.slots.mine = j.g.Component(graph.Component{Name: mineSlot, Role: cell.Role, Kind: cell.Kind,
			Version: cell.Version, At: []graph.Place{j.clients}, Methods: cell.Methods(),
			Config: cell.Config{Shapes: j.net.Shapes()}})
	}
	j.slots.kept = hold(keptSlot, j.strategy.Own, j.clients)
	j.slots.told = hold("told", j.strategy.Told, j.server)
}

// lists makes lists of the shapes of what is trained, of values one behind the other.
func (j *fedavg) lists(b *graph.Graph, values []graph.Value) (out [][]graph.Value) {
	n := j.trained
	for at := 0; at < len(values); at += n {
		list := make([]graph.Value, n)
		for i := range list {
			list[i] = b.Typed(values[at+i], j.params.Items[i])
		}
		out = append(out, list)
	}
	return out
}

// trainedLists is the type of a list of so many lists of the shapes of what is trained, one behind the other.
func (j *fedavg) trainedLists(n int) types.Type {
	var items []types.Type
	for range n {
		items = append(items, j.params.Items[:j.trained]...)
	}
	return types.ListOf(items...)
}

// unbundled records the lists of a value that has so many of them.
func (j *fedavg) unbundled(b *graph.Graph, v graph.Value, n int) [][]graph.Value {
	of := j.trainedLists(n)
	return j.lists(b, b.Unbundle(b.Typed(v, of), len(of.Items)))
}

// readKept records what the strategy kept at a client before a round.
func (j *fedavg) readKept(b *graph.Graph, round graph.Value) [][]graph.Value {
	if j.slots.kept == nil {
		return nil
	}
	kept := b.Invoke(j.slots.kept, "Read", round, b.Constant(value.NewList()))[0]
	return j.unbundled(b, kept, j.strategy.Own)
}

// toTell records what a client of a round is told of what the server keeps, as one value; none where it is told none.
func (j *fedavg) toTell(b *graph.Graph, round, whom graph.Value) []graph.Value {
	if j.slots.told == nil {
		return nil
	}
	return b.Invoke(j.slots.told, "Read", b.Gate(round, whom), b.Constant(value.NewList()))
}

// toldBy records the lists that a client was told.
func (j *fedavg) toldBy(b *graph.Graph, told []graph.Value) [][]graph.Value {
	if len(told) == 0 {
		return nil
	}
	return j.unbundled(b, told[0], j.strategy.Told)
}

// tell records that what clients are told from the next round on is there before that begins, and returns what the
// server keeps.
func (j *fedavg) tell(b *graph.Graph, round graph.Value, kept []graph.Value) []graph.Value {
	if j.slots.told == nil {
		return kept
	}
	written := b.Invoke(j.slots.told, "Write", round, b.Bundle(kept[:j.trained*j.strategy.Told]...))[0]
	kept[0] = b.Gate(kept[0], written)
	return kept
}

// beside are the types of what stands behind the parameters in an update.
func (j *fedavg) beside() []types.Type {
	out := slices.Clone(j.trainedLists(j.strategy.Sent).Items)
	for range j.strategy.Numbers {
		out = append(out, types.Tensors(tensor.Float32))
	}
	return out
}

// besides are their shapes.
func (j *fedavg) besides() (out [][]int) {
	for _, t := range j.beside() {
		out = append(out, t.Tensor.Shape)
	}
	return out
}

// parted returns what stands behind the parameters in an update, or a mean: lists and numbers.
func (j *fedavg) parted(beside []graph.Value) (sent [][]graph.Value, numbers []graph.Value) {
	at := j.strategy.Sent * j.trained
	for i := 0; i < at; i += j.trained {
		sent = append(sent, beside[i:i+j.trained])
	}
	return sent, beside[at:]
}

// answer records what the strategy makes of a round at a client: the update, with what stands behind the parameters in
// it, once what the client keeps is kept. Statistics are the running ones that are averaged.
func (j *fedavg) answer(b *graph.Graph, round graph.Value, of *strategy.Client, statistics []graph.Value) graph.Value {
	a := j.strategy.Answer(of)
	update := j.bundle(b, slices.Concat(a.Update, statistics, slices.Concat(a.Sent...), a.Numbers))
	if j.slots.kept != nil {
		written := b.Invoke(j.slots.kept, "Write", round, b.Bundle(slices.Concat(a.Own...)...))[0]
		update = b.Gate(update, written)
	}
	return update
}

// rate returns what records the rate of the steps of a round.
func (j *fedavg) rate(b *graph.Graph, turn graph.Value) func() graph.Value {
	return func() graph.Value {
		switch {
		case j.optimizer == nil:
			return b.Constant(scalar(j.c.LearningRate))
		case j.schedule.Constant():
			return optimizer.Fixed(j.optimizer.Get("rate"))(b)
		}
		return j.schedule.Rate(j.optimizer.Get("rate"), turn, j.c.Rounds)(b)
	}
}

// lossBefore returns what records the mean loss of a client's batches by the parameters that a round began with, and by
// the running statistics that the client kept.
func (j *fedavg) lossBefore(b *graph.Graph, round graph.Value, params, own []graph.Value) func() graph.Value {
	return func() graph.Value {
		scalars, batches := types.Tensors(tensor.Float32), b.Invoke(j.slots.data, "Pass", round)[0]
		begin := []graph.Value{b.Constant(scalar(0)), b.Constant(scalar(0))}
		sums := b.Named("before").Loop(batches, begin, func(b *graph.Graph, step graph.Value,
			carried []graph.Value) []graph.Value {
			x, y := j.batch(b, b.Invoke(j.slots.data, "NextBatch", step, round))
			loss := j.lossOf(b, j.net.own(b, batch{x, y}, slices.Concat(params, own)), j.labels(b, y))
			return []graph.Value{b.Add(b.Typed(carried[0], scalars), loss),
				b.Add(b.Typed(carried[1], scalars), b.Constant(scalar(1)))}
		})
		return b.Tensor("Div", nil, b.Typed(sums[0], scalars), b.Typed(sums[1], scalars))
	}
}

// number returns what records the number of a round, from 1, as a scalar of float32.
func (j *fedavg) number(b *graph.Graph, round graph.Value) func() graph.Value {
	return func() graph.Value {
		turn := b.Typed(b.Invoke(j.slots.data, "Turn", round)[0], types.Tensors(tensor.Int64))
		return b.Add(b.Tensor("Cast", graph.Attrs{"to": int(tensor.Float32)}, turn), b.Constant(scalar(1)))
	}
}

// share returns what records which part of all clients a round counted, as a scalar of float32.
func (j *fedavg) share(b *graph.Graph, members graph.Value) func() graph.Value {
	return func() graph.Value {
		part := b.Invoke(j.slots.registry, "Share", members, b.Constant(value.Int(j.c.Clients)))[0]
		return b.Typed(part, types.Tensors(tensor.Float32))
	}
}

// carries returns how many numbers go with one of the parameters at most, to a client or from it.
func (c Config) carries() int {
	s, err := c.chosen()
	if err != nil {
		return 1 // Validate says so
	}
	return 1 + max(s.Sent, s.Told)
}

// validateStrategy checks what else the job says against what its strategy has clients do.
func (c Config) validateStrategy(s strategy.Chosen) error {
	bad := func(key, got, want string) error { return &job.ConfigError{Key: key, Value: got, Want: want} }
	beside := " beside strategy " + s.Name
	if n := max(s.Own, s.Told); n > 0 && c.parameters() > cell.ElementsMax/n {
		return bad("strategy", strconv.Quote(c.Strategy), fmt.Sprintf("one that keeps less for a model of %d "+
			"parameters: %d values of each are kept, and at most %d in all", c.parameters(), n, cell.ElementsMax))
	}
	if c.Clip > 0 && s.Sent+s.Numbers > 0 {
		return bad("clip", fmt.Sprint(c.Clip), "0"+beside+", whose clients send more than an update")
	}
	if s.Apart != nil && (c.Personal != "" || c.Buffers == importer.BuffersLocal) {
		key, got := "personal", c.Personal
		if got == "" {
			key, got = "buffers", c.Buffers
		}
		return bad(key, strconv.Quote(got), "none"+beside+", by which each client has a whole model of its own")
	}
	if err := c.validateMirrored(s); err != nil {
		return err
	}
	if !s.Plain {
		return nil
	}
	why := beside + ", which is about steps of the gradient times a rate"
	switch o, _, err := c.optimizer(); {
	case err != nil:
		return err
	case c.Momentum > 0:
		return bad("momentum", fmt.Sprint(c.Momentum), "0"+why)
	case c.ClipGradient > 0:
		return bad("clip_gradient", fmt.Sprint(c.ClipGradient), "0"+why)
	case o != nil && (o.Name() != "sgd" || o.Get("momentum") > 0 || o.Get("decay") > 0):
		return bad("optimizer", strconv.Quote(c.Optimizer), "sgd without momentum and decay"+why)
	}
	return nil
}

// mirrors says whether the server keeps the mean of what all clients keep. It makes that of the updates which count, so
// each round has to count whatever a client made of it.
func mirrors(s strategy.Chosen) bool { return s.Own > 0 && s.Kept > 0 }

// validateMirrored refuses what lets a round go on without an update that its client made, or with another one, where
// the server keeps the mean of what clients keep: what is not counted once is missing in it for good, and the model is
// drawn aside by it in all rounds to come.
func (c Config) validateMirrored(s strategy.Chosen) error {
	if !mirrors(s) {
		return nil
	}
	why := " beside strategy " + s.Name + ", whose server keeps the mean of what its clients keep: "
	missed := why + "an update that its client made and that does not count is missing in it for good"
	bad := func(key, got, want string) error { return &job.ConfigError{Key: key, Value: got, Want: want} }
	switch {
	case c.Clients == 0:
		return bad("clients", "0", "a number"+why+"it has to know of how many")
	case c.Over > 0:
		return bad("over", strconv.Itoa(c.Over), "0"+missed)
	case c.Quorum > 0 && c.Quorum < c.cohort():
		return bad("quorum", strconv.Itoa(c.Quorum), "0, which is the whole cohort,"+missed)
	case c.Deadline > 0:
		return bad("deadline", c.Deadline.String(), "0s"+missed)
	case c.MinAvailable > 0 && c.MinAvailable < c.Clients:
		return bad("min_available", strconv.Itoa(c.MinAvailable), fmt.Sprintf("0, or all %d clients,", c.Clients)+why+
			"with fewer there, another is asked in place of one that trained and fell away")
	case c.OnFailedRound != rounds.Stop:
		return bad("on_failed_round", strconv.Quote(c.OnFailedRound), "stop"+missed)
	case c.Clip > 0:
		return bad("clip", fmt.Sprint(c.Clip), "0"+why+"clients do not know what is clipped")
	case c.halves() && s.Sent == 0:
		return bad("precision", strconv.Quote(c.Precision), "f32"+why+
			"it makes that of updates, which are rounded, and clients keep what is not")
	}
	return nil
}

// Mirrors says whether the server keeps the mean of what its clients keep, so that neither goes on without the other.
func (c Config) Mirrors() bool {
	s, err := c.chosen()
	return err == nil && mirrors(s)
}
