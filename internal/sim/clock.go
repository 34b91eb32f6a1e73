package sim

import "time"

// Epoch is what the clocks of all machines show at the beginning, in nanoseconds since 1970.
const Epoch = 1_800_000_000 * int64(time.Second)

// rateOne is a clock that is right: a rate is a number of 1024ths.
const rateOne = 1024

// clock is the clock of one machine: a monotonic part, which may be slow or fast, and a wall clock beside it, which may
// jump.
type clock struct {
	rate   int64 // in 1024ths of true time
	virt   int64 // true time when mono was base
	base   int64
	jumped int64 // of the wall clock against the monotonic one
}

func newClock() clock { return clock{rate: rateOne} }

// mono returns what the monotonic clock shows at a true time.
func (c *clock) mono(now int64) int64 { return c.base + scale(now-c.virt, c.rate, rateOne) }

// wall returns what the wall clock shows.
func (c *clock) wall(now int64) int64 { return Epoch + c.mono(now) + c.jumped }

// when returns the true time at which the monotonic clock shows mono or more.
func (c *clock) when(mono int64) int64 {
	if mono <= c.base {
		return c.virt
	}
	return c.virt + scale(mono-c.base, rateOne, c.rate) + 1
}

// setRate changes how fast the clock goes, from now on.
func (c *clock) setRate(now, rate int64) {
	c.base, c.virt, c.rate = c.mono(now), now, rate
}

// scale returns x·num/den without overflow for the times of a simulation.
func scale(x, num, den int64) int64 {
	if num == den {
		return x
	}
	return x/den*num + x%den*num/den
}
