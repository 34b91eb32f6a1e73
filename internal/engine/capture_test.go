package engine

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/snapshot"
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
	machine := e.m.Whole()
	machine.Describe(s)
	return s
}

func encodeTransient(t tb, e *Engine, s *snapshot.TransientSnapshot) []byte {
	b, err := snapshot.Marshal(e.reg, s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCaptureTakesEveryChange: a capture that looks only at what changed since the last one shows what one that looks
// at everything shows, after any op of a random run; and nothing that happens later changes it.
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
				e, err := New(n.cfg)
				if err != nil {
					t.Fatal(err)
				}
				n.use(e)
			}
		}
		for _, n := range w.nodes {
			n.e.m.Observe(func() { look(n.e) }, n.cfg.Trace)
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
