package journal

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// trap retried-sync: a failed sync, write or rotation stops the journal, with the cause, and nothing is tried again.
func TestFailureStopsTheJournal(t *testing.T) {
	for _, c := range []struct {
		name, op string
		after    int // operations that succeed before
		fail     func(j *Journal) error
	}{
		{"write", "write", 0, (*Journal).Sync},
		{"sync", "sync", 1, (*Journal).Sync},
		{"write of a full buffer", "write", 0,
			func(j *Journal) error { return second(j.Append(text(9, bufferBytes))) }},
		{"sync before a rotation", "sync", 1,
			func(j *Journal) error { return second(j.Append(text(9, 2*bufferBytes))) }},
		{"rotation", "rotate", 2, func(j *Journal) error { return second(j.Append(text(9, 2*bufferBytes))) }},
		{"write before a read", "write", 0, func(j *Journal) error { return j.Read(1, nil) }},
	} {
		m := vfs.NewMem()
		j, _ := open(t, m, Options{SegmentBytes: bufferBytes * 3 / 2})
		add(t, j, text(1, 100))
		ok(t, j.Sync())
		add(t, j, text(2, 100))
		m.FailAt(m.Ops()+1+c.after, syscall.EIO)
		err := c.fail(j)
		var failed *FailedError
		if !errors.As(err, &failed) || failed.Op != c.op || !errors.Is(err, syscall.EIO) {
			t.Fatalf("%s: %v", c.name, err)
		}
		m.StartLog()
		for what, again := range map[string]error{
			"append": second(j.Append([]byte("y"))), "sync": j.Sync(), "read": j.Read(1, nil), "release": j.Release(9),
			"close": j.Close(),
		} {
			if again != err {
				t.Errorf("%s: %s afterwards: %v", c.name, what, again)
			}
		}
		if log := m.TakeLog(); len(log) != 0 {
			t.Errorf("%s: the disk was touched again: %q", c.name, log)
		}
		if c.op != "rotate" && j.Synced() != 2 {
			t.Errorf("%s: synced up to %d", c.name, j.Synced())
		}
	}
}

// trap retried-sync, the second half: a kernel that failed to write a page may show it as clean to the next process.
// What that one takes for recovered must be durable before it acts on it.
func TestRecoveredAfterFailedSyncIsDurable(t *testing.T) {
	m := vfs.NewMem()
	j, _ := open(t, m, Options{})
	add(t, j, text(1, 3000))
	m.FailAt(m.Ops()+2, syscall.EIO) // the write succeeds
	if j.Sync() == nil {
		t.Fatal("the sync was to fail")
	}
	next := m.Kill()
	_, rep := open(t, next, Options{})
	for seed := range 50 {
		_, after := open(t, next.Crash(seeded(seed)), Options{})
		if after.Next < rep.Next {
			t.Fatalf("recovered up to %d, and lost to %d by the next power failure", rep.Next, after.Next)
		}
	}
}

// A process that is killed between the rename of a segment or a snapshot and the sync of the folder leaves a name that
// is not durable. The next one makes it so before it builds on it.
func TestInheritedNamesAreMadeDurable(t *testing.T) {
	// The first segment.
	for k := 1; ; k++ {
		m := vfs.NewMem()
		m.CrashAt(k)
		_, _, err := Open(m, dir, small)
		var injected *vfs.InjectedError
		if !errors.As(err, &injected) {
			t.Fatal("the sync of the folder was never reached")
		}
		if injected.What != "syncdir d" {
			continue
		}
		next := m.Kill()
		j, _ := open(t, next, Options{})
		add(t, j, text(1, 10))
		ok(t, j.Sync())
		for seed := range 50 {
			if _, rep := open(t, next.Crash(seeded(seed)), Options{}); rep.Next != 2 {
				t.Fatalf("a record was synced, and the power failure left %+v", rep)
			}
		}
		break
	}
	// A snapshot.
	for k := 1; ; k++ {
		m := vfs.NewMem()
		ok(t, m.MkdirAll(dir))
		ok(t, Publish(m, dir, 1, []byte("old")))
		m.CrashAt(m.Ops() + k)
		err := Publish(m, dir, 2, []byte("new"))
		var injected *vfs.InjectedError
		if !errors.As(err, &injected) {
			t.Fatal("the sync of the folder was never reached")
		}
		if injected.What != "syncdir d" {
			continue
		}
		next := m.Kill()
		_, err = Prune(next, dir, 1, Limits{})
		ok(t, err)
		for seed := range 50 {
			payload, _, _, err := LoadNewest(next.Crash(seeded(seed)), dir, Limits{})
			if err != nil || !bytes.Equal(payload, []byte("new")) {
				t.Fatalf("after pruning, a power failure left %q, %v", payload, err)
			}
		}
		break
	}
}
