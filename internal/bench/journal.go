package bench

import (
	"path/filepath"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// commits measures a durable record of 200 bytes, alone and with 256 in flight, beside a bare fdatasync of as many
// bytes.
func commits(fsys vfs.FS, dir string, emit func(Metric)) error {
	record := make([]byte, 200)
	bare, err := bareSync(fsys, filepath.Join(dir, "bare.bench"), record)
	if err != nil {
		return err
	}
	where := filepath.Join(dir, "journal.bench")
	if err := fsys.MkdirAll(where); err != nil {
		return err
	}
	j, _, err := journal.Open(fsys, where, journal.Options{SegmentBytes: 64 << 20})
	if err != nil {
		return err
	}
	defer removeAll(fsys, where)
	defer j.Close()
	var failed error
	one := median(func() float64 {
		return once(func() {
			for range 50 {
				if _, err := j.Append(record); err != nil {
					failed = err
				}
				if err := j.Sync(); err != nil {
					failed = err
				}
			}
		}) / 50
	})
	emit(metric(engineBench, "journal_commit_1_us", one/1e3, "us", bare/1e3, "a bare fdatasync of 200 bytes"))
	c := journal.NewCommitter(j)
	defer c.Close()
	group := median(func() float64 { return once(func() { inFlight(j, c, record, 256, 20) }) / (256 * 20) })
	emit(metric(engineBench, "journal_commit_256_us", group/1e3, "us", bare/1e3, "a bare fdatasync of 200 bytes"))
	return failed
}

// inFlight commits rounds of n records each, all of a round before the next.
func inFlight(j *journal.Journal, c *journal.Committer, record []byte, n, rounds int) {
	for range rounds {
		var wait sync.WaitGroup
		wait.Add(n)
		for range n {
			lsn, err := j.Append(record)
			if err != nil {
				wait.Done()
				continue
			}
			c.Wait(lsn, func(error) { wait.Done() })
		}
		wait.Wait()
	}
}

func bareSync(fsys vfs.FS, path string, record []byte) (float64, error) {
	f, err := fsys.Create(path)
	if err != nil {
		return 0, err
	}
	defer fsys.Remove(path)
	defer f.Close()
	if err := f.Preallocate(1 << 20); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	at := int64(0)
	var failed error
	ns := median(func() float64 {
		return once(func() {
			for range 50 {
				if _, err := f.WriteAt(record, at); err != nil {
					failed = err
				}
				at += int64(len(record))
				if err := f.Datasync(); err != nil {
					failed = err
				}
			}
		}) / 50
	})
	return ns, failed
}

// removeAll removes the files that a bench made in a folder of its own.
func removeAll(fsys vfs.FS, dir string) {
	names, err := fsys.List(dir)
	if err != nil {
		return
	}
	for _, name := range names {
		fsys.Remove(filepath.Join(dir, name))
	}
}
