package bench

import (
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

const recordBytes = 200

// commitRatios measures durable records of 200 bytes: one after the other beside bare syncs of as many bytes, and 256
// in flight beside a bare loop that writes the same bytes and syncs once for 256 of them.
func commitRatios(fsys vfs.FS, dir string, sizes SnapshotSizes, emit func(Metric)) error {
	j, _, err := journal.Open(fsys, dir, journal.Options{SegmentBytes: 1 << 20})
	if err != nil {
		return err
	}
	defer j.Close()
	bare, err := openBare(fsys, filepath.Join(dir, "bare"), 8<<20)
	if err != nil {
		return err
	}
	defer bare.f.Close()
	record := make([]byte, recordBytes)
	one := func() error {
		if _, err := j.Append(record); err != nil {
			return err
		}
		return j.Sync()
	}
	each := max(5, sizes.Records/50)
	ours, floor, ratio, err := pairs(each, one, func() error { return bare.write(framed(recordBytes)) })
	if err != nil {
		return err
	}
	m := metric(snapshotBench, "commit_1_us", ours/1e3, "us", floor/1e3, "a bare fdatasync of the same bytes")
	m.Ratio = ratio
	emit(m.aimRatio(1.3))

	c := journal.NewCommitter(j)
	defer c.Close()
	flight := newFlight(j, c, record)
	ours, floor, ratio, err = pairs(1, func() error { return flight.run(sizes.Rounds * inFlightMax) }, func() error {
		for range sizes.Rounds {
			if err := bare.write(inFlightMax * framed(recordBytes)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	n := float64(sizes.Rounds * inFlightMax)
	m = metric(snapshotBench, "commits_256_per_s", n*1e9/ours, "1/s", n*1e9/floor,
		"a bare loop that syncs once for 256 records").higher()
	m.Ratio = 1 / ratio
	emit(m.aimRatio(0.7))
	return nil
}

// framed is what a record of so many bytes takes in the journal: a head of 24 bytes, and padding to a multiple of 8.
func framed(n int) int { return 24 + (n+7)/8*8 }

// pairs measures a and b alternately, n calls of each, and returns the medians of the nanoseconds of one call, and the
// median of the ratio of neighbours.
func pairs(n int, a, b func() error) (ours, floor, ratio float64, err error) {
	var as, bs, rs []float64
	run := func(f func() error) float64 {
		return once(func() {
			for range n {
				if bad := f(); bad != nil {
					err = bad
				}
			}
		}) / float64(n)
	}
	for range samples {
		y := run(b)
		x := run(a)
		as, bs, rs = append(as, x), append(bs, y), append(rs, x/y)
	}
	return quantile(as, 0.5), quantile(bs, 0.5), quantile(rs, 0.5), err
}

// bareFile is a file in which every byte was written before, so that a sync changes nothing but content.
type bareFile struct {
	f        vfs.File
	at, size int64
	buf      []byte
}

func openBare(fsys vfs.FS, path string, size int64) (*bareFile, error) {
	f, err := fsys.Create(path)
	if err != nil {
		return nil, err
	}
	if err = f.Preallocate(size); err == nil {
		err = f.Sync()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &bareFile{f: f, size: size, buf: make([]byte, inFlightMax*framed(recordBytes))}, nil
}

// write writes the next n bytes and syncs them.
func (b *bareFile) write(n int) error {
	if b.at+int64(n) > b.size {
		b.at = 0
	}
	if _, err := b.f.WriteAt(b.buf[:n], b.at); err != nil {
		return err
	}
	b.at += int64(n)
	return b.f.Datasync()
}

// flight keeps 256 records in flight, as so many clients do that each send the next when the last one is durable.
type flight struct {
	j      *journal.Journal
	c      *journal.Committer
	record []byte
	slots  chan error
}

func newFlight(j *journal.Journal, c *journal.Committer, record []byte) *flight {
	return &flight{j, c, record, make(chan error, inFlightMax)}
}

// run commits n records and waits for all of them.
func (f *flight) run(n int) error {
	for i := range n + inFlightMax {
		if i >= inFlightMax {
			if err := <-f.slots; err != nil {
				return err
			}
		}
		if i >= n {
			continue
		}
		lsn, err := f.j.Append(f.record)
		if err != nil {
			return err
		}
		f.c.Wait(lsn, func(err error) { f.slots <- err })
	}
	return nil
}

// amplification measures what the journal writes for its payload, records of 200 bytes, when snapshots release what is
// behind them: one sync for each record, and one for 256. All is counted that is handed to the disk: heads, padding,
// headers of segments, zeros.
func amplification(fsys vfs.FS, dir string, sizes SnapshotSizes, emit func(Metric)) error {
	for _, group := range []int{1, inFlightMax} {
		disk := newMeter(fsys)
		where := filepath.Join(dir, "journal")
		j, _, err := journal.Open(disk, where, journal.Options{SegmentBytes: 256 << 10})
		if err != nil {
			return err
		}
		record := make([]byte, recordBytes)
		records := 0
		commit := func(n int) error {
			for ; n > 0; n -= group {
				for range group {
					if _, err := j.Append(record); err != nil {
						return err
					}
				}
				records += group
				if err := j.Sync(); err != nil {
					return err
				}
				if records%1024 < group {
					if err := j.Release(j.Next() - 1); err != nil {
						return err
					}
				}
			}
			return nil
		}
		err = commit(4096) // the first segments are new ones
		records = 0
		var wrote int64
		if err == nil {
			wrote, err = disk.during(func() error { return commit(sizes.Rounds * inFlightMax) })
		}
		if closed := j.Close(); err == nil {
			err = closed
		}
		removeAll(fsys, where)
		if err != nil {
			return err
		}
		name := map[int]string{1: "journal_written_1_bytes", inFlightMax: "journal_written_256_bytes"}[group]
		emit(metric(snapshotBench, name, float64(wrote), "bytes", float64(records*recordBytes),
			"the payloads of 200 bytes").aimRatio(1.25))
	}
	return nil
}
