package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"pgregory.net/rapid"
)

// run is a large value of a test.
type run struct {
	b  []byte
	id any
}

func (r run) Len() int                                  { return len(r.b) }
func (r run) AppendRange(dst []byte, lo, hi int) []byte { return append(dst, r.b[lo:hi]...) }
func (r run) Identity() any                             { return r.id }

// unread is a large value that must not be read, since it was published under its identity before.
type unread struct {
	run
	t testing.TB
}

func (u unread) AppendRange([]byte, int, int) []byte {
	u.t.Helper()
	u.t.Fatalf("%v is read again", u.id)
	return nil
}

// tester is what a testing.T and a rapid.T have in common.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// payloadOf is the obvious account of what parts hold.
func payloadOf(parts []Part) (b []byte) {
	for _, p := range parts {
		b = append(b, p.Bytes...)
		if p.Large != nil {
			b = p.Large.AppendRange(b, 0, p.Large.Len())
		}
	}
	return b
}

// world of snapshots: a state that changes, and an account of all payloads ever published.
type states struct {
	rng     *rand.Rand
	next    int
	values  []run
	inline  []byte
	account map[uint64][]byte
}

func newStates(seed uint64) *states {
	w := &states{rng: rand.New(rand.NewPCG(seed, 3)), account: map[uint64][]byte{}}
	w.inline = text(seed, 9000)
	for range 1 + w.rng.IntN(6) {
		w.add()
	}
	return w
}

// add appends a value: noise that does not shrink, or text that does, or a copy of one that is there.
func (w *states) add() {
	w.next++
	n := 1 + w.rng.IntN(3*largeChunkBytes/2)
	r := run{text(uint64(w.next), n), w.next}
	switch k := w.rng.IntN(4); {
	case k == 0:
		for i := 0; i < n; i += 8 {
			copy(r.b[i:], binary.LittleEndian.AppendUint64(nil, w.rng.Uint64()))
		}
	case k == 1 && len(w.values) > 0:
		r.b = w.values[w.rng.IntN(len(w.values))].b
	case k == 2:
		r.id = nil
	}
	w.values = append(w.values, r)
}

// change does something to the state.
func (w *states) change() {
	switch k := w.rng.IntN(6); {
	case k == 0 || len(w.values) == 0:
		w.add()
	case k == 1 && len(w.values) > 1:
		i := w.rng.IntN(len(w.values))
		w.values = slices.Delete(w.values, i, i+1)
	case k == 2: // a new value that differs in one byte, as a chunk that was copied and written
		i := w.rng.IntN(len(w.values))
		b := bytes.Clone(w.values[i].b)
		b[w.rng.IntN(len(b))]++
		w.next++
		w.values[i] = run{b, w.next}
	case k == 3:
		at := w.rng.IntN(len(w.inline) + 1)
		w.inline = slices.Concat(w.inline[:at], text(w.rng.Uint64(), w.rng.IntN(300)), w.inline[at:])
	case k == 4:
		i, j := w.rng.IntN(len(w.values)), w.rng.IntN(len(w.values))
		w.values[i], w.values[j] = w.values[j], w.values[i]
	}
}

// parts is the present state, the inline bytes cut into runs between the values.
func (w *states) parts() (parts []Part) {
	rest := w.inline
	for i, v := range w.values {
		n := len(rest) / (len(w.values) - i + 1)
		parts = append(parts, Part{Bytes: rest[:n]}, Part{Large: v})
		rest = rest[n:]
	}
	return append(parts, Part{Bytes: rest})
}

// TestPublishIncrementally publishes random rows of states, with restarts between, and after each step loads all
// snapshots that are kept: each gives exactly the payload that it was, no file is there that none of them needs, and
// the root digest is that of the same payload published alone.
func TestPublishIncrementally(t *testing.T) {
	shared, held := int64(0), 0
	rapid.Check(t, func(t *rapid.T) {
		must := func(err error) {
			if err != nil {
				t.Helper()
				t.Fatal(err)
			}
		}
		m := vfs.NewMem()
		must(m.MkdirAll(dir))
		w := newStates(rapid.Uint64().Draw(t, "seed"))
		keep := rapid.IntRange(1, 3).Draw(t, "keep")
		s := OpenSnapshots(m, dir, Retention{Keep: keep}, Limits{})
		for lsn := uint64(1); lsn <= uint64(rapid.IntRange(1, 9).Draw(t, "rounds")); lsn++ {
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				w.change()
			}
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				s = OpenSnapshots(m, dir, Retention{Keep: keep}, Limits{})
				if payload, _, _, err := s.LoadNewest(); err != ErrNoSnapshot &&
					(err != nil || !bytes.Equal(payload, w.account[lsn-1])) {
					t.Fatalf("round %d: loaded %d bytes, %v", lsn, len(payload), err)
				}
			}
			parts := w.parts()
			w.account[lsn] = payloadOf(parts)
			info, err := s.Publish(lsn, 0, parts)
			must(err)
			shared += info.OtherBytes
			kept, err := s.Prune()
			must(err)
			if len(kept) != min(int(lsn), keep) || kept[0].LSN != lsn {
				t.Fatalf("round %d: kept %v of %d", lsn, kept, keep)
			}
			alone := vfs.NewMem()
			must(alone.MkdirAll(dir))
			fresh, err := OpenSnapshots(alone, dir, Retention{}, Limits{}).Publish(lsn, 0, parts)
			must(err)
			if fresh.Root != info.Root || fresh.OtherBytes != 0 || fresh.Chunks != info.Chunks {
				t.Fatalf("round %d: %+v, alone %+v", lsn, info, fresh)
			}
			held += w.check(t, m, kept)
		}
	})
	if shared == 0 || held == 0 {
		t.Errorf("%d bytes were shared, %d files held chunks only: the test shows nothing", shared, held)
	}
}

// check holds the files against the account, and returns how many hold chunks and are no snapshots any more.
func (w *states) check(t tester, m *vfs.Mem, kept []SnapshotRef) (held int) {
	t.Helper()
	refs, err := List(m, dir)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if !slices.Equal(refs, kept) {
		t.Fatalf("kept %v, there are %v", kept, refs)
	}
	need := map[string]bool{}
	for _, ref := range refs {
		payload, info, err := Load(m, dir, ref.Name, Limits{})
		if err != nil || !bytes.Equal(payload, w.account[ref.LSN]) {
			t.Fatalf("snapshot %d has %d bytes, want %d: %v", ref.LSN, len(payload), len(w.account[ref.LSN]), err)
		}
		var out bytes.Buffer
		exported, err := Export(m, dir, ref.Name, Limits{}, &out)
		if err != nil || *exported != *info || !bytes.Equal(out.Bytes(), payload) {
			t.Fatalf("snapshot %d exports %d bytes: %v", ref.LSN, out.Len(), err)
		}
		x, err := walkSnapshot(m, dir, ref.Name, Limits{}, func(*source, *index) error { return nil }, nil)
		if err != nil {
			t.Fatalf("%v", err)
		}
		for file := range x.files() {
			need["d/"+snapshotName(file)] = true
		}
		need["d/"+ref.Name] = true
	}
	for _, name := range m.Names() {
		if lsn, ok := numberIn(name[2:], snapshotPrefix, heldSuffix); ok {
			held++
			name = "d/" + snapshotName(lsn)
		}
		if !need[name] {
			t.Fatalf("%s is there and nothing needs it; files %q", name, m.Names())
		}
		delete(need, name)
	}
	if len(need) > 0 {
		t.Fatalf("files are missing: %v", need)
	}
	return held
}

// TestUnchangedValuesAreNotRead: a value that was published under its identity is neither read nor written again, also
// when other things change; after a restart it is read and not written.
func TestUnchangedValuesAreNotRead(t *testing.T) {
	m := snapshotDir(t)
	big := run{noise(5*largeChunkBytes + 3), "big"}
	open := func() *Snapshots { return OpenSnapshots(m, dir, Retention{Keep: 2}, Limits{}) }
	s := open()
	publish := func(lsn uint64, large Large, inline string) *SnapshotInfo {
		t.Helper()
		info, err := s.Publish(lsn, 0, []Part{{Bytes: []byte(inline)}, {Large: large}})
		ok(t, err)
		_, err = s.Prune()
		ok(t, err)
		return info
	}
	publish(1, big, "a")
	for lsn := uint64(2); lsn < 8; lsn++ {
		if info := publish(lsn, unread{big, t}, fmt.Sprint(lsn)); info.FileBytes > 700 ||
			info.OtherBytes != int64(len(big.b)) {
			t.Errorf("%+v", info)
		}
	}
	s = open()
	_, _, _, err := s.LoadNewest()
	ok(t, err)
	if info := publish(9, big, "b"); info.FileBytes > 700 {
		t.Errorf("after a restart: %+v", info)
	}
	publish(10, unread{big, t}, "c")
}

// TestInsertionMovesLittle: bytes put into the middle of what is no large value cost the chunks around them.
func TestInsertionMovesLittle(t *testing.T) {
	m := snapshotDir(t)
	s := OpenSnapshots(m, dir, Retention{Keep: 2}, Limits{})
	inline := noise(1 << 20)
	for lsn := uint64(1); lsn <= 9; lsn++ {
		info, err := s.Publish(lsn, 0, []Part{{Bytes: inline}})
		ok(t, err)
		_, err = s.Prune()
		ok(t, err)
		if fresh := info.PayloadBytes - info.OtherBytes; lsn > 1 && fresh > 3*smallChunkMax {
			t.Errorf("snapshot %d: %d bytes are new", lsn, fresh)
		}
		at := int(lsn) * 100_000
		inline = slices.Concat(inline[:at], []byte("some more"), inline[at:])
	}
}

// TestWriteAmplification writes a state over and over, a part each time, for long: all that is written stays within a
// quarter above what changed, what is on the disk within a bound, and the newest snapshot within 128 files.
func TestWriteAmplification(t *testing.T) {
	for _, pattern := range []string{"at random", "in turn", "half never", "more and more"} {
		m := snapshotDir(t)
		s := OpenSnapshots(m, dir, Retention{Keep: 2}, Limits{})
		rng := seeded(4)
		const values = 96
		var state []run
		fresh := func() run {
			b := make([]byte, 32<<10)
			for i := 0; i < len(b); i += 8 {
				le.PutUint64(b[i:], rng.Uint64())
			}
			return run{b, rng.Uint64()}
		}
		for range values {
			state = append(state, fresh())
		}
		dirty, written := int64(0), int64(0)
		for lsn := uint64(1); lsn <= 400; lsn++ {
			switch pattern {
			case "at random":
				for range 3 {
					state[rng.IntN(values)] = fresh()
				}
				dirty += 3 * 32 << 10
			case "in turn":
				state[lsn%values] = fresh()
				dirty += 32 << 10
			case "half never":
				state[rng.IntN(values/2)] = fresh()
				dirty += 32 << 10
			case "more and more":
				if lsn%2 == 0 {
					state = append(state, fresh())
					dirty += 32 << 10
				}
			}
			parts := make([]Part, len(state))
			for i := range state {
				parts[i] = Part{Large: state[i]}
			}
			info, err := s.Publish(lsn, 0, parts)
			ok(t, err)
			if lsn > 1 { // the first writes all
				written += info.FileBytes
			}
			if info.Others > filesMax {
				t.Fatalf("%s: snapshot %d is in %d other files", pattern, lsn, info.Others)
			}
			_, err = s.Prune()
			ok(t, err)
		}
		onDisk := int64(0)
		for _, name := range m.Names() {
			n, err := m.Stat(name)
			ok(t, err)
			onDisk += n
		}
		live := int64(len(state)) * 32 << 10
		// A snapshot that changes one value of 32 KiB also writes the pages that name it; of a real model they are far
		// less.
		bound := 1.25
		if pattern == "more and more" {
			bound = 2 // what never dies is put together once, when it is in too many files
		}
		ratio := float64(written) / float64(dirty)
		t.Logf("%s: written %.3f of what changed, on the disk %.2f of what lives, %d files", pattern, ratio,
			float64(onDisk)/float64(live), len(m.Names()))
		if ratio > bound || float64(onDisk) > liveFraction*float64(live) {
			t.Errorf("%s: written %.3f of what changed, on the disk %.2f of what lives", pattern, ratio,
				float64(onDisk)/float64(live))
		}
	}
}

// TestRetention: by count, and beside it by age.
func TestRetention(t *testing.T) {
	for _, c := range []struct {
		ret  Retention
		want []uint64
	}{
		{Retention{}, []uint64{60}},
		{Retention{Keep: 2}, []uint64{60, 50}},
		{Retention{Keep: 2, KeepAge: 25 * time.Second}, []uint64{60, 50, 40}},
		{Retention{Keep: 2, KeepAge: time.Hour}, []uint64{60, 50, 40, 30, 20, 10}},
	} {
		m := snapshotDir(t)
		big := run{noise(3 * largeChunkBytes), "big"}
		s := OpenSnapshots(m, dir, c.ret, Limits{})
		for lsn := uint64(10); lsn <= 60; lsn += 10 {
			_, err := s.Publish(lsn, int64(lsn)*1e9, []Part{{Bytes: text(lsn, 100)}, {Large: big}})
			ok(t, err)
			kept, err := s.Prune()
			ok(t, err)
			if len(kept) > max(c.ret.Keep, 1) {
				t.Errorf("%+v: the journal is held back for %v", c.ret, kept)
			}
		}
		_, err := OpenSnapshots(m, dir, c.ret, Limits{}).Prune() // of another process
		ok(t, err)
		refs, err := List(m, dir)
		ok(t, err)
		if !slices.Equal(lsns(refs), c.want) {
			t.Errorf("%+v: there are %v, want %v", c.ret, lsns(refs), c.want)
		}
		for _, ref := range refs {
			payload, _, err := Load(m, dir, ref.Name, Limits{})
			if err != nil || !bytes.Equal(payload, append(text(ref.LSN, 100), big.b...)) {
				t.Errorf("%+v: snapshot %d: %v", c.ret, ref.LSN, err)
			}
		}
	}
}

// TestSharedDamage flips every bit, and cuts every length, of an older file that a newer snapshot shares chunks with.
// What needs the damaged place is refused with its file and offset; what does not is the right payload; nothing is ever
// another one.
func TestSharedDamage(t *testing.T) {
	m := snapshotDir(t)
	s := OpenSnapshots(m, dir, Retention{Keep: 2}, Limits{})
	want := map[uint64][]byte{}
	for _, lsn := range []uint64{3, 5} {
		parts := []Part{{Bytes: text(lsn, 60)}, {Large: run{text(1, 200), 1}}, {Large: run{noise(100), 2}},
			{Large: run{text(lsn, 90), nil}}}
		_, err := s.Publish(lsn, 0, parts)
		ok(t, err)
		want[lsn] = payloadOf(parts)
		_, err = s.Prune()
		ok(t, err)
	}
	older := "d/" + snapshotName(3)
	file, err := vfs.ReadFile(m, older, 1<<20)
	ok(t, err)
	refusals, unharmed := 0, 0
	try := func(b []byte, what string, args ...any) {
		t.Helper()
		ok(t, m.Alter(older, func([]byte) []byte { return b }))
		for _, lsn := range []uint64{3, 5} {
			payload, _, err := Load(m, dir, snapshotName(lsn), Limits{})
			var corrupt *CorruptionError
			switch {
			case err == nil && lsn == 3:
				t.Errorf("%s: the damaged snapshot was loaded", fmt.Sprintf(what, args...))
			case err == nil && bytes.Equal(payload, want[lsn]):
				unharmed++
			case errors.As(err, &corrupt) && corrupt.Segment == snapshotName(3) && corrupt.Record == lsn &&
				corrupt.Offset <= int64(len(file)):
				refusals++
			default:
				t.Errorf("%s: snapshot %d: %d bytes, %v", fmt.Sprintf(what, args...), lsn, len(payload), err)
			}
		}
	}
	for bit := range 8 * len(file) {
		b := bytes.Clone(file)
		b[bit/8] ^= 1 << (bit % 8)
		try(b, "bit %d", bit)
	}
	for n := range file {
		try(file[:n], "cut to %d", n)
	}
	if refusals < 8*300 || unharmed < 8*100 {
		t.Errorf("%d refusals, %d loaded unharmed", refusals, unharmed)
	}
	ok(t, m.Remove(older))
	_, _, skipped, err := LoadNewest(m, dir, Limits{})
	var corrupt *CorruptionError
	if !errors.As(err, &corrupt) || corrupt.Segment != snapshotName(3) || corrupt.Record != 5 || len(skipped) != 1 {
		t.Errorf("with a missing file: %v", err)
	}
}

// TestMixedFormats: snapshots of format 1 are kept, pruned and replaced beside those of format 2.
func TestMixedFormats(t *testing.T) {
	m := snapshotDir(t)
	for _, lsn := range []uint64{1, 2} {
		ok(t, publishV1(m, lsn, text(lsn, 700)))
	}
	s := OpenSnapshots(m, dir, Retention{Keep: 2}, Limits{})
	payload, ref, _, err := s.LoadNewest()
	if err != nil || ref.LSN != 2 || !bytes.Equal(payload, text(2, 700)) {
		t.Fatalf("%v %v", ref, err)
	}
	for _, c := range []struct {
		lsn  uint64
		kept []uint64
	}{{3, []uint64{3, 2}}, {4, []uint64{4, 3}}} {
		_, err := s.Publish(c.lsn, 0, []Part{{Bytes: text(c.lsn, 700)}})
		ok(t, err)
		kept, err := s.Prune()
		if err != nil || !slices.Equal(lsns(kept), c.kept) {
			t.Errorf("kept %v, %v", kept, err)
		}
	}
}

// TestSnapshotFilesAreOwned: every file that publishing makes is known by its name.
func TestSnapshotFilesAreOwned(t *testing.T) {
	for name, want := range map[string]bool{snapshotName(7): true, heldName(7): true, segmentName(7): false,
		"snapshot-7.snap": false, "chunks": false} {
		if OwnsSnapshotFile(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

// TestScrubHeals damages a chunk that all snapshots share, long after it was checked. Publishing goes on, finds it
// within a round over what is shared, holds the journal back until enough good snapshots are there again, and heals it
// from the living value.
func TestScrubHeals(t *testing.T) {
	for _, size := range []int{200, largeChunkBytes, 20 * largeChunkBytes} {
		m := snapshotDir(t)
		s := OpenSnapshots(m, dir, Retention{Keep: 2}, Limits{})
		big := run{noise(size), "big"}
		payload := func(lsn uint64) []byte { return append(text(lsn, 100), big.b...) }
		publish := func(lsn uint64) int {
			t.Helper()
			_, err := s.Publish(lsn, 0, []Part{{Bytes: text(lsn, 100)}, {Large: big}})
			ok(t, err)
			kept, err := s.Prune()
			ok(t, err)
			return len(kept)
		}
		for lsn := uint64(1); lsn <= 3; lsn++ {
			publish(lsn)
		}
		ok(t, m.Alter("d/"+heldName(1), func(b []byte) []byte { b[snapshotHeaderBytes+150+size/2] ^= 16; return b }))
		heldBack, lsn := 0, uint64(4)
		for ; lsn <= 12; lsn++ {
			if publish(lsn) < 2 {
				heldBack++
			}
		}
		got, _, skipped, err := LoadNewest(m, dir, Limits{})
		if err != nil || len(skipped) > 0 || !bytes.Equal(got, payload(12)) {
			t.Errorf("%d bytes: loaded %d, skipped %v, %v", size, len(got), skipped, err)
		}
		if heldBack == 0 || heldBack > 3 {
			t.Errorf("%d bytes: the journal was held back %d times", size, heldBack)
		}
		if gone := !slices.Contains(m.Names(), "d/"+heldName(1)); gone != (size <= largeChunkBytes) {
			t.Errorf("%d bytes: the damaged file is gone: %v; it goes when nothing else is in it", size, gone)
		}
	}
}

// TestLoadInParallel: a payload that several goroutines read is the same, and damage in it is told by the first place.
func TestLoadInParallel(t *testing.T) {
	m := snapshotDir(t)
	s := OpenSnapshots(m, dir, Retention{Keep: 2}, Limits{})
	var want []byte
	for lsn := uint64(1); lsn <= 2; lsn++ {
		parts := []Part{{Bytes: text(lsn, 70_000)}, {Large: run{noise(parallelBytes), "noise"}},
			{Bytes: text(lsn, 300)}, {Large: run{make([]byte, 3<<20), nil}}}
		_, err := s.Publish(lsn, 0, parts)
		ok(t, err)
		_, err = s.Prune()
		ok(t, err)
		want = payloadOf(parts)
	}
	got, info, err := Load(m, dir, snapshotName(2), Limits{})
	if err != nil || !bytes.Equal(got, want) || info.Others != 1 {
		t.Fatalf("%d bytes, %+v, %v", len(got), info, err)
	}
	last := int64(0)
	for _, at := range []int{13 << 20, 9 << 20, 5 << 20, 2 << 20} {
		ok(t, m.Alter("d/"+snapshotName(1), func(b []byte) []byte { b[at]++; return b }))
		_, _, err := Load(m, dir, snapshotName(2), Limits{})
		var corrupt *CorruptionError
		if !errors.As(err, &corrupt) || corrupt.Segment != snapshotName(1) || corrupt.Offset > int64(at) ||
			corrupt.Offset < int64(at)-largeChunkBytes {
			t.Errorf("damage at byte %d: %v", at, err)
		}
		if last != 0 && corrupt.Offset >= last {
			t.Errorf("damage at byte %d is told as of byte %d", at, corrupt.Offset)
		}
		last = corrupt.Offset
	}
}

// TestWaypoints: snapshots that only shorten a replay change nothing of which others stay, by count and by age, and one
// of them stays at most, also where the process restarts between; with the newest one damaged, the one before stays,
// too. Everything that is there can be loaded.
func TestWaypoints(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 1))
	for _, ret := range []Retention{{Keep: 1}, {Keep: 2}, {Keep: 3, KeepAge: 4 * time.Second}} {
		m, bare := snapshotDir(t), snapshotDir(t)
		s, without := OpenSnapshots(m, dir, ret, Limits{}), OpenSnapshots(bare, dir, ret, Limits{})
		big := run{noise(3 * largeChunkBytes), "big"}
		waypoints := map[uint64]bool{}
		var want []SnapshotRef
		for lsn := uint64(1); lsn < 60; lsn++ {
			if rng.IntN(6) == 0 {
				big = run{noise(3*largeChunkBytes + int(lsn)), fmt.Sprint("big", lsn)}
			}
			parts := []Part{{Bytes: text(lsn, 700)}, {Large: big}}
			if rng.IntN(4) == 0 { // a restart of the process
				s = OpenSnapshots(m, dir, ret, Limits{})
				_, _, _, err := s.LoadNewest()
				if lsn > 1 {
					ok(t, err)
				}
			}
			if waypoints[lsn] = rng.IntN(3) > 0; waypoints[lsn] {
				_, err := s.PublishWaypoint(lsn, int64(lsn)*1e9, parts)
				ok(t, err)
			} else {
				for _, s := range []*Snapshots{s, without} {
					_, err := s.Publish(lsn, int64(lsn)*1e9, parts)
					ok(t, err)
				}
				var err error
				want, err = without.Prune()
				ok(t, err)
			}
			kept, err := s.Prune()
			if err != nil || !slices.Equal(lsns(kept), lsns(want)) {
				t.Fatalf("%+v, after %d: kept %v and not %v, %v", ret, lsn, kept, want, err)
			}
			all, err := List(m, dir)
			ok(t, err)
			var others []SnapshotRef
			for i, ref := range all {
				if payload, _, err := Load(m, dir, ref.Name, Limits{}); err != nil || !bytes.HasPrefix(payload,
					text(ref.LSN, 700)) {
					t.Fatalf("%+v, after %d: %d: %v", ret, lsn, ref.LSN, err)
				}
				if !waypoints[ref.LSN] {
					others = append(others, ref)
				} else if i > 0 {
					t.Fatalf("%+v, after %d: %v with the waypoint %d", ret, lsn, all, ref.LSN)
				}
			}
			there, err := List(bare, dir)
			if err != nil || !slices.Equal(lsns(others), lsns(there)) {
				t.Fatalf("%+v, after %d: %v stay, %v without waypoints, %v", ret, lsn, others, there, err)
			}
		}
	}
	m := snapshotDir(t)
	s := OpenSnapshots(m, dir, Retention{Keep: 2}, Limits{})
	for lsn := uint64(1); lsn <= 5; lsn++ {
		publish := s.Publish
		if lsn > 1 {
			publish = s.PublishWaypoint
		}
		_, err := publish(lsn, 0, []Part{{Bytes: text(lsn, 700)}})
		ok(t, err)
		if lsn == 5 {
			ok(t, m.Alter("d/"+snapshotName(5), func(b []byte) []byte { b[len(b)/2] ^= 1; return b }))
		}
		_, err = s.Prune()
		ok(t, err)
	}
	if payload, ref, skipped, err := LoadNewest(m, dir, Limits{}); err != nil || ref.LSN != 4 || len(skipped) != 1 ||
		!bytes.Equal(payload, text(4, 700)) {
		t.Errorf("loaded %v, skipped %v, %v", ref, skipped, err)
	}
}

// TestWaypointsSurvive: a waypoint is one in each later process, also when the power fails at any operation while it is
// published, followed or replaced. One in the place of a snapshot that counts counts, and so does a snapshot that
// counts in its place.
func TestWaypointsSurvive(t *testing.T) {
	life := func(m *vfs.Mem) error {
		for lsn := uint64(1); lsn <= 8; lsn++ {
			s := OpenSnapshots(m, dir, Retention{Keep: 2}, Limits{})
			publish := []func(uint64, int64, []Part) (*SnapshotInfo, error){s.PublishWaypoint, s.Publish}
			if _, err := publish[lsn%2](lsn, 0, []Part{{Bytes: text(lsn, 700)}}); err != nil {
				return err
			}
			if lsn == 5 { // it counts
				if _, err := s.PublishWaypoint(lsn, 0, []Part{{Bytes: text(lsn, 700)}}); err != nil {
					return err
				}
			}
			if lsn == 6 { // it counts from now on
				if _, err := s.Publish(lsn, 0, []Part{{Bytes: text(lsn, 700)}}); err != nil {
					return err
				}
			}
			if _, err := s.Prune(); err != nil {
				return err
			}
		}
		return nil
	}
	whole := snapshotDir(t)
	ok(t, life(whole))
	if got, want := whole.Names(), []string{"d/" + snapshotName(6), "d/" + snapshotName(7), "d/" + snapshotName(8),
		"d/" + waypointName(8)}; !slices.Equal(got, want) {
		t.Errorf("there are %v, want %v", got, want)
	}
	seen := 0
	for k := snapshotDir(t).Ops() + 1; k <= whole.Ops(); k++ {
		m := snapshotDir(t)
		m.CrashAt(k)
		if life(m) == nil {
			t.Fatalf("there was no failure at operation %d of %d", k, whole.Ops())
		}
		m = m.Crash(rand.New(rand.NewPCG(uint64(k), 2)))
		s := OpenSnapshots(m, dir, Retention{Keep: 2}, Limits{})
		if _, _, _, err := s.LoadNewest(); err != nil && !errors.Is(err, ErrNoSnapshot) {
			t.Fatal(err)
		}
		names, err := m.List(dir)
		ok(t, err)
		way := marked(names)
		for _, ref := range listed(names, snapshotSuffix) {
			if even := ref.LSN%2 == 0 && ref.LSN != 6; even && !way[ref.LSN] || !even && ref.LSN != 6 && way[ref.LSN] {
				t.Errorf("operation %d: snapshot %d, marked %v: %v", k, ref.LSN, way[ref.LSN], names)
			} else if even {
				seen++
			}
		}
		ok(t, life(m))
		if got := m.Names(); !slices.Equal(got, whole.Names()) {
			t.Errorf("operation %d: at last there are %v", k, got)
		}
	}
	if seen < 10 {
		t.Errorf("only %d waypoints were there after a crash", seen)
	}
}
