package host

import (
	"runtime"
	"sync/atomic"
	"time"
)

// pace says when a host takes a snapshot. Publishing has at most a share of a processor's time: the next waits until
// rest times what the last one took of that has passed, or the journal is patience times as long as it may be.
type pace struct {
	work  atomic.Int64  // nanoseconds of computing since the newest snapshot, which a recovery does again
	took  time.Duration // the last publishing; this and ended belong to who has set Host.publishing
	ended time.Time
}

const (
	rest     = 19 // so publishing has a twentieth
	patience = 8
)

// worked counts the time since it began. It is safe for concurrent use.
func (p *pace) worked(began time.Time) { p.work.Add(int64(time.Since(began))) }

// rested says whether publishing may take its share of the time again.
func (p *pace) rested() bool { return time.Since(p.ended) >= rest*p.took }

// checkpoint takes a snapshot here when one is due, and publishes it beside the stepping. While one is being published
// it takes none: however slow the disk is, one state is held.
func (h *Host) checkpoint() error {
	full, long := h.d.SnapshotDue(), h.pace.work.Load() >= int64(h.d.store.SnapshotWork)
	if !full && !long || !h.publishing.CompareAndSwap(false, true) {
		return nil
	}
	if !h.pace.rested() && h.d.bytes < patience*h.d.store.SnapshotBytes {
		h.publishing.Store(false)
		return nil
	}
	take := h.d.Waypoint
	if full {
		take = h.d.Checkpoint
	}
	c, err := take()
	if err != nil {
		return err
	}
	h.pace.work.Store(0)
	h.done.Go(func() {
		defer h.publishing.Store(false)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		began := threadTime()
		before, err := c.Publish()
		if err != nil {
			h.fail(err)
			return
		}
		h.pace.took, h.pace.ended = threadTime()-began, time.Now()
		select {
		case h.release <- before:
		case <-h.stop:
		}
	})
	return nil
}
