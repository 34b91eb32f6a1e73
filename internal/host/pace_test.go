package host

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// slow doubles numbers, and takes its time.
type slow struct {
	tally
	takes time.Duration
	done  *atomic.Int64
}

func (c *slow) Work(method string, in []value.Value) ([]value.Value, error) {
	time.Sleep(c.takes)
	c.done.Add(1)
	return c.tally.Work(method, in)
}

// learner is a node that computes for long and journals little: each call has a worker double a number.
func learner(t *testing.T, takes time.Duration, done *atomic.Int64) node.Config {
	p := &program.Program{Place: "one", Bootstrap: program.None, Main: program.None,
		Components: []program.Component{{Name: "slow", Role: "protocol", Kind: "slow", Version: 1,
			Places: []string{"one"}}},
		Funcs: []program.Func{{ID: 0, Name: "go", Kind: program.KindInvoke, Label: "go", Edge: program.None, Inputs: 1,
			Slots: 3, Ops: []program.Op{
				{Code: program.OpComponent, Name: "double", Method: "double", In: []program.Slot{0},
					Out: []program.Slot{1}},
				{Code: program.OpAppEmit, Name: "emit", Label: "doubled", In: []program.Slot{1},
					Out: []program.Slot{2}},
			}}},
	}
	if err := p.Link(); err != nil {
		t.Fatal(err)
	}
	cat := node.NewCatalogue()
	if err := cat.Register("protocol", "slow", 1,
		func(node.Env) (engine.Component, error) { return &slow{takes: takes, done: done}, nil }); err != nil {
		t.Fatal(err)
	}
	return node.Config{Program: p, Catalogue: cat, Values: value.NewRegistry(), Self: "one",
		Limits: engine.DefaultLimits()}
}

// TestRecoveryIsShort: a snapshot was due by the bytes of the journal alone, and a step of training journals a digest.
// So a client that was killed after hours computed for hours again. What it takes to come back is bounded by what was
// computed, too, and the window of rounds that one can go back to is as long as before.
func TestRecoveryIsShort(t *testing.T) {
	const takes, calls, work = 2 * time.Millisecond, 400, 40 * time.Millisecond
	var done atomic.Int64
	fs, doubled := vfs.NewMem(), make(chan struct{}, 1)
	cfg := Config{
		Node: learner(t, takes, &done), Store: Store{FS: fs, Dir: "n", SegmentBytes: 4096, SnapshotWork: work},
		Workers: NewWorkers(1),
		Send:    func(wire.PeerID, []byte) error { return nil },
		OnEvent: func(engine.AppEvent) error { doubled <- struct{}{}; return nil },
	}
	defer cfg.Workers.Close()
	h, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range calls {
		if err := h.Deliver(&engine.Event{Invoke: &snapshot.InvokeEvent{Name: "go",
			Inputs: []value.Value{value.Int(i)}}}); err != nil {
			t.Fatal(err)
		}
		<-doubled
	}
	cfg.Store.FS = fs.Kill()
	h.Stop() // of a disk that is gone
	refs, err := journal.List(cfg.Store.FS, "n")
	if err != nil || len(refs) > 3 || refs[len(refs)-1].LSN != 1 {
		t.Errorf("%d snapshots are there, and the first is to be: %v", len(refs), err)
	}
	done.Store(0)
	d, rec, err := Open(cfg.Node, cfg.Store)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if again := done.Load(); again > calls/2 {
		t.Errorf("%d of %d results were computed again, of %d records", again, calls, rec.Replayed)
	}
	if d.Journal.First() != 1 {
		t.Errorf("the journal begins at %d", d.Journal.First())
	}
}
