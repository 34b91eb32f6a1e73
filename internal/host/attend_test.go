package host

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// TestLookWhileTheNodeWorks (C25): a program that loops for hours had no View answered, and its journal not released.
func TestLookWhileTheNodeWorks(t *testing.T) {
	p := &program.Program{Place: "one", Bootstrap: program.None, Main: 1, Funcs: []program.Func{
		{ID: 0, Name: "body", Kind: program.KindBody, Edge: program.None, Inputs: 2, Slots: 3,
			Outputs: []program.Slot{2}, Ops: []program.Op{
				{Code: program.OpPassThrough, Name: "p", In: []program.Slot{1}, Out: []program.Slot{2}},
			}},
		{ID: 1, Name: "main", Kind: program.KindMain, Edge: program.None, SiteBase: 100, OpBase: 100, Slots: 3,
			Ops: []program.Op{
				{Code: program.OpConstant, Name: "n", Value: value.Int(1 << 40), Out: []program.Slot{0}},
				{Code: program.OpConstant, Name: "v", Value: value.Int(1), Out: []program.Slot{1}},
				{Code: program.OpLoop, Name: "loop", Body: 0, In: []program.Slot{0, 1}, Out: []program.Slot{2}},
			}},
	}}
	if err := p.Link(); err != nil {
		t.Fatal(err)
	}
	w := NewWorkers(1)
	defer w.Close()
	h, err := Start(Config{
		Node: node.Config{Program: p, Catalogue: node.NewCatalogue(), Values: value.NewRegistry(), Self: "one",
			Limits: engine.DefaultLimits()},
		Store: Store{FS: vfs.NewMem(), Dir: "n", SegmentBytes: 4096, SnapshotBytes: 20000}, Workers: w,
		Send: func(wire.PeerID, []byte) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Stop()
	released := false
	for until := time.Now().Add(30 * time.Second); !released && time.Now().Before(until); {
		seen := make(chan error, 1)
		go func() { seen <- h.View(func(*node.Node) { released = h.d.Journal.First() > 1 }) }()
		select {
		case err := <-seen:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("no look at the node in 20 s")
		}
	}
	if !released {
		t.Error("the journal holds all its records after 30 s")
	}
}

// slowPublishing is a disk on which a snapshot takes as long as the test wants.
type slowPublishing struct {
	vfs.FS
	gate chan struct{}
}

func (s slowPublishing) Create(name string) (vfs.File, error) {
	if bytes.Contains([]byte(name), []byte("snapshot-")) {
		<-s.gate
	}
	return s.FS.Create(name)
}

// TestOneSnapshotAtATime (C26): while a snapshot is being published, no other state is captured and no other goroutine
// waits.
func TestOneSnapshotAtATime(t *testing.T) {
	r := &rig{t: t, parts: parts(t)}
	fs := slowPublishing{vfs.NewMem(), make(chan struct{}, 1)}
	fs.gate <- struct{}{} // for the first one, which Start waits for
	w := NewWorkers(1)
	defer w.Close()
	h, err := Start(Config{
		Node: r.config(0), Store: Store{FS: fs, Dir: "n", SegmentBytes: 4096, SnapshotBytes: 1500}, Workers: w,
		Send: func(wire.PeerID, []byte) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	before, called := runtime.NumGoroutine(), 0
	for until := time.Now().Add(20 * time.Second); called < 1000 && time.Now().Before(until); {
		if h.Deliver(&engine.Event{Invoke: &snapshot.InvokeEvent{Name: "go",
			Inputs: []value.Value{value.Int(called)}}}) == nil {
			called++
		}
		h.View(func(*node.Node) {})
	}
	if more := runtime.NumGoroutine() - before; more > 3 {
		t.Errorf("%d goroutines more while one snapshot is being published", more)
	}
	h.View(func(*node.Node) {
		if h.d.bytes < 10*h.d.store.SnapshotBytes {
			t.Errorf("%d bytes of journal since the last capture: another one was taken meanwhile", h.d.bytes)
		}
	})
	close(fs.gate)
	if err := h.Stop(); err != nil {
		t.Error(err)
	}
}
