package sim

import (
	"slices"
	"testing"
	"time"
)

// TestQueueOrder holds the queue against a sorted list: events come by time, and in the order in which they were set
// among equals.
func TestQueueOrder(t *testing.T) {
	c := NewChance(1, 2)
	var q queue
	type want struct{ at, node int64 }
	var all []want
	for i := range 5000 {
		at := int64(c.Below(300))
		q.push(at, event{node: int32(i)})
		all = append(all, want{at, int64(i)})
		if c.Below(3) == 0 {
			slices.SortStableFunc(all, func(a, b want) int { return int(a.at - b.at) })
			at, ev := q.pop()
			if all[0] != (want{at, int64(ev.node)}) {
				t.Fatalf("got (%d, %d), want %v", at, ev.node, all[0])
			}
			all = all[1:]
		}
	}
	slices.SortStableFunc(all, func(a, b want) int { return int(a.at - b.at) })
	for _, w := range all {
		if at, ev := q.pop(); w != (want{at, int64(ev.node)}) {
			t.Fatalf("got (%d, %d), want %v", at, ev.node, w)
		}
	}
}

// TestClock: a monotonic clock never goes back, whatever its rate, and when is its inverse.
func TestClock(t *testing.T) {
	c, ch := newClock(), NewChance(3, 4)
	now, last := int64(0), int64(0)
	for range 10000 {
		now += int64(ch.Below(1e9))
		if ch.Below(10) == 0 {
			c.setRate(now, int64(512+ch.Below(1024)))
		}
		m := c.mono(now)
		if m < last {
			t.Fatalf("the clock went from %d to %d", last, m)
		}
		last = m
		ahead := m + int64(ch.Below(1e9))
		if at := c.when(ahead); c.mono(at) < ahead || at < now {
			t.Fatalf("when(%d) is %d, and shows %d then", ahead, at, c.mono(at))
		}
	}
}

// TestLatencies: each distribution stays within its bounds and has about its mean.
func TestLatencies(t *testing.T) {
	for _, k := range []struct {
		l    Latency
		mean time.Duration
	}{
		{Latency{Min: 7 * time.Millisecond}, 7 * time.Millisecond},
		{Latency{Kind: "uniform", Min: 10 * time.Millisecond, Max: 30 * time.Millisecond}, 20 * time.Millisecond},
		{Latency{Kind: "exponential", Min: time.Millisecond, Mean: 9 * time.Millisecond}, 10 * time.Millisecond},
		{Latency{Kind: "lognormal", Mean: 20 * time.Millisecond, Tail: 0.5}, 20 * time.Millisecond},
		{Latency{Kind: "pareto", Mean: 10 * time.Millisecond, Tail: 3}, 15 * time.Millisecond},
	} {
		if err := k.l.Validate(); err != nil {
			t.Fatal(err)
		}
		c, sum := NewChance(5, 6), int64(0)
		const n = 200000
		for range n {
			d := k.l.draw(&c)
			if d < int64(k.l.Min) || k.l.Kind == "uniform" && d > int64(k.l.Max) {
				t.Fatalf("%s gives %d", k.l.Kind, d)
			}
			sum += d
		}
		if mean := time.Duration(sum / n); mean < k.mean*97/100 || mean > k.mean*103/100 {
			t.Errorf("%s has a mean of %v, want about %v", k.l.Kind, mean, k.mean)
		}
	}
	for _, bad := range []Latency{{Kind: "gauss"}, {Min: -1}, {Kind: "uniform", Min: 2}, {Kind: "pareto"},
		{Kind: "lognormal", Tail: 9}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
