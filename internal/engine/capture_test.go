package engine

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// wholeSnapshot is the slow and obvious form of Snapshot: it looks at everything.
func wholeSnapshot(t tb, e *Engine) *snapshot.TransientSnapshot {
	s, err := e.snapRest()
	if err != nil {
		t.Fatal(err)
	}
	s.WireStates, s.Framework.PendingOutbound = e.st.streams.Snapshot()
	tables := e.capturePeers()
	tables.describe(&s.Framework)
	for _, exec := range e.sortedExecs() {
		x := e.imageOf(e.st.frames.get(exec))
		s.ExecutionState = append(s.ExecutionState, x.state)
		s.SlotTable = append(s.SlotTable, x.slots...)
	}
	for _, id := range sortedKeys(e.st.pending) {
		p := e.st.pending[id]
		s.PendingAsync = append(s.PendingAsync, pendingImage{p, e.st.frames.get(p.exec).fn}.snap())
	}
	for _, tm := range e.st.timers.sorted() {
		s.Framework.Timers = append(s.Framework.Timers, e.snapTimer(tm))
	}
	return s
}

func encodeTransient(t tb, e *Engine, s *snapshot.TransientSnapshot) []byte {
	b, err := snapshot.Marshal(e.reg, s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCaptureTakesEveryChange: a capture that looks only at what changed since the last one shows what one that looks at
// everything shows, after any op of a random run; and nothing that happens later changes it.
func TestCaptureTakesEveryChange(t *testing.T) {
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		every := rapid.IntRange(1, 9).Draw(t, "every")
		type kept struct {
			e *Engine
			c *Capture
			b []byte
		}
		var all []kept
		ops := 0
		w := newWorld(t, randomPrograms(t), false)
		look := func(e *Engine) {
			if ops++; ops%every != 0 {
				return
			}
			c, err := e.Capture()
			if err != nil {
				t.Fatal(err)
			}
			got, want := encodeTransient(t, e, c.Message()), encodeTransient(t, e, wholeSnapshot(t, e))
			if !bytes.Equal(got, want) {
				t.Fatalf("op %d: the capture differs from the state:\n%+v\n%+v", ops, c.Message(), wholeSnapshot(t, e))
			}
			all = append(all, kept{e, c, got})
		}
		if rapid.Bool().Draw(t, "one scratch for both") {
			shared := NewScratch()
			for _, n := range w.nodes {
				n.cfg.Scratch = shared
				var err error
				if n.e, err = New(n.cfg); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, n := range w.nodes {
			n.e.afterOp = func() { look(n.e) }
		}
		for _, s := range randomSchedule(t) {
			w.act(s.kind, s.a, s.b)
			look(w.nodes[s.a%2].e)
		}
		w.settle(4)
		for _, k := range all {
			if !bytes.Equal(encodeTransient(t, k.e, k.c.Message()), k.b) {
				t.Fatal("a capture changed after it was taken")
			}
		}
		taken += len(all)
	})
	if t.Logf("%d captures", taken); taken == 0 {
		t.Fatal("no capture was taken")
	}
}

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

// waitingEngine returns an engine with n activations, of which each sleeps.
func waitingEngine(t testing.TB, n int) *Engine {
	b := newBuilder("one")
	f := b.fn(program.KindInvoke, "wait", 1)
	f.add(program.Op{Code: program.OpSleep, Delay: 1 << 60}, 1, 0)
	p := b.link(t)
	cfg := testConfig(p)
	cfg.Limits.Frames, cfg.Limits.Timers = 2*n+10, 2*n+10
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		e.Deliver(&Event{Invoke: &snapshot.InvokeEvent{Name: "wait", Inputs: []value.Value{value.Int(1)}}})
		e.Poll(1)
	}
	return e
}

// TestTrackerIsBounded: without captures, and between two, what comes and goes leaves nothing behind.
func TestTrackerIsBounded(t *testing.T) {
	for _, shared := range []*Scratch{nil, NewScratch()} {
		trackBounded(t, shared)
	}
}

func trackBounded(t *testing.T, shared *Scratch) {
	e, ev := chain(t, 3)
	if shared != nil {
		cfg := testConfig(e.prog)
		cfg.Scratch = shared
		var err error
		if e, err = New(cfg); err != nil {
			t.Fatal(err)
		}
	}
	if e.track != nil {
		t.Fatal("an engine of which nobody took a capture tracks changes")
	}
	if _, err := e.Capture(); err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		if err := e.Deliver(ev); err != nil {
			t.Fatal(err)
		}
		e.arm(timer{kind: timerComponent, token: uint64(i)}, 1)
		e.disarmAll(timerOwner{kind: timerComponent, token: uint64(i)})
		p := &pending{id: e.st.nextCommand}
		e.st.nextCommand++
		e.gave(p)
		e.took(p)
		e.Poll(int64(i))
	}
	if n := len(e.track.changed) + len(e.track.commands) + len(e.track.armed); n > 500 {
		t.Errorf("%d entries for what came and went", n)
	}
	before := waitingEngine(t, 1000)
	if _, err := before.Capture(); err != nil {
		t.Fatal(err)
	}
	c, err := before.Capture()
	if err != nil || entries(c.frames) != 1000 || entries(c.timers) != 1000 || len(before.track.changed) != 0 {
		t.Errorf("%v: %d activations, %d timers, %d changed", err, entries(c.frames), entries(c.timers), len(before.track.changed))
	}
}
