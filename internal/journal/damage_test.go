package journal

import (
	"bytes"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// specimen is a small journal of two segments: records 1 to 4 and 5 to 9. Of these, 1 to 7 were synced before 8 was
// written, and 8 and 9 were synced together.
func specimen(t testing.TB) (m *vfs.Mem, want [][]byte) {
	m = vfs.NewMem()
	j, _ := open(t, m, Options{Salt: 99})
	for i, n := range []int{30, 0, 500, 2700, 900, 7, 64, 100, 90} {
		want = append(want, text(uint64(i), n))
	}
	add(t, j, want[:2]...)
	ok(t, j.Sync())
	add(t, j, want[2:5]...)
	ok(t, j.Sync())
	add(t, j, want[5], want[6])
	ok(t, j.Sync())
	add(t, j, want[7:]...)
	ok(t, j.Close())
	if n := len(m.Names()); n != 2 {
		t.Fatalf("the specimen has %d files", n)
	}
	return m, want
}

const (
	firstSegment  = "journal-0000000000000001.seg"
	secondSegment = "journal-0000000000000005.seg"
	provenNext    = 8 // records below it are known to be durable from record 8
)

// place returns the offset of a record in the specimen, and that of the end of its file's records.
func place(want [][]byte, record int) (file string, off, end int64) {
	file, first, last := firstSegment, 1, 4
	if record >= 5 {
		file, first, last = secondSegment, 5, 9
	}
	at := int64(segmentHeaderBytes)
	for r := first; r <= last; r++ {
		if r == record {
			off = at
		}
		at += recordBytes(len(want[r-1]))
	}
	return file, off, at
}

func contents(t testing.TB, m *vfs.Mem) (all []byte) {
	t.Helper()
	for _, name := range m.Names() {
		b, err := vfs.ReadFile(m, name, 1<<24)
		ok(t, err)
		all = append(append(all, name...), b...)
	}
	return all
}

// survey opens an altered specimen. Either it is refused with a place and left alone, or it is opened, what is left is
// a true beginning, the repair holds, and the report says what was done.
func survey(t *testing.T, m *vfs.Mem, want [][]byte) (rep *Report, corrupt *CorruptionError) {
	t.Helper()
	return surveyFrom(t, m, 1, want)
}

// surveyFrom does so with a journal whose first record has that number.
func surveyFrom(t *testing.T, m *vfs.Mem, first uint64, want [][]byte) (rep *Report, corrupt *CorruptionError) {
	t.Helper()
	before := contents(t, m)
	j, rep, err := Open(m, dir, small)
	if err != nil {
		if !errors.As(err, &corrupt) {
			t.Fatalf("refused with %v", err)
		}
		if !bytes.Equal(contents(t, m), before) {
			t.Fatal("a refusal changed the disk")
		}
		return nil, corrupt
	}
	n := int(rep.Next - first)
	same(t, all(t, j, first), want[:n])
	add(t, j, []byte("new"))
	ok(t, j.Close())
	j, again, err := Open(m, dir, small)
	ok(t, err)
	if again.repairs() || again.Next != rep.Next+1 {
		t.Fatalf("repaired with %+v, found again with %+v", rep, again)
	}
	same(t, all(t, j, first), append(want[:n:n], []byte("new")))
	ok(t, j.Close())
	return rep, nil
}

// Every bit flip is refused at its place, or is in what nothing durable follows: then it is cut and reported (trap
// log-without-checksum).
func TestEveryBitFlip(t *testing.T) {
	m, want := specimen(t)
	step := 13
	if exhaustive() {
		step = 1
	}
	for _, file := range []string{firstSegment, secondSegment} {
		for bit := 0; bit < segmentBytesMin*8; bit += step {
			at := int64(bit / 8)
			after := m.Kill()
			ok(t, after.Alter("d/"+file, func(b []byte) []byte { b[at] ^= 1 << (bit % 8); return b }))
			rep, corrupt := survey(t, after, want)
			record, off := flipped(want, file, at)
			switch {
			case file == firstSegment || at < segmentHeaderBytes || record < provenNext:
				if corrupt == nil {
					t.Fatalf("%s byte %d, in durable record %d: accepted with %+v", file, at, record, rep)
				}
				if corrupt.Segment != file || corrupt.Offset != off || corrupt.Record != record ||
					corrupt.Reason == "" {
					t.Fatalf("%s byte %d, in record %d at %d: %v", file, at, record, off, corrupt)
				}
			case corrupt != nil:
				t.Fatalf("%s byte %d, in the tail: %v", file, at, corrupt)
			case rep.Next != record || rep.TornBytes == 0 || rep.Short || !rep.Intact():
				t.Fatalf("%s byte %d, in record %d of the tail: %+v", file, at, record, rep)
			case rep.TornAt != Position{file, off, record}:
				t.Fatalf("%s byte %d, in record %d at %d: torn at %+v", file, at, record, off, rep.TornAt)
			case record == 8 && rep.Dropped != 1:
				t.Fatalf("record 8 was cut, and with it %d", rep.Dropped)
			}
		}
	}
}

// flipped says which record is broken by a change at a byte, and where that record begins.
func flipped(want [][]byte, file string, at int64) (record uint64, off int64) {
	first, last := 1, 4
	if file == secondSegment {
		first, last = 5, 9
	}
	if at < segmentHeaderBytes {
		return uint64(first), 0
	}
	_, _, end := place(want, first)
	for r := first; r <= last; r++ {
		if _, o, _ := place(want, r); at >= o && at < o+recordBytes(len(want[r-1])) {
			return uint64(r), o
		}
	}
	return uint64(last + 1), end
}

// Every truncation is reported as a short file, or refused as a gap.
func TestEveryTruncation(t *testing.T) {
	m, want := specimen(t)
	for _, file := range []string{firstSegment, secondSegment} {
		for size := range int64(segmentBytesMin) {
			after := m.Kill()
			ok(t, after.Alter("d/"+file, func(b []byte) []byte { return b[:size] }))
			rep, corrupt := survey(t, after, want)
			_, _, end := place(want, 4)
			if file == firstSegment && size < end {
				if corrupt == nil || corrupt.Segment != file {
					t.Fatalf("%s cut to %d: %+v, %v", file, size, rep, corrupt)
				}
				continue
			}
			if corrupt != nil || !rep.Short || rep.Intact() {
				t.Fatalf("%s cut to %d: %+v, %v", file, size, rep, corrupt)
			}
			wantNext := uint64(10)
			if file == secondSegment {
				for wantNext = 5; wantNext < 10; wantNext++ {
					if _, off, _ := place(want, int(wantNext)); size < off+recordBytes(len(want[wantNext-1])) {
						break
					}
				}
			}
			if rep.Next != wantNext {
				t.Fatalf("%s cut to %d: %+v, want the next to be %d", file, size, rep, wantNext)
			}
		}
	}
}

// Whole records in wrong places, whole files that are missing, and files that say what cannot be.
func TestWrongPlaces(t *testing.T) {
	original, want := specimen(t)
	rewriteHeader := func(change func(b []byte)) func(b []byte) []byte {
		return func(b []byte) []byte {
			change(b)
			le.PutUint32(b[segmentHeaderBytes-4:], crc32.Checksum(b[:segmentHeaderBytes-4], castagnoli))
			return b
		}
	}
	_, six, _ := place(want, 6)
	_, seven, _ := place(want, 7)
	_, eight, end := place(want, 8)
	for _, c := range []struct {
		name   string
		file   string
		change func(b []byte) []byte
		record uint64
	}{
		{"a record is there twice", secondSegment, func(b []byte) []byte {
			copy(b[seven:], b[six:six+recordBytes(7)])
			return b
		}, 7},
		{"a record is left out", secondSegment, func(b []byte) []byte {
			copy(b[six:], b[seven:])
			return b
		}, 6},
		{"an old record follows the last", secondSegment, func(b []byte) []byte {
			copy(b[end:], b[six:six+recordBytes(7)])
			return b
		}, 10},
		{"a durable record is zero", secondSegment, func(b []byte) []byte {
			clear(b[seven:eight])
			return b
		}, 7},
		{"a payload stands under another head", secondSegment, func(b []byte) []byte {
			copy(b[six+recordHeaderBytes:], b[six+recordHeaderBytes+1:six+recordBytes(7)])
			return b
		}, 6},
		{"the file is too long", secondSegment, func(b []byte) []byte { return append(b, 0) }, 5},
		{"the header has another number", secondSegment, rewriteHeader(func(b []byte) { le.PutUint64(b[16:], 6) }), 5},
		{"the header has another salt", secondSegment, rewriteHeader(func(b []byte) { b[32]++ }), 5},
		{"the header has no size", firstSegment, rewriteHeader(func(b []byte) { le.PutUint64(b[24:], 0) }), 1},
		{"the header has an absurd size", secondSegment, rewriteHeader(func(b []byte) { le.PutUint64(b[24:], 1<<62) }),
			5},
		{"the header has version 0", secondSegment, rewriteHeader(func(b []byte) { b[8] = 0 }), 5},
		{"the file is of another kind", secondSegment, func(b []byte) []byte { return make([]byte, len(b)) }, 5},
	} {
		m := original.Kill()
		ok(t, m.Alter("d/"+c.file, c.change))
		_, corrupt := survey(t, m, want)
		if c.name == "the header has another salt" { // then no record is one; those of a last segment are a torn tail
			continue
		}
		if corrupt == nil || corrupt.Segment != c.file || corrupt.Record != c.record {
			t.Errorf("%s: %v", c.name, corrupt)
		}
	}
	m := original.Kill()
	ok(t, m.Rename("d/"+secondSegment, "d/"+segmentName(6)))
	if _, corrupt := survey(t, m, want); corrupt == nil || corrupt.Segment != firstSegment || corrupt.Record != 5 {
		t.Errorf("a gap between segments: %v", corrupt)
	}
}

// A format from the future is refused and left alone.
func TestNewerJournal(t *testing.T) {
	m, _ := specimen(t)
	ok(t, m.Alter("d/"+secondSegment, func(b []byte) []byte {
		b[8] = 3
		le.PutUint32(b[segmentHeaderBytes-4:], crc32.Checksum(b[:segmentHeaderBytes-4], castagnoli))
		return b
	}))
	before := contents(t, m)
	var version *VersionError
	if _, _, err := Open(m, dir, small); !errors.As(err, &version) || version.Got != 3 || version.Want != 2 ||
		version.File != "d/"+secondSegment {
		t.Errorf("%v", err)
	}
	if !bytes.Equal(contents(t, m), before) {
		t.Error("the refusal changed the disk")
	}
}

// A payload that looks like a record of the future does not stop a node whose salt its author does not know.
func TestForgedRecord(t *testing.T) {
	for _, salted := range []bool{true, false} {
		m := vfs.NewMem()
		opt := Options{}
		if salted {
			opt.Salt = 0x5a17
		}
		j, _ := open(t, m, opt)
		add(t, j, text(1, 10))
		ok(t, j.Sync())
		forged := appendRecord(nil, saltCRC(0), 9, 9, []byte("trust me, record 2 was durable"))
		add(t, j, append(make([]byte, 8), forged...))
		ok(t, j.Close())
		_, off, _ := place([][]byte{text(1, 10), forged, nil, nil}, 2)
		// the head of record 2 is torn
		ok(t, m.Alter("d/"+firstSegment, func(b []byte) []byte { clear(b[off : off+8]); return b }))
		_, rep, err := Open(m, dir, small)
		if salted && (err != nil || rep.Next != 2) {
			t.Errorf("with a salt: %+v, %v", rep, err)
		}
		if !salted && err == nil {
			t.Error("without a salt the forgery was to succeed; this test tests nothing")
		}
	}
}
