package workshop

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/value"
)

// ms is a millisecond of engine time.
const ms = int64(1e6)

// The peers. The outsider contributes although nobody chose it; the hub blocks the banned one, which speaks all the
// same.
const (
	Hub      = "hub"
	Outsider = "outsider"
	Banned   = "banned"
)

// Cohort returns the leaves that are asked and that contribute.
func Cohort() []string { return []string{"leaf0", "leaf1", "leaf2"} }

// Names returns all nodes, the hub first.
func Names() []string { return append(append([]string{Hub}, Cohort()...), Outsider, Banned) }

// The component slots.
const (
	clerkSlot = iota
	roundsSlot
	aggregatorSlot
)

// Deadline bounds what an envelope starts and how long a question waits: 30 days in nanoseconds, which no sound run
// reaches.
const Deadline = 30 * 24 * 3600_000 * ms

// parts returns the two parts of the scenario: it uses timers, queues, holds, permits, latches, the bus, calls,
// retries, deadlines, commands, parked ops, questions and answers, messages of components, and rounds with their
// aggregation.
func parts() (hubPart, leafPart *program.Program, err error) {
	edges := []program.Edge{
		{Name: "ask", From: "hub", To: "leaf", Sites: make([]program.SiteID, 1), Reply: 1, Deadline: Deadline},
		{Name: "answer", From: "leaf", To: "hub", Sites: make([]program.SiteID, 1), Reply: program.None, Answer: true},
		{Name: "tell", From: "leaf", To: "hub", Sites: make([]program.SiteID, 1), Reply: program.None,
			Deadline: Deadline},
		{Name: "train", From: "hub", To: "leaf", Sites: make([]program.SiteID, 1), Reply: program.None},
		{Name: "contribute", From: "leaf", To: "hub", Sites: make([]program.SiteID, 3), Reply: program.None},
		{Name: "perhaps", From: "leaf", To: "hub", Sites: make([]program.SiteID, 1), Reply: program.None, Best: true},
	}
	for i := range edges {
		edges[i].ID, edges[i].Trigger = program.EdgeID(i), make([]bool, len(edges[i].Sites))
	}
	comps := []program.Component{
		{Name: "clerk", Role: "protocol", Kind: "clerk", Version: 1, Places: []string{"hub", "leaf"}},
		{Name: "rounds", Role: rounds.Role, Kind: rounds.Kind, Version: rounds.Version, Places: []string{"hub"},
			Config: rounds.Config{Over: 1}.JSON()},
		{Name: "aggregator", Role: aggregator.Role, Kind: aggregator.Kind, Version: aggregator.Version,
			Places: []string{"hub"},
			Deps:   []string{"rounds", "clerk"}, Config: aggregator.Config{Registry: "clerk"}.JSON()},
	}
	h := &part{p: &program.Program{Digest: [32]byte{7}, Place: "hub", Bootstrap: program.None, Main: program.None,
		Edges: edges, Components: comps}}
	l := &part{p: &program.Program{Digest: [32]byte{7}, Place: "leaf", Bootstrap: program.None, Main: program.None,
		Edges: edges, Components: comps}, base: 100_000}
	h.hub(edges)
	l.leaf(edges)
	if err := h.p.Link(); err != nil {
		return nil, nil, err
	}
	return h.p, l.p, l.p.Link()
}

func peers(names ...string) value.Value {
	var out []value.Value
	for _, n := range names {
		out = append(out, value.Peer(n))
	}
	return value.NewList(out...)
}

func (b *part) hub(edges []program.Edge) {
	twig := b.fn(program.KindBody, "twig", 1)
	twig.get().Outputs = []program.Slot{twig.sleep(4*ms, 0)}

	boot := b.fn(program.KindBootstrap, "boot", 0)
	boot.one(program.Op{Code: program.OpPeerBlock}, boot.constant(value.Peer(Banned)))

	b.call(edges, twig.id)
	b.shelve()

	doom := b.fn(program.KindInvoke, "doom", 1)
	doom.tries("hopeless", 3, doom.once("doomed", 0, 0))

	round := b.fn(program.KindInvoke, "round", 1)
	r := round.once("rounds", 0, 0)
	opened := round.use(roundsSlot, "Open", 1, r, round.constant(peers(Cohort()...)))[0]
	round.send(&edges[3], round.constant(peers(append([]string{Outsider}, Cohort()...)...)), round.gate(r, opened))
	members := round.use(roundsSlot, "Await", 1, r, opened)[0]
	mean := round.use(aggregatorSlot, "Aggregate", 2, r, members)
	round.emit("round", r, members, mean[0], mean[1])

	tick := b.fn(program.KindInterval, "tick", 1)
	tick.get().Period = 7 * 24 * 3600_000 * ms
	tick.add(program.Op{Code: program.OpCount, Label: "ticks"}, 0, 0)

	answer := b.recv(&edges[1]) // the answer, the sender, the number of the call
	answer.emit("answered", 2, 1, 0)
	answer.emit("first", answer.once("first", 2, 2))

	tell := b.recv(&edges[2])
	tell.emit("told", tell.sleep(2*ms, 1), 0)

	give := b.recv(&edges[4])
	give.use(aggregatorSlot, "Contribute", 1, 0, 3, 1, 2)

	perhaps := b.recv(&edges[5])
	perhaps.add(program.Op{Code: program.OpCount, Label: "perhaps"}, 0, 0)
}

// call is what the host asks for by a number, as often as it likes: it happens once.
func (b *part) call(edges []program.Edge, twig program.FuncID) {
	f := b.fn(program.KindInvoke, "call", 1)
	n := f.once("calls", 0, 0)
	noted := f.use(clerkSlot, "note", 1, n)[0]
	f.one(program.Op{Code: program.OpRequest, Edge: 0}, f.constant(peers(Cohort()...)), n, n)
	f.one(program.Op{Code: program.OpRecord, Label: "calls"}, f.bundle(n, noted))

	slow := f.sleep(9*ms, f.permit("lane", 2, n))
	put := f.one(program.Op{Code: program.OpQueuePut, Label: "belt", N: 2}, slow)
	f.one(program.Op{Code: program.OpPublish, Label: "placed"}, f.gate(n, put))
	any := f.one(program.Op{Code: program.OpAny}, n, slow)
	f.emit("any", any)

	f.emit("tripled", n, f.tries("triple", 8, n))
	f.emit("flaky", f.tries("flaky", 3, n))
	f.emit("later", f.use(clerkSlot, "later", 1, n)[0])
	f.emit("called", f.one(program.Op{Code: program.OpCall, Body: twig}, n))
}

// shelve takes what lies on the belt a while after it was put there, and holds it for a while, one at a time.
func (b *part) shelve() {
	f := b.fn(program.KindEvent, "placed", 1)
	v := f.permit("shelf", 1, f.one(program.Op{Code: program.OpQueueTake, Label: "belt"}, f.sleep(6*ms, 0)))
	held := f.sleep(3*ms, f.one(program.Op{Code: program.OpHoldPut, Label: "shelf"}, v))
	f.emit("shelf", f.one(program.Op{Code: program.OpHoldTake, Label: "shelf"}, held))
}

func (b *part) leaf(edges []program.Edge) {
	ask := b.recv(&edges[0]) // the number, the sender, nothing
	n := ask.use(clerkSlot, "note", 1, 0)[0]
	late := ask.use(clerkSlot, "later", 1, ask.gate(0, n))[0]
	twice := ask.tries("double", 8, late)
	in := ask.add(program.Op{Code: program.OpDeadline, Delay: Deadline}, 2, twice)
	ask.one(program.Op{Code: program.OpReply, Edge: 1}, in[0])

	tell := b.fn(program.KindInvoke, "tell", 1)
	v := tell.once("tells", 0, 0)
	to := tell.constant(value.Peer(Hub))
	first := tell.send(&edges[2], to, v)
	tell.send(&edges[2], to, tell.gate(v, first)) // the same content again, on purpose

	train := b.recv(&edges[3])
	update := train.use(clerkSlot, "update", 2, 0)
	to = train.constant(value.Peer(Hub))
	sent := train.send(&edges[4], to, 0, update[0], update[1])
	train.send(&edges[4], to, train.gate(0, sent), update[0], update[1]) // counts once
	train.send(&edges[5], to, 0)
}

func fail(format string, args ...any) error { return fmt.Errorf("workshop: "+format, args...) }
