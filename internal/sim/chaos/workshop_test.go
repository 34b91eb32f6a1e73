package chaos

import (
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/workshop"
)

// TestWorkshopReachesEverything looks into the nodes of a workshop all the time: each part of a snapshot is there at
// some time, or a bug that forgets it could not show.
func TestWorkshopReachesEverything(t *testing.T) {
	p := Draw(1)
	p.Scenario, p.Work, p.Strikes = "workshop", 41, nil
	s := &shop{}
	w := sim.New(sim.Options{
		Seed: 1, Network: sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond,
			Max: 9 * time.Millisecond}, Loss: 0.2, Unordered: true},
		Disk: sim.Disk{Sync: sim.Latency{Min: time.Millisecond}}, Work: sim.Latency{Min: 7 * time.Millisecond},
		OnApp: s.App,
	})
	if err := s.Build(w, p, false); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := 0; i < 20_000 && !s.Settled(); i++ {
		if err := w.Run(w.Now()+time.Millisecond/4, nil); err != nil {
			t.Fatal(err)
		}
		for _, n := range w.Nodes() {
			if n.Up() {
				look(t, n, seen)
			}
		}
	}
	if !s.Settled() {
		t.Fatalf("not all came: %s", s.ledger.Missing())
	}
	for _, what := range []string{
		"slot_table", "pending_async", "execution_state", "attempts", "parked", "app_events", "timers", "holds",
		"queues", "gates",
		"latches", "records", "requests", "inbound", "outbound", "taken out of order", "blocked", "rounds", "shares",
	} {
		if !seen[what] {
			t.Errorf("%s was never there", what)
		}
	}
}

// look notes which parts of a snapshot of the node hold something.
func look(t *testing.T, n *sim.Node, seen map[string]bool) {
	m, err := n.Node().Message(false)
	if err != nil {
		t.Fatal(err)
	}
	x, f := &m.Transient, &m.Transient.Framework
	for what, k := range map[string]int{
		"slot_table": len(x.SlotTable), "pending_async": len(x.PendingAsync), "execution_state": len(x.ExecutionState),
		"parked":     len(x.Parked),
		"app_events": len(x.AppEvents), "timers": len(f.Timers), "holds": len(f.Holds), "latches": len(f.Latches),
		"records":  len(f.Records),
		"requests": len(f.Requests), "inbound": len(f.Inbound), "outbound": len(f.PendingOutbound),
		"blocked": len(f.PeerGovernor.Blocked),
	} {
		seen[what] = seen[what] || k > 0
	}
	for _, e := range x.ExecutionState {
		seen["attempts"] = seen["attempts"] || len(e.Attempts) > 0
	}
	for _, q := range f.Queues {
		seen["queues"] = seen["queues"] || len(q.Values) > 0
	}
	for _, g := range f.Gates {
		seen["gates"] = seen["gates"] || g.Taken > 0
	}
	for _, s := range x.WireStates {
		seen["taken out of order"] = seen["taken out of order"] || len(s.RecvBeyond) > 0
	}
	if n.Name == workshop.Hub {
		seen["rounds"] = seen["rounds"] || len(n.Node().Component("rounds").State().(*rounds.State).Rounds) > 0
		seen["shares"] = seen["shares"] || len(n.Node().Component("aggregator").State().(*aggregator.State).Rounds) > 0
	}
}
