package bench

import (
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// heldBytes is the tensor that the measured node holds in flight.
const heldBytes = 64 << 20

// holder returns a node that holds a large tensor in an activation that sleeps.
func holder() (*node.Node, error) {
	p := &program.Program{Place: "here", Bootstrap: program.None, Main: program.None, Funcs: []program.Func{{
		Name: "hold", Kind: program.KindInvoke, Label: "hold", Edge: program.None, Inputs: 1, Slots: 2,
		Ops: []program.Op{{Code: program.OpSleep, Name: "sleep", Delay: 1 << 60, In: []program.Slot{0},
			Out: []program.Slot{1}}},
	}}}
	if err := p.Link(); err != nil {
		return nil, err
	}
	l := engine.DefaultLimits()
	l.InvokeBytes = 2 * heldBytes
	n, err := node.Install(node.Config{Program: p, Catalogue: node.NewCatalogue(), Values: value.NewRegistry(),
		Self: "self", Limits: l, Anyone: p.Places()})
	if err != nil {
		return nil, err
	}
	x, err := tensor.FromFloat32([]int{heldBytes / 4}, make([]float32, heldBytes/4))
	if err != nil {
		return nil, err
	}
	n.Poll(0)
	ev := &engine.Event{Invoke: &snapshot.InvokeEvent{Name: "hold", Inputs: []value.Value{value.Tensor{Tensor: x}}}}
	if err := n.Deliver(ev); err != nil {
		return nil, err
	}
	n.Poll(1)
	return n, nil
}

// snapshots measures what a snapshot of 64 MiB costs the thread that steps the node, beside copying as many bytes, and
// what a restore costs, beside reading as many.
func snapshots(fsys vfs.FS, dir string, emit func(Metric)) error {
	n, err := holder()
	if err != nil {
		return err
	}
	b, err := n.Snapshot()
	if err != nil {
		return err
	}
	to := make([]byte, len(b))
	memcpy := median(func() float64 { return once(func() { copy(to, b) }) })
	pause := median(func() float64 { return once(func() { n.Message(false) }) })
	emit(metric(engineBench, "snapshot_pause_ms", pause/1e6, "ms", memcpy/1e6, "memcpy of the same bytes"))
	whole := median(func() float64 { return once(func() { n.Snapshot() }) })
	emit(metric(engineBench, "snapshot_encode_ms", whole/1e6, "ms", memcpy/1e6,
		"memcpy of the same bytes; beside the stepping thread"))

	path := filepath.Join(dir, "snapshot.bench")
	if err := journal.WriteFileAtomic(fsys, path, b); err != nil {
		return err
	}
	defer fsys.Remove(path)
	var failed error
	read := median(func() float64 {
		return once(func() {
			if _, err := vfs.ReadFile(fsys, path, int64(len(b))); err != nil {
				failed = err
			}
		})
	})
	cfg := n.Config()
	restore := median(func() float64 {
		return once(func() {
			raw, err := vfs.ReadFile(fsys, path, int64(len(b)))
			if err == nil {
				_, err = node.Restored(cfg, raw)
			}
			if err != nil {
				failed = err
			}
		})
	})
	emit(metric(engineBench, "restore_ms", restore/1e6, "ms", read/1e6, "reading the same bytes from the page cache"))
	return failed
}
