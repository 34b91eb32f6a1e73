package bench

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

const netBench = "net"

// NetOptions say what Net measures, and how large it is.
type NetOptions struct {
	Parts  []string // of NetParts; empty means all
	Rounds int      // empty rounds of one measurement; a tenth as many run before it
	Repeat int      // measurements; the median counts
	Bytes  int      // of the model that travels in an empty round, each way
	Stream int      // bytes of a measurement of throughput
	Spawn  func() (*NetProcess, error)

	Fleet   []int // clients of the fleets, one after the other; a round asks all of the first, of the others a tenth
	Updates int   // that each of them gives, about

	Hidden  int   // width of the two hidden layers of the large model: 4,962 make 100 MB
	Clients []int // of the large model's jobs, one after the other
	// Train runs a job in a directory that it makes, with a process for each node, and tells it as rhizome run --json
	// does.
	Train   func(c job.Job, dir string) (*NetProcess, error)
	Command func(args ...string) *exec.Cmd  // of the command line
	Members func(dir string) (int64, error) // asks the server that runs in a directory how many clients have registered
}

// DefaultNetOptions are those of the project's aims: 31 KB in an empty round, and a model of 100 MB.
func DefaultNetOptions() NetOptions {
	return NetOptions{Rounds: 2000, Repeat: 3, Bytes: 31_000, Stream: 512 << 20, Fleet: []int{100, 1000, 10_000},
		Updates: 10_000, Hidden: 4962, Clients: []int{2, 10}}
}

// netParts are what Net measures, in order.
var netParts = []struct {
	name    string
	measure func(o *netRun, emit func(Metric)) error
}{
	{"rounds", netRounds},
	{"throughput", netThroughput},
	{"start", netStart},
	{"large", netLarge},
	{"size", netSize},
	{"fleet", netFleets},
}

// NetParts returns the names of what Net measures.
func NetParts() []string {
	var names []string
	for _, p := range netParts {
		names = append(names, p.name)
	}
	return names
}

// netRun is one call of Net.
type netRun struct {
	NetOptions
	fsys vfs.FS
	dir  string
	made int // directories
}

// Net measures what nodes in processes of their own do over loopback sockets. It gives each figure to emit as soon as
// it is there. Files are made and removed in dir.
func Net(fsys vfs.FS, dir string, o NetOptions, emit func(Metric)) error {
	for _, name := range o.Parts {
		if !slices.Contains(NetParts(), name) {
			return fmt.Errorf("there is no part %q; want one of %s", name, strings.Join(NetParts(), ", "))
		}
	}
	if o.Rounds < 10 || o.Repeat < 1 || o.Repeat > 16 || o.Bytes < 4 || o.Stream < 1 || o.Hidden < 1 ||
		len(o.Fleet) < 2 || slices.Min(o.Fleet) < 10 || o.Updates < 1 || o.Spawn == nil || o.Train == nil ||
		o.Command == nil || o.Members == nil {
		return fmt.Errorf(
			"want at least 10 rounds, 1 to 16 measurements, 4 bytes of model, a hidden layer of 1, two fleets of at " +
				"least 10 clients and ways to start processes")
	}
	r := &netRun{NetOptions: o, fsys: fsys, dir: dir}
	for _, part := range netParts {
		if len(o.Parts) > 0 && !slices.Contains(o.Parts, part.name) {
			continue
		}
		if err := part.measure(r, emit); err != nil {
			return fmt.Errorf("bench %s: %w", part.name, err)
		}
	}
	return nil
}

// place returns a new empty directory, and what removes it.
func (r *netRun) place() (dir string, remove func()) {
	r.made++
	dir = filepath.Join(r.dir, fmt.Sprintf("net%d.bench", r.made))
	return dir, func() {
		for i := range netNodes {
			removeAll(r.fsys, filepath.Join(dir, fmt.Sprint(i)))
		}
		removeAll(r.fsys, dir)
	}
}

// netNodes is a server and two clients.
const netNodes = 3
