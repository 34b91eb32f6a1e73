package federated

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// A job may have edges between its server and its clients. The server lists, draws and counts clients as it does
// without them; but it asks the edges of those that it drew, each edge asks its clients, adds up what comes, exactly,
// and answers with the sum when all that it asked have answered or were refused. Sums of sums are the sums, so the
// model is to the bit what it is without edges. An edge keeps the parameters of the round, the sum, and nothing of a
// client's.

// edgeGather is the edge along which a server asks its edges, and eventEdge the kind of the event that says at an edge
// whom to ask.
const (
	edgeGather = "gather"
	eventEdge  = "edge.ask"
)

// clientsOfEdge bounds the clients of an edge, who are told in one message.
const clientsOfEdge = 1 << 13

// asksAlong is the edge along which the server asks.
func (c Config) asksAlong() string {
	if c.Edges > 0 {
		return edgeGather
	}
	return edgeTrain
}

// validateEdges refuses what edges cannot be combined with.
func (c Config) validateEdges(s strategy.Chosen) error {
	bad := func(key, got, want string) error { return &job.ConfigError{Key: key, Value: got, Want: want} }
	switch {
	case c.Edges == 0:
		return nil
	case (c.Clients+c.Edges-1)/c.Edges > clientsOfEdge:
		return bad("edges", strconv.Itoa(c.Edges), fmt.Sprintf("at least %d for %d clients: an edge has up to %d",
			(c.Clients+clientsOfEdge-1)/clientsOfEdge, c.Clients, clientsOfEdge))
	case s.Combine != nil || s.Judge != nil:
		return bad("strategy", strconv.Quote(c.Strategy), "one that makes a mean of the updates, beside edges: they pass "+
			"on sums, and "+s.Name+" needs each update")
	case s.Stale != nil:
		return bad("strategy", strconv.Quote(c.Strategy), "one that has rounds, beside edges: they sum what clients made of "+
			"one model, and with "+s.Name+" each client has its own")
	case s.Told > 0:
		return bad("strategy", strconv.Quote(c.Strategy), "one whose server tells its clients nothing beside the "+
			"parameters, beside edges: they pass on no more; without edges, "+s.Name+" is possible")
	case !c.Exact():
		key, got := c.inexact()
		return bad(key, got, "none beside edges: a round waits for all whom it asked, and begins with all clients")
	case c.OnFailedRound == rounds.Retry:
		return bad("on_failed_round", c.OnFailedRound, "stop or skip beside edges: they ask nobody in place of one who "+
			"was refused")
	case c.federates():
		return bad("normalize", c.Normalize, "none, standard or minmax beside edges, which pass on no sums of features")
	case c.chunked():
		return bad("edges", strconv.Itoa(c.Edges), fmt.Sprintf("0 for parameters that travel in chunks: an edge adds "+
			"up updates that come whole, of up to %d KiB with what goes beside them, and chunk is 0", wholeBytes>>10))
	}
	return nil
}

// inexact is the first setting by which a round does not wait for all.
func (c Config) inexact() (key, got string) {
	for _, key := range []string{"over", "deadline", "quorum"} {
		if got := c.Get(key); got != "0" && got != "0s" {
			return key, got
		}
	}
	return "min_available", strconv.Itoa(c.MinAvailable)
}

// edgeComponents declares what is at the edges alone.
func (j *fedavg) edgeComponents() {
	if j.c.Edges == 0 {
		return
	}
	s, at := &j.slots, []graph.Place{j.edges}
	s.edgeRounds = j.g.Component(graph.Component{Name: "edge_rounds", Role: "protocol", Kind: rounds.Kind,
		Version: rounds.Version, At: at, Methods: rounds.Methods(), Deps: []*graph.Slot{s.registry},
		Config: rounds.Config{OnFailed: rounds.Skip, Fewer: true, Newest: true, CheckMS: j.c.checkMS(),
			Withdraws: edgeTrain, Asks: eventEdge}})
	of := j.c.aggregation(j.besides())
	of.Rounds, of.Passes, of.Skips, of.Wide = "edge_rounds", true, false, false
	s.edgeAggregator = j.g.Component(graph.Component{Name: "edge_aggregator", Role: aggregator.Role,
		Kind: aggregator.Kind, Version: aggregator.Version, At: at, Methods: aggregator.Methods(),
		Deps: []*graph.Slot{s.edgeRounds, s.registry, s.model}, Config: of})
}

// askEdges records what happens when the rounds of the server say whom to ask: it asks their edges, and each asks those
// of them that are its own.
func (j *fedavg) askEdges() {
	s, b := &j.slots, j.g
	event := b.Unbundle(b.Event(j.server, rounds.EventAsk), 2)
	round := b.Typed(event[0], types.Int())
	whom := b.Invoke(s.rounds, "Asked", round, b.Typed(event[1], types.ListsOf(types.Peer())))[0]
	edges := b.Invoke(s.registry, "Edges", whom)[0]
	global := b.Invoke(s.model, "Parameters", b.Gate(b.Constant(value.Trigger{}), whom))[0]
	asked := b.Named("gather").Request(graph.Edge{To: j.edges, Name: edgeGather, Latest: true}, edges, round, global,
		round, whom)

	loaded := b.Invoke(s.model, "LoadParameters", asked.Value(0))[0]
	mine := b.Invoke(s.registry, "Mine", b.Gate(asked.Value(2), loaded))[0]
	opened := b.Invoke(s.edgeRounds, "Open", asked.Value(1), mine)[0]
	members := b.Invoke(s.edgeRounds, "Await", asked.Value(1), opened)[0]
	sum := b.Invoke(s.edgeAggregator, "Sum", asked.Value(1), members)
	j.ask(j.edges, eventEdge, s.edgeRounds, s.edgeAggregator)

	answer := b.Reply(asked, graph.Edge{Name: "sum"}, sum...)
	added := b.Invoke(s.aggregator, "AddSum", answer.Context(), answer.Sender(), answer.Value(0), answer.Value(1))[0]
	sound := j.caught(b, s.aggregator, answer, added)
	b.Named("contributions").Loop(b.Typed(sound, types.Int()), []graph.Value{b.Constant(value.Trigger{})},
		func(b *graph.Graph, _ graph.Value, carried []graph.Value) []graph.Value {
			return []graph.Value{b.Count(job.CountContributions, carried[0])}
		})
}

// edgesRead says whether edges need the file of the model: they tell clients what is personal as it is at first.
func (c Config) edgesRead() bool {
	personal, _ := c.personal() // Validate says what is wrong with it
	return c.net() != nil && len(personal) > 0
}

// withEdges returns the nodes of a job with its edges behind them: client i is dealt to edge i modulo their number.
func (c Config) withEdges(art *compile.Artifact, members []job.Member) ([]job.Member, error) {
	p, err := program.Load(art.Model, job.EdgesPlace)
	if err != nil {
		return nil, err
	}
	server, clients := &members[0], members[1:]
	edges := make([]job.Member, c.Edges)
	for i := range edges {
		e := &edges[i]
		e.Name, e.Place = job.EdgeName(i), job.EdgesPlace
		if e.Peer, err = job.LocalPeer(c.Seed, e.Name); err != nil {
			return nil, err
		}
		e.Config = clients[0].Config
		e.Config.Program, e.Config.Self, e.Config.Options, e.Config.Files = p, e.Peer, nil, nil
		if c.edgesRead() {
			if err := giveFile(&e.Config, modelSlot, model.FileSource, c.net().File); err != nil {
				return nil, err
			}
		}
		own := []wire.PeerID{}
		for k := i; k < len(clients); k += c.Edges {
			own = append(own, clients[k].Peer)
			clients[k].Config.Targets = map[string][]wire.PeerID{job.EdgesPlace: {e.Peer}}
		}
		slices.Sort(own)
		e.Config.Targets = map[string][]wire.PeerID{job.ServerPlace: {server.Peer}, job.ClientsPlace: own}
		e.Config.Limits.BookPeers = max(e.Config.Limits.BookPeers, len(own)+1)
	}
	peers := make([]wire.PeerID, len(edges))
	for i := range edges {
		peers[i] = edges[i].Peer
	}
	slices.Sort(peers)
	server.Config.Targets = map[string][]wire.PeerID{job.EdgesPlace: peers}
	return append(members, edges...), nil
}
