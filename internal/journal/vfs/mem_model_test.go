package vfs_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// plainFile is a file with every change since the last sync, each applied byte by byte: what Mem is held against.
type plainFile struct {
	data, durable []byte
	pending       []func([]byte) []byte
}

func (p *plainFile) do(change func([]byte) []byte) {
	p.data = change(p.data)
	p.pending = append(p.pending, change)
}

func resized(b []byte, size int) []byte {
	out := make([]byte, size)
	copy(out, b)
	return out
}

// TestCrashAgainstModel draws writes, cuts and syncs, and crashes after each: the program reads what it wrote, and
// every sector of the disk after a crash is one that some number of the changes would have left, under a size that some
// number would have left.
func TestCrashAgainstModel(t *testing.T) {
	torn := 0
	for seed := range 300 {
		rng := rand.New(rand.NewPCG(uint64(seed), 2))
		m, p := vfs.NewMem(), &plainFile{}
		f := create(t, m, "f")
		ok(t, m.SyncDir("."))
		for range 25 {
			off, size, fill := rng.IntN(3000), 1+rng.IntN(1500), byte(1+rng.IntN(250))
			switch rng.IntN(6) {
			case 0, 1, 2:
				write(t, f, int64(off), fill, size)
				p.do(func(b []byte) []byte {
					b = resized(b, max(len(b), off+size))
					copy(b[off:], bytes.Repeat([]byte{fill}, size))
					return b
				})
			case 3:
				ok(t, f.Truncate(int64(off)))
				p.do(func(b []byte) []byte { return resized(b, off) })
			case 4:
				ok(t, f.Preallocate(int64(off)))
				p.do(func(b []byte) []byte { return resized(b, max(len(b), off)) })
			case 5:
				ok(t, f.Datasync())
				p.durable, p.pending = p.data, nil
			}
			got, err := vfs.ReadFile(m, "f", 1<<20)
			if err != nil || !bytes.Equal(got, p.data) {
				t.Fatalf("seed %d: the program reads other bytes than it wrote (%v)", seed, err)
			}
			killed := m.Kill()
			for _, disk := range []*vfs.Mem{m.Crash(rng), killed.Crash(rng), m.CrashAs(vfs.TornWrite, rng),
				m.CrashAs(vfs.Reordered, rng)} {
				if p.check(t, disk) {
					torn++
				}
			}
		}
	}
	if torn < 1000 {
		t.Fatalf("only %d crashes left something between all and nothing", torn)
	}
}

// check holds a disk after a crash against what may be there, and says whether it is something between all and nothing.
func (p *plainFile) check(t *testing.T, disk *vfs.Mem) bool {
	t.Helper()
	got, err := vfs.ReadFile(disk, "f", 1<<20)
	ok(t, err)
	states := [][]byte{p.durable}
	for _, change := range p.pending {
		states = append(states, change(states[len(states)-1]))
	}
	if !slices.ContainsFunc(states, func(s []byte) bool { return len(s) == len(got) }) {
		t.Fatalf("a crash left %d bytes, which the file never had", len(got))
	}
	for at := 0; at < len(got); at += vfs.SectorBytes {
		end := min(at+vfs.SectorBytes, len(got))
		if !slices.ContainsFunc(states, func(s []byte) bool {
			return bytes.Equal(resized(s, max(len(s), end))[at:end],
				got[at:end])
		}) {
			t.Fatalf("a crash left a sector at %d that no change had left", at)
		}
	}
	return !bytes.Equal(got, states[0]) && !bytes.Equal(got, states[len(states)-1])
}

// TestCopiesAreApart: what is written on one copy of a disk is not on the other, though they share what neither wrote.
func TestCopiesAreApart(t *testing.T) {
	m := vfs.NewMem()
	f := create(t, m, "f")
	write(t, f, 0, 'a', 1024)
	ok(t, f.Sync())
	ok(t, m.SyncDir("."))
	disks := []*vfs.Mem{m, m.Kill(), m.Crash(seeded(1)), m.Kill().Crash(seeded(2))}
	for i, d := range disks {
		g, err := d.OpenFile("f")
		ok(t, err)
		write(t, g, 512, byte('b'+i), 512)
		ok(t, g.Sync())
	}
	for i, d := range disks {
		if got, want := content(t, d, "f"), fmt.Sprintf("a%c", 'b'+i); got != want {
			t.Errorf("disk %d has %q, want %q", i, got, want)
		}
		if got := content(t, d.Crash(seeded(3)), "f"); got[0] != 'a' || got[1] != byte('b'+i) {
			t.Errorf("disk %d has %q after a crash", i, got)
		}
	}
}
