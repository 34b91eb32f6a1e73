package vfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

func seeded(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 1)) }

func create(t *testing.T, m *vfs.Mem, name string) vfs.File {
	t.Helper()
	f, err := m.Create(name)
	ok(t, err)
	return f
}

func write(t *testing.T, f vfs.File, off int64, b byte, n int) {
	t.Helper()
	_, err := f.WriteAt(bytes.Repeat([]byte{b}, n), off)
	ok(t, err)
}

// content shows a file as one letter per sector; a sector of mixed bytes shows as ?.
func content(t *testing.T, m *vfs.Mem, name string) string {
	t.Helper()
	b, err := vfs.ReadFile(m, name, 1<<20)
	if err != nil {
		return "-"
	}
	var s strings.Builder
	for i := 0; i < len(b); i += vfs.SectorBytes {
		sector := b[i:min(i+vfs.SectorBytes, len(b))]
		switch {
		case bytes.Count(sector, sector[:1]) != len(sector):
			s.WriteByte('?')
		case sector[0] == 0:
			s.WriteByte('0')
		default:
			s.WriteByte(sector[0])
		}
	}
	return s.String()
}

// outcomes counts what a file looks like after many crashes of the same moment.
func outcomes(t *testing.T, m *vfs.Mem, name string) map[string]int {
	seen := map[string]int{}
	for seed := range 400 {
		after := m.Crash(seeded(seed))
		seen[content(t, after, name)]++
		if again := m.Crash(seeded(seed)); content(t, again, name) != content(t, after, name) {
			t.Fatal("the same seed gave another crash")
		}
		// What a crash has left is on the disk: a second crash takes nothing away.
		if twice := after.Crash(seeded(seed + 1)); content(t, twice, name) != content(t, after, name) {
			t.Fatal("a second crash changed the file")
		}
	}
	return seen
}

func wantOutcomes(t *testing.T, seen map[string]int, want ...string) {
	t.Helper()
	for _, w := range want {
		if seen[w] == 0 {
			t.Errorf("no crash left %q; seen: %v", w, seen)
		}
	}
	for s := range seen {
		if !slices.Contains(want, s) {
			t.Errorf("a crash left %q", s)
		}
	}
}

func TestCrashKeepsWhatIsSynced(t *testing.T) {
	m := vfs.NewMem()
	f := create(t, m, "f")
	write(t, f, 0, 'a', 1024)
	ok(t, f.Sync())
	ok(t, m.SyncDir("."))
	wantOutcomes(t, outcomes(t, m, "f"), "aa")
}

func TestCrashTearsWhatIsNot(t *testing.T) {
	m := vfs.NewMem()
	f := create(t, m, "f")
	write(t, f, 0, 'a', 1024)
	ok(t, f.Datasync())
	ok(t, m.SyncDir("."))
	write(t, f, 0, 'b', 1024)
	write(t, f, 512, 'c', 512)
	wantOutcomes(t, outcomes(t, m, "f"), "aa", "ab", "ac", "ba", "bb", "bc")
}

func TestCrashOfAFileThatGrows(t *testing.T) {
	m := vfs.NewMem()
	f := create(t, m, "f")
	write(t, f, 0, 'a', 512)
	ok(t, f.Datasync())
	ok(t, m.SyncDir("."))
	write(t, f, 512, 'b', 512)
	wantOutcomes(t, outcomes(t, m, "f"), "a", "ab", "a0") // the size may be there without the data
	ok(t, f.Datasync())
	ok(t, f.Truncate(0))
	wantOutcomes(t, outcomes(t, m, "f"), "ab", "", "0b", "a0", "00")
}

func TestCrashLosesNames(t *testing.T) {
	m := vfs.NewMem()
	f := create(t, m, "old")
	write(t, f, 0, 'o', 512)
	ok(t, f.Sync())
	wantOutcomes(t, outcomes(t, m, "old"), "-", "o") // the content is durable, the name is not
	ok(t, m.SyncDir("."))
	wantOutcomes(t, outcomes(t, m, "old"), "o")

	g := create(t, m, "new")
	write(t, g, 0, 'n', 512)
	ok(t, g.Sync())
	ok(t, m.Rename("new", "old"))
	wantOutcomes(t, outcomes(t, m, "old"), "o", "n") // never absent: a rename is one change
	ok(t, m.Remove("old"))
	wantOutcomes(t, outcomes(t, m, "old"), "o", "n", "-")
	ok(t, m.SyncDir("."))
	wantOutcomes(t, outcomes(t, m, "old"), "-")
}

// trap retried-sync: after a failed sync the data is readable and a second sync succeeds, and the disk never gets it.
func TestFailedSyncLosesData(t *testing.T) {
	m := vfs.NewMem()
	f := create(t, m, "f")
	write(t, f, 0, 'a', 512)
	ok(t, f.Sync())
	ok(t, m.SyncDir("."))
	write(t, f, 0, 'b', 512)
	m.FailAt(m.Ops()+1, syscall.EIO)
	if err := f.Datasync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if got := content(t, m, "f"); got != "b" {
		t.Fatalf("the program reads %q", got)
	}
	ok(t, f.Datasync())
	wantOutcomes(t, outcomes(t, m, "f"), "a")
	write(t, f, 0, 'c', 512)
	ok(t, f.Datasync())
	wantOutcomes(t, outcomes(t, m, "f"), "c")
}

func TestKillKeepsEveryWrite(t *testing.T) {
	m := vfs.NewMem()
	lock, err := m.Lock("lock")
	ok(t, err)
	defer lock.Close()
	f := create(t, m, "f")
	write(t, f, 0, 'a', 512)
	after := m.Kill()
	write(t, f, 0, 'b', 512) // the dead process writes on, to no effect
	if got := content(t, after, "f"); got != "a" {
		t.Fatalf("after a kill the file is %q", got)
	}
	if _, err := after.Lock("lock"); err != nil {
		t.Errorf("the lock outlived its process: %v", err)
	}
	wantOutcomes(t, outcomes(t, after, "f"), "-", "", "a", "0") // nothing of it was synced
	g, err := after.OpenFile("f")
	ok(t, err)
	ok(t, g.Sync())
	ok(t, after.SyncDir("."))
	wantOutcomes(t, outcomes(t, after, "f"), "a")
}

func TestFailAt(t *testing.T) {
	script := func(m *vfs.Mem) (errs []error) {
		f, err := m.Create("f")
		errs = append(errs, err)
		if f == nil {
			return errs
		}
		_, err = f.WriteAt(make([]byte, 8), 0)
		return append(errs, err, f.Preallocate(64), f.Sync(), f.Datasync(), m.SyncDir("."), f.Truncate(4), f.Close(),
			m.Rename("f", "g"), second(m.Stat("g")), second(m.List(".")), m.Remove("g"), m.MkdirAll("d"))
	}
	clean := vfs.NewMem()
	for i, err := range script(clean) {
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	for k := 1; k <= clean.Ops(); k++ {
		m := vfs.NewMem()
		m.FailAt(k, syscall.ENOSPC)
		if n := failures(script(m), false); n < 1 {
			t.Errorf("operation %d did not fail", k)
		}
		m = vfs.NewMem()
		m.CrashAt(k)
		if n := failures(script(m), true); n < 1 {
			t.Errorf("operation %d did not crash", k)
		}
		if _, err := m.Stat("f"); err == nil {
			t.Error("a crashed disk answered")
		}
	}
}

func failures(errs []error, crash bool) (n int) {
	for _, err := range errs {
		var e *vfs.InjectedError
		if errors.As(err, &e) && e.Crashed == crash && (crash || errors.Is(err, syscall.ENOSPC)) {
			n++
		}
	}
	return n
}

func TestFailedWriteIsShort(t *testing.T) {
	m := vfs.NewMem()
	f := create(t, m, "f")
	m.FailAt(m.Ops()+1, nil)
	if n, err := f.WriteAt(bytes.Repeat([]byte("x"), 1024), 0); n != 512 || err == nil {
		t.Fatalf("%d, %v", n, err)
	}
	if got := content(t, m, "f"); got != "x" {
		t.Fatalf("the file is %q", got)
	}
}

func TestLogAndAlter(t *testing.T) {
	m := vfs.NewMem()
	m.StartLog()
	ok(t, m.MkdirAll("d"))
	f := create(t, m, "d/f")
	write(t, f, 3, 'a', 5)
	ok(t, f.Datasync())
	ok(t, m.SyncDir("d"))
	if got, want := fmt.Sprint(m.TakeLog()), "[mkdir d create d/f write d/f 3+5 datasync d/f syncdir d]"; got != want {
		t.Errorf("log %s, want %s", got, want)
	}
	ok(t, m.Alter("d/f", func(b []byte) []byte { return b[:4] }))
	if got, err := vfs.ReadFile(m, "d/f", 10); err != nil || string(got) != "\x00\x00\x00a" {
		t.Errorf("%q, %v", got, err)
	}
	if !slices.Equal(m.Names(), []string{"d/f"}) {
		t.Errorf("names %q", m.Names())
	}
	if m.Alter("x", nil) == nil {
		t.Error("a missing file was altered")
	}
}
