package bench

import (
	"time"

	"github.com/rhizome-ml/rhizome/internal/journal"
)

// inFlightMax is how many calls wait for the disk at once.
const inFlightMax = 256

// window steps the node for the time of a window, or until the snapshot that is taken at its beginning is published,
// and returns the calls per second. As much state changes in a window with a snapshot as in one without.
func (s *subject) window(sizes SnapshotSizes, snap bool) (perSecond float64, err error) {
	if err := s.dirty(sizes.Dirty, sizes.Small); err != nil {
		return 0, err
	}
	c := journal.NewCommitter(s.d.Journal)
	defer c.Close()
	slots := make(chan error, inFlightMax)
	for range inFlightMax {
		slots <- nil
	}
	release := make(chan uint64, 1)
	var failed chan error
	start := time.Now()
	if snap {
		failed = make(chan error, 1)
		point, _, err := s.pause()
		if err != nil {
			return 0, err
		}
		go func() {
			before, err := point.Publish()
			release <- before
			failed <- err
		}()
	}
	n := 0
	for ; failed != nil || time.Since(start) < sizes.Window; n++ {
		if err := <-slots; err != nil {
			return 0, err
		}
		lsn, err := s.step()
		if err != nil {
			return 0, err
		}
		c.Wait(lsn, func(err error) { slots <- err })
		select {
		case before := <-release: // the stepping thread releases, as in a host
			if err := s.d.Journal.Release(before); err != nil {
				return 0, err
			}
		case err := <-failed:
			if failed = nil; err != nil {
				return 0, err
			}
		default:
		}
	}
	for range inFlightMax {
		if err := <-slots; err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}
