package memory

import (
	"hash/fnv"
	"math/rand/v2"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// pair is an ordered pair of peers.
type pair struct{ from, to wire.PeerID }

// link decides what happens to the messages of a pair. It is used under a lock.
type link struct {
	random *rand.Rand
	last   int64 // arrival of the latest message that keeps the order
}

// newLink returns the link of a pair, which has the same generator in every run with the seed.
func newLink(seed uint64, p pair) *link {
	h := fnv.New64a()
	h.Write([]byte(p.from))
	h.Write([]byte{0})
	h.Write([]byte(p.to))
	return &link{random: rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// arrivals returns when the copies of a message that is sent now arrive: none, one or two times.
func (l *link) arrivals(now int64, o *Options, c *counters) (at [2]int64, n int) {
	// All numbers are drawn each time, so that one option does not shift the draws of another.
	drop, twice, behind := l.random.Float64(), l.random.Float64(), l.random.Float64()
	delay, again, extra := l.random.Float64(), l.random.Float64(), l.random.Float64()
	if drop < o.Drop {
		c.dropped.Add(1)
		return at, 0
	}
	spread := float64(o.DelayMax - o.DelayMin)
	at[0] = now + int64(o.DelayMin) + int64(delay*spread)
	at[1] = now + int64(o.DelayMin) + int64(again*spread)
	if o.DelayMax > 0 {
		c.delayed.Add(1)
	}
	if behind < o.Reorder {
		c.reordered.Add(1)
		at[0] += int64(extra * float64(max(o.DelayMax, reorderDelay)))
	} else {
		at[0] = max(at[0], l.last)
		l.last = at[0]
	}
	at[1] = max(at[1], at[0]) // the repetition comes after the message
	if twice < o.Duplicate {
		c.duplicated.Add(1)
		return at, 2
	}
	return at, 1
}

// breaks says whether the link breaks behind the message that arrivals was asked about.
func (l *link) breaks(o *Options) bool { return o.Break > 0 && l.random.Float64() < o.Break }
