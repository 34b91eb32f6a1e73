package chaos

import (
	"fmt"
	"path"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// Scenario is a program that nodes run while they are disturbed, and what must be true of every run of it. It serves
// one run.
type Scenario interface {
	// Build puts the nodes into the world, and sets what their hosts ask of them.
	Build(w *sim.World, p *Plan, trace bool) error
	// App takes an app event of a node; the same event may come again after a crash. An error is a broken promise.
	App(n *sim.Node, ev engine.AppEvent) error
	// Settled says whether everything that was asked is answered.
	Settled() bool
	// Audit balances the books when all is settled; an error is a broken promise.
	Audit() error
}

// scenarios are the kinds of Scenario by name, with the share of plans that draw each, in twentieths, and the faults
// that their programs are not made to bear: a job without retries fails when a worker fails, and its model is that of a
// client that lies.
var scenarios = []struct {
	name   string
	share  int
	spared []sim.Fault
	make   func() Scenario
}{
	{"ledger", 11, nil, func() Scenario { return &ledger{} }},
	{"workshop", 6, []sim.Fault{sim.Lie, sim.Equivocate}, func() Scenario { return &shop{} }},
	{"gossip", 2, []sim.Fault{sim.WorkError, sim.WorkPanic}, func() Scenario { return &gossipScenario{} }},
	{"federated", 1, []sim.Fault{sim.WorkError, sim.WorkPanic, sim.Lie, sim.Equivocate},
		func() Scenario { return &federatedScenario{} }},
}

// listener is a Scenario that looks at the packets that leave nodes.
type listener interface {
	Packet(n *sim.Node, raw []byte)
}

// rememberer is a Scenario that knows of a node what its directory says: it goes back with the directory.
type rememberer interface {
	// Remember returns what makes the scenario know what it knows of the node now.
	Remember(n *sim.Node) (recall func())
}

// spared returns the faults that a scenario is not to meet.
func spared(name string) []sim.Fault {
	for _, s := range scenarios {
		if s.name == name {
			return s.spared
		}
	}
	return nil
}

func scenarioOf(name string) (Scenario, error) {
	for _, s := range scenarios {
		if s.name == name {
			return s.make(), nil
		}
	}
	return nil, fmt.Errorf("chaos: there is no scenario %q; there are %q", name, Scenarios())
}

// Scenarios returns the names of all scenarios.
func Scenarios() (names []string) {
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

// broken is a promise that was not kept.
func broken(w *sim.World, checker, format string, args ...any) error {
	return &sim.Violation{Checker: checker, At: w.Now(), What: fmt.Sprintf(format, args...)}
}

// counterOf returns a counter of a node that is up.
func counterOf(n *sim.Node, name string) uint64 {
	for _, c := range n.Node().Engine().Counters() {
		if c.Name == name {
			return c.Count
		}
	}
	return 0
}

// toldOnce holds the app events of a node against each other: the same number is always told with the same content.
type toldOnce map[string]map[uint64]string

// first says whether the event is told for the first time.
func (t toldOnce) first(w *sim.World, n *sim.Node, ev engine.AppEvent) (bool, error) {
	text := fmt.Sprint(ev.Name, " ", render(ev.Value))
	m := t[n.Name]
	if m == nil {
		m = map[uint64]string{}
		t[n.Name] = m
	}
	old, ok := m[ev.Number]
	m[ev.Number] = text
	if ok && old != text {
		return false, broken(w, "events told with one content", "%s told event %d as %q and now as %q", n.Name,
			ev.Number, old, text)
	}
	return !ok, nil
}

// balanced holds a node that has nothing to do against what must be left in it: no frame, value, command, event or
// unacknowledged envelope, and every charge released.
func balanced(w *sim.World, n *sim.Node) error {
	m, err := n.Node().Message(false)
	if err != nil {
		return err
	}
	t := &m.Transient
	for _, k := range []struct {
		what string
		n    int
	}{
		{"ops on the frontier", len(t.Frontier)}, {"values in frames", len(t.SlotTable)},
		{"activations", len(t.ExecutionState)},
		{"pending commands", len(t.PendingAsync)}, {"pending completions", len(t.PendingCompletions)},
		{"inputs not processed", len(t.Ingress)}, {"events on the bus", len(t.Bus.Queue)},
		{"envelopes not acknowledged", len(t.Framework.PendingOutbound)},
		{"app events not acknowledged", len(t.AppEvents)},
		{"parked ops", len(t.Parked)},
	} {
		if k.n != 0 {
			return broken(w, "budgets balance to zero", "%s has %d %s after everything was answered", n.Name, k.n,
				k.what)
		}
	}
	return nil
}

// bounded holds the disk of a node against its bounds: a journal that snapshots keep short, and few snapshots. A node
// whose disk was damaged keeps more, for a way back.
func bounded(w *sim.World, n *sim.Node, p *Plan) error {
	if !n.Intact || p.damages() {
		return nil
	}
	var segments, snapshots int64
	fs := n.Disk()
	for _, name := range fs.Names() {
		size, err := fs.Stat(name)
		if err != nil {
			return err
		}
		switch path.Ext(name) {
		case ".seg":
			segments += size
		case ".snap":
			snapshots++
		}
	}
	// Two snapshots are kept and the journal behind the older of them; one more may be under way, and files are whole
	// segments.
	if most := 4*(p.Snapshot+journalSlack) + spareSegments*sim.SegmentBytes; segments > most {
		return broken(w, "everything is bounded", "%s has %d bytes of journal, at most %d with a snapshot for each %d",
			n.Name, segments, most, p.Snapshot)
	}
	if snapshots > snapshotsMost {
		return broken(w, "everything is bounded", "%s keeps %d snapshots", n.Name, snapshots)
	}
	return nil
}

// The bounds of a disk: how far one step's record may take a journal beyond the bytes after which a snapshot is due,
// how many segments may be partly used, and how many files of snapshots may hold chunks that kept ones need.
const (
	journalSlack  = 16 << 10
	spareSegments = 6
	snapshotsMost = 12
)

// idleAfter is how long nodes are let be before their books are balanced: acknowledgements may be under way.
const idleAfter = 30 * time.Second
