package bench

import (
	"fmt"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

const snapshotBench = "snapshot"

// SnapshotSizes says how large the things are that Snapshot measures.
type SnapshotSizes struct {
	Small, Large int           // bytes of state; the pause is measured at both
	Dirty        int           // bytes that change between two snapshots
	Pauses       int           // snapshots that the quantiles are taken of
	Pending      int           // commands, and as many timers
	Window       time.Duration // in which one snapshot is taken, when throughput is measured
	Windows      int           // pairs of such windows
	Records      int           // of the journal that is replayed
	Rounds       int           // of journal commits, 256 records each
}

// DefaultSnapshotSizes are those of the project's aims: 256 MiB and 1 GiB of state, 100,000 pending commands and
// timers.
func DefaultSnapshotSizes() SnapshotSizes {
	return SnapshotSizes{Small: 256 << 20, Large: 1 << 30, Dirty: 16 << 20, Pauses: 200, Pending: 100_000,
		Window: time.Second, Windows: 7, Records: 5000, Rounds: 40}
}

// Snapshot measures what snapshots and the journal cost, and what recovery takes, each as a ratio to the least that the
// same machine can do, which is measured in the same process just before. It gives each figure to emit as soon as it is
// there. Files are made and removed in dir.
func Snapshot(fsys vfs.FS, dir string, sizes SnapshotSizes, emit func(Metric)) error {
	for _, part := range []struct {
		name    string
		measure func(vfs.FS, string, SnapshotSizes, func(Metric)) error
	}{
		{"pause", pauses},
		{"pending", pendingPause},
		{"written", written},
		{"throughput", throughput},
		{"restore", restores},
		{"replay", replays},
		{"commit", commitRatios},
		{"amplification", amplification},
		{"equal", equalStates},
		{"allocations", allocationsPerOp},
	} {
		path := filepath.Join(dir, part.name+".bench")
		if err := fsys.MkdirAll(path); err != nil {
			return err
		}
		err := part.measure(fsys, path, sizes, emit)
		removeAll(fsys, path)
		if err != nil {
			return fmt.Errorf("bench %s: %w", part.name, err)
		}
		debug.FreeOSMemory() // the next part begins with the memory of a process that did nothing before
	}
	return nil
}

// sizeName writes a number of bytes for the name of a metric: 1gib, 256mib.
func sizeName(n int) string {
	switch {
	case n >= 1<<30 && n%(1<<30) == 0:
		return fmt.Sprintf("%dgib", n>>30)
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%dmib", n>>20)
	}
	return fmt.Sprintf("%dkib", n>>10)
}
