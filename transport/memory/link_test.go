package memory

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestArrivals: a message arrives in the bounds of its delay, keeps the order unless it was let fall behind, and its
// repetition comes later.
func TestArrivals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := (Options{Seed: rapid.Uint64().Draw(t, "seed"), Drop: rapid.Float64Range(-1, 2).Draw(t, "drop"),
			Duplicate: rapid.Float64Range(0, 1).Draw(t, "duplicate"),
			Reorder:   rapid.SampledFrom([]float64{0, 0.5, 1}).Draw(t, "reorder"),
			DelayMin:  time.Duration(rapid.Int64Range(-3, 50).Draw(t, "min")),
			DelayMax:  time.Duration(rapid.Int64Range(0, 90).Draw(t, "max")),
		}).sound()
		l := newLink(o.Seed, pair{"a", "b"})
		var c counters
		now, last, copies := int64(0), int64(0), 0
		const count = 60
		for range count {
			at, n := l.arrivals(now, &o, &c)
			copies += n
			for _, at := range at[:n] {
				most := now + int64(o.DelayMax)
				if o.Reorder > 0 {
					most += int64(max(o.DelayMax, reorderDelay))
				}
				// One that keeps the order may wait for one before it, which was sent no later.
				if at < now+int64(o.DelayMin) || at > most {
					t.Fatalf("at %d, sent at %d", at, now)
				}
			}
			if n > 0 && o.Reorder == 0 {
				if at[0] < last {
					t.Fatalf("at %d, one before it at %d", at[0], last)
				}
				last = at[0]
			}
			if n == 2 && at[1] < at[0] {
				t.Fatalf("the repetition at %d, the message at %d", at[1], at[0])
			}
			now += rapid.Int64Range(0, 20).Draw(t, "step")
		}
		s := c.stats()
		if uint64(copies) != count-s.Dropped+s.Duplicated || s.Reordered > count {
			t.Fatalf("%d copies: %+v", copies, s)
		}
	})
}

// TestLinksIndependent: the fate of a pair's messages is its own, and the same in each run with the seed.
func TestLinksIndependent(t *testing.T) {
	o := (Options{Seed: 9, Drop: 0.3, Duplicate: 0.3, Break: 0.3}).sound()
	fate := func(p pair) (s string) {
		l := newLink(o.Seed, p)
		var c counters
		for range 100 {
			_, n := l.arrivals(0, &o, &c)
			s += string(rune('0' + n))
			if l.breaks(&o) {
				s += "!"
			}
		}
		return s
	}
	if a := fate(pair{"a", "b"}); a != fate(pair{"a", "b"}) || a == fate(pair{"b", "a"}) || a == fate(pair{"a", "c"}) {
		t.Errorf("%s", a)
	}
}
