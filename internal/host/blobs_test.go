package host

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// blobBytes is the size from which results go into a blob, as package record has it.
const blobBytes = 64 << 10

// sensor is a component whose worker gives large results that cannot be computed again: it draws them.
type sensor struct {
	rng   *rand.Rand
	state struct {
		Count int64    `snap:"1"`
		Seen  [32]byte `snap:"2"` // over all results, in order
	}
}

func (c *sensor) State() any           { return &c.state }
func (c *sensor) Restored() error      { return nil }
func (c *sensor) Recorded(string) bool { return true }

func (c *sensor) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	if method == "sense" {
		ctx.Command(method, in)
		return nil, nil
	}
	raw, ok := in[0].(value.Bytes)
	if !ok {
		return nil, errors.New("want Bytes")
	}
	c.state.Count++
	c.state.Seen = sha256.Sum256(append(c.state.Seen[:], raw.Raw()...))
	return []value.Value{value.Int(c.state.Count)}, nil
}

// Work gives a picture of 100 KiB. Every third looks like the one before.
func (c *sensor) Work(_ string, in []value.Value) ([]value.Value, error) {
	n := in[0].(value.Int)
	b := make([]byte, 100<<10)
	if n%3 != 0 {
		for i := range b {
			b[i] = byte(c.rng.Uint32())
		}
	}
	return []value.Value{value.NewBytes(b)}, nil
}

// senses is a node with a sensor, in one thread.
type senses struct {
	t    testing.TB
	fs   *vfs.Mem
	rng  *rand.Rand
	d    *Durable
	rec  *Recovery
	seen [][32]byte // by count: what a durable life has seen
}

func (s *senses) config() node.Config {
	p := &program.Program{Place: "one", Bootstrap: program.None, Main: program.None,
		Components: []program.Component{{Name: "sensor", Role: "protocol", Kind: "sensor", Version: 1,
			Places: []string{"one"}}},
		Funcs: []program.Func{{ID: 0, Name: "go", Kind: program.KindInvoke, Label: "go", Edge: program.None, Inputs: 1,
			Slots: 3, Ops: []program.Op{
				{Code: program.OpComponent, Name: "sense", Method: "sense", In: []program.Slot{0},
					Out: []program.Slot{1}},
				{Code: program.OpComponent, Name: "note", Method: "note", In: []program.Slot{1},
					Out: []program.Slot{2}},
			}}},
	}
	if err := p.Link(); err != nil {
		s.t.Fatal(err)
	}
	cat := node.NewCatalogue()
	if err := cat.Register("protocol", "sensor", 1,
		func(node.Env) (engine.Component, error) { return &sensor{rng: s.rng}, nil }); err != nil {
		s.t.Fatal(err)
	}
	return node.Config{Program: p, Catalogue: cat, Values: value.NewRegistry(), Self: "node0", Seed: 3,
		Limits: engine.DefaultLimits(), Anyone: p.Places()}
}

func (s *senses) sensor() *sensor { return s.d.Node.Component("sensor").(*sensor) }

func (s *senses) open() (err error) {
	s.d, s.rec, err = Open(s.config(), Store{FS: s.fs, Dir: "n", SegmentBytes: 4096, SnapshotBytes: 600 << 10})
	if err != nil {
		return err
	}
	st := &s.sensor().state
	if int(st.Count) < len(s.seen)-1 {
		s.t.Fatalf("%d results came back, %d were durable", st.Count, len(s.seen)-1)
	}
	if n := int(st.Count); n < len(s.seen) && st.Seen != s.seen[n] {
		s.t.Fatalf("after %d results the node has seen something else", n)
	}
	if s.rec.New {
		s.seen = [][32]byte{{}}
		return s.d.Save()
	}
	ev, err := s.d.Restart(s.rec, 0, nil)
	if err != nil {
		return err
	}
	return s.step(ev)
}

// step feeds an event and all that follows from it, and makes it durable.
func (s *senses) step(ev *engine.Event) error {
	events := []*engine.Event{ev}
	for more := true; more || len(events) > 0; {
		out, _, refused, err := s.d.Step(0, 0, events)
		if err != nil {
			return err
		}
		if len(refused) > 0 {
			s.t.Fatal(refused[0].Err)
		}
		events, more = nil, out.More
		for _, c := range out.Commands {
			res, err := s.d.Work(c)
			done := record.Finish(s.d.Node.Config().Values, c.ID, res, err)
			events = append(events, &done)
		}
	}
	if err := s.d.Journal.Sync(); err != nil {
		return err
	}
	st := &s.sensor().state
	for int64(len(s.seen)) <= st.Count {
		s.seen = append(s.seen, st.Seen)
	}
	if s.d.SnapshotDue() {
		return s.d.Save()
	}
	return nil
}

func (s *senses) run(n int64) error {
	for s.sensor().state.Count < n {
		ev := &engine.Event{Invoke: &snapshot.InvokeEvent{Name: "go",
			Inputs: []value.Value{value.Int(s.sensor().state.Count)}}}
		if err := s.step(ev); err != nil {
			return err
		}
	}
	return nil
}

func (s *senses) blobs() (names []string) {
	for _, name := range s.fs.Names() {
		if strings.HasSuffix(name, ".blob") {
			names = append(names, name)
		}
	}
	return names
}

func newSenses(t testing.TB, seed uint64) *senses {
	return &senses{t: t, fs: vfs.NewMem(), rng: rand.New(rand.NewPCG(seed, 9))}
}

// TestLargeResultsAreBlobs: recorded results that are large are beside the journal, once for each content, give the
// same state on replay though nobody can compute them again, and go when no record needs them.
func TestLargeResultsAreBlobs(t *testing.T) {
	s := newSenses(t, 1)
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	if err := s.run(4); err != nil { // 0 and 3 look alike
		t.Fatal(err)
	}
	if n := len(s.blobs()); n != 3 {
		t.Errorf("%d blobs of 4 results, of which two are equal", n)
	}
	journaled := 0
	if err := s.d.Journal.Read(1,
		func(_ uint64, payload []byte) error { journaled += len(payload); return nil }); err != nil {
		t.Fatal(err)
	}
	if journaled > 4<<10 {
		t.Errorf("the journal has %d bytes beside the blobs", journaled)
	}
	s.d.Close()
	if err := s.open(); err != nil || s.rec.Replayed == 0 {
		t.Fatalf("%+v, %v", s.rec, err)
	}
	most := 0
	for n := int64(5); n < 40; n++ {
		if err := s.run(n); err != nil {
			t.Fatal(err)
		}
		most = max(most, len(s.blobs()))
	}
	if most > 24 {
		t.Errorf("there were %d blobs at a time", most)
	}
	for _, name := range s.blobs() {
		if !directory.OwnsFile(name[2:]) {
			t.Errorf("%s is not known as a node's file", name)
		}
	}
	// A look at the past reads the blobs too.
	s.d.Close()
	b, err := offline.Restore(s.config(), s.fs, "n", offline.Look{Oldest: true})
	if err != nil || b.Node.Component("sensor").(*sensor).state != s.sensor().state {
		t.Errorf("brought back: %v", err)
	}
}

// TestMissingBlob: a blob that is gone or damaged stops the node with its name and the record that needs it.
func TestMissingBlob(t *testing.T) {
	for _, harm := range []string{"gone", "damaged"} {
		s := newSenses(t, 2)
		if err := s.open(); err != nil {
			t.Fatal(err)
		}
		if err := s.run(2); err != nil {
			t.Fatal(err)
		}
		s.d.Close()
		name := s.blobs()[1]
		before := fmt.Sprint(s.fs.Names())
		var err error
		if harm == "gone" {
			err = s.fs.Remove(name)
			before = fmt.Sprint(s.fs.Names())
		} else {
			err = s.fs.Alter(name, func(b []byte) []byte { b[50000]++; return b })
		}
		if err != nil {
			t.Fatal(err)
		}
		var corrupt *journal.CorruptionError
		if err := s.open(); !errors.As(err, &corrupt) || "n/"+corrupt.Segment != name || corrupt.Record == 0 {
			t.Errorf("%s: %v", harm, err)
		}
		if after := fmt.Sprint(s.fs.Names()); after != before {
			t.Errorf("%s: the refusal left %s, was %s", harm, after, before)
		}
	}
}

// TestPowerOffWithBlobs cuts the power at operations all over a life: every result that was durable comes back as it
// was.
func TestPowerOffWithBlobs(t *testing.T) {
	plain := newSenses(t, 3)
	if err := errors.Join(plain.open(), plain.run(25)); err != nil {
		t.Fatal(err)
	}
	stride, crashes := 2, 0
	if testing.Short() {
		stride = 11
	}
	for k := 1; k < plain.fs.Ops(); k += stride {
		s := newSenses(t, uint64(k))
		s.fs.CrashAt(k)
		for lives := 0; ; lives++ {
			if lives > 5 {
				t.Fatalf("operation %d: the node does not come to its end", k)
			}
			err := s.open()
			if err == nil {
				err = s.run(25)
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
			s.fs = s.fs.Crash(s.rng)
			if lives < 2 {
				s.fs.CrashAt(1 + s.rng.IntN(plain.fs.Ops()))
			}
		}
	}
	if crashes < plain.fs.Ops()/stride {
		t.Errorf("only %d crashes", crashes)
	}
}

// TestLargeResultsAreHashedOnce: what a worker has put into a blob is not encoded and hashed again by the thread that
// steps; another result for the same command is.
func TestLargeResultsAreHashedOnce(t *testing.T) {
	s := newSenses(t, 1)
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	reg := s.d.Node.Config().Values
	out := []value.Value{value.NewBytes(make([]byte, 2*blobBytes))}
	put, err := s.d.putBlob(record.Named(out))
	if err != nil {
		t.Fatal(err)
	}
	ev := record.Finish(reg, 1, out, nil)
	// a size that no encoding has
	s.d.made.put(1, madeBlob{record.ResultBlob{Digest: put.Digest, Size: 77}, ev.Completion.Digest})
	if b, err := s.d.blobOf(ev.Completion); err != nil || b.Size != 77 {
		t.Errorf("%v: the results were encoded again: %d bytes", err, b.Size)
	}
	if b, err := s.d.blobOf(ev.Completion); err != nil || b != put {
		t.Errorf("%v: a second time the blob is %+v, want %+v", err, b, put)
	}
	other := record.Finish(reg, 1, []value.Value{value.NewBytes(make([]byte, 3*blobBytes))}, nil)
	s.d.made.put(1, madeBlob{put, ev.Completion.Digest})
	if b, err := s.d.blobOf(other.Completion); err != nil || b == put {
		t.Errorf("%v: another result has the blob of the first", err)
	}
	gone := record.ResultBlob{Digest: sha256.Sum256([]byte("gone"))}
	s.d.made.put(1, madeBlob{gone, ev.Completion.Digest})
	if b, err := s.d.blobOf(ev.Completion); err != nil || b != put {
		t.Errorf("%v: a blob that is gone is named", err)
	}
}
