package bench

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

const engineBench = "engine"

// Engine measures the engine and what stands directly around it, and gives each figure to emit as soon as it is there.
// Files are made and removed in dir.
func Engine(fsys vfs.FS, dir string, emit func(Metric)) error {
	for _, part := range []struct {
		name    string
		measure func(func(Metric)) error
	}{
		{"chain", chains},
		{"envelope", envelopes},
		{"snapshot", func(emit func(Metric)) error { return snapshots(fsys, dir, emit) }},
		{"journal", func(emit func(Metric)) error { return commits(fsys, dir, emit) }},
		{"training", trainings},
		{"rounds", func(emit func(Metric)) error { return rounds(fsys, dir, emit) }},
	} {
		if err := part.measure(emit); err != nil {
			return fmt.Errorf("bench %s: %w", part.name, err)
		}
	}
	return nil
}
