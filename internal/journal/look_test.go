package journal

import (
	"bytes"
	"errors"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// TestWalk reads what Read reads, with places that are right, from any number on, and leaves the disk as it was.
func TestWalk(t *testing.T) {
	m := vfs.NewMem()
	j, _, err := Open(m, dir, Options{SegmentBytes: segmentBytesMin, From: 5})
	ok(t, err)
	for i := range uint64(40) {
		_, err := j.Append(text(i, 300+int(i)))
		ok(t, err)
	}
	ok(t, j.Close())
	m.SetReadOnly(true) // a write would fail
	for from := uint64(0); from <= 46; from++ {
		next := max(from, 5)
		rep, err := Walk(m, dir, from, func(at Position, payload []byte) error {
			if at.Record != next || !bytes.Equal(payload, text(next-5, 300+int(next-5))) {
				t.Fatalf("from %d: record %d at %+v", from, next, at)
			}
			f, err := m.Open(dir + "/" + at.Segment)
			ok(t, err)
			defer f.Close()
			var head [recordHeaderBytes]byte
			ok(t, vfs.ReadFull(f, head[:], at.Offset))
			if le.Uint64(head[8:]) != next {
				t.Fatalf("record %d is not at %+v", next, at)
			}
			next++
			return nil
		})
		var gone *RangeError
		if from > 0 && from < 5 {
			if !errors.As(err, &gone) || gone.First != 5 || gone.Next != 45 || next != 5 {
				t.Fatalf("from %d: %v", from, err)
			}
			continue
		}
		if err != nil || rep.Next != 45 || next != max(45, from) {
			t.Fatalf("from %d up to %d: %+v, %v", from, next, rep, err)
		}
	}
}

// TestWalkShowsWhatLiesBeforeDamage: the records before a damaged one are seen, then the error names its place; a torn
// tail is no error.
func TestWalkShowsWhatLiesBeforeDamage(t *testing.T) {
	m := vfs.NewMem()
	j, _, err := Open(m, dir, Options{})
	ok(t, err)
	for i := range uint64(6) {
		_, err := j.Append(text(i, 100))
		ok(t, err)
		ok(t, j.Sync())
	}
	ok(t, j.Close())
	for _, c := range []struct {
		record int // that is broken
		seen   int
		damage bool
	}{{3, 2, true}, {6, 5, false}} {
		flip := func(b []byte) []byte {
			b[segmentHeaderBytes+int(recordBytes(100))*(c.record-1)+recordHeaderBytes+5] ^= 1
			return b
		}
		ok(t, m.Alter("d/"+segmentName(1), flip))
		seen := 0
		rep, err := Walk(m, dir, 1, func(Position, []byte) error { seen++; return nil })
		var corrupt *CorruptionError
		if errors.As(err, &corrupt) != c.damage || seen != c.seen || c.damage && corrupt.Record != uint64(c.record) ||
			!c.damage && rep.TornBytes == 0 {
			t.Errorf("record %d broken: %d seen, %+v, %v", c.record, seen, rep, err)
		}
		ok(t, m.Alter("d/"+segmentName(1), flip))
	}
}
