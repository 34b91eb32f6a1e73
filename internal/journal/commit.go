package journal

import (
	"sync"
	"sync/atomic"
)

// waitersMax bounds those that wait for one Committer.
const waitersMax = 1 << 16

// Committer makes records durable in groups: one sync serves all that wait for one; while it runs, others gather for
// the next. Its methods may be called from several goroutines at once. It has one goroutine of its own, and now and
// then a second one that makes the file of the next segment, which takes as long as many syncs. Close ends both.
type Committer struct {
	j *Journal

	preparing atomic.Bool
	prepares  sync.WaitGroup

	mu      sync.Mutex
	wake    sync.Cond // someone waits, or there is room, or the end has come
	waiting []waiter
	asleep  bool // the goroutine waits for someone
	full    int  // of those who call Wait, how many wait for room
	closed  bool
	done    chan struct{}
}

type waiter struct {
	lsn uint64
	fn  func(error)
}

// NewCommitter starts a Committer for a journal. Close it before the journal.
func NewCommitter(j *Journal) *Committer {
	c := &Committer{j: j, done: make(chan struct{})}
	c.wake.L = &c.mu
	go c.run()
	return c
}

// Wait has fn called, once, when the record of that number, which was appended before, is durable, or with the error
// that prevents it: a *FailedError, ErrClosed, or a *RangeError if there is no such record. Calls come from the
// goroutine of the Committer, one at a time, in the order of Wait; fn must not block, and must not call Wait or Close.
// While 65,536 others wait, Wait blocks.
func (c *Committer) Wait(lsn uint64, fn func(err error)) {
	c.mu.Lock()
	for len(c.waiting) >= waitersMax && !c.closed {
		c.full++
		c.wake.Wait()
		c.full--
	}
	if c.closed {
		c.mu.Unlock()
		fn(ErrClosed)
		return
	}
	c.waiting = append(c.waiting, waiter{lsn, fn})
	asleep := c.asleep
	c.mu.Unlock()
	if asleep {
		c.wake.Broadcast()
	}
}

// Close serves those that wait and ends the goroutine. Later calls of Wait get ErrClosed.
func (c *Committer) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.wake.Broadcast()
	<-c.done
}

// run syncs as long as someone waits. Whether someone does is looked at under the lock under which they join, so no
// wake-up is lost.
func (c *Committer) run() {
	defer close(c.done)
	defer c.prepares.Wait()
	var group []waiter
	for {
		c.mu.Lock()
		for len(c.waiting) == 0 && !c.closed {
			c.asleep = true
			c.wake.Wait()
			c.asleep = false
		}
		group, c.waiting = c.waiting, group[:0]
		full := c.full > 0
		c.mu.Unlock()
		if len(group) == 0 {
			return
		}
		if full {
			c.wake.Broadcast()
		}
		err := c.j.Sync()
		synced, next := c.j.Synced(), c.j.Next()
		for i, w := range group {
			switch {
			case w.lsn < synced:
				w.fn(nil)
			case err != nil:
				w.fn(err)
			default:
				w.fn(&RangeError{LSN: w.lsn, First: c.j.First(), Next: next})
			}
			group[i] = waiter{}
		}
		c.prepare()
	}
}

// prepare has the file of the next segment made beside the syncs, where it is time for that.
func (c *Committer) prepare() {
	c.j.mu.Lock()
	due := c.j.short()
	c.j.mu.Unlock()
	if !due || c.preparing.Swap(true) {
		return
	}
	c.prepares.Go(func() {
		defer c.preparing.Store(false)
		c.j.Prepare()
	})
}
