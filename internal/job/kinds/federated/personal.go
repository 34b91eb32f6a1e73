package federated

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// Some parameters may stay at each client: those that the job names, or that its strategy says. The server's model has
// none of them among its parameters, so that they are in no update and no mean, and nothing that a strategy does is
// about them. A client begins a round with the parameters of the server and with its own, trains both, and keeps its
// own in the component that holds its running statistics; those who have none yet begin with what the server's seed or
// file says, which stands in each question.

// personal returns the names of the parameters that stay at clients, in the model's order; none before the model was
// read. Errors are *job.ConfigError.
func (c Config) personal() ([]string, error) {
	s, err := c.chosen()
	if err != nil || c.Personal == "" && s.Personal == nil {
		return nil, nil // Validate says what is wrong with the strategy
	}
	g, err := c.whole()
	if g == nil || err != nil {
		return nil, err
	}
	return c.personalOf(g, s)
}

// whole is the network with all its parameters, nil where it was not read yet.
func (c Config) whole() (*model.Graph, error) {
	switch n := c.net(); {
	case n != nil:
		return n.model, nil
	case c.Model != "" || c.brings() && c.Samples == "":
		return nil, nil
	}
	return c.Net()
}

// personalOf is personal of a network.
func (c Config) personalOf(g *model.Graph, s strategy.Chosen) ([]string, error) {
	layers := g.Layers()
	key, said, stays := "personal", c.Personal, make([]bool, len(layers))
	if c.Personal == "" {
		key, said = "strategy", c.Strategy
		of := make([]strategy.Parameter, len(layers))
		for i, l := range layers {
			of[i] = strategy.Parameter{Name: l.Name, Layer: l.Number, Norm: l.Norm}
		}
		stays = s.Stays(of)
	}
	names := make([]string, len(layers))
	for i, l := range layers {
		names[i] = l.Name
	}
	bad := func(format string, args ...any) error {
		return &job.ConfigError{Key: key, Value: strconv.Quote(said), Want: fmt.Sprintf(format, args...)}
	}
	for _, p := range words(c.Personal) {
		found := false
		for _, name := range g.Averaged() {
			if matches(p, name) {
				return nil, bad("patterns of what is trained: %.64q is of %.64q as well, a running statistic that is averaged; "+
					"buffers: local keeps all of those at clients", p, name)
			}
		}
		for i, name := range names {
			if matches(p, name) {
				stays[i], found = true, true
			}
		}
		if !found {
			return nil, bad("patterns of what is trained: %.64q is of none of %s", p, listedNames(names))
		}
	}
	var out []string
	for i, name := range names {
		if stays[i] {
			out = append(out, name)
		}
	}
	switch {
	case len(out) == 0:
		return nil, bad("one by which something of the model stays at clients: of %s nothing does", listedNames(names))
	case len(out) == len(names):
		return nil, bad("one by which something is left that clients learn together: all of %s would stay with each",
			listedNames(names))
	}
	return out, nil
}

// matches says whether a pattern is of a name, as those of freeze are: a star stands for dots and slashes as well.
func matches(pattern, name string) bool {
	plain := func(s string) string { return strings.ReplaceAll(s, "/", "\x00") }
	ok, err := path.Match(plain(pattern), plain(name))
	return pattern == name || err == nil && ok
}

// listedNames are the first of some names, for a message.
func listedNames(names []string) string {
	const most = 8
	out := make([]string, 0, most+1)
	for _, n := range names[:min(len(names), most)] {
		out = append(out, fmt.Sprintf("%.64q", n))
	}
	if n := len(names) - most; n > 0 {
		out = append(out, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(out, ", ")
}

// apart returns a network whose parameters are those that clients learn together.
func (c Config) apart(g *model.Graph, err error) (*model.Graph, error) {
	if err != nil {
		return nil, err
	}
	names, err := c.personal()
	if err != nil {
		return nil, err
	}
	return g.Apart(names)
}

// beginning records, at the server, what is personal as it is at first, once that is there; none where nothing is.
func (j *fedavg) beginning(b *graph.Graph, now graph.Value) []graph.Value {
	if j.personal == 0 {
		return nil
	}
	return b.Invoke(j.slots.model, "Personal", b.Gate(b.Constant(value.Trigger{}), now))
}

// beginners is beginning, one by one: what the server tests its model with.
func (j *fedavg) beginners(b *graph.Graph, now graph.Value) []graph.Value {
	if j.personal == 0 {
		return nil
	}
	return j.ofPersonal(b, j.beginning(b, now)[0])
}

// ofPersonal records a list of what is personal, one by one.
func (j *fedavg) ofPersonal(b *graph.Graph, list graph.Value) []graph.Value {
	of := j.learns[j.trained:]
	return b.Unbundle(b.Typed(list, types.ListOf(of...)), len(of))
}

// begins records what a client has of its own before its first round: what is personal as it was told, and statistics.
func (j *fedavg) begins(b *graph.Graph, statistics []value.Value) graph.Value {
	if j.personal > 0 && len(j.first) == 0 && j.err == nil {
		j.err = &job.ConfigError{Key: "personal", Value: strconv.Quote(j.c.Personal), Want: "none beside strategy " +
			j.strategy.Name + ", whose questions do not tell clients what they begin with"}
	}
	if len(j.first) == 0 {
		return b.Constant(value.NewList(statistics...))
	}
	all := j.ofPersonal(b, j.first[0])
	for _, s := range statistics {
		all = append(all, b.Constant(s))
	}
	return b.Bundle(all...)
}

// learned returns, of the values of a network, those that are trained: of the parameters, and behind them what is
// personal.
func (j *fedavg) learned(values []graph.Value) []graph.Value {
	own := len(j.params.Items)
	return slices.Concat(values[:j.trained], values[own:own+j.personal])
}

// inPlace returns the values of a network of those that are trained, as learned returns them, and of its running
// statistics.
func (j *fedavg) inPlace(learned, statistics []graph.Value) []graph.Value {
	averaged := min(len(statistics), len(j.params.Items)-j.trained)
	return slices.Concat(learned[:j.trained], statistics[:averaged], learned[j.trained:], statistics[averaged:])
}

// firstly records the passes over a client's data in which only what is personal is trained, and returns the values of
// the network behind them. Each pass has the batches of the round's first one, in their order.
func (j *fedavg) firstly(b *graph.Graph, round graph.Value, values []graph.Value, turn graph.Value) []graph.Value {
	of := span{from: j.trained, to: len(j.learns)}
	carried := j.keeping(b, values, of)
	batches := b.Invoke(j.slots.data, "Pass", round)[0]
	passes := b.Constant(value.Int(j.strategy.First(j.strategy)))
	carried = b.Named("firstly").Loop(passes, carried, func(b *graph.Graph, _ graph.Value,
		carried []graph.Value) []graph.Value {
		return b.Named("pass").Loop(batches, carried, func(b *graph.Graph, step graph.Value,
			carried []graph.Value) []graph.Value {
			x, y := j.batch(b, b.Invoke(j.slots.data, "NextBatch", step, round))
			return j.step(b, x, y, strategy.Local{}, of, carried, turn, j.chance(b, step, round))
		})
	})
	out := make([]graph.Value, len(j.values))
	for i, t := range j.values {
		out[i] = b.Typed(carried[i], t)
	}
	return out
}

// mineSlot is the slot of the model that a client has as well.
const mineSlot = "mine"

// trainApart records what a client does in a round with the model that it has as well: as many steps, over the same
// batches. It returns when what comes of it is kept.
func (j *fedavg) trainApart(b *graph.Graph, round, count graph.Value, global []graph.Value,
	turn graph.Value) graph.Value {
	kept := b.Invoke(j.slots.mine, "Read", round, b.Bundle(global...))[0]
	of := span{to: len(j.learns), apart: true}
	at := strategy.Local{Global: global[:j.trained]}
	carried := j.keeping(b, b.Unbundle(b.Typed(kept, j.params), len(j.params.Items)), of)
	carried = b.Named("apart").Loop(count, carried, func(b *graph.Graph, step graph.Value,
		carried []graph.Value) []graph.Value {
		x, y := j.batch(b, b.Invoke(j.slots.data, "NextBatch", step, round))
		return j.step(b, x, y, at, of, carried, turn, j.chance(b, step, round))
	})
	return b.Invoke(j.slots.mine, "Write", round, b.Bundle(carried[:len(j.params.Items)]...))[0]
}
