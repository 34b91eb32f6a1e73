package journal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// world is a node reduced to its disk: a journal with snapshots, and a second, obvious account of what must be there.
type world struct {
	t       testing.TB
	name    string // of the case, for messages
	tag     uint64 // differs for each payload ever made, so that none can pass for another
	written map[uint64][]byte
	next    uint64 // as far as Append returned
	acked   uint64 // as far as a Sync returned
	snaps   map[uint64][]byte
	store   *Snapshots // of this life
	newest  uint64     // the newest snapshot of which Publish returned
}

func newWorld(t testing.TB, format string, args ...any) *world {
	return &world{t: t, name: fmt.Sprintf(format, args...), written: map[uint64][]byte{}, next: 1, acked: 1,
		snaps: map[uint64][]byte{}}
}

func (w *world) fatal(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s: %s", w.name, fmt.Sprintf(format, args...))
}

// recover opens what is on the disk, checks it against the account, and corrects the account to what survived.
func (w *world) recover(m vfs.FS) (*Journal, error) {
	w.store = OpenSnapshots(m, dir, Retention{Keep: 2}, Limits{})
	payload, ref, skipped, err := w.store.LoadNewest()
	if err != nil && err != ErrNoSnapshot {
		return nil, err
	}
	if len(skipped) > 0 {
		w.fatal("damaged snapshots: %v", skipped)
	}
	if ref.LSN < w.newest || !bytes.Equal(payload, w.snaps[ref.LSN]) {
		w.fatal("snapshot %d of %d bytes is the newest; %d was published", ref.LSN, len(payload), w.newest)
	}
	j, rep, err := Open(m, dir, Options{SegmentBytes: segmentBytesMin, From: ref.LSN})
	if err != nil {
		return nil, err
	}
	if !rep.Intact() {
		w.fatal("a crash is reported as loss: %+v", rep)
	}
	if rep.Next < w.acked || rep.Next > w.next+20 {
		w.fatal("the journal ends before %d; synced up to %d, appended up to %d", rep.Next, w.acked, w.next)
	}
	at := max(ref.LSN, rep.First)
	err = j.Read(at, func(lsn uint64, p []byte) error {
		if lsn != at || !bytes.Equal(p, w.written[lsn]) {
			w.fatal("record %d (want %d) is not what was appended last under this number", lsn, at)
		}
		at++
		return nil
	})
	if err == nil && at != rep.Next {
		w.fatal("reading ended before %d, want %d", at, rep.Next)
	}
	w.next, w.acked, w.newest = rep.Next, rep.Next, ref.LSN
	return j, err
}

// payload makes a new payload and enters it under the number that it will have if it is written.
func (w *world) payload(i, n int) []byte {
	w.tag++
	p := text(w.tag, n)
	w.written[w.next+uint64(i)] = p
	return p
}

func (w *world) append(j *Journal, sizes ...int) error {
	var batch [][]byte
	for i, n := range sizes {
		batch = append(batch, w.payload(i, n))
	}
	first, err := j.Append(batch...)
	if err != nil {
		return err
	}
	if first != w.next {
		w.fatal("record %d, want %d", first, w.next)
	}
	w.next += uint64(len(batch))
	return nil
}

func (w *world) sync(j *Journal) error {
	if err := j.Sync(); err != nil {
		return err
	}
	if j.Synced() != w.next {
		w.fatal("synced up to %d, appended up to %d", j.Synced(), w.next)
	}
	w.acked = w.next
	return nil
}

// snapshot follows the order of the package comment.
func (w *world) snapshot(j *Journal, n int) error {
	if err := w.sync(j); err != nil {
		return err
	}
	w.tag++
	// Some of it is new, some changes now and then, some never.
	parts := []Part{{Bytes: text(w.tag, n)}, {Large: run{text(w.tag/2, 600), nil}}, {Large: run{text(7, 900), "never"}}}
	w.snaps[w.next] = payloadOf(parts)
	if _, err := w.store.Publish(w.next, 0, parts); err != nil {
		return err
	}
	w.newest = w.next
	kept, err := w.store.Prune()
	if err != nil {
		return err
	}
	if kept[0].LSN != w.newest {
		w.fatal("pruning kept %v, the newest is %d", kept, w.newest)
	}
	if len(kept) < 2 {
		return nil
	}
	return j.Release(kept[1].LSN)
}

// script is one life of the node: it visits every kind of operation on the disk.
func (w *world) script(m vfs.FS) error {
	j, err := w.recover(m)
	if err != nil {
		return err
	}
	for i, step := range []func() error{
		func() error { return w.append(j, 100) },
		func() error { return w.sync(j) },
		func() error { return w.append(j, 40, 1500, 0, 700) }, // torn anywhere, unsynced
		func() error { return w.append(j, 900) },
		func() error { return w.sync(j) },
		func() error { return w.snapshot(j, 700) },
		func() error { return w.append(j, 1000, 1000, 1000, 1000, 6000, 10) }, // two new segments
		func() error { return w.sync(j) },
		func() error { return w.snapshot(j, 3000) },
		func() error { return w.append(j, 2000, 30) },
		func() error { return w.snapshot(j, 10) },
		func() error { return w.append(j, 512, 512, 512, 2000) }, // into a file that held a segment
		func() error { return w.sync(j) },
		func() error { return w.append(j, 600, 0, 700) },
	} {
		if err := step(); err != nil {
			w.checkPoisoned(j, err)
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return j.Close()
}

// checkPoisoned: after a failed write or sync nothing more is tried (trap retried-sync).
func (w *world) checkPoisoned(j *Journal, err error) {
	var failed *FailedError
	if !errors.As(err, &failed) {
		return
	}
	for range 2 {
		if _, err := j.Append([]byte("x")); err != failed {
			w.fatal("an append after %v gave %v", failed, err)
		}
		if err := j.Sync(); err != failed {
			w.fatal("a sync after %v gave %v", failed, err)
		}
	}
}

// aftermath is what becomes of the disk when the process has ended at some operation: with the power, or alone.
var aftermath = []struct {
	name string
	do   func(*vfs.Mem, *rand.Rand) *vfs.Mem
}{
	{"power", (*vfs.Mem).Crash},
	{"kill", func(m *vfs.Mem, _ *rand.Rand) *vfs.Mem { return m.Kill() }},
}

// TestCrashEverywhere ends the process at every operation of the script, and then the power, or not; lets the next life
// end at a drawn operation; and has a third one run to its end (traps retried-sync and log-without-checksum).
func TestCrashEverywhere(t *testing.T) {
	endEverywhere(t, func(m *vfs.Mem, k int) { m.CrashAt(k) })
}

// TestFailEverywhere makes every operation fail once, with the node stopping at that.
func TestFailEverywhere(t *testing.T) {
	endEverywhere(t, func(m *vfs.Mem, k int) { m.FailAt(k, nil) })
}

func endEverywhere(t *testing.T, end func(m *vfs.Mem, k int)) {
	clean := vfs.NewMem()
	if err := newWorld(t, "undisturbed").script(clean); err != nil {
		t.Fatal(err)
	}
	if !usedLast(t, clean) {
		t.Fatal("the script does not use the file of a segment again")
	}
	ops, ended := clean.Ops(), 0
	seeds := 2
	if exhaustive() {
		seeds = 12
	}
	for k := 1; k <= ops; k++ {
		for _, after := range aftermath {
			for seed := range seeds {
				rng := seeded(seed)
				w := newWorld(t, "operation %d, then %s, seed %d", k, after.name, seed)
				m := vfs.NewMem()
				end(m, k)
				if w.life(m) {
					ended++
				}
				m = after.do(m, rng)
				end(m, 1+rng.IntN(ops))
				w.life(m)
				m = aftermath[rng.IntN(2)].do(m, rng)
				if err := w.script(m); err != nil {
					w.fatal("the last life: %v", err)
				}
			}
		}
	}
	if ended < ops*seeds { // a failed removal of a temporary file may be passed over; little else
		t.Errorf("of %d ends only %d were seen", 2*ops*seeds, ended)
	}
}

// life runs the script; it may be ended by the failure that was asked for, and by nothing else.
func (w *world) life(m *vfs.Mem) (ended bool) {
	err := w.script(m)
	var injected *vfs.InjectedError
	if err != nil && !errors.As(err, &injected) {
		w.fatal("%v", err)
	}
	return err != nil
}

// TestManyLives draws long chains of lives that all end badly.
func TestManyLives(t *testing.T) {
	chains := 30
	if exhaustive() {
		chains = 300
	}
	for seed := range chains {
		rng := seeded(1000 + seed)
		w := newWorld(t, "chain %d", seed)
		m := vfs.NewMem()
		for range 12 {
			if rng.IntN(2) == 0 {
				m.CrashAt(1 + rng.IntN(150))
			} else {
				m.FailAt(1+rng.IntN(150), nil)
			}
			w.life(m)
			m = aftermath[rng.IntN(2)].do(m, rng)
		}
	}
}
