package node_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// TestRestoredComparesSettings: a snapshot is of a node with its options and targets; with others the restore is
// refused, typed, by name. The same options in another spelling are the same (C13).
func TestRestoredComparesSettings(t *testing.T) {
	net := newNet(t, federated(t), "server", "clients")
	m := net.members[1]
	cfg := m.cfg
	cfg.Options = map[string][]byte{"mine": []byte(`{"partition":1}`)}
	cfg.Targets = map[string][]wire.PeerID{"server": {"a", "b"}}
	n, err := node.Install(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b, err := n.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		change func(*node.Config)
		says   string // "" where the restore goes well
	}{
		"the same": {func(*node.Config) {}, ""},
		"another spelling": {func(c *node.Config) {
			c.Options = map[string][]byte{"mine": []byte(`{ "partition": 1, "later": 0, "name": "" }`),
				"new": []byte("{}")}
		}, ""},
		"another order": {func(c *node.Config) {
			c.Targets = map[string][]wire.PeerID{"server": {"b", "a"},
				"clients": {}}
		}, ""},
		"another partition": {func(c *node.Config) { c.Options = map[string][]byte{"mine": []byte(`{"partition":7}`)} },
			`options of slot "mine":`},
		"no options": {func(c *node.Config) { c.Options = nil }, `options of slot "mine":`},
		"options of another": {func(c *node.Config) {
			c.Options = map[string][]byte{"mine": cfg.Options["mine"], "other": []byte(`{"x":true}`)}
		}, `options of slot "other":`},
		"two values": {
			func(c *node.Config) { c.Options = map[string][]byte{"mine": []byte(`{"partition":1}{}`)} },
			`options of slot "mine":`},
		"a target more": {func(c *node.Config) {
			c.Targets = map[string][]wire.PeerID{"server": {"a", "b",
				"c"}}
		}, `targets of place "server":`},
		"targets of another": {func(c *node.Config) {
			c.Targets = map[string][]wire.PeerID{"server": {"a", "b"},
				"x": {"y"}}
		}, `targets of place "x":`},
		"an anyone, as of later": {func(c *node.Config) { c.Anyone = []string{"x"} }, ""},
	} {
		other := cfg
		c.change(&other)
		_, err := node.Restored(other, b)
		var bad *node.MismatchError
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v", what, err)
		case c.says != "" && (!errors.As(err, &bad) || bad.What != c.says || bad.Got == bad.Want):
			t.Errorf("%s: %v, want one of %s", what, err, c.says)
		}
	}
}

// TestConfigDefaults: a node is installed without a registry and a catalogue where it needs none; without a program it
// is refused (C24).
func TestConfigDefaults(t *testing.T) {
	var bad *node.ConfigError
	if _, err := node.Install(node.Config{}); !errors.As(err, &bad) || bad.Field != "Program" {
		t.Error(err)
	}
	if _, err := node.Restored(node.Config{}, nil); !errors.As(err, &bad) {
		t.Error(err)
	}
	net := newNet(t, federated(t), "server", "clients")
	cfg := net.members[0].cfg
	cfg.Values, cfg.Limits = nil, engine.Limits{}
	if n, err := node.Install(cfg); err != nil || n.Config().Values == nil ||
		n.Engine().Limits() != engine.DefaultLimits() {
		t.Error(err)
	}
	var not *engine.ConfigError
	if cfg.Self = ""; cfg.Self == "" {
		if _, err := node.Install(cfg); !errors.As(err, &not) || not.Field != "Self" {
			t.Error(err)
		}
	}
}

// TestRestoreUnderWorkers: a restore of a live node and the workers of its commands do not meet; for the race detector.
func TestRestoreUnderWorkers(t *testing.T) {
	net := newNet(t, federated(t), "server", "clients")
	n := net.members[0].n
	b, err := n.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	for range 2 {
		done.Go(func() {
			for i := range 200 {
				c := engine.Command{Component: int32(i % len(net.members[0].cfg.Program.Components)), Method: "none",
					Inputs: []value.Value{value.Int(1)}}
				if net.members[0].cfg.Program.Components[c.Component].At("server") {
					n.Work(c)
					n.Recorded(c)
				}
			}
		})
	}
	for range 20 {
		if err := n.Restore(b); err != nil {
			t.Fatal(err)
		}
	}
	done.Wait()
}
