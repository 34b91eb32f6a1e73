package journal

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

const benchRecordBytes = 200

// BenchmarkCommit is the time from an append to the word that it is durable, with some in flight. Its denominators are
// measured in turns with it, on the same disk: x-fdatasync is the time for one record by that of a bare overwrite and
// fdatasync; x-ideal is the time by that of a loop that writes all that are in flight in one piece and syncs once.
func BenchmarkCommit(b *testing.B) {
	for _, inFlight := range []int{1, 256} {
		b.Run(fmt.Sprintf("in-flight-%d", inFlight), func(b *testing.B) {
			const turns = 10
			rounds := max(1, b.N/inFlight/turns) // groups in a turn
			fsys, dir := vfs.OS(), b.TempDir()
			bare := newBareLoop(b, fsys, filepath.Join(dir, "bare"), benchRecordBytes)
			ideal := newBareLoop(b, fsys, filepath.Join(dir, "ideal"), inFlight*int(recordBytes(benchRecordBytes)))
			j, _, err := Open(fsys, dir, Options{})
			ok(b, err)
			c := NewCommitter(j)
			var bareTook, idealTook, took time.Duration
			for range turns {
				bareTook += bare.run(b, rounds)
				idealTook += ideal.run(b, rounds)
				took += commits(b, j, c, inFlight, rounds*inFlight)
			}
			c.Close()
			ok(b, j.Close())
			groups := float64(turns * rounds)
			perCommit := float64(took) / groups / float64(inFlight)
			b.ReportMetric(0, "ns/op") // the three together say nothing
			b.ReportMetric(perCommit, "ns/commit")
			b.ReportMetric(float64(bareTook)/groups, "ns/fdatasync")
			b.ReportMetric(perCommit/(float64(bareTook)/groups), "x-fdatasync")
			b.ReportMetric(perCommit/(float64(idealTook)/groups/float64(inFlight)), "x-ideal")
		})
	}
}

// commits makes n records durable, with at most so many in flight.
func commits(b *testing.B, j *Journal, c *Committer, inFlight, n int) time.Duration {
	payload := text(1, benchRecordBytes)
	slots := make(chan struct{}, inFlight)
	start := time.Now()
	for range n {
		slots <- struct{}{}
		lsn, err := j.Append(payload)
		ok(b, err)
		c.Wait(lsn, func(err error) {
			if err != nil {
				b.Error(err)
			}
			<-slots
		})
	}
	for range inFlight {
		slots <- struct{}{} // wait for the last ones
	}
	return time.Since(start)
}

// bareLoop overwrites a preallocated file piece by piece, with an fdatasync after each.
type bareLoop struct {
	f   vfs.File
	buf []byte
	off int64
}

const bareFileBytes = 4 << 20

func newBareLoop(b *testing.B, fsys vfs.FS, path string, size int) *bareLoop {
	f, err := fsys.Create(path)
	ok(b, err)
	b.Cleanup(func() { f.Close() })
	ok(b, f.Preallocate(bareFileBytes))
	ok(b, f.Sync())
	return &bareLoop{f: f, buf: text(1, size)}
}

func (l *bareLoop) run(b *testing.B, rounds int) time.Duration {
	start := time.Now()
	for range rounds {
		if l.off+int64(len(l.buf)) > bareFileBytes {
			l.off = 0
		}
		if _, err := l.f.WriteAt(l.buf, l.off); err != nil {
			b.Fatal(err)
		}
		ok(b, l.f.Datasync())
		l.off += int64(len(l.buf))
	}
	return time.Since(start)
}

// BenchmarkAppend is the cost of an append alone, without a disk: encoding, checksums and the locks.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{200, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			j, _, err := Open(nullFS{vfs.NewMem()}, dir, Options{SegmentBytes: 1 << 30})
			ok(b, err)
			payload := text(1, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				_, err := j.Append(payload)
				ok(b, err)
			}
		})
	}
}

// nullFS takes writes and keeps nothing.
type nullFS struct{ *vfs.Mem }

func (n nullFS) Create(name string) (vfs.File, error) {
	f, err := n.Mem.Create(name)
	return nullFile{f}, err
}

func (n nullFS) OpenFile(name string) (vfs.File, error) {
	f, err := n.Mem.OpenFile(name)
	return nullFile{f}, err
}

type nullFile struct{ vfs.File }

func (nullFile) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (nullFile) Preallocate(int64) error                { return nil }

// BenchmarkSnapshot publishes and loads 16 MiB, half of it noise, against writing (with fsync) and reading the same
// bytes plainly.
func BenchmarkSnapshot(b *testing.B) {
	const size = 16 << 20
	payload := append(noise(size/2), make([]byte, size/2)...)
	fsys, dir := vfs.OS(), b.TempDir()
	plain := filepath.Join(dir, "plain")
	ratio := func(b *testing.B, base func() error) {
		took := b.Elapsed() / time.Duration(b.N)
		start := time.Now()
		for range 3 {
			ok(b, base())
		}
		b.ReportMetric(float64(took)/(float64(time.Since(start))/3), "x-plain")
	}
	b.Run("publish", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			ok(b, Publish(fsys, dir, 1, payload))
		}
		ratio(b, func() error { return WriteFileAtomic(fsys, plain, payload) })
	})
	b.Run("load", func(b *testing.B) {
		b.SetBytes(size)
		ok(b, Publish(fsys, dir, 1, payload))
		ok(b, WriteFileAtomic(fsys, plain, payload))
		for b.Loop() {
			_, _, err := Load(fsys, dir, snapshotName(1), Limits{})
			ok(b, err)
		}
		ratio(b, func() error { _, err := vfs.ReadFile(fsys, plain, size); return err })
	})
}
