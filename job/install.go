package job

import (
	"io"
	"math"
	"os"
	"runtime/debug"
	"sync"

	"github.com/rhizome-ml/rhizome/component/builtin"
	"github.com/rhizome-ml/rhizome/component/model"
	"github.com/rhizome-ml/rhizome/component/model/chunked"
	"github.com/rhizome-ml/rhizome/component/model/copied"
	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/host"
	"github.com/rhizome-ml/rhizome/journal/vfs"
	"github.com/rhizome-ml/rhizome/node"
	"github.com/rhizome-ml/rhizome/onnx"
	"github.com/rhizome-ml/rhizome/program"
	"github.com/rhizome-ml/rhizome/value"
	"github.com/rhizome-ml/rhizome/wire"
)

// Install returns what a node in a process of its own is installed with, from an artifact that may come from anywhere: it is
// checked as program.Load does. Options, targets and limits are the caller's to add.
func Install(artifact *onnx.ModelProto, place string, self wire.PeerID, seed uint64) (node.Config, error) {
	p, err := program.Load(artifact, place)
	if err != nil {
		return node.Config{}, err
	}
	cfg := node.Config{
		Program: p, Artifact: artifact, Catalogue: node.NewCatalogue(), Values: value.NewRegistry(), Self: self, Seed: seed,
		Limits: engine.DefaultLimits(),
	}
	return cfg, builtin.Register(cfg.Catalogue)
}

// Store returns how a node of a job keeps its state below a directory, by the size of the model that it holds; see
// ModelBytes. Nodes are small and many as a rule, so short files are made quickly, and a snapshot in time makes a restart
// short. Where the model is large, a snapshot is due when as much was journaled: so what is written for snapshots is no more
// than what is journaled, and a restart reads no more than a few models.
func Store(fsys vfs.FS, dir string, modelBytes int) host.Store {
	s := host.Store{FS: fsys, Dir: dir, SegmentBytes: segmentBytes, SnapshotBytes: snapshotBytes}
	if modelBytes > wholeBytes {
		s.SegmentBytes, s.SnapshotBytes = largeSegmentBytes, int64(modelBytes)
	}
	return s
}

// largeGCPercent is how much garbage may gather beside what lives, where a large model lives: most of that is tensors, which
// the collector does not look through, so collecting often costs little.
const largeGCPercent = 10

// smallBytes is what a server takes beside its model.
const smallBytes = 8 << 20

// TuneMemory has the process's garbage collected in time for a node of the program, unless GOGC says how. Go lets as much
// garbage gather as what lives, which for a large model is the model once more. A server holds nothing but the model and
// what is on its way: it collects all the more when it comes near twice the model, as when a round's new parameters take the
// place of the old.
func TuneMemory(p *program.Program) {
	n := ModelBytes(p)
	switch {
	case os.Getenv("GOGC") != "":
		return
	case n <= wholeBytes:
		if p.Place == ServerPlace {
			TuneServer()
		}
		return
	}
	debug.SetGCPercent(largeGCPercent)
	if p.Place == ServerPlace {
		debug.SetMemoryLimit(int64(n)*3/2 + smallBytes)
	}
}

// serverGarbage is how much garbage a server lets gather at least, in bytes.
const serverGarbage = 32 << 20

// TuneServer has the garbage of a server collected less often, unless GOGC says how. A server of a small model lives in a few megabytes
// and goes through hundreds of kilobytes in a round, so it would collect several times a second and take a sixth of its processor's time for
// that. Go knows no least heap. So the server owns memory that it never touches: the collector counts it to what lives and lets as much
// more gather, and the system gives no pages for it.
func TuneServer() {
	if os.Getenv("GOGC") == "" {
		_ = ballast()
	}
}

// ballast is that memory: the value is kept from the first call on.
var ballast = sync.OnceValue(func() []byte { return make([]byte, serverGarbage) })

// FreeMemory gives back what a large model took that was just forgotten. Left to itself, the memory would go back in the
// background, while as much is taken again.
func FreeMemory(c Config) {
	if c.large() {
		debug.FreeOSMemory()
	}
}

// ModelBytes returns the size of the parameters of the model that a node of the program holds, 0 where it holds none.
func ModelBytes(p *program.Program) int {
	for _, of := range p.Components {
		if of.Role != model.Role || !of.At(p.Place) {
			continue
		}
		var m model.Config
		switch of.Kind {
		case model.Kind:
			m, _ = model.ParseConfig(of.Config)
		case chunked.Kind:
			k, _ := chunked.ParseConfig(of.Config)
			m = k.Model
		case copied.Kind:
			k, _ := copied.ParseConfig(of.Config)
			m = k.Model
		}
		if g, err := m.Graph(); err == nil { // else the node will not start, and says why
			return g.Bytes()
		}
	}
	return 0
}

// NodeOptions are the settings of the components of a client that are its own: its number, which says which part of the data
// it holds, and its name for people.
func NodeOptions(name string, part int) (map[string][]byte, error) { return nodeOptions(name, part) }

// ClientName is the name of client i.
func ClientName(i int) string { return clientName(i) }

// Told is what a server tells at the end of its job. It holds a large model by reference.
type Told struct {
	last          Round
	model         io.WriterTo
	err           error // why there is no model
	contributions uint64
	history       []Point
}

// History returns the rounds that a server has finished, the last 1,024 of them.
func History(n *node.Node) []Point {
	_, history := kept(n)
	return history
}

// ToldBy returns what a server has told, or nil while its job goes on. It reads the node, so it runs in the node's thread.
func ToldBy(n *node.Node) *Told {
	v := toldDone(n)
	if v == nil {
		return nil
	}
	t := &Told{}
	t.last, t.model, t.err = Outcome(n, v)
	t.contributions, t.history = kept(n)
	return t
}

// Write writes model.onnx and result.json into a directory, the result last. What is given are the fields that the server does
// not know: job, digest, restarts, resumed.
func (t *Told) Write(fsys vfs.FS, dir string, given Result) (*Result, error) {
	if t.err != nil {
		return nil, t.err
	}
	res := given
	res.Rounds, res.Accuracy, res.Loss, res.Confusion = t.last.Number, t.last.Accuracy, t.last.Loss, t.last.Confusion
	res.Contributions, res.History = t.contributions, t.history
	return &res, writeResult(fsys, dir, &res, t.model)
}

// ReadResult returns the result in a directory, or nil where there is none of that artifact that is whole, with its model.
func ReadResult(fsys vfs.FS, dir, artifact string) (*Result, error) {
	return readResult(fsys, dir, artifact)
}

// CopyResult writes a result and its model, which are in another directory, into dir.
func CopyResult(fsys vfs.FS, dir string, res Result) (*Result, error) {
	file, err := fsys.Open(res.Model)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return &res, writeResult(fsys, dir, &res, onDisk{file})
}

// onDisk is a file that is on the disk.
type onDisk struct{ file vfs.File }

// WriteTo copies the file.
func (s onDisk) WriteTo(w io.Writer) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{w}, io.NewSectionReader(s.file, 0, math.MaxInt64), make([]byte, 1<<20))
}
