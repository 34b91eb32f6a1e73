package host

import (
	"errors"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// TestRevNoSend: a host runs with a node and a directory alone, without a file system, workers, limits or a transport
// of its caller; what has no default is refused, typed and by name (C24).
func TestRevNoSend(t *testing.T) {
	r := &rig{t: t, parts: parts(t)}
	cfg := Config{Node: r.config(0), Store: Store{Dir: t.TempDir()}}
	cfg.Node.Limits = engine.Limits{}
	h, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Deliver(call(value.Int(1))); err != nil {
		t.Error(err)
	}
	if err := h.Stop(); err != nil {
		t.Error(err)
	}
	for field, change := range map[string]func(*Config){
		"Store.Dir":           func(c *Config) { c.Store.Dir = "" },
		"Store.Keep":          func(c *Config) { c.Store.Keep = -1 },
		"Store.SnapshotBytes": func(c *Config) { c.Store.SnapshotBytes = -1 },
		"Store.OnDivergence":  func(c *Config) { c.Store.OnDivergence = 9 },
		"Inbox":               func(c *Config) { c.Inbox = -1 },
	} {
		c := cfg
		change(&c)
		var bad *ConfigError
		if _, err := Start(c); !errors.As(err, &bad) || bad.Field != field || bad.Want == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
	var none *node.ConfigError
	if _, err := Start(Config{Store: Store{Dir: t.TempDir()}}); !errors.As(err, &none) {
		t.Error(err)
	}
	cfg.Node.Limits.Frames = -1
	var not *engine.ConfigError
	if _, err := Start(cfg); !errors.As(err, &not) {
		t.Error(err)
	}
}

// TestRevOtherLimits: a directory opens with any limits, since its journal says by which it was made; those of the
// configuration hold from the next restart on, and a later replay goes by both (C12).
func TestRevOtherLimits(t *testing.T) {
	for name, change := range map[string]func(*engine.Limits){
		"OpsPerPoll":    func(l *engine.Limits) { l.OpsPerPoll = 4 },
		"Frames":        func(l *engine.Limits) { l.Frames = 1 },
		"Counters":      func(l *engine.Limits) { l.Counters = 1 },
		"InvokeBytes":   func(l *engine.Limits) { l.InvokeBytes = 1 },
		"PeerEnvelopes": func(l *engine.Limits) { l.PeerEnvelopes = 1 },
		"EnvelopeBytes": func(l *engine.Limits) { l.Wire.EnvelopeBytes = 1 },
	} {
		for _, whole := range []bool{false, true} { // without a snapshot the limits are in the first record alone
			r := newRig(t, 1)
			if !whole {
				r.run(3)
			}
			r.d[0].Close()
			if whole {
				dropSnapshots(t, r)
			}
			store := Store{FS: r.fs[0], Dir: "n", SegmentBytes: 4096, SnapshotBytes: 1 << 20}
			cfg := r.config(0)
			was := engine.DefaultLimits()
			change(&cfg.Limits)
			want := cfg.Limits
			for life := range 3 {
				d, rec, err := Open(cfg, store)
				if err != nil {
					t.Fatalf("%s, life %d: %v", name, life, err)
				}
				if got := d.Node.Engine().Limits(); life == 0 && got != was || life > 0 && got != want {
					t.Fatalf("%s, life %d: before its restart the limits are %+v", name, life, got)
				}
				ev, err := d.Restart(rec, r.now, nil)
				if err != nil || (life > 0) != (len(ev.Restarted.Limits) == 0) {
					t.Fatalf("%s, life %d: %v: the restart carries %d limits", name, life, err,
						len(ev.Restarted.Limits))
				}
				var events []*engine.Event
				for i := range 3 {
					events = append(events, call(value.Int(i)))
				}
				for _, evs := range [][]*engine.Event{{ev}, events, nil} {
					if _, _, _, err := d.Step(r.now, r.now, evs); err != nil {
						t.Fatal(err)
					}
				}
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// dropSnapshots removes the snapshots of node 0 where its journal is whole from its first record.
func dropSnapshots(t *testing.T, r *rig) {
	refs, err := journal.List(r.fs[0], "n")
	if err != nil {
		t.Fatal(err)
	}
	rep, err := journal.Scan(r.fs[0], "n")
	if err != nil {
		t.Fatal(err)
	}
	if rep.First != 1 {
		t.Fatal("the journal is not whole: it shows nothing")
	}
	for _, ref := range refs {
		if err := r.fs[0].Remove("n/" + ref.Name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheFirstRecordSaysTheLimits: so that a journal without a snapshot replays by them.
func TestTheFirstRecordSaysTheLimits(t *testing.T) {
	r := newRig(t, 1)
	if err := r.d[0].Journal.Sync(); err != nil {
		t.Fatal(err)
	}
	var first record.Record
	err := r.d[0].Journal.Read(1, func(lsn uint64, payload []byte) error {
		if lsn > 1 {
			return offline.ErrEnough
		}
		return snapshot.Unmarshal(payload, &first, value.NewRegistry(), snapshot.DefaultLimits())
	})
	if err != nil && !errors.Is(err, offline.ErrEnough) || first.Rules != engine.CurrentRules ||
		len(first.Limits) < 45 {
		t.Errorf("%v: the first record says rules %d and %d limits", err, first.Rules, len(first.Limits))
	}
}
