package host

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

var rewrite = flag.Bool("rewrite", false, "write the stored directory, if it is not there")

// vault is a component with a large state: numbers that change in place, and tensors that are replaced.
type vault struct {
	state struct {
		Count int64          `snap:"1"`
		Sums  snapshot.Words `snap:"2"`
		Kept  []value.Value  `snap:"3"`
	}
}

func (c *vault) State() any      { return &c.state }
func (c *vault) Restored() error { return nil }

func (c *vault) Invoke(_ *engine.Context, _ string, in []value.Value) ([]value.Value, error) {
	call, ok := in[0].(*value.List)
	if !ok || call.Len() != 2 {
		return nil, errors.New("want an Int and padding")
	}
	n := call.At(0).(value.Int)
	s := &c.state
	if s.Sums.Len() == 0 {
		s.Sums = snapshot.NewWords(3*snapshot.WordsChunk + 5)
		s.Kept = make([]value.Value, 5)
	}
	s.Count++
	chunk := s.Sums.Write(int(s.Count) * 7 % s.Sums.Chunks())
	chunk[int(s.Count)%len(chunk)] += uint64(n)
	if s.Count%3 == 0 {
		x := make([]float32, 6000)
		for i := range x {
			x[i] = float32(int(n)*i%977) / 7
		}
		t, err := tensor.FromFloat32([]int{len(x)}, x)
		if err != nil {
			return nil, err
		}
		s.Kept[int(s.Count/3)%len(s.Kept)] = value.Tensor{Tensor: t}
	}
	return []value.Value{value.Int(s.Count)}, nil
}

func vaultConfig(t testing.TB) node.Config {
	t.Helper()
	p := &program.Program{Place: "one", Bootstrap: program.None, Main: program.None,
		Components: []program.Component{{Name: "vault", Role: "protocol", Kind: "vault", Version: 1,
			Places: []string{"one"}}},
		Funcs: []program.Func{{ID: 0, Name: "go", Kind: program.KindInvoke, Label: "go", Edge: program.None, Inputs: 1,
			Slots: 2, Ops: []program.Op{
				{Code: program.OpComponent, Name: "keep", Method: "keep", In: []program.Slot{0},
					Out: []program.Slot{1}},
			}}},
	}
	if err := p.Link(); err != nil {
		t.Fatal(err)
	}
	cat := node.NewCatalogue()
	if err := cat.Register("protocol", "vault", 1, func(node.Env) (engine.Component, error) {
		return &vault{},
			nil
	}); err != nil {
		t.Fatal(err)
	}
	return node.Config{Program: p, Catalogue: cat, Values: value.NewRegistry(), Self: "node0", Seed: 3,
		Limits: engine.DefaultLimits(), Anyone: p.Places()}
}

// life is one life of a vault on a disk.
type life struct {
	t     testing.TB
	d     *Durable
	acked int64 // calls that are durable
}

func (l *life) vault() *vault { return l.d.Node.Component("vault").(*vault) }

// state returns the vault's state in its stored form, and how many calls it is the state of.
func (l *life) state() ([]byte, int64) {
	b, err := snapshot.Marshal(value.NewRegistry(), &l.vault().state)
	if err != nil {
		l.t.Fatal(err)
	}
	return b, l.vault().state.Count
}

func (l *life) open(fs vfs.FS, dir string) (*Recovery, error) {
	d, rec, err := Open(vaultConfig(l.t), Store{FS: fs, Dir: dir, SegmentBytes: 4096, SnapshotBytes: 1, Keep: 2})
	if err != nil {
		return nil, err
	}
	l.d = d
	if rec.New {
		return rec, d.Save()
	}
	ev, err := d.Restart(rec, 0, nil)
	if err != nil {
		return nil, err
	}
	_, _, _, err = d.Step(0, 0, []*engine.Event{ev})
	return rec, err
}

// step has the vault called, until the node has nothing more to do.
func (l *life) step(n int64) error {
	// The padding fills journal segments, so that they are released.
	call := value.NewList(value.Int(n), value.NewBytes(bytes.Repeat([]byte{byte(n)}, 900)))
	events := []*engine.Event{{Invoke: &snapshot.InvokeEvent{Name: "go", Inputs: []value.Value{call}}}}
	for more := true; more; events = nil {
		out, _, _, err := l.d.Step(n, n*1e9, events)
		if err != nil {
			return err
		}
		more = out.More
	}
	return nil
}

// call has the vault called once, durably, with a snapshot after each third call.
func (l *life) call() error {
	n := l.vault().state.Count + 1
	if err := l.step(n); err != nil {
		return err
	}
	if err := l.d.Journal.Sync(); err != nil {
		return err
	}
	l.acked = n
	if n%3 == 0 {
		return l.d.Save()
	}
	return nil
}

const vaultCalls = 24

// run goes on to the last call, and takes a last snapshot.
func (l *life) run() error {
	for l.vault().state.Count < vaultCalls {
		if err := l.call(); err != nil {
			return err
		}
	}
	return l.d.Save()
}

// vaultStates are the states after each call of an undisturbed run.
func vaultStates(t testing.TB) (states [][]byte, ops int) {
	m := vfs.NewMem()
	l := &life{t: t}
	if _, err := l.open(m, "n"); err != nil {
		t.Fatal(err)
	}
	for {
		s, n := l.state()
		states = append(states, s)
		if n != int64(len(states))-1 {
			t.Fatalf("%d calls were counted after %d", n, len(states)-1)
		}
		if n == vaultCalls {
			break
		}
		if err := l.call(); err != nil {
			t.Fatal(err)
		}
	}
	held := 0
	for _, name := range m.Names() {
		if !directory.OwnsFile(filepath.Base(name)) {
			t.Errorf("%s is not known as a node's file", name)
		}
		if strings.HasSuffix(name, ".held") {
			held++
		}
	}
	if held == 0 {
		t.Errorf("no file holds chunks for later snapshots: %q", m.Names())
	}
	return states, m.Ops()
}

// TestPowerOffWithALargeState cuts the power at operations all over a life whose snapshots share chunks: while one is
// written, read back, or old files are given another name or removed. The node comes back with every call that was
// durable, in the very state of the undisturbed run, also after the next cut, and every snapshot that is there is
// whole.
func TestPowerOffWithALargeState(t *testing.T) {
	states, ops := vaultStates(t)
	stride := 3
	if testing.Short() {
		stride = 17
	}
	crashes := 0
	for k := 1; k <= ops; k += stride {
		rng := rand.New(rand.NewPCG(uint64(k), 1))
		m := vfs.NewMem()
		m.CrashAt(k)
		l := &life{t: t}
		for lives := 0; ; lives++ {
			if lives > 4 {
				t.Fatalf("operation %d: the node does not come to its end", k)
			}
			_, err := l.open(m, "n")
			if err == nil {
				s, n := l.state()
				if n < l.acked || n > l.acked+1 {
					t.Fatalf("operation %d: %d calls came back, %d were durable", k, n, l.acked)
				}
				if !bytes.Equal(s, states[n]) {
					t.Fatalf("operation %d: the state after call %d is another one", k, n)
				}
				err = l.run()
			}
			if err == nil {
				break
			}
			var injected *vfs.InjectedError
			var failed *journal.FailedError
			if !errors.As(err, &injected) && !errors.As(err, &failed) {
				t.Fatalf("operation %d: %v", k, err)
			}
			crashes++
			m = m.Crash(rng)
			if lives == 0 {
				m.CrashAt(1 + rng.IntN(ops/2))
			}
		}
		if s, n := l.state(); n != vaultCalls || !bytes.Equal(s, states[n]) {
			t.Fatalf("operation %d: ends after %d calls in another state", k, n)
		}
		l.d.Close()
		m = m.Kill() // no cut is to come any more
		refs, err := journal.List(m, "n")
		if err != nil || len(refs) != 2 {
			t.Fatalf("operation %d: snapshots %v, %v", k, refs, err)
		}
		for _, ref := range refs {
			if _, err := journal.Verify(m, "n", ref.Name, journal.Limits{}); err != nil {
				t.Fatalf("operation %d: %v", k, err)
			}
		}
	}
	if crashes < ops/stride {
		t.Errorf("only %d crashes at %d operations", crashes, ops)
	}
}

// TestDamagedSharedChunks damages files of snapshots that share chunks. The node comes back in the very state of the
// undisturbed run, by an older snapshot and a longer replay, or it refuses with a typed error that names a file and an
// offset.
func TestDamagedSharedChunks(t *testing.T) {
	states, _ := vaultStates(t)
	back, refused := 0, 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 2))
		m := vfs.NewMem()
		l := &life{t: t}
		if _, err := l.open(m, "n"); err != nil {
			t.Fatal(err)
		}
		for range 9 + rng.IntN(vaultCalls-9) {
			if err := l.call(); err != nil {
				t.Fatal(err)
			}
		}
		_, n := l.state()
		l.d.Close()
		var files []string
		for _, name := range m.Names() {
			if journal.OwnsSnapshotFile(filepath.Base(name)) {
				files = append(files, name)
			}
		}
		name := files[rng.IntN(len(files))]
		if err := m.Alter(name, func(b []byte) []byte {
			if rng.IntN(3) == 0 {
				return b[:rng.IntN(len(b))]
			}
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
			return b
		}); err != nil {
			t.Fatal(err)
		}
		l = &life{t: t}
		rec, err := l.open(m, "n")
		var corrupt *journal.CorruptionError
		var outOfRange *journal.RangeError
		switch {
		case err == nil:
			if s, got := l.state(); got != n || !bytes.Equal(s, states[n]) || rec.NewEpoch {
				t.Fatalf("seed %d: %s damaged: came back after call %d of %d, %+v", seed, name, got, n, rec)
			}
			back++
		case errors.As(err, &corrupt) && corrupt.Segment != "" || errors.As(err, &outOfRange):
			refused++
		default:
			t.Fatalf("seed %d: %s damaged: %v", seed, name, err)
		}
	}
	if back < 10 || refused < 3 {
		t.Errorf("%d came back, %d were refused: the test shows little", back, refused)
	}
}

// TestPublishBesideSteps publishes snapshots while the node goes on and changes the very chunks that they share: each
// holds the state of its moment.
func TestPublishBesideSteps(t *testing.T) {
	m := vfs.NewMem()
	l := &life{t: t}
	if _, err := l.open(m, "n"); err != nil {
		t.Fatal(err)
	}
	for round := range 12 {
		for range 5 {
			if err := l.step(l.vault().state.Count + 1); err != nil {
				t.Fatal(err)
			}
		}
		want, err := l.d.Node.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		c, err := l.d.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := c.Publish()
			done <- err
		}()
		for range 40 {
			if err := l.step(l.vault().state.Count + 1); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		payload, _, _, err := journal.LoadNewest(m, "n", journal.Limits{})
		if err != nil || !bytes.Equal(payload, want) {
			t.Fatalf("round %d: the snapshot has %d bytes, want %d: %v", round, len(payload), len(want), err)
		}
	}
}

// TestThreeSyncs: a publication syncs the journal, its file and the folder, and nothing else, whatever else it finds to
// remove.
func TestThreeSyncs(t *testing.T) {
	m := vfs.NewMem()
	l := &life{t: t}
	if _, err := l.open(m, "n"); err != nil {
		t.Fatal(err)
	}
	removed := 0
	for range 12 {
		for range 2 {
			if err := l.step(l.vault().state.Count + 1); err != nil {
				t.Fatal(err)
			}
		}
		c, err := l.d.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		m.StartLog()
		if _, err := c.Publish(); err != nil {
			t.Fatal(err)
		}
		var syncs []string
		for _, line := range m.TakeLog() {
			switch what, _, _ := strings.Cut(line, " "); what {
			case "sync", "datasync", "syncdir":
				syncs = append(syncs, what)
			case "remove":
				removed++
			}
		}
		if got := strings.Join(syncs, " "); got != "datasync sync syncdir" {
			t.Errorf("a publication syncs %q", got)
		}
	}
	if removed == 0 {
		t.Error("nothing was ever removed")
	}
}

// TestStoredNode opens a whole directory of each format, for ever: snapshots that share chunks with a file that is held
// for them, and a journal to replay. The state is that of an undisturbed run today.
func TestStoredNode(t *testing.T) {
	const stored = "testdata/format2"
	if _, err := os.Stat(stored); *rewrite && errors.Is(err, os.ErrNotExist) {
		l := &life{t: t}
		if _, err := l.open(vfs.OS(), stored); err != nil {
			t.Fatal(err)
		}
		for range 11 {
			if err := l.call(); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	states, _ := vaultStates(t)
	m := vfs.NewMem()
	if err := m.MkdirAll("n"); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(stored)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(stored, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := journal.WriteFileAtomic(m, "n/"+f.Name(), b); err != nil {
			t.Fatal(err)
		}
		kinds[filepath.Ext(f.Name())]++
	}
	if kinds[".snap"] != 2 || kinds[".held"] == 0 || kinds[".seg"] == 0 {
		t.Fatalf("the directory holds %v", kinds)
	}
	l := &life{t: t}
	rec, err := l.open(m, "n")
	if err != nil {
		t.Fatal(err)
	}
	if rec.LastWall != 11e9 {
		t.Errorf("the last record is of %d, want 11 s", rec.LastWall)
	}
	s, n := l.state()
	if got, want := fmt.Sprintf("%d calls, %d replayed, new epoch %v, skipped %v", n, rec.Replayed, rec.NewEpoch,
		rec.Skipped),
		"11 calls, 2 replayed, new epoch false, skipped []"; got != want || !bytes.Equal(s, states[n]) {
		t.Errorf("%s, want %s", got, want)
	}
	if err := l.run(); err != nil {
		t.Fatal(err)
	}
	if s, _ := l.state(); !bytes.Equal(s, states[vaultCalls]) {
		t.Error("it goes on to another state")
	}
	// The time that the node is down counts also when nothing follows the snapshot.
	l.d.Close()
	if rec, err = l.open(m, "n"); err != nil || rec.Replayed != 0 || rec.LastWall != vaultCalls*1e9 {
		t.Errorf("opened again: %+v, %v", rec, err)
	}
}
