package sim

import (
	"testing"
	"time"
)

// TestLongSpans: durations beyond 2^31 ns are drawn evenly on machines of 32 bits too, and the same as elsewhere.
func TestLongSpans(t *testing.T) {
	c, long := NewChance(1, 2), 0
	for range 1000 {
		if d := c.Between(time.Second, time.Hour); d < time.Second || d >= time.Hour {
			t.Fatalf("%v is outside", d)
		} else if d > 30*time.Minute {
			long++
		}
	}
	if long < 400 || long > 600 {
		t.Errorf("%d of 1,000 are in the upper half", long)
	}
	if d := c.Between(0, 24*time.Hour); d != goldenSpan {
		t.Errorf("the next is %d ns, want %d", d, goldenSpan)
	}
}

// goldenSpan is what the source gives on every machine.
const goldenSpan = 32525745242386 * time.Nanosecond
