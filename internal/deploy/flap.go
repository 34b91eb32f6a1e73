package deploy

import (
	"fmt"
	"sync"
	"time"
)

// flap tells whether a server is there, each change at once while they are few, and else now and then with the number
// of those that were not told: two processes with one key take each other's link many times a second, until one of them
// ends. It is safe for concurrent use.
type flap struct {
	mu     sync.Mutex
	turns  bucket
	known  bool
	up     bool // what is so
	reason string
	untold int // changes since what was told last
	since  time.Time
	at     time.Time // of the last change
}

// The bounds of what a flap tells: so many changes at once, and one more in each flapEach.
const (
	flapMost = 4
	flapEach = 10 * time.Second
	flapRest = 3 * time.Second // what is so for so long is told in any case
)

// note takes what is so, and returns the line to tell, or "".
func (f *flap) note(now time.Time, up bool, reason error) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known && f.up == up {
		return ""
	}
	f.known, f.up, f.at = true, up, now
	if reason != nil {
		// in words: the chain of errors of a connection that broke off says "stream reset" three times
		_, f.reason = whose(reason)
	}
	if f.untold++; f.untold == 1 {
		f.since = now
	}
	return f.report(now)
}

// look returns what is still to be told.
func (f *flap) look(now time.Time) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.untold == 0 {
		return ""
	}
	return f.report(now)
}

func (f *flap) report(now time.Time) string {
	if !f.turns.take(flapMost, 1/flapEach.Seconds(), now) && now.Sub(f.at) < flapRest {
		return ""
	}
	text := "the server is there"
	if !f.up {
		text = "the server cannot be reached, and is tried again: " + f.reason
	}
	if f.untold > 1 {
		text += fmt.Sprintf(
			" (it was gone or back %d times in %s; where another process runs with the key of this node, one of the "+
				"two ends)", f.untold, Spoken(now.Sub(f.since)))
	}
	f.untold = 0
	return text
}
