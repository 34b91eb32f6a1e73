package federated

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/buffer"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// A strategy with Stale is asynchronous: its job has versions in the place of rounds. The loop at the server waits for
// the updates that become the next version, makes it, and puts it into the model. Who trains is no matter of the loop:
// the buffer asks whoever has nothing to do, by an event, and each answer is an activation of its own. The buffer is
// where the two meet, and the order in which it accepts updates is that of the server's journal.

// asynchronous says whether the strategy is one.
func (c Config) asynchronous() bool {
	s, err := c.chosen()
	return err == nil && s.Stale != nil
}

// closes says whether it is one whose versions close by quorum, grace and deadline, as rounds do.
func (c Config) closes() bool {
	s, err := c.chosen()
	return err == nil && s.Closes
}

// bufferNeeds is how many updates make a version, of an asynchronous job.
func (c Config) bufferNeeds() int {
	s, err := c.chosen()
	if err != nil || s.Buffer == nil {
		return 1
	}
	return s.Buffer(s)
}

// buffer is the component that takes updates.
func (c Config) buffer(at []graph.Place, deps ...*graph.Slot) graph.Component {
	cfg := buffer.Config{Strategy: c.Strategy, Model: modelSlot, Edge: edgeTrain, Most: c.Cohort,
		Weighting: c.Weighting, MaxSamples: int64(c.MaxSamples), Variances: c.variances(), CheckMS: c.checkMS()}
	if c.closes() {
		cfg.Quorum, cfg.GraceMS, cfg.DeadlineMS = c.Quorum, c.Grace.Milliseconds(), c.Deadline.Milliseconds()
	}
	return graph.Component{Name: "aggregator", Role: buffer.Role, Kind: buffer.Kind, Version: buffer.Version, At: at,
		Methods: buffer.Methods(), Deps: deps, Config: cfg}
}

// beginAsking records what comes before the first version, and returns how many there are, once that is over.
func (j *fedavg) beginAsking(g *graph.Graph, count graph.Value) graph.Value {
	g = g.Named("begin")
	ready := g.Invoke(j.slots.registry, "Await", g.Gate(g.Constant(value.Int(0)), count))[0]
	return g.Gate(count, g.Invoke(j.slots.buffer, "Begin", ready)[0])
}

// askOne records what happens when the buffer says whom to ask: often one alone.
func (j *fedavg) askOne() {
	s, b := &j.slots, j.g
	event := b.Unbundle(b.Event(j.server, buffer.EventAsk), 2)
	call := b.Typed(event[0], types.Int())
	put := b.Invoke(s.buffer, "Asked", call, b.Typed(event[1], types.ListsOf(types.Peer())))
	scale, personal := j.constants(b, put[0]), j.beginning(b, put[0])
	asked := b.Named("train").Request(graph.Edge{To: j.clients, Name: edgeTrain, Latest: true, Chunk: j.c.chunkBytes()},
		put[0], call, slices.Concat([]graph.Value{put[2], call, put[1]}, scale, personal)...)
	j.scale, j.asked = told(asked, 3, scale), asked
	j.first = told(asked, 3+len(scale), personal)
	update, samples, losses := j.train(b, asked.Value(0), asked.Value(1), nil)
	answer := b.Reply(asked, graph.Edge{Name: "update", Chunk: j.c.chunkBytes()}, append([]graph.Value{update, samples},
		losses...)...)
	given := []graph.Value{answer.Context(), answer.Sender(), answer.Value(0), answer.Value(1)}
	settled := b.Invoke(s.buffer, "Contribute", append(given, told(answer, 2, losses)...)...)[0]
	_, failure := b.Catch(settled)
	b.Invoke(s.buffer, "Refuse", answer.Context(), answer.Sender(), failure)
}

// turnOf is the number by which a client's rate follows its schedule: that of the round, or of the version that it was
// given.
func (j *fedavg) turnOf(round graph.Value) graph.Value {
	if j.slots.buffer != nil {
		return j.asked.Value(2)
	}
	return round
}

// version records one version at the server and returns what it tells, and what the strategy keeps.
func (j *fedavg) version(b *graph.Graph, i graph.Value, kept []graph.Value) (graph.Value, []graph.Value) {
	s := &j.slots
	made := b.Invoke(s.buffer, "Await", i)
	params, kept := j.nextOf(b, i, made, kept)
	loaded := b.Invoke(s.buffer, "Load", i, params, b.Constant(value.Int(j.c.Rounds-1)))[0]
	loaded = j.count(b, made[5], loaded)
	return j.report(b, i, made[2], j.tested(b, i, params, made[2], loaded), made[3], made[4]), kept
}

// nextOf records what the server makes of the mean of the updates that become version i + 1. Running statistics are no
// matter of the strategy: they are mixed in by what the updates weigh for their age.
func (j *fedavg) nextOf(b *graph.Graph, i graph.Value, made, kept []graph.Value) (graph.Value, []graph.Value) {
	n, before := j.trained, make([][]graph.Value, j.strategy.Kept)
	for k, v := range kept {
		before[k/n] = append(before[k/n], b.Typed(v, j.params.Items[k%n]))
	}
	global := j.tensors(b, b.Invoke(j.slots.model, "Parameters", b.Gate(b.Constant(value.Trigger{}), made[2]))[0])
	mean := b.Unbundle(b.Typed(made[0], j.params), len(j.params.Items))
	fresh := b.Typed(made[1], types.Tensors(tensor.Float32))
	params, next := j.strategy.Next(&strategy.Server{Graph: b, Global: global[:n], Mean: mean[:n], Kept: before,
		Fresh: func() graph.Value { return fresh }, Round: j.number(b, i), Share: j.share(b, made[2])})
	for k := n; k < len(mean); k++ {
		params = append(params, b.Add(global[k], b.Mul(b.Sub(mean[k], global[k]), fresh)))
	}
	var list []graph.Value
	for _, of := range next {
		list = append(list, of...)
	}
	return j.bundle(b, params), list
}

// stalenessOf reads how many versions old updates were.
func stalenessOf(v value.Value) (*job.Ages, bool) {
	list, ok := v.(*value.List)
	if !ok {
		return nil, false
	}
	ages := make([]int64, list.Len())
	for i, v := range list.Items() {
		n, ok := v.(value.Int)
		if !ok {
			return nil, false
		}
		ages[i] = int64(n)
	}
	return job.AgesOf(ages), true
}

// validateAsynchronous refuses what has no meaning where there are no rounds, with the word that has.
func (c Config) validateAsynchronous(s strategy.Chosen) error {
	if s.Stale == nil {
		return nil
	}
	beside := " beside strategy " + s.Name + ", which has no rounds: "
	bad := func(key, got, want string) error { return &job.ConfigError{Key: key, Value: got, Want: want} }
	switch {
	case s.Closes && c.Quorum > s.Buffer(s):
		return bad("quorum", strconv.Itoa(c.Quorum), fmt.Sprintf("at most %d beside strategy %s, which makes a version of no "+
			"more updates", s.Buffer(s), s.Name))
	case c.Quorum > 0 && !s.Closes:
		return bad("quorum", strconv.Itoa(c.Quorum), "0"+beside+"how many updates make a version is a setting of the "+
			"strategy, such as buffer")
	case c.Fraction > 0:
		return bad("fraction", fmt.Sprint(c.Fraction), "0"+beside+"cohort says how many train at once")
	case c.Over > 0 && s.Closes:
		return bad("over", strconv.Itoa(c.Over), "0 beside strategy "+s.Name+": cohort says how many a version asks, "+
			"and a quorum below it how many of them close it")
	case c.Over > 0:
		return bad("over", strconv.Itoa(c.Over), "0"+beside+"nobody waits for the slowest")
	case c.Deadline > 0 && !s.Closes:
		return bad("deadline", c.Deadline.String(), "0s"+beside+"max-staleness says how late an update may be; "+
			"strategy semisync has deadlines")
	case c.Grace > 0 && !s.Closes:
		return bad("grace", c.Grace.String(), "0s"+beside+"whoever is late is taken; strategy semisync has a grace")
	case c.OnFailedRound != rounds.Stop:
		return bad("on_failed_round", strconv.Quote(c.OnFailedRound), "stop"+beside+"whose update is refused is asked "+
			"again by the next version")
	case c.Clip > 0:
		return bad("clip", fmt.Sprint(c.Clip), "0"+beside+"clip_gradient bounds the steps of clients")
	}
	if by, _, _ := parseSelection(c.Selection); by != "" {
		return bad("selection", strconv.Quote(c.Selection), byChance+beside+"of those who have nothing to do, as "+
			"many as may train at once are drawn")
	}
	return nil
}
