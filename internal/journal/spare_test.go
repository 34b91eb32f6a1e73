package journal

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// usedLast says whether the last segment is in a file that held another one.
func usedLast(t testing.TB, m *vfs.Mem) bool {
	s := scanner{fsys: m, dir: dir}
	ok(t, s.scan())
	return s.segs[len(s.segs)-1].used
}

// usedSpecimen is a journal whose last segment is in a file that held another one, with records of the same sizes: the
// old heads stand where new ones will. Records 6 to 10 are in it, of which 6 to 8 were synced before 9 was written, and
// 9 and 10 together.
func usedSpecimen(t testing.TB) (m *vfs.Mem, want [][]byte) {
	m = vfs.NewMem()
	j, _ := open(t, m, Options{Salt: 7})
	sizes := []int{30, 200, 64, 0, 100}
	for i := range 3 * len(sizes) {
		n := sizes[i%len(sizes)]
		if i < 2*len(sizes) && i%len(sizes) == len(sizes)-1 {
			n = 3136 // fills the first two segments
		}
		want = append(want, text(uint64(i), n))
		add(t, j, want[i])
		if i < 13 || i == 14 { // 14 and 15 are synced together
			ok(t, j.Sync())
		}
		if i == 9 {
			ok(t, j.Release(6)) // the file of the first segment waits
		}
	}
	ok(t, j.Close())
	return m, want[5:]
}

// TestUsedSegmentDamage: every bit flip of a segment in a used file is refused at its place, or is in what nothing
// durable follows: then it is cut and reported; or it is in what the file held before, which is nothing.
func TestUsedSegmentDamage(t *testing.T) {
	m, want := usedSpecimen(t)
	if !usedLast(t, m) {
		t.Fatal("the specimen's last segment is in a new file")
	}
	file := segmentName(11)
	offs := []int64{segmentHeaderBytes}
	for _, p := range want[5:] {
		offs = append(offs, offs[len(offs)-1]+recordBytes(len(p)))
	}
	end := offs[len(offs)-1]
	b, err := vfs.ReadFile(m, filepath.Join(dir, file), 1<<20)
	ok(t, err)
	if old := b[end+endBytes:]; bytes.Count(old, []byte{0}) == len(old) {
		t.Fatal("nothing of the old segment is left")
	}
	step := 7
	if exhaustive() {
		step = 1
	}
	for bit := 0; bit < int(end+200)*8; bit += step {
		at := int64(bit / 8)
		after := m.Kill()
		ok(t, after.Alter(filepath.Join(dir, file), func(b []byte) []byte { b[at] ^= 1 << (bit % 8); return b }))
		rep, corrupt := surveyFrom(t, after, 6, want)
		k, _ := slices.BinarySearch(offs, at+1)
		record := uint64(10 + k) // the one that is broken
		switch {
		case at < segmentHeaderBytes || record < 14:
			if corrupt == nil || corrupt.Segment != file || at >= segmentHeaderBytes && corrupt.Record != record {
				t.Fatalf("byte %d, in durable record %d: %+v, %v", at, record, rep, corrupt)
			}
		case corrupt != nil:
			t.Fatalf("byte %d, behind what is durable: %v", at, corrupt)
		case at >= end+endBytes:
			if rep.Next != 16 || rep.repairs() {
				t.Fatalf("byte %d, in what the file held before: %+v", at, rep)
			}
		case rep.TornBytes == 0 || rep.Short || rep.Next != min(record, 16) || rep.TornAt.Record != rep.Next:
			t.Fatalf("byte %d, in record %d of the tail: %+v", at, record, rep)
		}
	}
	for size := int64(0); size < segmentBytesMin; size += 5 {
		after := m.Kill()
		ok(t, after.Alter(filepath.Join(dir, file), func(b []byte) []byte { return b[:size] }))
		if rep, corrupt := surveyFrom(t, after, 6, want); corrupt != nil || !rep.Short || rep.Intact() {
			t.Fatalf("cut to %d: %+v, %v", size, rep, corrupt)
		}
	}
}

// TestSpares: files of released segments are used again, few wait, a file is made beside when none does, and Close
// takes them away.
func TestSpares(t *testing.T) {
	m := vfs.NewMem()
	j, _ := open(t, m, Options{})
	spares := func() (n int) {
		for _, name := range m.Names() {
			if strings.HasSuffix(name, tmpSuffix) {
				n++
			}
		}
		return n
	}
	for range 3 * sparesMax {
		add(t, j, text(1, 3000))
	}
	ok(t, j.Sync())
	j.Prepare()
	if spares() != 1 {
		t.Fatalf("%d files are prepared, want 1", spares())
	}
	j.Prepare()
	ok(t, j.Release(j.Next()))
	if spares() != sparesMax {
		t.Fatalf("%d files wait, want %d", spares(), sparesMax)
	}
	m.StartLog()
	for range sparesMax {
		add(t, j, text(2, 3000))
	}
	for _, line := range m.TakeLog() {
		if strings.HasPrefix(line, "create") || strings.HasPrefix(line, "preallocate") {
			t.Errorf("%d files wait, and there is a new one: %s", sparesMax, line)
		}
	}
	add(t, j, text(3, 10000)) // larger than any that waits
	want := all(t, j, j.First())
	first := j.First()
	ok(t, j.Release(j.Next()))
	ok(t, j.Close())
	if spares() != 0 {
		t.Errorf("%d files wait in a journal that is closed: %v", spares(), m.Names())
	}
	j, _ = open(t, m, Options{})
	same(t, all(t, j, j.First()), want[j.First()-first:])
	ok(t, j.Close())
}

// TestStoredUsedSegment reads a segment in a used file as the first release with them wrote it, for ever, and writes it
// again to the byte.
func TestStoredUsedSegment(t *testing.T) {
	m, want := usedSpecimen(t)
	for _, name := range m.Names() {
		b, err := vfs.ReadFile(m, name, 1<<20)
		ok(t, err)
		golden(t, filepath.Join("segment2", filepath.Base(name)), b)
	}
	j, rep, err := Open(copied(t, "testdata/segment2"), dir, small)
	if err != nil || rep.repairs() || rep.First != 6 || rep.Next != 16 {
		t.Fatalf("the stored journal: %+v, %v", rep, err)
	}
	same(t, all(t, j, 6), want)
	ok(t, j.Close())
}

// copied returns a disk with the files of a folder.
func copied(t testing.TB, from string) *vfs.Mem {
	m := vfs.NewMem()
	ok(t, m.MkdirAll(dir))
	names, err := vfs.OS().List(from)
	ok(t, err)
	for _, name := range names {
		b, err := vfs.ReadFile(vfs.OS(), filepath.Join(from, name), 1<<20)
		ok(t, err)
		ok(t, WriteFileAtomic(m, filepath.Join(dir, name), b))
	}
	return m
}
