package dataflow

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/prove/programs"
	"github.com/rhizome-ml/rhizome/value"
	"pgregory.net/rapid"
)

// TestShelf holds the shelf against a sorted map, captures included.
func TestShelf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s shelf[int]
		want := map[uint64]int{}
		next := uint64(1)
		type kept struct {
			row  []*page[int]
			want map[uint64]int
		}
		var all []kept
		check := func(row []*page[int], want map[uint64]int) {
			ids := sortedKeys(want)
			if entries(row) != len(ids) {
				t.Fatalf("%d entries, want %d", entries(row), len(ids))
			}
			k := 0
			for _, p := range row {
				if len(p.ids) == 0 || len(p.ids) > pageSize || len(p.ids) != len(p.items) {
					t.Fatalf("a page has %d numbers and %d items", len(p.ids), len(p.items))
				}
				for i, id := range p.ids {
					if id != ids[k] || p.items[i] != want[id] {
						t.Fatalf("entry %d is (%d, %d), want (%d, %d)", k, id, p.items[i], ids[k], want[ids[k]])
					}
					k++
				}
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			ids := sortedKeys(want)
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0: // many new ones
				for range rapid.IntRange(1, 300).Draw(t, "n") {
					next += uint64(1 + next%3)
					s.put(next, int(next))
					want[next] = int(next)
				}
			case 1:
				if len(ids) > 0 {
					id := ids[rapid.IntRange(0, len(ids)-1).Draw(t, "at")]
					s.put(id, -want[id])
					want[id] = -want[id]
				}
			case 2: // a run of neighbours, so that pages become empty
				if len(ids) > 0 {
					at := rapid.IntRange(0, len(ids)-1).Draw(t, "at")
					for _, id := range ids[at:min(len(ids), at+rapid.IntRange(1, 200).Draw(t, "n"))] {
						s.remove(id)
						delete(want, id)
					}
				}
			case 3:
				c := map[uint64]int{}
				for id, x := range want {
					c[id] = x
				}
				all = append(all, kept{s.share(), c})
			}
			check(s.row, want)
		}
		for _, k := range all {
			check(k.row, k.want)
		}
	})
}

// TestTrackerIsBounded: without captures, and between two, what comes and goes leaves nothing behind.
func TestTrackerIsBounded(t *testing.T) {
	b := programs.NewBuilder("one")
	f := b.Fn(program.KindInvoke, "call", 1)
	f.Op(program.OpPassThrough, 1, 0)
	if err := b.Program.Link(); err != nil {
		t.Fatal(err)
	}
	for _, shared := range []bool{false, true} {
		y := newYard(t, b.Program, testLimits())
		y.m.shares = shared
		y.poll()
		if y.m.track != nil {
			t.Fatal("a machine of which nobody took a capture tracks changes")
		}
		y.m.Capture()
		for i := range 10_000 {
			y.call("call", value.Int(1))
			y.m.ArmComponent(0, 1, uint64(i))
			y.m.DisarmComponent(0, uint64(i))
			p := &pending{id: y.m.st.nextCommand}
			y.m.st.nextCommand++
			y.m.gave(p)
			y.m.took(p)
			y.now = int64(i)
			y.poll()
		}
		if n := len(y.m.track.changed) + len(y.m.track.commands) + len(y.m.track.armed); n > 500 {
			t.Errorf("%d entries for what came and went", n)
		}
	}
	b = programs.NewBuilder("one")
	b.Fn(program.KindInvoke, "wait", 1).Add(program.Op{Code: program.OpSleep, Delay: 1 << 60}, 1, 0)
	if err := b.Program.Link(); err != nil {
		t.Fatal(err)
	}
	l := testLimits()
	l.Frames, l.Timers = 2000, 2000
	y := newYard(t, b.Program, l)
	y.poll()
	for range 1000 {
		y.call("wait", value.Int(1))
		y.poll()
	}
	y.m.Capture()
	if c := y.m.Capture(); entries(c.frames) != 1000 || entries(c.timers) != 1000 || len(y.m.track.changed) != 0 {
		t.Errorf("%d activations, %d timers, %d changed", entries(c.frames), entries(c.timers), len(y.m.track.changed))
	}
}
