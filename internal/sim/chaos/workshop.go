package chaos

import (
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/workshop"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// shop is the scenario of the workshop: a program that uses everything that a node keeps. Each effect that the hosts
// ask for comes as often as they ask for it, the mean of each round is exact, and nothing else happens.
type shop struct {
	w      *sim.World
	plan   *Plan
	work   workshop.Work
	nodes  []*sim.Node // the hub first
	told   toldOnce
	ledger *workshop.Ledger
	asks   int // looks of the hosts at what has not happened yet
}

func (s *shop) Build(w *sim.World, p *Plan, trace bool) error {
	s.w, s.plan, s.told = w, p, toldOnce{}
	s.work = workshop.Work{Calls: 2 + p.Work/5, Rounds: 1 + p.Work/10, Dooms: 1 + p.Work/20, Tells: 1 + p.Work/10}
	s.ledger = workshop.NewLedger(s.work)
	all, err := workshop.New(p.Seed)
	if err != nil {
		return err
	}
	for _, name := range workshop.Names() {
		cfg := all.Config(name)
		cfg.Trace = trace
		s.nodes = append(s.nodes,
			w.Add(sim.Spec{Name: name, Config: cfg, Durable: true, Store: host.Store{SnapshotBytes: p.Snapshot}}, 0))
	}
	if p.Work%2 == 0 {
		// The machines sleep for longer than any deadline lasts: what is relative and what is absolute time differ
		// then.
		w.At(sleepAt, func() {
			for _, n := range s.nodes {
				w.JumpClock(n, time.Duration(workshop.Deadline+workshop.Deadline/3))
				w.Kill(n)
			}
		})
	}
	w.At(2*sleepAt, s.ask)
	return nil
}

// sleepAt is when machines fall asleep: their first inputs are durable by then, and tell when that was.
const sleepAt = 150 * time.Millisecond

// every is how often the hosts look what has not happened yet, and ask for it again; the program latches what it did.
func (s *shop) every() time.Duration { return max(3*time.Millisecond, s.plan.Horizon/60) }

// ask has each host ask for the next thing that it is to ask for.
func (s *shop) ask() {
	if s.ledger.Done() && s.w.Now() > s.plan.Horizon {
		return
	}
	hub := s.nodes[0]
	s.next(hub, "call", s.work.Calls, 3, "called %d")
	s.next(hub, "round", s.work.Rounds, 2, "round %d")
	s.next(hub, "doom", s.work.Dooms, 1, "failed %d")
	for _, n := range s.nodes[1:] {
		s.next(n, "tell", s.work.Tells, 2, "told "+n.Name+" %d")
	}
	if s.asks++; s.asks%3 == 0 {
		s.advise(s.nodes[1+s.asks/3%(len(s.nodes)-1)], hub)
	}
	s.w.At(s.w.Now()+s.every(), s.ask)
}

// advise has a node hear that another has little room for a while: then it holds data to it back, and nothing else
// happens.
func (s *shop) advise(from, to *sim.Node) {
	if s.asks%2 == 0 {
		from, to = to, from
	}
	if !from.Up() || !to.Up() {
		return
	}
	cfg, e := from.Node().Config(), from.Node().Engine()
	raw, err := wire.Append(nil, cfg.Values, &wire.Envelope{
		Version: wire.CurrentVersion, From: from.Peer, To: to.Peer, Digest: cfg.Program.Digest,
		Incarnation: e.Incarnation(), Epoch: e.Epoch(), Edge: -1,
		Notice: wire.Notice{Kind: wire.NoticePressure, Level: 80, Hold: int64(s.every())},
	})
	if err != nil {
		s.w.Fail(err)
		return
	}
	s.w.Deliver(to, host.Arrived(from.Peer, raw))
}

// next calls an input with the first few numbers whose effect has not come.
func (s *shop) next(n *sim.Node, input string, count, ahead int, effect string) {
	for i := 1; i <= count && ahead > 0; i++ {
		if !s.ledger.Has(effect, i) {
			ahead--
			s.w.Deliver(n, workshop.Invoke(input, value.Int(i)))
		}
	}
}

func (s *shop) App(n *sim.Node, ev engine.AppEvent) error {
	first, err := s.told.first(s.w, n, ev)
	switch {
	case lostRecords(s.w):
		s.ledger.Take(ev)
		return nil // what was done before may be done again, and what was asked may be forgotten
	case err != nil || !first:
		return err
	case n != s.nodes[0]:
		return broken(s.w, "nothing fails", "%s: %s %s", n.Name, ev.Name, render(ev.Value))
	}
	if err := s.ledger.Take(ev); err != nil {
		return broken(s.w, "each effect as often as asked", "%v", err)
	}
	return nil
}

// Missing names what has not come.
func (s *shop) Missing() string { return s.ledger.Missing() }

// Settled says whether everything has come. What a hub accepted and lost to damage its host does not ask for again.
// What leaves told and contributed to a hub that took it and went back behind that is gone: they asked for no answer.
func (s *shop) Settled() bool {
	if s.nodes[0].Rewound > 0 {
		return s.ledger.DoneBut("told ", "round ") || damaged(s.w.Nodes())
	}
	return s.ledger.Done() || damaged(s.w.Nodes())
}

// Remember keeps what the hub told, which goes back with its directory: its host asks again for what came since.
func (s *shop) Remember(n *sim.Node) func() {
	if n != s.nodes[0] {
		return nil
	}
	then := s.ledger.Clone()
	return func() { s.ledger = then.Clone() }
}

func (s *shop) Audit() error {
	if lostRecords(s.w) {
		return nil
	}
	for _, n := range s.nodes {
		if err := workshop.BooksOf(n.Node()).Balance(n.Name, s.work); err != nil {
			return broken(s.w, "each effect as often as asked", "%v", err)
		}
		if n.Name != workshop.Banned { // nobody acknowledges what it sends
			if err := balanced(s.w, n); err != nil {
				return err
			}
		}
	}
	if open := s.nodes[0].Node().Component("aggregator").State().(*aggregator.State).Rounds; len(open) > 0 {
		return broken(s.w, "contributions count once",
			"round %d is open in the aggregator after all rounds were closed", open[0].Number)
	}
	return nil
}

// lostRecords says whether a node has lost durable records, to damage or because its directory went back: what it had
// done before may be done again then.
func lostRecords(w *sim.World) bool { return lost(w.Nodes()) }
