package bench

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
)

// The figures of the command as Go benchmarks, for profiles and benchstat. Chains are in package engine, envelopes in
// wire, commits in journal, kernels in internal/roles/backend.

func BenchmarkSnapshotPause(b *testing.B) {
	n, err := holder()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.Message(false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRestore(b *testing.B) {
	n, err := holder()
	if err != nil {
		b.Fatal(err)
	}
	raw, err := n.Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := node.Restored(n.Config(), raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTrainingStep(b *testing.B) {
	g, err := stepGraph()
	if err != nil {
		b.Fatal(err)
	}
	plan, err := backend.Compile(g, backend.Options{})
	if err != nil {
		b.Fatal(err)
	}
	m := newScalarMLP()
	in, err := m.tensors()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("plan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := plan.Run(in); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("scalar", func(b *testing.B) {
		for b.Loop() {
			m.step()
		}
	})
}

func BenchmarkEmptyRounds(b *testing.B) {
	run := func(disk func() (vfs.FS, string)) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				fsys, dir := disk()
				rate, err := roundsPerSecond(fsys, dir)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(rate, "rounds/s")
			}
		}
	}
	b.Run("memory", run(func() (vfs.FS, string) { return vfs.NewMem(), "run" }))
	b.Run("durable", run(func() (vfs.FS, string) { return vfs.OS(), b.TempDir() }))
}
