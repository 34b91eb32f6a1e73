package journal

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// slowFS holds every datasync until it is let through, and counts them.
type slowFS struct {
	*vfs.Mem
	gate  chan struct{} // nil lets all through
	syncs atomic.Int64
}

func (s *slowFS) OpenFile(name string) (vfs.File, error) {
	f, err := s.Mem.OpenFile(name)
	if err != nil {
		return nil, err
	}
	return slowFile{f, s}, nil
}

type slowFile struct {
	vfs.File
	fs *slowFS
}

func (f slowFile) Datasync() error {
	if f.fs.gate != nil {
		<-f.fs.gate
	}
	f.fs.syncs.Add(1)
	return f.File.Datasync()
}

// Many goroutines append and wait. Each is told once, after its record is durable, and no wake-up is lost (trap
// lost-wakeup).
func TestCommitterServesAll(t *testing.T) {
	disk := &slowFS{Mem: vfs.NewMem()}
	j, _ := open(t, disk, Options{})
	c := NewCommitter(j)
	const goroutines, each = 16, 200
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range each {
				lsn, err := j.Append(text(uint64(g*each+i), 40))
				if err != nil {
					t.Error(err)
					return
				}
				done := make(chan error, 1)
				c.Wait(lsn, func(err error) { done <- err })
				if err := <-done; err != nil || j.Synced() <= lsn {
					t.Errorf("record %d: %v, synced up to %d", lsn, err, j.Synced())
				}
			}
		})
	}
	wg.Wait()
	c.Close()
	ok(t, j.Close())
	if _, rep := open(t, disk.Mem.Crash(seeded(1)), Options{}); rep.Next != goroutines*each+1 {
		t.Errorf("after a power failure: %+v", rep)
	}
}

// While one sync runs, all others gather for the next one: two syncs serve any number.
func TestOneSyncServesAllThatWait(t *testing.T) {
	disk := &slowFS{Mem: vfs.NewMem()}
	j, _ := open(t, disk, Options{SegmentBytes: 1 << 20})
	disk.gate = make(chan struct{})
	disk.syncs.Store(0)
	c := NewCommitter(j)
	var order []uint64
	wait := func() {
		lsn := add(t, j, []byte("x"))
		c.Wait(lsn, func(err error) {
			if err != nil {
				t.Error(err)
			}
			order = append(order, lsn)
		})
	}
	wait()
	disk.gate <- struct{}{} // the first may have been alone in it; whoever came in time was with it
	for range 256 {
		wait() // appending goes on while a sync runs
	}
	close(disk.gate)
	c.Close()
	if n := disk.syncs.Load(); n > 4 {
		t.Errorf("257 records took %d syncs", n)
	}
	for i, lsn := range order {
		if lsn != uint64(i+1) {
			t.Fatalf("call %d was for record %d", i, lsn)
		}
	}
	if len(order) != 257 {
		t.Errorf("%d of 257 were told", len(order))
	}
	ok(t, j.Close())
}

func TestCommitterPassesErrorsOn(t *testing.T) {
	m := vfs.NewMem()
	j, _ := open(t, m, Options{})
	c := NewCommitter(j)
	wait := func(lsn uint64) error {
		done := make(chan error, 1)
		c.Wait(lsn, func(err error) { done <- err })
		return <-done
	}
	durable := add(t, j, []byte("x"))
	ok(t, wait(durable))
	var rng *RangeError
	if err := wait(7); !errors.As(err, &rng) || rng.LSN != 7 {
		t.Errorf("a record that is not there: %v", err)
	}
	lost := add(t, j, []byte("y"))
	m.FailAt(m.Ops()+1, syscall.EIO)
	var failed *FailedError
	for range 2 { // trap retried-sync: the second time too
		if err := wait(lost); !errors.As(err, &failed) || !errors.Is(err, syscall.EIO) {
			t.Errorf("a failed sync: %v", err)
		}
	}
	ok(t, wait(durable)) // it is, whatever came after
	c.Close()
	if err := wait(durable); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
	if err := j.Close(); !errors.As(err, &failed) {
		t.Errorf("closing a failed journal: %v", err)
	}
}

// The number of those that wait is bounded: the next one is held back until there is room.
func TestCommitterIsBounded(t *testing.T) {
	disk := &slowFS{Mem: vfs.NewMem()}
	j, _ := open(t, disk, Options{})
	disk.gate = make(chan struct{})
	c := NewCommitter(j)
	lsn := add(t, j, []byte("x"))
	var told atomic.Int64
	wait := func() { c.Wait(lsn, func(error) { told.Add(1) }) }
	wait()
	disk.gate <- struct{}{}
	add(t, j, []byte("y"))
	c.Wait(lsn+1, func(error) { told.Add(1) }) // the committer goes into a sync that is held
	in := make(chan struct{})
	go func() {
		defer close(in)
		for range 2*waitersMax + 1 {
			wait()
		}
	}()
	waiting := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.waiting)
	}
	for waiting() < waitersMax {
		runtime.Gosched()
	}
	for range 10000 { // time enough for others to get in
		runtime.Gosched()
	}
	if n := waiting(); n != waitersMax {
		t.Errorf("%d wait", n)
	}
	close(disk.gate)
	<-in
	c.Close()
	if told.Load() != 2*waitersMax+3 {
		t.Errorf("%d were told", told.Load())
	}
	ok(t, j.Close())
}
