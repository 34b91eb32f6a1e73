package host

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/journal"
	"github.com/rhizome-ml/rhizome/journal/vfs"
)

// at brings node i back and returns it with its canonical state.
func (r *rig) at(i int, l Look) (*Brought, string, error) {
	b, err := BringBack(r.config(i), r.fs[i], "n", l)
	if err != nil {
		return nil, "", err
	}
	s, err := b.Node.Snapshot()
	if err != nil {
		r.t.Fatal(err)
	}
	return b, string(s), nil
}

// TestBringBack: at each record that is kept, the state is the same from the newest snapshot before it and from the oldest; at
// the last it is that of the node itself; nothing is written. Records that are not there are typed errors with what is.
func TestBringBack(t *testing.T) {
	r := newRig(t, 1)
	r.run(calls)
	for i, d := range r.d {
		last, first := d.Journal.Next()-1, d.Journal.First()
		want, err := d.Node.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		r.fs[i].SetReadOnly(true)
		all, newest, err := r.at(i, Look{Oldest: true})
		if err != nil || newest != string(want) || all.Record != last || all.Replayed < 20 {
			t.Fatalf("node %d: %+v, %v", i, all, err)
		}
		for n := all.Snapshot - 1; n <= last; n++ {
			a, x, err1 := r.at(i, Look{Until: n})
			b, y, err2 := r.at(i, Look{Until: n, Oldest: true})
			if err1 != nil || err2 != nil || x != y || a.Record != n || b.Record != n || a.Replayed > b.Replayed {
				t.Fatalf("node %d at record %d: %+v, %v; %+v, %v", i, n, a, err1, b, err2)
			}
		}
		for _, n := range []uint64{1, all.Snapshot - 2, last + 1, last + 1000} {
			var gone *journal.RangeError
			if _, _, err := r.at(i, Look{Until: n}); !errors.As(err, &gone) || gone.LSN != n || gone.First < first || gone.Next != last+1 {
				t.Errorf("node %d at record %d: %v", i, n, err)
			}
		}
		seen := uint64(0)
		b, _, err := r.at(i, Look{Oldest: true, See: func(b *Brought, rec *Record, out *engine.Output) error {
			if (rec == nil) != (seen == 0) || rec != nil && b.Record != all.Snapshot+seen-1 {
				t.Fatalf("saw record %d after %d calls", b.Record, seen)
			}
			if seen++; seen == 6 {
				return ErrEnough
			}
			return nil
		}})
		if err != nil || b.Record != all.Snapshot+4 {
			t.Errorf("enough after five records: %+v, %v", b, err)
		}
	}
}

// TestBringBackFromDamage: a damaged snapshot is passed over, damage of the journal behind what was asked for is no matter,
// and damage before it is an error with the place.
func TestBringBackFromDamage(t *testing.T) {
	r := newRig(t, 1)
	r.run(calls)
	last := r.d[0].Journal.Next() - 1
	r.d[0].Close()
	var snaps, segs []string
	for _, name := range r.fs[0].Names() {
		switch {
		case strings.HasSuffix(name, ".snap"):
			snaps = append(snaps, name)
		case strings.HasSuffix(name, ".seg"):
			segs = append(segs, name)
		}
	}
	spoil := func(name string, at int) {
		if err := r.fs[0].Alter(name, func(b []byte) []byte { b[at] ^= 1; return b }); err != nil {
			t.Fatal(err)
		}
	}
	_, want, err := r.at(0, Look{})
	if err != nil {
		t.Fatal(err)
	}
	newest := snaps[len(snaps)-1]
	spoil(newest, 200)
	if b, got, err := r.at(0, Look{}); err != nil || got != want || len(b.Skipped) != 1 {
		t.Errorf("a damaged snapshot: %+v, %v", b, err)
	}
	spoil(newest, 200)
	if len(segs) < 2 {
		t.Fatal("the journal has one file only")
	}
	old, _, err := r.at(0, Look{Oldest: true, See: func(b *Brought, _ *Record, _ *engine.Output) error {
		if b.Replayed == 3 {
			return ErrEnough
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	spoil(segs[len(segs)-1], 600)
	var damaged *journal.CorruptionError
	if _, _, err := r.at(0, Look{Until: last}); !errors.As(err, &damaged) {
		t.Errorf("damage before the record: %v", err)
	}
	if b, _, err := r.at(0, Look{Until: old.Record}); err != nil || b.Record != old.Record {
		t.Errorf("damage behind the record: %v", err)
	}
}

// TestBringBackAged: snapshots that stay for their age are states by themselves, although the records behind them are gone.
func TestBringBackAged(t *testing.T) {
	r := newRig(t, 1)
	r.d[1].Close()
	open := func() {
		d, rec, err := Open(r.config(1), Store{FS: r.fs[1], Dir: "n", SegmentBytes: 4096, SnapshotBytes: 1500, KeepAge: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		r.d[1] = d
		ev, err := d.Restart(rec, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.step(1, ev)
	}
	open()
	r.now = int64(time.Minute)
	r.run(calls)
	first := r.d[1].Journal.First()
	r.d[1].Close()
	refs, err := journal.List(r.fs[1], "n")
	if err != nil {
		t.Fatal(err)
	}
	aged := 0
	for _, ref := range refs {
		if ref.LSN == 1 {
			continue // before the first record
		}
		b, _, err := r.at(1, Look{Until: ref.LSN - 1})
		if err != nil || b.Record != ref.LSN-1 {
			t.Errorf("snapshot %d: %v", ref.LSN, err)
		}
		if ref.LSN >= first {
			continue
		}
		aged++
		var gone *journal.RangeError
		if _, _, err := r.at(1, Look{Until: ref.LSN}); !errors.As(err, &gone) {
			t.Errorf("record %d, which is gone: %v", ref.LSN, err)
		}
	}
	if b, _, err := r.at(1, Look{Oldest: true}); err != nil || b.Snapshot < first || b.Replayed == 0 {
		t.Errorf("the oldest with records: %+v, %v", b, err)
	}
	if aged == 0 {
		t.Errorf("no snapshot is older than the journal: %v from record %d", refs, first)
	}
}

// TestInUse tells a directory in which a node runs, and leaves others as they are.
func TestInUse(t *testing.T) {
	r := newRig(t, 1)
	var locked *vfs.LockedError
	if err := InUse(r.fs[0], "n"); !errors.As(err, &locked) {
		t.Errorf("a node runs: %v", err)
	}
	r.d[0].Close()
	names := r.fs[0].Names()
	for _, dir := range []string{"n", "none"} {
		if err := InUse(r.fs[0], dir); err != nil || len(r.fs[0].Names()) != len(names) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
