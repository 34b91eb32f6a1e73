package engine

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// TestDeterminism is law pure-function: the same program and schedule give the same bytes, run twice.
func TestDeterminism(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts, schedule := randomPrograms(t), randomSchedule(t)
		run := func() string {
			w := newWorld(t, parts, false)
			for _, s := range schedule {
				w.act(s.kind, s.a, s.b)
			}
			return w.nodes[0].log.String() + w.nodes[1].log.String() + string(w.nodes[0].encode()) +
				string(w.nodes[1].encode())
		}
		if first, second := run(), run(); first != second {
			t.Fatal("two runs of one schedule differ")
		}
	})
}

// TestRestoreIsATransaction fails a restore at every step: it returns an error, and the engine that was there goes on
// as if nothing had been tried.
func TestRestoreIsATransaction(t *testing.T) {
	w := newWorld(t, conversationProgram(t, "ask"), false)
	for i := range 30 {
		w.act(i%5, i, i*7)
	}
	n := w.nodes[0]
	before := n.encode()
	var s snapshot.NodeSnapshot
	if err := snapshot.Unmarshal(before, &s, n.cfg.Registry, snapshot.DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	failures := 0
	for k := 0; ; k++ {
		cfg := n.cfg
		cfg.Components = probes(cfg.Program)
		step := 0
		cfg.FailRestore = func(part string) error {
			if step++; step == k+1 {
				return errors.New("told to fail at " + part)
			}
			return nil
		}
		if _, err := Restore(cfg, 1, &s.Transient); err == nil {
			break
		} else if var1 := new(RestoreError); !errors.As(err, &var1) {
			t.Fatalf("step %d: error of type %T", k, err)
		}
		failures++
		if string(n.encode()) != string(before) {
			t.Fatalf("step %d: the live engine changed", k)
		}
	}
	if failures < 10 {
		t.Fatalf("only %d steps failed: the test does not reach them", failures)
	}
}

// TestRestoreRefusesWhatDoesNotFit damages a snapshot in every field that refers to something else.
func TestRestoreRefusesWhatDoesNotFit(t *testing.T) {
	w := newWorld(t, conversationProgram(t, "ask"), false)
	w.act(1, 0, 1)
	w.act(1, 1, 1)
	w.act(0, 0, 3)
	w.to(w.net[0])
	n := w.nodes[1]
	damage := map[string]func(*snapshot.TransientSnapshot){
		"peer":         func(s *snapshot.TransientSnapshot) { s.Framework.PeerID = "else" },
		"version":      func(s *snapshot.TransientSnapshot) { s.Framework.SpecVersion++ },
		"phase":        func(s *snapshot.TransientSnapshot) { s.Poll.Phase = 99 },
		"random":       func(s *snapshot.TransientSnapshot) { s.Framework.Random = []byte("short") },
		"function":     func(s *snapshot.TransientSnapshot) { s.ExecutionState[0].Func = 99 },
		"exec":         func(s *snapshot.TransientSnapshot) { s.ExecutionState[0].Exec = 1 << 40 },
		"live":         func(s *snapshot.TransientSnapshot) { s.ExecutionState[0].Live++ },
		"missing":      func(s *snapshot.TransientSnapshot) { s.ExecutionState[0].Missing[0] = 77 },
		"site":         func(s *snapshot.TransientSnapshot) { s.SlotTable[0].Site += 1 << 20 },
		"slot twice":   func(s *snapshot.TransientSnapshot) { s.SlotTable = append(s.SlotTable, s.SlotTable[0]) },
		"lost command": func(s *snapshot.TransientSnapshot) { s.PendingAsync = nil },
		"output site":  func(s *snapshot.TransientSnapshot) { s.PendingAsync[0].Sites[0]++ },
		"component":    func(s *snapshot.TransientSnapshot) { s.PendingAsync[0].Component = 9 },
		"frontier": func(s *snapshot.TransientSnapshot) {
			s.Frontier = []snapshot.FrontierEntry{{Op: 1 << 30, Exec: s.ExecutionState[0].Exec}}
		},
		"timer": func(s *snapshot.TransientSnapshot) { s.Framework.Timers[0].Kind = 99 },
		"bus":   func(s *snapshot.TransientSnapshot) { s.Bus.Subscriptions = []snapshot.BusSubscription{{Kind: "x"}} },
		"counters": func(s *snapshot.TransientSnapshot) {
			s.Framework.Counters = []snapshot.CounterSnapshot{{Name: "z"}, {Name: "a"}}
		},
	}
	for name, break_ := range damage {
		var s snapshot.NodeSnapshot
		if err := snapshot.Unmarshal(n.encode(), &s, n.cfg.Registry, snapshot.DefaultLimits()); err != nil {
			t.Fatal(err)
		}
		break_(&s.Transient)
		cfg := n.cfg
		cfg.Components = probes(cfg.Program)
		if _, err := Restore(cfg, 1, &s.Transient); err == nil {
			t.Errorf("a snapshot with a wrong %s was restored", name)
		}
	}
}

// TestNothingLeaks: when everything has come to its end, nothing is alive, charged or armed that a program did not ask
// for. Failed activations are collected like others (trap collection-by-output).
func TestNothingLeaks(t *testing.T) {
	for _, name := range []string{"chain", "ask", "loop", "failure", "permits"} {
		w := newWorld(t, conversationProgram(t, name), false)
		for i := range 40 {
			w.act([]int{0, 1, 2, 5, 6}[i%5], i, i*3)
		}
		w.settle(60)
		for i, n := range w.nodes {
			s, m := &n.e.st, n.e.m.Figures()
			if m.Activations+m.Commands+m.Parked+len(s.ingress)+m.Results+m.Ready+m.SlotBytes+s.ingressBytes+
				m.Permits != 0 {
				t.Errorf("%s, node %d: %s, %d bytes of values, %d permits are out", name, i, inFlight(n.e), m.SlotBytes,
					m.Permits)
			}
		}
	}
}

// TestLoopOverNothing: a loop over a body without ops is cut by the op budget like any other.
func TestLoopOverNothing(t *testing.T) {
	b := newBuilder("one")
	body := b.fn(program.KindBody, "body", 2)
	body.results(1)
	f := b.fn(program.KindInvoke, "call", 1)
	f.add(program.Op{Code: program.OpAppEmit, Label: "out"}, 1, f.add(program.Op{Code: program.OpLoop, Body: body.id},
		1, f.constant(value.Int(5000)), 0)[0])
	cfg := testConfig(b.link(t))
	cfg.Limits.OpsPerPoll = 100
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Deliver(&Event{Invoke: &snapshot.InvokeEvent{Name: "call",
		Inputs: []value.Value{value.Int(9)}}}); err != nil {
		t.Fatal(err)
	}
	polls := 1
	out := e.Poll(1)
	for ; out.More; polls++ {
		out = e.Poll(1)
	}
	if polls < 50 || len(out.AppEvents) != 1 || out.AppEvents[0].Value != value.Int(9) {
		t.Fatalf("%d polls, app events %v", polls, out.AppEvents)
	}
}
