package sim

import (
	"cmp"
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
			k, ev := q.pop()
			if all[0] != (want{k.at, int64(ev.node)}) {
				t.Fatalf("got (%d, %d), want %v", k.at, ev.node, all[0])
			}
			all = all[1:]
		}
	}
	slices.SortStableFunc(all, func(a, b want) int { return int(a.at - b.at) })
	for _, w := range all {
		if k, ev := q.pop(); w != (want{k.at, int64(ev.node)}) {
			t.Fatalf("got (%d, %d), want %v", k.at, ev.node, w)
		}
	}
}

// TestQueueOfPauses: what a pause puts back keeps its order, however many pauses meet it and whenever they end. A
// stopped process gets what waits for it in the order in which it came.
func TestQueueOfPauses(t *testing.T) {
	c := NewChance(7, 8)
	for range 300 {
		var q queue
		n := 20 + c.Below(200)
		due := make([]int64, n)
		for i := range due {
			due[i] = int64(c.Below(100))
			q.push(due[i], event{node: 1, from: int32(i)})
			q.push(int64(c.Below(100)), event{node: 2}) // goes through all pauses
		}
		now, paused := int64(0), int64(0)
		got := make([]int32, 0, n)
		for q.len() > 0 {
			k, ev := q.pop()
			if k.at < now {
				t.Fatalf("an event of %d comes at %d", k.at, now)
			}
			now = k.at
			switch {
			case ev.node == 2 && c.Below(4) == 0: // another pause, which may reach beyond the one that is
				paused = max(paused, now+int64(c.Below(60)))
			case ev.node == 2 && now < paused && c.Below(4) == 0:
				paused = now
				q.hasten(1, now)
			case ev.node == 1 && now < paused:
				q.putBack(paused, k, ev)
			case ev.node == 1:
				got = append(got, ev.from)
			}
		}
		if len(got) != n || !slices.IsSortedFunc(got, func(a, b int32) int {
			return cmp.Or(cmp.Compare(due[a], due[b]), cmp.Compare(a, b))
		}) {
			t.Fatalf("%d of %d came, as %v, due at %v", len(got), n, got, due)
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
