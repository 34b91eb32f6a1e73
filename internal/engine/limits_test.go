package engine

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// TestZeroLimitsAreDefaults: an engine is made of a configuration without limits, and one that cannot be is refused
// with a *ConfigError (C24).
func TestZeroLimitsAreDefaults(t *testing.T) {
	b := newBuilder("one")
	f := b.fn(program.KindInvoke, "go", 1)
	f.emit("out", 0)
	cfg := testConfig(b.link(t))
	cfg.Limits = Limits{OpsPerPoll: 3}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultLimits()
	want.OpsPerPoll = 3
	if e.Limits() != want {
		t.Errorf("the limits are %+v", e.Limits())
	}
	if err := e.Deliver(&Event{Invoke: &snapshot.InvokeEvent{Name: "go",
		Inputs: []value.Value{value.Int(1)}}}); err != nil {
		t.Error(err)
	}
	e.Poll(1)
	tooLarge := math.MaxInt
	if int64(tooLarge) < limitMax {
		tooLarge = -1 // no int is, where it has 32 bits
	}
	for field, change := range map[string]func(*Config){
		"Limits.Frames":            func(c *Config) { c.Limits.Frames = -1 },
		"Limits.Wire.Values.Items": func(c *Config) { c.Limits.Wire.Values.Items = tooLarge },
		"Program":                  func(c *Config) { c.Program = nil },
		"Registry":                 func(c *Config) { c.Registry = nil },
		"Self":                     func(c *Config) { c.Self = "\xff" },
	} {
		c := cfg
		change(&c)
		var bad *ConfigError
		if _, err := New(c); !errors.As(err, &bad) || bad.Field != field || bad.Want == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestLimitsAreListed: every number of Limits is in the list that records and snapshots hold, by a name of its own; a
// list comes back, one of an earlier release lacks some, and one that this release cannot go by is refused.
func TestLimitsAreListed(t *testing.T) {
	l := EdgeLimits()
	list := l.listed()
	names := map[string]bool{}
	for _, x := range list {
		if names[x.Name] || x.Value <= 0 {
			t.Errorf("%+v comes twice, or is nothing", x)
		}
		names[x.Name] = true
	}
	if len(names) < 45 || !names["Frames"] || !names["Wire.Values.Tensor.Rank"] {
		t.Errorf("%d limits are listed", len(names))
	}
	if back, err := DefaultLimits().amended(list); err != nil || back != l {
		t.Errorf("%v: %+v came back", err, back)
	}
	if back, err := DefaultLimits().amended(list[3:5]); err != nil || back.CallDepth != l.CallDepth ||
		back.Frames != DefaultLimits().Frames {
		t.Errorf("%v: %+v came back", err, back)
	}
	for _, bad := range [][]snapshot.LimitSnapshot{{{Name: "Ghosts", Value: 1}}, {list[4], list[3]}, {list[0], list[0]},
		{{Name: "Frames", Value: -1}}, {{Name: "Frames", Value: 1 << 50}}} {
		if _, err := l.amended(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestRestartBringsLimits: limits hold as the node was begun with them, whatever it is restored with, until a restart
// brings others; these wait for the inputs that were accepted before, and what does not fit what is there stays (C12).
func TestRestartBringsLimits(t *testing.T) {
	b := one()
	r := b.fn(program.KindInvoke, "go", 1)
	r.add(program.Op{Code: program.OpSend, Edge: 0}, 1,
		r.constant(value.NewList(value.Peer("a"), value.Peer("b"), value.Peer("c"))), 0)
	l := newLab(t, b, func(lim *Limits) { lim.InvokeBytes = 100 }, &scripted{})
	l.call("go", value.Int(1))
	l.rest()
	large := &Event{Invoke: &snapshot.InvokeEvent{Name: "go", Inputs: []value.Value{value.NewBytes(make([]byte, 200))}}}
	l.cfg.Limits.InvokeBytes = 1 << 20
	l = l.reborn(&scripted{})
	if err := l.e.Deliver(large); err == nil || l.e.Limits().InvokeBytes != 100 {
		t.Fatalf("%v: a node that was restored with other limits goes by those", err)
	}
	want := l.e.Limits()
	want.InvokeBytes, want.BookPeers, want.Requests = 1<<20, 2, 7
	l.tell(&Event{Restarted: &snapshot.RestartedEvent{Incarnation: 2, Rules: CurrentRules,
		Limits: l.e.RestartLimits(want)}})
	if err := l.e.Deliver(large); err == nil {
		t.Error("the limits hold before the restart was taken")
	}
	l.rest()
	if got := l.e.Limits(); got.InvokeBytes != 1<<20 || got.BookPeers != DefaultLimits().BookPeers ||
		got.Requests != DefaultLimits().Requests {
		t.Errorf("streams with 3 peers: the limits are %+v", got)
	}
	if l.counter("limits.kept") != 1 {
		t.Error("that limits stayed is not told")
	}
	if err := l.e.Deliver(large); err != nil {
		t.Error(err)
	}
	l.rest()
	want = l.e.Limits()
	want.BookPeers, want.FailuresToDown = 5, 9
	before, err := snapshot.Marshal(l.cfg.Registry, l.snap())
	if err != nil {
		t.Fatal(err)
	}
	l.tell(&Event{Restarted: &snapshot.RestartedEvent{Incarnation: 3, Rules: CurrentRules,
		Limits: l.e.RestartLimits(want)}})
	l.rest()
	if l.e.Limits() != want || len(l.e.RestartLimits(want)) != 0 {
		t.Errorf("the limits are %+v", l.e.Limits())
	}
	again := l.reborn(&scripted{})
	a, _ := snapshot.Marshal(l.cfg.Registry, l.snap())
	c, _ := snapshot.Marshal(l.cfg.Registry, again.snap())
	if again.e.Limits() != want || !bytes.Equal(a, c) || bytes.Equal(a, before) {
		t.Error("the limits do not come back with the node")
	}
	if err := l.e.Deliver(&Event{Restarted: &snapshot.RestartedEvent{Limits: []snapshot.LimitSnapshot{{Name: "Ghosts",
		Value: 1}}}}); err == nil {
		t.Error("limits of a newer release are taken")
	}
}

// TestLimitsWaitForInputs: an envelope that waits was accepted by the limits of before, and is restored by them.
func TestLimitsWaitForInputs(t *testing.T) {
	l := newLab(t, doors(), func(lim *Limits) { lim.Frames = 1 }, &scripted{})
	site := uint32(l.cfg.Program.Edges[3].Sites[0])
	for n := range uint64(3) {
		l.tell(l.from("other", wire.Envelope{Edge: 3, Number: n + 1,
			Fills: []wire.Fill{{Site: site, Value: value.NewBytes(make([]byte, 1000))}}}))
	}
	l.rest()
	if len(l.e.st.ingress) != 2 {
		t.Fatalf("%d inputs wait", len(l.e.st.ingress))
	}
	want := l.e.Limits()
	want.Wire.EnvelopeBytes, want.IngressEvents = 100, 1
	l.tell(&Event{Restarted: &snapshot.RestartedEvent{Incarnation: 2, Rules: CurrentRules,
		Limits: l.e.RestartLimits(want)}})
	l.rest()
	if l.e.Limits() == want || l.e.st.wanted == nil {
		t.Error("limits hold although inputs wait that they would refuse")
	}
	l = l.reborn(&scripted{})
	if l.e.st.wanted == nil || *l.e.st.wanted != want || len(l.e.st.ingress) != 2 {
		t.Error("what waits does not come back")
	}
}
