package conditions

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/strictyaml"
)

// TestPresetsAreRead: every built-in network is a sound file, and they get worse in their order.
func TestPresetsAreRead(t *testing.T) {
	for i, name := range Presets() {
		n, err := FindNetwork(name)
		if err != nil {
			t.Fatal(err)
		}
		if n.Sync == (sim.Latency{}) || n.Work == (sim.Latency{}) || n.Links.BytesPerSecond == 0 || n.Text == "" {
			t.Errorf("%s leaves something out: %+v", name, n)
		}
		if (n.Links.Loss > 0) != (i > 0) {
			t.Errorf("%s loses %v", name, n.Links.Loss)
		}
	}
	var unknown *UnknownError
	if _, err := FindNetwork("moon"); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "edge") {
		t.Error(err)
	}
}

// TestFaultSetsAreRead: every built-in set is a sound file, churn for all nodes and storm for those with disks.
func TestFaultSetsAreRead(t *testing.T) {
	for name, least := range map[string]int{"churn": 3, "storm": 17} {
		f, err := FindFaults(name)
		if err != nil || len(f.Entries) < least || f.Restart == nil {
			t.Fatalf("%s: %d entries, %v", name, len(f.Entries), err)
		}
		if err := f.Check(Run{Nodes: 100, Durable: true}); err != nil {
			t.Error(err)
		}
		if err := f.Check(Run{Nodes: 100}); (err == nil) != (name == "churn") {
			t.Errorf("%s without disks: %v", name, err)
		}
	}
	var unknown *UnknownError
	if _, err := FindFaults("drizzle"); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "churn, storm") {
		t.Error(err)
	}
}

// refused is a file that is not taken, and what its refusal says.
type refused struct {
	text string
	line int
	want string
}

func (r refused) check(t *testing.T, err error) {
	t.Helper()
	var e *strictyaml.Error
	if !errors.As(err, &e) || e.File != "f.yaml" || e.Line != r.line || !strings.Contains(e.Reason, r.want) {
		t.Errorf("%q: %v, want line %d and %q", r.text, err, r.line, r.want)
	}
}

func TestNetworkFiles(t *testing.T) {
	n, err := ParseNetwork("f.yaml",
		[]byte("latency: 20ms\nloss: 0.5\nunordered: true\nwork: {kind: pareto, mean: 3ms, tail: 2}\n"))
	if err != nil || n.Links.Latency.Min != 20*time.Millisecond || n.Links.Loss != 0.5 || !n.Links.Unordered ||
		n.Work.Mean != 3*time.Millisecond {
		t.Errorf("%+v, %v", n, err)
	}
	for _, r := range []refused{
		{"latency: 20", 1, "a time span"}, {"loss: 2", 1, "from 0 to 1"},
		{"loss: 0.1\nlatncy: 3ms", 2, "did you mean latency?"},
		{"latency:\n  kind: gauss", 2, "constant, uniform"}, {"latency: {kind: pareto}", 1, "pareto"},
		{"latency: {kind: uniform, min: 3ms}", 1, "max"},
		{"latency: {mean: 3ms, variance: 2}", 1, "unknown key"}, {"kill: 3", 1, "unknown key"},
		{"bytes_per_second: -1", 1, "whole number"},
	} {
		_, err := ParseNetwork("f.yaml", []byte(r.text))
		r.check(t, err)
	}
}

func TestFaultFiles(t *testing.T) {
	f, err := ParseFaults("f.yaml", []byte("seed: 3\nrestart: 5s\nfaults:\n- {kind: crash, per_node_hour: 2}\n- "+
		"{kind: mass-crash, each_round: true}\n- {kind: lie}\n"))
	if err != nil || *f.Seed != 3 || f.Restart.Min != 5*time.Second || len(f.Entries) != 3 ||
		f.Entries[0].Kind != sim.PowerOff ||
		f.Entries[1].Share != 0.5 || f.Entries[2].Rate != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	entry := func(text string) string { return "faults:\n- " + text }
	for _, r := range []refused{
		{"fault: []", 1, "did you mean faults?"}, {"faults: 3", 1, "a list"}, {entry("3"), 2, "keys of its own"},
		{entry("{per_node_hour: 2}"), 2, "without a kind"}, {entry("{kind: kil, every: 1s}"), 2, "did you mean kill?"},
		{entry("{kind: loss, every: 1s}"), 2, "network file"}, {entry("{kind: torn-write, every: 1s}"), 2, "power-off"},
		{entry("{kind: kill}"), 2, "exactly one"}, {entry("{kind: kill, every: 1s, per_run: 3}"), 2, "exactly one"},
		{entry("{kind: kill, every: 1s, for: 3s}"), 2, "no for"}, {entry("{kind: kill, every: 1s, share: 0.5}"), 2,
			"no share"},
		{entry("{kind: kill, every: 1s, times: 2}"), 2, "no times"}, {entry("{kind: lie, times: 1}"), 2, "no lie"},
		{entry("{kind: kill, every: 1s, rate: 0.5}"), 2, "no rate"}, {entry("{kind: lie, every: 1s}"), 2,
			"what some nodes are"},
		{entry("{kind: kill, every: 1s, from: 3s, until: 2s}"), 2, "a later until"},
		{entry("{kind: slow-clock, every: 1s, rate: 1}"), 2, "and not 1"},
		{entry("{kind: kill, every: 1s, nodes: some}"), 2, "all, server, clients"},
		{entry("{kind: kill, every: 0s}"), 2, "a time span"},
		{entry("\n    kind: kill\n    every: 1s\n    until: never"), 5, "a time span"},
	} {
		_, err := ParseFaults("f.yaml", []byte(r.text))
		r.check(t, err)
	}
}

// TestFaultsMustFitTheRun: what an entry needs, the run must have.
func TestFaultsMustFitTheRun(t *testing.T) {
	for _, c := range []struct {
		entry string
		run   Run
		want  string // empty where the run has it
	}{
		{"{kind: kill, per_run: 3}", Run{Nodes: 3}, "per_run"},
		{"{kind: kill, per_run: 3, until: 9s}", Run{Nodes: 3}, ""},
		{"{kind: kill, per_run: 3}", Run{Nodes: 3, Horizon: time.Second}, ""},
		{"{kind: disk-full, every: 1s}", Run{Nodes: 3}, "--durable"},
		{"{kind: disk-full, every: 1s, nodes: server}", Run{Nodes: 3, Server: true}, ""},
		{"{kind: disk-full, every: 1s}", Run{Nodes: 3, Durable: true}, ""},
		{"{kind: kill, every: 1s, nodes: clients}", Run{Nodes: 3}, "no server"},
		{"{kind: swizzle, every: 1s}", Run{Nodes: 2000}, "at most 1000"},
	} {
		f, err := ParseFaults("f.yaml", []byte("faults:\n- "+c.entry))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Check(c.run); c.want == "" && err != nil {
			t.Errorf("%s: %v", c.entry, err)
		} else if c.want != "" {
			refused{c.entry, 2, c.want}.check(t, err)
		}
	}
}

// TestEveryKindIsDeclared: each kind of fault can be asked for, or its refusal says where it belongs.
func TestEveryKindIsDeclared(t *testing.T) {
	here := 0
	for f := range sim.Faults {
		_, err := ParseFaults("f.yaml", []byte("faults:\n- {kind: "+f.String()+", share: -1}"))
		var e *strictyaml.Error
		if !errors.As(err, &e) {
			t.Fatalf("%v: %v", f, err)
		}
		if uses[f].here {
			here++
		} else if !strings.Contains(e.Reason, "network file") && !strings.Contains(e.Reason, "power-off") {
			t.Errorf("%v: %v", f, err)
		}
	}
	if here < 25 {
		t.Errorf("%d kinds can be asked for", here)
	}
}
