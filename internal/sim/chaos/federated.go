package chaos

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// federatedScenario is the scenario of a federated job: its model is that of an undisturbed run, to the bit. When its
// rounds have a deadline, it is that of an undisturbed run in which each round asks just those whose updates were
// accepted.
type federatedScenario struct {
	w       *sim.World
	cfg     federated.Config
	nodes   []*sim.Node
	told    toldOnce
	members map[int64][]wire.PeerID // by round: whose updates were accepted
	model   []byte                  // nil until the server has told it
	scripts map[int64][]wire.PeerID // of a run that is held against: who is asked
}

// deadlined says whether the plan's rounds have a deadline.
func deadlined(p *Plan) bool { return p.Work%2 == 1 }

// settings returns the job of a plan: small, so that many seeds can be run.
func settings(p *Plan) federated.Config {
	c := federated.Default()
	c.Name, c.Seed = "chaos", 1
	c.Rounds, c.Clients, c.Hidden, c.Epochs, c.Batch = 2+p.Work/2%3, p.Nodes-1, 4, 1, 64
	if deadlined(p) {
		c.Deadline = 400 * time.Millisecond
	}
	return c
}

func (f *federatedScenario) Build(w *sim.World, p *Plan, trace bool) error {
	f.w, f.cfg, f.told, f.members = w, settings(p), toldOnce{}, map[int64][]wire.PeerID{}
	members, err := membersOf(f.cfg)
	if err != nil {
		return err
	}
	for _, m := range members {
		cfg := m.Config
		cfg.Trace = trace
		if f.scripts != nil && m.Place == job.ServerPlace {
			if cfg.Catalogue, err = scripted(f.scripts); err != nil {
				return err
			}
		}
		f.nodes = append(f.nodes, w.Add(sim.Spec{
			Name: m.Name, Config: cfg, Durable: p.Seed != undisturbed, KeepOld: p.strikes(sim.Stale),
			Store: host.Store{SegmentBytes: 16 << 10, SnapshotBytes: 8 * p.Snapshot},
		}, 0))
	}
	return nil
}

// undisturbed is the seed of the runs that others are held against.
const undisturbed = ^uint64(0)

var membersCache sync.Map // job.Config → []job.Member

func membersOf(c federated.Config) ([]job.Member, error) {
	if m, ok := membersCache.Load(c); ok {
		return m.([]job.Member), nil
	}
	art, err := c.Compile()
	if err != nil {
		return nil, err
	}
	m, err := c.Members(art)
	if err == nil {
		membersCache.Store(c, m)
	}
	return m, err
}

func (f *federatedScenario) App(n *sim.Node, ev engine.AppEvent) error {
	if _, err := f.told.first(f.w, n, ev); err != nil && !forgot(n) {
		return err
	}
	switch ev.Name {
	case engine.FailureEvent:
		if _, harmless := job.Harmless(ev.Value); !harmless {
			return broken(f.w, "nothing fails", "%s: %s", n.Name, render(ev.Value))
		}
	case job.EventFailed:
		return broken(f.w, "nothing fails", "the job failed: %s", render(ev.Value))
	case job.EventRound:
		return f.round(ev.Value)
	case job.EventDone:
		l, ok := ev.Value.(*value.List)
		if !ok || l.Len() != 2 {
			return broken(f.w, "answers", "the server told %s", render(ev.Value))
		}
		file, _ := l.At(1).(value.Bytes)
		f.model = file.Raw()
	}
	return nil
}

// round notes whose updates were accepted, which is never another set for the same round.
func (f *federatedScenario) round(v value.Value) error {
	l, ok := v.(*value.List)
	if !ok || l.Len() != 5 {
		return broken(f.w, "answers", "the server told a round as %s", render(v))
	}
	number, _ := l.At(0).(value.Int)
	list, _ := l.At(3).(*value.List)
	var who []wire.PeerID
	for _, m := range list.Items() {
		who = append(who, wire.PeerID(m.(value.Peer)))
	}
	if !slices.IsSorted(who) || len(slices.Compact(slices.Clone(who))) != len(who) || len(who) == 0 {
		return broken(f.w, "contributions are counted once", "round %d counts %v", number, who)
	}
	if !deadlinedJob(f.cfg) && len(who) != f.cfg.Clients {
		return broken(f.w, "contributions are counted once", "round %d counts %d of %d clients", number, len(who),
			f.cfg.Clients)
	}
	if old, ok := f.members[int64(number)]; ok && !slices.Equal(old, who) && !forgot(f.nodes[0]) {
		return broken(f.w, "events told with one content", "round %d counted %v and now %v", number, old, who)
	}
	f.members[int64(number)] = who
	return nil
}

func deadlinedJob(c federated.Config) bool { return c.Deadline != 0 }

func (f *federatedScenario) Settled() bool { return f.model != nil }

func (f *federatedScenario) Audit() error {
	want, err := reference(f.cfg, f.members)
	if err != nil {
		return err
	}
	if !bytes.Equal(want, f.model) {
		return broken(f.w, "the model of the accepted sets",
			"the model of %d bytes is another one than that of an undisturbed run (%d bytes)", len(f.model), len(want))
	}
	if damaged(f.nodes) {
		return nil
	}
	counted := uint64(0)
	for _, who := range f.members {
		counted += uint64(len(who))
	}
	if got := counterOf(f.nodes[0], job.CountContributions); got != counted {
		return broken(f.w, "contributions are counted once", "the server counted %d contributions, and told of %d", got,
			counted)
	}
	return nil
}

// Remember keeps what the server told, which goes back with its directory.
func (f *federatedScenario) Remember(n *sim.Node) func() {
	if n != f.nodes[0] {
		return nil
	}
	members, model := maps.Clone(f.members), f.model
	return func() { f.members, f.model = maps.Clone(members), model }
}

// forgot says whether a node may do again what it has done before: it has lost durable records, to damage, or its
// directory went back.
func forgot(n *sim.Node) bool { return !n.Intact || n.Rewound > 0 }

// lost says whether one of the nodes may do again what it has done before.
func lost(nodes []*sim.Node) bool { return slices.ContainsFunc(nodes, forgot) }

// damaged says whether a node has lost durable records, to damage.
func damaged(nodes []*sim.Node) bool {
	return slices.ContainsFunc(nodes, func(n *sim.Node) bool { return !n.Intact })
}

// lied says whether packets of a node said what its engine did not.
func lied(nodes []*sim.Node) bool {
	return slices.ContainsFunc(nodes, func(n *sim.Node) bool { return n.Lied })
}

var referenceCache sync.Map // settings and sets → model

// reference returns the model of an undisturbed run in which each round asks just these clients.
func reference(c federated.Config, members map[int64][]wire.PeerID) ([]byte, error) {
	key := fmt.Sprint(c, members)
	if m, ok := referenceCache.Load(key); ok {
		return m.([]byte), nil
	}
	p := &Plan{Seed: undisturbed, Nodes: c.Clients + 1, Work: 2 * (c.Rounds - 2), Horizon: 0, Bound: time.Hour}
	if deadlinedJob(c) {
		p.Work++
	}
	f := &federatedScenario{scripts: members}
	w := sim.New(sim.Options{Seed: undisturbed, OnApp: f.App})
	if err := f.Build(w, p, false); err != nil {
		return nil, err
	}
	if err := w.Run(p.Bound, f.Settled); err != nil {
		return nil, err
	}
	if f.model == nil {
		return nil, fmt.Errorf("chaos: the undisturbed run does not come to its end")
	}
	if fmt.Sprint(f.members) != fmt.Sprint(members) {
		return nil, fmt.Errorf("chaos: the undisturbed run accepted %v, not %v", f.members, members)
	}
	referenceCache.Store(key, f.model)
	return f.model, nil
}
