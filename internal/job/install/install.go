package install

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Install returns what a node in a process of its own is installed with, from an artifact that may come from anywhere:
// it is checked as program.Load does, and its components are of the catalogue. Options, targets and limits are the
// caller's to add.
func Install(catalogue *node.Catalogue, artifact *onnx.ModelProto, place string, self wire.PeerID,
	seed uint64) (node.Config, error) {
	p, err := program.Load(artifact, place)
	if err != nil {
		return node.Config{}, err
	}
	return node.Config{
		Program: p, Artifact: artifact, Catalogue: catalogue, Values: value.NewRegistry(), Self: self, Seed: seed,
		Limits: engine.DefaultLimits(),
	}, nil
}

// Store returns how a node of a job keeps its state below a directory, by the size of the model that it holds; see
// ModelBytes. Nodes are small and many as a rule, so short files are made quickly, and a snapshot in time makes a
// restart short. Where the model is large, a snapshot is due when as much was journaled: so what is written for
// snapshots is no more than what is journaled, and a restart reads no more than a few models.
func Store(fsys vfs.FS, dir string, modelBytes int) host.Store {
	s := host.Store{FS: fsys, Dir: dir, SegmentBytes: segmentBytes, SnapshotBytes: snapshotBytes}
	if modelBytes > largeBytes {
		s.SegmentBytes, s.SnapshotBytes = largeSegmentBytes, int64(modelBytes)
	}
	return s
}

// largeBytes is what a model has at most that is a small one.
const largeBytes = 1 << 20

// largeGCPercent is how much garbage may gather beside what lives, where a large model lives: most of that is tensors,
// which the collector does not look through, so collecting often costs little.
const largeGCPercent = 10

// smallBytes is what a server takes beside its model.
const smallBytes = 8 << 20

// TuneMemory has the process's garbage collected in time for a node of the program, unless GOGC says how. Go lets as
// much garbage gather as what lives, which for a large model is the model once more. A server holds nothing but the
// model and what is on its way: it collects all the more when it comes near twice the model, as when a round's new
// parameters take the place of the old.
func TuneMemory(p *program.Program) {
	n := ModelBytes(p)
	switch {
	case os.Getenv("GOGC") != "":
		return
	case n <= largeBytes:
		if p.Place == job.ServerPlace {
			TuneServer()
		}
		return
	}
	debug.SetGCPercent(largeGCPercent)
	if p.Place == job.ServerPlace {
		debug.SetMemoryLimit(int64(n)*3/2 + smallBytes)
	}
}

// Tidy returns what a process that trains a large model does before each piece of work, or nil for any other: it
// collects the garbage of the work before. A step takes the parameters and gives new ones, so left to itself the
// process would hold those of several steps; to collect takes a hundredth of what a step does.
func Tidy(p *program.Program) func(engine.Command) error {
	n := ModelBytes(p)
	if n <= largeBytes || p.Place == job.ServerPlace || os.Getenv("GOGC") != "" {
		return nil
	}
	return func(c engine.Command) error {
		bytes := 0
		for _, v := range c.Inputs {
			bytes += v.Bytes()
		}
		if bytes >= n/2 {
			runtime.GC()
		}
		return nil
	}
}

// serverGarbage is how much garbage a server lets gather at least, in bytes.
const serverGarbage = 32 << 20

// TuneServer has the garbage of a server collected less often, unless GOGC says how. A server of a small model lives in
// a few megabytes and goes through hundreds of kilobytes in a round, so it would collect several times a second and
// take a sixth of its processor's time for that. Go knows no least heap. So the server owns memory that it never
// touches: the collector counts it to what lives and lets as much more gather, and the system gives no pages for it.
func TuneServer() {
	if os.Getenv("GOGC") == "" {
		_ = ballast()
	}
}

// ballast is that memory: the value is kept from the first call on.
var ballast = sync.OnceValue(func() []byte { return make([]byte, serverGarbage) })

// FreeMemory gives back what a model of that many bytes took that was just forgotten, where it is large. Left to
// itself, the memory would go back in the background, while as much is taken again.
func FreeMemory(modelBytes int) {
	if modelBytes > largeBytes {
		debug.FreeOSMemory()
	}
}

// ModelBytes returns the size of the parameters of the model that the nodes of a program train, as the node of the
// program has them, 0 where there is none that is known.
func ModelBytes(p *program.Program) int {
	for _, of := range p.Components {
		if of.Role != model.Role || of.Kind != model.Kind {
			continue
		}
		m, _ := model.ParseConfig(of.Config)
		g, err := m.Graph()
		switch {
		case err != nil: // the node will not start, and says why
		case p.Place == job.ServerPlace:
			return m.StoredBytes(g)
		default: // whoever trains has all of it in float32
			return g.Bytes()
		}
	}
	return 0
}

// The nodes of a local run are small and many: short files are made quickly, and a snapshot in time makes a restart
// short.
const (
	segmentBytes  = 256 << 10
	snapshotBytes = 1 << 20

	largeSegmentBytes = 8 << 20
)
