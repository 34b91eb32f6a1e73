package host

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// storedCalls is how many calls the nodes of each folder answered.
const storedCalls = 60

// storedGuest was a member of node 1 of each folder since that of rules 4, for a moment.
const storedGuest = "guest"

// TestStoredRules opens the directories of two nodes that lived by each earlier rules, for ever: each record of their
// journals is replayed to the same outputs, and both come to the very states that they had then. Those of a folder were
// written by the last tree of these rules; with -rewrite they are written where they are not there.
func TestStoredRules(t *testing.T) {
	for rules := uint32(2); rules < engine.CurrentRules; rules++ {
		testStored(t, fmt.Sprintf("testdata/rules%d", rules), rules)
	}
}

func testStored(t *testing.T, stored string, rules uint32) {
	if _, err := os.Stat(stored); *rewrite && errors.Is(err, os.ErrNotExist) {
		writeStored(t, stored)
	}
	sums, err := os.ReadFile(filepath.Join(stored, "states.txt"))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, parts: parts(t)}
	for i, line := range strings.Fields(string(sums)) {
		m, from := vfs.NewMem(), filepath.Join(stored, fmt.Sprintf("node%d", i))
		if err := m.MkdirAll("n"); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(filepath.Join(from, f.Name()))
			if err == nil {
				err = journal.WriteFileAtomic(m, "n/"+f.Name(), b)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		d, rec, err := Open(r.config(i), Store{FS: m, Dir: "n", SegmentBytes: 4096, SnapshotBytes: 1 << 30})
		if err != nil {
			t.Fatalf("node %d: %v", i, err)
		}
		if rec.Replayed < storedCalls || d.Node.Engine().Rules() != rules {
			t.Errorf("node %d: %d records replayed by rules %d", i, rec.Replayed, d.Node.Engine().Rules())
		}
		if down := d.Node.Engine().Vitals(storedGuest).Down; down != (rules == 4 && i == 1) {
			t.Errorf("node %d by rules %d has noted a guest who could not be reached: %v", i, rules, down)
		}
		if got := stateSum(t, d); got != line {
			t.Errorf("node %d comes to another state: %s, want %s", i, got, line)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// stateSum is a hash of the whole state of a node, incarnation and all; how it was configured is not in it.
func stateSum(t *testing.T, d *Durable) string {
	s, err := d.Node.Message(false)
	var b []byte
	if err == nil {
		s.Config = snapshot.ConfigSnapshot{}
		b, err = snapshot.Marshal(d.Node.Config().Values, s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

// writeStored lets two nodes live, with restarts, and writes their directories: a snapshot of the beginning, and all
// their records.
func writeStored(t *testing.T, stored string) {
	r := &rig{t: t, parts: parts(t), rng: rand.New(rand.NewPCG(1, 1)), events: map[uint64]string{},
		snapshotBytes: 1 << 30}
	r.begin()
	for _, op := range []string{engine.ControlAdmit, engine.ControlRemove} {
		c := &snapshot.ControlEvent{ID: 1, Op: op, Peer: storedGuest}
		if op == engine.ControlAdmit {
			c.Place = r.parts[1].Place
		}
		r.step(1, &engine.Event{Control: c})
	}
	for k := 1; k <= storedCalls; k++ {
		if r.run(k); k%5 == 0 { // what the transport sees of who is no member any more; later rules refuse it
			_, _, _, err := r.d[1].Step(r.now, r.now, []*engine.Event{
				{SendFailed: &snapshot.SendFailedEvent{Peer: storedGuest, Reason: "gone", Unreachable: k%10 == 0}},
				{Link: &snapshot.LinkEvent{Peer: storedGuest, Remote: "/memory/guest", Up: true}},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if k%17 == 0 { // a new life, after a clean end
			for i := range r.d {
				if err := r.d[i].Close(); err != nil {
					t.Fatal(err)
				}
				r.open(i)
			}
		}
	}
	r.check(storedCalls)
	sums := ""
	for i := range r.d {
		sums += stateSum(t, r.d[i]) + "\n"
		if err := r.d[i].Close(); err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(stored, fmt.Sprintf("node%d", i))
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		names, err := r.fs[i].List("n")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := vfs.ReadFile(r.fs[i], "n/"+name, 1<<20)
			if err == nil {
				err = os.WriteFile(filepath.Join(to, name), b, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(stored, "states.txt"), []byte(sums), 0o644); err != nil {
		t.Fatal(err)
	}
}
