package bench

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

const fixedBytes = 64 << 10 // of a snapshot, whatever it holds

// written measures what publishing a snapshot writes and how much memory it takes at most, beside what changed since
// the snapshot before.
func written(fsys vfs.FS, dir string, sizes SnapshotSizes, emit func(Metric)) error {
	disk := newMeter(fsys)
	s, err := openSubject(disk, dir, sizes.Small, 0)
	if err != nil {
		return err
	}
	defer s.close(fsys, dir)
	if err := s.d.Save(); err != nil {
		return err
	}
	// The cells are of equal size, so what changes is a whole number of them.
	each := sizes.Small / cells
	dirty := float64((sizes.Dirty + each - 1) / each * each)
	var wrote, peak []float64
	for range samples {
		if err := s.dirty(sizes.Dirty, sizes.Small); err != nil {
			return err
		}
		if _, err := s.step(); err != nil {
			return err
		}
		if err := s.d.Journal.Sync(); err != nil { // the journal is counted by itself
			return err
		}
		var c *host.Checkpoint
		most := peakMemory(func() {
			if c, _, err = s.pause(); err != nil {
				return
			}
			var n int64
			n, err = disk.during(func() error { _, err := c.Publish(); return err })
			wrote = append(wrote, float64(n))
		})
		if err != nil {
			return err
		}
		peak = append(peak, most)
	}
	emit(metric(snapshotBench, "snapshot_written_bytes", quantile(wrote, 0.5), "bytes", dirty,
		"what changed since the last snapshot").
		aim(1.05*dirty + fixedBytes))
	emit(metric(snapshotBench, "snapshot_peak_bytes", quantile(peak, 0.5), "bytes", dirty,
		"what changed since the last snapshot").
		aim(float64(1.1*dirty) + (64 << 20)))
	return nil
}

// peakMemory returns by how many bytes the memory of the process grows at most while f runs, looked at each
// millisecond.
func peakMemory(f func()) float64 {
	debug.FreeOSMemory()
	before := heldMemory()
	most := before
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, heldMemory())
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	runtime.Gosched()
	f()
	close(stop)
	<-done
	return float64(max(most, heldMemory()) - before)
}

// heldMemory returns the bytes that the runtime has of the system.
func heldMemory() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}

// throughput measures how many calls a second a node takes through its journal, group commits of 256, with a snapshot
// in each window, beside a window without one just before.
func throughput(fsys vfs.FS, dir string, sizes SnapshotSizes, emit func(Metric)) error {
	s, err := openSubject(fsys, dir, sizes.Small, 0)
	if err != nil {
		return err
	}
	defer s.close(fsys, dir)
	if err := s.d.Save(); err != nil {
		return err
	}
	if _, err := s.window(sizes, false); err != nil { // warms what both share
		return err
	}
	var with, without, ratios []float64
	for range sizes.Windows {
		plain, err := s.window(sizes, false)
		if err != nil {
			return err
		}
		snap, err := s.window(sizes, true)
		if err != nil {
			return err
		}
		with, without, ratios = append(with, snap), append(without, plain), append(ratios, snap/plain)
	}
	m := metric(snapshotBench, "calls_per_s_with_snapshots", quantile(with, 0.5), "1/s", quantile(without, 0.5),
		"the same without snapshots").higher()
	m.Ratio = quantile(ratios, 0.5) // of neighbours: a loud second on the machine meets both
	emit(m.aimRatio(0.97))
	return nil
}
