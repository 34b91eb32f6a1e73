package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// disk returns a disk with a durable file of four sectors and one write on it that is not synced.
func disk(t *testing.T) (*vfs.Mem, vfs.File) {
	t.Helper()
	m := vfs.NewMem()
	m.KeepOld(true)
	f := create(t, m, "f")
	write(t, f, 0, 'a', 2048)
	ok(t, f.Sync())
	ok(t, m.SyncDir("."))
	write(t, f, 0, 'b', 1024)
	ok(t, f.Sync())
	write(t, f, 512, 'c', 1024)
	return m, f
}

func causes(errs ...error) (out []error) {
	for _, err := range errs {
		var e *vfs.InjectedError
		switch {
		case err == nil:
			out = append(out, nil)
		case errors.As(err, &e):
			out = append(out, e.Err)
		default:
			out = append(out, err)
		}
	}
	return out
}

// TestEveryFaultStrikesAndCounts strikes with each kind, at an operation and by chance.
func TestEveryFaultStrikesAndCounts(t *testing.T) {
	for kind := range vfs.Fault(vfs.FaultKinds) {
		m, f := disk(t)
		var d vfs.Damage
		done := true
		switch kind {
		case vfs.LostWrite, vfs.TornWrite, vfs.Reordered, vfs.LostName:
			write(t, f, 0, 'd', 512)
			write(t, f, 1536, 'd', 1024)
			create(t, m, "g")
			m = m.CrashAs(kind, seeded(1))
		case vfs.Stale, vfs.BitFlip, vfs.Truncation:
			ok(t, f.Sync())
			d, done = m.Damage(kind, seeded(3))
		default:
			m.StrikeAt(m.Ops()+1, kind)
			f.WriteAt(bytes.Repeat([]byte{'x'}, 100), 4000)
			f.Sync()
			f.Sync()
		}
		if n := m.Faults()[kind]; n == 0 || !done {
			t.Errorf("%v: counted %d (%v)", kind, n, d)
		}
		if again := m.Crash(seeded(4)); again.Faults()[kind] < m.Faults()[kind] {
			t.Errorf("%v: a crash forgets the counts", kind)
		}
	}
	var all vfs.Faults
	for seed := range 300 {
		m, f := disk(t)
		m.SetOdds(seeded(seed), vfs.Odds{vfs.Stale: 2e5, vfs.BitFlip: 2e5, vfs.Truncation: 2e5, vfs.FullDisk: 5e4,
			vfs.ErrorOnce:    5e4,
			vfs.ErrorForever: 2e4, vfs.SlowSync: 1e5, vfs.ShortWrite: 1e5})
		for i := range 8 {
			f.WriteAt(bytes.Repeat([]byte{'y'}, 1500), int64(100*i))
			m.Create("g")
			if i == 3 || i == 5 {
				f.Sync()
			}
		}
		counts := m.Crash(seeded(seed)).Faults()
		all.Add(&counts)
	}
	for kind, n := range all {
		if n == 0 {
			t.Errorf("%v: never struck by chance", vfs.Fault(kind))
		}
	}
	if all.Sum() < 300 {
		t.Errorf("counts %v", all)
	}
}

func TestErrorOnceAndForEver(t *testing.T) {
	m, f := disk(t)
	m.StrikeAt(m.Ops()+1, vfs.ErrorOnce)
	if got := causes(f.Sync(), f.Sync()); got[0] != syscall.EIO || got[1] != nil {
		t.Errorf("once: %v", got)
	}
	if got := content(t, m.Crash(seeded(1)), "f"); got != "bbaa" {
		t.Errorf("the disk has %q, though the sync failed", got)
	}
	m.StrikeAt(m.Ops()+2, vfs.ErrorForever)
	if got := causes(f.Sync(), f.Sync(), f.Sync(), second(m.Stat("f"))); got[0] != nil || got[1] != syscall.EIO ||
		got[2] != syscall.EIO || got[3] != syscall.EIO {
		t.Errorf("for ever: %v", got)
	}
	if _, err := m.Kill().Stat("f"); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	m, f := disk(t)
	m.SetCapacity(2048 + 300)
	if n, err := f.WriteAt(make([]byte, 600), 1900); n != 148+300 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%d bytes written beyond the capacity: %v", n, err)
	}
	if _, err := f.WriteAt(make([]byte, 600), 100); err != nil {
		t.Errorf("a write where room was reserved: %v", err)
	}
	if err := f.Preallocate(5000); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("reserved beyond the capacity: %v", err)
	}
	m.SetCapacity(0)
	ok(t, f.Preallocate(5000))
	m.StrikeAt(m.Ops()+1, vfs.FullDisk)
	if got := causes(f.Truncate(6000), f.Truncate(4000), f.Preallocate(4500)); got[0] != syscall.ENOSPC ||
		got[1] != nil || got[2] != syscall.ENOSPC {
		t.Errorf("a full disk: %v", got)
	}
	m.Free()
	ok(t, f.Truncate(6000))
	if n := m.Faults()[vfs.FullDisk]; n != 4 {
		t.Errorf("%d faults counted", n)
	}
}

func TestShortWriteAndSlowSync(t *testing.T) {
	m, f := disk(t)
	m.SetSyncTime(time.Millisecond, time.Second)
	m.StrikeAt(m.Ops()+1, vfs.ShortWrite)
	m.StrikeAt(m.Ops()+1, vfs.SlowSync)
	ok(t, f.Sync())
	if n, err := f.WriteAt(make([]byte, 100), 0); n != 50 || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("%d, %v", n, err)
	}
	ok(t, f.Sync())
	if d := m.TakeDelay(); d != time.Second+time.Millisecond || m.TakeDelay() != 0 {
		t.Errorf("the syncs took %v", d)
	}
}

func TestDamage(t *testing.T) {
	m, f := disk(t)
	ok(t, f.Sync())
	create(t, m, "g")
	before := content(t, m, "f")
	for seed := range 100 {
		for kind, wrong := range map[vfs.Fault]func(got string, d vfs.Damage) bool{
			vfs.BitFlip: func(got string, _ vfs.Damage) bool { return got == before || len(got) != len(before) },
			vfs.Truncation: func(got string, d vfs.Damage) bool {
				return len(got) != int(d.Offset+vfs.SectorBytes-1)/vfs.SectorBytes
			},
			vfs.Stale: func(got string, _ vfs.Damage) bool { return got == before || len(got) != len(before) },
		} {
			after := m.Crash(seeded(seed))
			d, done := after.Damage(kind, seeded(seed))
			if !done || d.Name != "f" || wrong(content(t, after, "f"), d) {
				t.Fatalf("%v (%v): %q of %q", d, done, content(t, after, "f"), before)
			}
			if got := content(t, after.Crash(seeded(seed+1)), "f"); got != content(t, after, "f") {
				t.Fatalf("%v: a crash changes it to %q", d, got)
			}
		}
	}
	if got := content(t, m, "f"); got != before {
		t.Fatalf("the damage of a copy reached the disk: %q", got)
	}
}

// TestStaleFile: a file that was replaced durably comes back.
func TestStaleFile(t *testing.T) {
	m, f := disk(t)
	ok(t, f.Sync())
	g := create(t, m, "g")
	write(t, g, 0, 'g', 512)
	ok(t, g.Sync())
	ok(t, m.Rename("g", "f"))
	ok(t, m.SyncDir("."))
	back := 0
	for seed := range 50 {
		after := m.Crash(seeded(seed))
		if d, done := after.Damage(vfs.Stale, seeded(seed)); done && content(t, after, d.Name) == "bcca" {
			back++
		}
	}
	if back == 0 {
		t.Error("it never came back")
	}
}

// TestZerosCostNothing: what a disk keeps of a preallocated file is its sectors that are not zero.
func TestZerosCostNothing(t *testing.T) {
	const disks = 200
	var keep []*vfs.Mem
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range disks {
		m := vfs.NewMem()
		f := create(t, m, "f")
		ok(t, f.Preallocate(4<<20))
		write(t, f, 0, 'h', 512)
		ok(t, f.Sync())
		ok(t, m.SyncDir("."))
		keep = append(keep, m, m.Kill(), m.Crash(seeded(1)))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := int64(after.HeapAlloc-before.HeapAlloc) / disks; each > 8<<10 {
		t.Errorf("a disk with two copies keeps %d bytes", each)
	}
	runtime.KeepAlive(keep)
}

func BenchmarkAppendAndSync(b *testing.B) {
	m := vfs.NewMem()
	f, _ := m.Create("f")
	f.Preallocate(1 << 20)
	rec := bytes.Repeat([]byte{1}, 200)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f.WriteAt(rec, int64(i*200%(1<<20)))
		f.Datasync()
	}
}

func BenchmarkCrash(b *testing.B) {
	m := vfs.NewMem()
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		f, _ := m.Create(n)
		f.Preallocate(1 << 20)
		f.WriteAt(make([]byte, 5000), 0)
		f.Sync()
	}
	m.SyncDir(".")
	rng := seeded(1)
	b.ReportAllocs()
	for b.Loop() {
		m.Crash(rng)
	}
}
