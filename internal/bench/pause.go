package bench

import (
	"fmt"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// pauses measures what a snapshot costs the thread that steps the node, at two sizes of state of which equally much
// changes between two snapshots, while the snapshot before is being published beside it.
func pauses(fsys vfs.FS, dir string, sizes SnapshotSizes, emit func(Metric)) error {
	var at [2]float64
	for i, state := range []int{sizes.Small, sizes.Large} {
		memcpy := memcpyTime(state)
		all, err := pausesOf(fsys, dir, state, sizes)
		if err != nil {
			return err
		}
		at[i] = quantile(all, 0.5)
		name := sizeName(state)
		emit(metric(snapshotBench, "pause_"+name+"_ms", at[i]/1e6, "ms", memcpy/1e6,
			"memcpy of the whole state").aimRatio(0.02))
		if state == sizes.Large {
			emit(metric(snapshotBench, "pause_p99_"+name+"_ms", quantile(all, 0.99)/1e6, "ms", memcpy/1e6,
				"memcpy of the whole state").aim(1))
		}
	}
	what := fmt.Sprintf("the pause at %s, with as much changed", sizeName(sizes.Small))
	emit(metric(snapshotBench, "pause_growth_ms", at[1]/1e6, "ms", at[0]/1e6, what).aimRatio(1.5))
	return nil
}

// memcpyTime returns the nanoseconds of copying n bytes between two buffers that were touched before.
func memcpyTime(n int) float64 {
	from, to := make([]byte, n), make([]byte, n)
	copy(from, to)
	copy(to, from)
	return median(func() float64 { return once(func() { copy(to, from) }) })
}

// pausesOf takes snapshots one after the other and returns the pause of each in nanoseconds.
func pausesOf(fsys vfs.FS, dir string, state int, sizes SnapshotSizes) ([]float64, error) {
	s, err := openSubject(fsys, dir, state, 0)
	if err != nil {
		return nil, err
	}
	defer s.close(fsys, dir)
	if err := s.d.Save(); err != nil {
		return nil, err
	}
	var beside publisher
	defer beside.wait()
	var all []float64
	for range sizes.Pauses {
		if err := s.dirty(sizes.Dirty, state); err != nil {
			return nil, err
		}
		if _, err := s.step(); err != nil {
			return nil, err
		}
		c, ns, err := s.pause()
		if err != nil {
			return nil, err
		}
		all = append(all, ns)
		if err := beside.offer(c); err != nil {
			return nil, err
		}
	}
	return all, beside.wait()
}

// pause takes a snapshot and returns the nanoseconds that the stepping thread gave for it.
func (s *subject) pause() (c *host.Checkpoint, ns float64, err error) {
	start := time.Now()
	c, err = s.d.Checkpoint()
	return c, float64(time.Since(start).Nanoseconds()), err
}

// publisher publishes one snapshot at a time beside the thread that steps.
type publisher struct{ done chan error }

// offer publishes the snapshot if none is being published, and else drops it.
func (p *publisher) offer(c *host.Checkpoint) error {
	if p.done != nil {
		select {
		case err := <-p.done:
			if p.done = nil; err != nil {
				return err
			}
		default:
			return nil
		}
	}
	p.start(c)
	return nil
}

func (p *publisher) start(c *host.Checkpoint) {
	done := make(chan error, 1)
	p.done = done
	go func() {
		_, err := c.Publish()
		done <- err
	}()
}

// wait waits until nothing is being published.
func (p *publisher) wait() error {
	if p.done == nil {
		return nil
	}
	err := <-p.done
	p.done = nil
	return err
}

// pendingPause measures the pause with many pending commands and timers beside the pause without them.
func pendingPause(fsys vfs.FS, dir string, sizes SnapshotSizes, emit func(Metric)) error {
	var at [2]float64
	for i, n := range []int{0, sizes.Pending} {
		s, err := openSubject(fsys, dir, cells, sizes.Pending)
		if err != nil {
			return err
		}
		if err := s.wait(n); err != nil {
			return err
		}
		if _, err := s.d.Checkpoint(); err != nil { // takes what is new; the others take what changed since
			return err
		}
		var all []float64
		for range sizes.Pauses {
			if _, err := s.step(); err != nil {
				return err
			}
			_, ns, err := s.pause()
			if err != nil {
				return err
			}
			all = append(all, ns)
		}
		at[i] = quantile(all, 0.5)
		if err := s.close(fsys, dir); err != nil {
			return err
		}
	}
	what := "the pause without them"
	emit(metric(snapshotBench, "pause_pending_us", at[1]/1e3, "us", at[0]/1e3, what).aimRatio(3))
	return nil
}

// quantile returns the q-quantile of the figures; q is between 0 and 1.
func quantile(all []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
