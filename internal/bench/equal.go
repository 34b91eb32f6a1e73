package bench

import (
	"bytes"
	"runtime"

	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// equalStates runs one node without a break, and another one that is snapshotted, closed, opened and goes on in the
// middle; both come to the same state. The figure is 1 if their snapshots have the same bytes.
func equalStates(fsys vfs.FS, dir string, sizes SnapshotSizes, emit func(Metric)) error {
	var got [2][]byte
	for i := range got {
		where, err := place(fsys, dir, "node")
		if err != nil {
			return err
		}
		s, err := openSubject(fsys, where, 64*cells, 100)
		if err != nil {
			return err
		}
		if err := s.halfway(fsys, where, i == 1); err != nil {
			return err
		}
		if got[i], err = s.d.Node.Snapshot(); err != nil {
			return err
		}
		if err := s.close(fsys, where); err != nil {
			return err
		}
	}
	same := 0.0
	if bytes.Equal(got[0], got[1]) {
		same = 1
	}
	emit(metric(snapshotBench, "equal_states_equal_bytes", same, "bool", 1, "yes").higher().aim(1))
	return nil
}

// halfway steps the node a hundred times, with a new life in the middle or without.
func (s *subject) halfway(fsys vfs.FS, dir string, restart bool) error {
	if err := s.wait(10); err != nil {
		return err
	}
	for i := range 100 {
		if _, err := s.step(); err != nil {
			return err
		}
		if i != 50 || !restart {
			continue
		}
		cfg := s.d.Node.Config()
		if err := s.d.Save(); err != nil {
			return err
		}
		if err := s.d.Close(); err != nil {
			return err
		}
		d, _, err := host.Open(cfg, host.Store{FS: fsys, Dir: dir})
		if err != nil {
			return err
		}
		s.d = d
	}
	return nil
}

// allocationsPerOp counts the heap allocations of ops while a snapshot is taken after each hundred events. Those of
// taking the snapshots are not in it: they are the pause.
func allocationsPerOp(_ vfs.FS, _ string, _ SnapshotSizes, emit func(Metric)) error {
	const ops, events, snaps = 1000, 100, 10
	e, err := chain(ops)
	if err != nil {
		return err
	}
	ev := callEvent()
	run := func() error {
		for range events {
			if err := e.Deliver(ev); err != nil {
				return err
			}
			e.Poll(1)
		}
		return nil
	}
	if err := run(); err != nil {
		return err
	}
	var total uint64
	for range snaps {
		if _, err := e.Snapshot(); err != nil {
			return err
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := run(); err != nil {
			return err
		}
		runtime.ReadMemStats(&after)
		total += after.Mallocs - before.Mallocs
	}
	perEvent := total / (events * snaps) // whole ones: the runtime allocates now and then by itself
	emit(metric(snapshotBench, "allocs_per_op_with_snapshots", float64(perEvent)/ops, "allocs", 0, "").aim(0))
	return nil
}
