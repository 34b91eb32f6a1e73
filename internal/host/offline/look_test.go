package offline_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/prove/rig"
)

// at brings node i back and returns it with its canonical state.
func at(r *rig.Rig, i int, l offline.Look) (*offline.Restored, string, error) {
	b, err := offline.Restore(config(i), r.FS[i], "n", l)
	if err != nil {
		return nil, "", err
	}
	s, err := b.Node.Snapshot()
	return b, string(s), err
}

// config is that of node i.
func config(i int) node.Config {
	cfg, err := rig.Config(i, false)
	if err != nil {
		panic(err) // the catalogue stands in the rig
	}
	return cfg
}

// world makes two nodes, of which the first is called a number of times.
func world(t *testing.T, n int) *rig.Rig {
	t.Helper()
	r, err := rig.New(rig.Options{Seed: 1})
	if err == nil {
		err = r.Run(n)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// calls is how often the first node is called.
const calls = 40

// TestBringBack: at each record that is kept, the state is the same from the newest snapshot before it and from the
// oldest; at the last it is that of the node itself; nothing is written. Records that are not there are typed errors
// with what is.
func TestBringBack(t *testing.T) {
	r := world(t, calls)
	for i, d := range r.Nodes {
		last, first := d.Journal.Next()-1, d.Journal.First()
		want, err := d.Node.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		r.FS[i].SetReadOnly(true)
		all, newest, err := at(r, i, offline.Look{Oldest: true})
		if err != nil || newest != string(want) || all.Record != last || all.Replayed < 20 {
			t.Fatalf("node %d: %+v, %v", i, all, err)
		}
		for n := all.Snapshot - 1; n <= last; n++ {
			a, x, err1 := at(r, i, offline.Look{Until: n})
			b, y, err2 := at(r, i, offline.Look{Until: n, Oldest: true})
			if err1 != nil || err2 != nil || x != y || a.Record != n || b.Record != n || a.Replayed > b.Replayed {
				t.Fatalf("node %d at record %d: %+v, %v; %+v, %v", i, n, a, err1, b, err2)
			}
		}
		for _, n := range []uint64{1, all.Snapshot - 2, last + 1, last + 1000} {
			var gone *journal.RangeError
			if _, _, err := at(r, i, offline.Look{Until: n}); !errors.As(err, &gone) || gone.LSN != n ||
				gone.First < first || gone.Next != last+1 {
				t.Errorf("node %d at record %d: %v", i, n, err)
			}
		}
		seen := uint64(0)
		b, _,
			err := at(r, i, offline.Look{Oldest: true, Visit: func(b *offline.Restored, rec *record.Record,
			out *engine.Output) error {
			if (rec == nil) != (seen == 0) || rec != nil && b.Record != all.Snapshot+seen-1 {
				t.Fatalf("saw record %d after %d calls", b.Record, seen)
			}
			if seen++; seen == 6 {
				return offline.ErrEnough
			}
			return nil
		}})
		if err != nil || b.Record != all.Snapshot+4 {
			t.Errorf("enough after five records: %+v, %v", b, err)
		}
	}
}

// TestBringBackFromDamage: a damaged snapshot is passed over, damage of the journal behind what was asked for is no
// matter, and damage before it is an error with the place.
func TestBringBackFromDamage(t *testing.T) {
	r := world(t, calls)
	last := r.Nodes[0].Journal.Next() - 1
	r.Nodes[0].Close()
	var snaps, segs []string
	for _, name := range r.FS[0].Names() {
		switch {
		case strings.HasSuffix(name, ".snap"):
			snaps = append(snaps, name)
		case strings.HasSuffix(name, ".seg"):
			segs = append(segs, name)
		}
	}
	spoil := func(name string, at int) {
		if err := r.FS[0].Alter(name, func(b []byte) []byte { b[at] ^= 1; return b }); err != nil {
			t.Fatal(err)
		}
	}
	_, want, err := at(r, 0, offline.Look{})
	if err != nil {
		t.Fatal(err)
	}
	newest := snaps[len(snaps)-1]
	spoil(newest, 200)
	if b, got, err := at(r, 0, offline.Look{}); err != nil || got != want || len(b.Skipped) != 1 {
		t.Errorf("a damaged snapshot: %+v, %v", b, err)
	}
	spoil(newest, 200)
	if len(segs) < 2 {
		t.Fatal("the journal has one file only")
	}
	old, _,
		err := at(r, 0, offline.Look{Oldest: true, Visit: func(b *offline.Restored, _ *record.Record,
		_ *engine.Output) error {
		if b.Replayed == 3 {
			return offline.ErrEnough
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	spoil(segs[len(segs)-1], 600)
	var damaged *journal.CorruptionError
	if _, _, err := at(r, 0, offline.Look{Until: last}); !errors.As(err, &damaged) {
		t.Errorf("damage before the record: %v", err)
	}
	if b, _, err := at(r, 0, offline.Look{Until: old.Record}); err != nil || b.Record != old.Record {
		t.Errorf("damage behind the record: %v", err)
	}
}

// TestBringBackAged: snapshots that stay for their age are states by themselves, although the records behind them are
// gone.
func TestBringBackAged(t *testing.T) {
	r := world(t, 0)
	r.Nodes[1].Close()
	open := func() {
		d, rec, err := host.Open(config(1), host.Store{FS: r.FS[1], Dir: "n", SegmentBytes: 4096, SnapshotBytes: 1500,
			KeepAge: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		r.Nodes[1] = d
		ev, err := d.Restart(rec, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Step(1, ev); err != nil {
			t.Fatal(err)
		}
	}
	open()
	r.Now = int64(time.Minute)
	if err := r.Run(calls); err != nil {
		t.Fatal(err)
	}
	first := r.Nodes[1].Journal.First()
	r.Nodes[1].Close()
	refs, err := journal.List(r.FS[1], "n")
	if err != nil {
		t.Fatal(err)
	}
	aged := 0
	for _, ref := range refs {
		if ref.LSN == 1 {
			continue // before the first record
		}
		b, _, err := at(r, 1, offline.Look{Until: ref.LSN - 1})
		if err != nil || b.Record != ref.LSN-1 {
			t.Errorf("snapshot %d: %v", ref.LSN, err)
		}
		if ref.LSN >= first {
			continue
		}
		aged++
		var gone *journal.RangeError
		if _, _, err := at(r, 1, offline.Look{Until: ref.LSN}); !errors.As(err, &gone) {
			t.Errorf("record %d, which is gone: %v", ref.LSN, err)
		}
	}
	if b, _, err := at(r, 1, offline.Look{Oldest: true}); err != nil || b.Snapshot < first || b.Replayed == 0 {
		t.Errorf("the oldest with records: %+v, %v", b, err)
	}
	if aged == 0 {
		t.Errorf("no snapshot is older than the journal: %v from record %d", refs, first)
	}
}
