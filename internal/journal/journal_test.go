package journal

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"pgregory.net/rapid"
)

func TestAppendAndReadBack(t *testing.T) {
	for _, fsys := range []vfs.FS{vfs.NewMem(), chdirOS(t)} {
		j, rep := open(t, fsys, Options{})
		if *rep != (Report{First: 1, Next: 1, Segments: 1}) {
			t.Fatalf("a new journal reports %+v", rep)
		}
		want := [][]byte{text(1, 5), {}, text(3, 3000), text(4, 1), text(5, 9000), text(6, 800)}
		if lsn := add(t, j, want[:4]...); lsn != 1 {
			t.Fatalf("the first record is %d", lsn)
		}
		if lsn := add(t, j, want[4]); lsn != 5 { // larger than a segment: it gets one of its own size
			t.Fatalf("the fifth record is %d", lsn)
		}
		add(t, j, want[5])
		if j.Synced() == j.Next() {
			t.Error("records count as durable before they are synced")
		}
		ok(t, j.Sync())
		if j.Synced() != 7 || j.Next() != 7 || j.First() != 1 {
			t.Errorf("first %d, synced %d, next %d", j.First(), j.Synced(), j.Next())
		}
		same(t, all(t, j, 1), want)
		same(t, all(t, j, 4), want[3:])
		same(t, all(t, j, 7), nil)
		ok(t, j.Close())

		j, rep = open(t, fsys, Options{From: 3})
		if rep.First != 1 || rep.Next != 7 || rep.Segments != 3 || !rep.Intact() || rep.TornBytes != 0 {
			t.Errorf("reopened: %+v", rep)
		}
		same(t, all(t, j, 1), want)
		add(t, j, text(7, 7))
		same(t, all(t, j, 1), append(want, text(7, 7)))
		ok(t, j.Close())
		scan, err := Scan(fsys, dir)
		ok(t, err)
		if scan.Next != 8 || scan.Restarted {
			t.Errorf("scanned: %+v", scan)
		}
	}
}

// chdirOS gives the real file system, in an empty folder.
func chdirOS(t *testing.T) vfs.FS {
	t.Chdir(t.TempDir())
	return vfs.OS()
}

func TestRefusals(t *testing.T) {
	m := vfs.NewMem()
	j, _ := open(t, m, Options{RecordBytesMax: 100})
	var large *TooLargeError
	if _, err := j.Append(text(1, 10), text(2, 101)); !errors.As(err, &large) || large.Size != 101 || large.Max != 100 {
		t.Errorf("a record above the limit: %v", err)
	}
	if add(t, j, text(1, 100)) != 1 {
		t.Error("a refused batch left something behind")
	}
	for _, from := range []uint64{0, 3} {
		var rng *RangeError
		if err := j.Read(from, nil); !errors.As(err, &rng) || rng.LSN != from || rng.First != 1 || rng.Next != 2 {
			t.Errorf("reading from %d: %v", from, err)
		}
	}
	stop := errors.New("stop here")
	if err := j.Read(1, func(uint64, []byte) error { return stop }); err != stop {
		t.Errorf("the reader's error came back as %v", err)
	}
	ok(t, j.Close())
	for what, err := range map[string]error{
		"append": second(j.Append([]byte("x"))), "append of nothing": second(j.Append()), "sync": j.Sync(),
		"read": j.Read(1, nil), "release": j.Release(1), "close": j.Close(),
	} {
		if err != ErrClosed {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
	for _, opt := range []Options{{SegmentBytes: 100}, {SegmentBytes: recordBytesLimit + 1}, {RecordBytesMax: -1},
		{From: 1 << 63}} {
		if _, _, err := Open(m, dir, opt); err == nil {
			t.Errorf("%+v was accepted", opt)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestRelease(t *testing.T) {
	m := vfs.NewMem()
	j, _ := open(t, m, Options{})
	for i := range 12 { // three records in a segment
		add(t, j, text(uint64(i), 1000))
	}
	for _, c := range []struct{ before, first uint64 }{{0, 1}, {3, 1}, {4, 4}, {9, 7}, {1000, 10}} {
		ok(t, j.Release(c.before))
		if j.First() != c.first {
			t.Errorf("released up to %d: the first record is %d, want %d", c.before, j.First(), c.first)
		}
		ok(t, j.Read(c.first, func(uint64, []byte) error { return nil }))
	}
	ok(t, j.Close())
	_, rep := open(t, m, Options{From: 10})
	if rep.First != 10 || rep.Next != 13 {
		t.Errorf("reopened: %+v", rep)
	}
	// Replay from a record that was released is impossible, and is said.
	var corrupt *CorruptionError
	if _, _, err := Open(m, dir, Options{From: 9}); !errors.As(err, &corrupt) || corrupt.Record != 9 {
		t.Errorf("a journal that begins too late: %v", err)
	}
}

// A journal that ends before the snapshot begins anew at it, and says so.
func TestRestart(t *testing.T) {
	m := vfs.NewMem()
	_, rep := open(t, m, Options{From: 40})
	if !rep.Restarted || rep.First != 40 || rep.Next != 40 || rep.Intact() {
		t.Errorf("an empty directory for a snapshot at 40: %+v", rep)
	}
	m = vfs.NewMem()
	j, _ := open(t, m, Options{})
	for i := range 9 {
		add(t, j, text(uint64(i), 1000))
	}
	ok(t, j.Close())
	refused := errors.New("not now")
	_, _, err := Open(m, dir, Options{From: 11, BeforeRepair: func(r *Report) error {
		if !r.Restarted || r.Next != 10 {
			t.Errorf("before the repair: %+v", r)
		}
		return refused
	}})
	if err != refused {
		t.Fatalf("the caller's refusal came back as %v", err)
	}
	if _, rep = open(t, m, Options{From: 10}); rep.Restarted || rep.Segments != 3 {
		t.Errorf("the refusal changed the disk: %+v", rep)
	}
	j, rep = open(t, m, Options{From: 11})
	if !rep.Restarted || rep.First != 11 || rep.Next != 11 || len(m.Names()) != 1 {
		t.Errorf("after the restart: %+v, %q", rep, m.Names())
	}
	add(t, j, text(11, 11))
	same(t, all(t, j, 11), [][]byte{text(11, 11)})
}

// Files of other kinds in the directory are nobody's business; leftovers of our own go.
func TestOtherFiles(t *testing.T) {
	m := vfs.NewMem()
	j, _ := open(t, m, Options{})
	ok(t, j.Close())
	for _, name := range []string{"d/meta", "d/journal-x.seg", "d/journal-00000000000000AA.seg",
		"d/" + segmentName(5) + ".bak"} {
		ok(t, WriteFileAtomic(m, name, []byte("mine")))
	}
	_, err := m.Create("d/" + segmentName(9) + tmpSuffix)
	ok(t, err)
	_, rep := open(t, m, Options{})
	if rep.Segments != 1 || len(m.Names()) != 5 {
		t.Errorf("%+v, %q", rep, m.Names())
	}
}

func TestReadOnlyDisk(t *testing.T) {
	m := vfs.NewMem()
	j, _ := open(t, m, Options{})
	add(t, j, []byte("x"))
	ok(t, j.Close())
	m.SetReadOnly(true)
	var ro *vfs.ReadOnlyError
	if _, _, err := Open(m, dir, small); !errors.As(err, &ro) {
		t.Errorf("opened on a read-only disk: %v", err)
	}
	if _, _, err := Open(m, "new", small); !errors.As(err, &ro) || ro.Path != "new" {
		t.Errorf("began on a read-only disk: %v", err)
	}
	if rep, err := Scan(m, dir); err != nil || rep.Next != 2 {
		t.Errorf("scanned on a read-only disk: %+v, %v", rep, err)
	}
}

// TestAgainstSlice compares a journal with a slice of payloads, over drawn appends, syncs, releases and reopenings.
func TestAgainstSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := vfs.NewMem()
		opt := small
		opt.Salt = rapid.Uint64().Draw(t, "salt")
		j, _, err := Open(m, dir, opt)
		fail(t, err)
		var want [][]byte // all that were ever appended
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1, 2:
				var batch [][]byte
				for _, n := range rapid.SliceOfN(rapid.IntRange(0, 2500), 1, 5).Draw(t, "sizes") {
					batch = append(batch, text(uint64(len(want)+len(batch)), n))
				}
				lsn, err := j.Append(batch...)
				fail(t, err)
				if lsn != uint64(len(want))+1 {
					t.Fatalf("record %d, want %d", lsn, len(want)+1)
				}
				want = append(want, batch...)
			case 3:
				fail(t, j.Sync())
			case 4:
				fail(t, j.Release(rapid.Uint64Range(0, uint64(len(want)+1)).Draw(t, "before")))
			case 5:
				fail(t, j.Close())
				opt.SegmentBytes = rapid.IntRange(segmentBytesMin, 2*segmentBytesMin).Draw(t, "segment")
				j, _, err = Open(m, dir, opt)
				fail(t, err)
			}
		}
		at := j.First()
		fail(t, j.Read(at, func(lsn uint64, p []byte) error {
			if lsn != at || string(p) != string(want[lsn-1]) {
				return fmt.Errorf("record %d differs, want %d", lsn, at)
			}
			at++
			return nil
		}))
		if at != uint64(len(want))+1 {
			t.Fatalf("%d records, want %d", at-1, len(want))
		}
	})
}

func fail(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
