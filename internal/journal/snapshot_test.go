package journal

import (
	"bytes"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

func snapshotDir(t testing.TB) *vfs.Mem {
	m := vfs.NewMem()
	ok(t, m.MkdirAll(dir))
	return m
}

func TestPublishAndLoad(t *testing.T) {
	for _, size := range []int{0, 1, 1000, smallChunkMax, 3*smallChunkMax + 17} {
		for what, payload := range map[string][]byte{"zeros": make([]byte, size), "text": text(uint64(size), size),
			"noise": noise(size)} {
			m := snapshotDir(t)
			ok(t, Publish(m, dir, 7, payload))
			got, info, err := Load(m, dir, snapshotName(7), Limits{})
			if err != nil || !bytes.Equal(got, payload) {
				t.Fatalf("%d bytes of %s: %d bytes, %v", size, what, len(got), err)
			}
			fileBytes, err := m.Stat("d/" + snapshotName(7))
			ok(t, err)
			want := SnapshotInfo{SnapshotRef: SnapshotRef{snapshotName(7), 7}, Version: 2, FileBytes: fileBytes,
				PayloadBytes: int64(size), Chunks: info.Chunks, Root: info.Root}
			if *info != want || (info.Chunks == 0) != (size == 0) || info.Chunks > size/smallChunkMin+1 {
				t.Errorf("info %+v, want %+v", *info, want)
			}
			again, err := Verify(m, dir, snapshotName(7), Limits{})
			if err != nil || *again != want {
				t.Errorf("verified %+v, %v", again, err)
			}
		}
	}
	for _, lsn := range []uint64{0, 1 << 63} {
		if Publish(snapshotDir(t), dir, lsn, nil) == nil {
			t.Errorf("a snapshot at record %d was published", lsn)
		}
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	rng := seeded(n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func loadBytes(t testing.TB, file []byte, lim Limits) ([]byte, error) {
	m := snapshotDir(t)
	ok(t, WriteFileAtomic(m, "d/"+snapshotName(3), file))
	payload, _, err := Load(m, dir, snapshotName(3), lim)
	_, verr := Verify(m, dir, snapshotName(3), lim)
	var digest *CorruptionError // the one thing that only Verify looks at
	if (err == nil) != (verr == nil) && (err != nil || !errors.As(verr, &digest) || !strings.Contains(digest.Reason,
		"digest")) {
		t.Fatalf("Load says %v, Verify %v", err, verr)
	}
	return payload, err
}

// withHeader changes the header of a snapshot and gives it a right checksum.
func withHeader(file []byte, change func(b []byte)) []byte {
	b := bytes.Clone(file)
	change(b)
	le.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

func damage(t *testing.T, m *vfs.Mem, lsn uint64) {
	t.Helper()
	ok(t, m.Alter("d/"+snapshotName(lsn), func(b []byte) []byte { b[len(b)/2] ^= 4; return b }))
}

func lsns(refs []SnapshotRef) (out []uint64) {
	for _, r := range refs {
		out = append(out, r.LSN)
	}
	return out
}

func TestLoadNewest(t *testing.T) {
	if _, _, _, err := LoadNewest(vfs.NewMem(), "nowhere", Limits{}); err != ErrNoSnapshot {
		t.Errorf("a missing directory: %v", err)
	}
	m := snapshotDir(t)
	if _, _, _, err := LoadNewest(m, dir, Limits{}); err != ErrNoSnapshot {
		t.Errorf("an empty directory: %v", err)
	}
	for _, lsn := range []uint64{5, 300, 20} {
		ok(t, Publish(m, dir, lsn, text(lsn, 500)))
	}
	refs, err := List(m, dir)
	ok(t, err)
	if !slices.Equal(lsns(refs), []uint64{300, 20, 5}) {
		t.Errorf("listed %v", refs)
	}
	check := func(want uint64, skips int) {
		t.Helper()
		payload, ref, skipped, err := LoadNewest(m, dir, Limits{})
		if err != nil || ref.LSN != want || len(skipped) != skips || !bytes.Equal(payload, text(want, 500)) {
			t.Errorf("loaded %d, skipped %v, %v; want %d", ref.LSN, skipped, err, want)
		}
		for _, s := range skipped {
			var corrupt *CorruptionError
			if !errors.As(s, &corrupt) {
				t.Errorf("skipped for %v", s)
			}
		}
	}
	check(300, 0)
	damage(t, m, 300)
	check(20, 1)
	damage(t, m, 20)
	check(5, 2)
	damage(t, m, 5)
	_, _, skipped, err := LoadNewest(m, dir, Limits{})
	var corrupt *CorruptionError
	if !errors.As(err, &corrupt) || corrupt.Record != 300 || len(skipped) != 3 {
		t.Errorf("all damaged: %v, skipped %v", err, skipped)
	}
}

// A newer format is never passed over for an older snapshot, and pruning stops at it.
func TestNewerSnapshot(t *testing.T) {
	m := snapshotDir(t)
	ok(t, Publish(m, dir, 5, []byte("old")))
	ok(t, Publish(m, dir, 6, []byte("new")))
	ok(t, m.Alter("d/"+snapshotName(6), func(b []byte) []byte { return withHeader(b, func(b []byte) { b[8] = 3 }) }))
	var version *VersionError
	if _, _, _, err := LoadNewest(m, dir, Limits{}); !errors.As(err, &version) || version.File != "d/"+snapshotName(6) {
		t.Errorf("loaded: %v", err)
	}
	if _, err := Prune(m, dir, 1, Limits{}); !errors.As(err, &version) {
		t.Errorf("pruned: %v", err)
	}
	if len(m.Names()) != 2 {
		t.Errorf("files %q", m.Names())
	}
}

func TestPrune(t *testing.T) {
	for _, c := range []struct {
		keep    int
		damaged []uint64
		kept    []uint64
		files   []uint64
	}{
		{2, nil, []uint64{40, 30}, []uint64{30, 40}},
		{0, nil, []uint64{40}, []uint64{40}},
		{9, nil, []uint64{40, 30, 20, 10}, []uint64{10, 20, 30, 40}},
		{2, []uint64{30}, []uint64{40, 20}, []uint64{20, 30, 40}},
		{1, []uint64{40, 30, 10}, []uint64{20}, []uint64{20, 30, 40}},
		{2, []uint64{40, 30, 10}, []uint64{20}, []uint64{10, 20, 30, 40}},
		{2, []uint64{10, 20, 30, 40}, nil, []uint64{10, 20, 30, 40}},
	} {
		m := snapshotDir(t)
		for _, lsn := range []uint64{10, 20, 30, 40} {
			ok(t, Publish(m, dir, lsn, text(lsn, 100)))
		}
		for _, lsn := range c.damaged {
			damage(t, m, lsn)
		}
		for _, name := range []string{"d/" + snapshotName(50) + tmpSuffix, "d/other.tmp"} {
			_, err := m.Create(name)
			ok(t, err)
		}
		kept, err := Prune(m, dir, c.keep, Limits{})
		ok(t, err)
		if !slices.Equal(lsns(kept), c.kept) {
			t.Errorf("%+v: kept %v", c, kept)
		}
		var names []string
		for _, lsn := range c.files {
			names = append(names, "d/"+snapshotName(lsn))
		}
		slices.Sort(names)
		if want := append([]string{"d/other.tmp"}, names...); !slices.Equal(m.Names(), want) {
			t.Errorf("%+v: files %q", c, m.Names())
		}
	}
}

func TestErrorsSayWhatAndWhere(t *testing.T) {
	for _, c := range []struct {
		err   error
		parts []string
	}{
		{&CorruptionError{"d", "s", 12, 7, "why"}, []string{"s in d", "byte 12", "record 7", "why"}},
		{&VersionError{"f", 3, 1}, []string{"f", "3", "1"}},
		{&FailedError{"sync", errors.New("disk")}, []string{"sync", "disk"}},
		{&TooLargeError{"record", 9, 8}, []string{"record", "9", "8"}},
		{&RangeError{5, 1, 4}, []string{"record 5", "records 1 to 3"}},
	} {
		for _, p := range c.parts {
			if !strings.Contains(c.err.Error(), p) {
				t.Errorf("%T does not say %q: %v", c.err, p, c.err)
			}
		}
	}
}
