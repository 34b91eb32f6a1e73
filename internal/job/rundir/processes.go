package rundir

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// ProcessesFile is there where the nodes of a run are processes of their own: who the clients are, by number.
// processFiles are the files that such a node has in its folder beside those of package host.
const ProcessesFile = "processes.json"

// Processes is the content of processesFile.
type Processes struct {
	Clients []wire.PeerID `json:"clients"`
}

func processFiles() []string {
	return append(MetricsFiles(), "identity.key", "node.json", "artifact.onnx", "process.lock", ModelFile, AnswersFile,
		BestFile, ResultFile)
}

// AreProcesses says whether a directory is that of a run whose nodes are processes of their own.
func AreProcesses(fsys vfs.FS, dir string) (bool, error) {
	return vfs.Exists(fsys, filepath.Join(dir, ProcessesFile))
}

// IsRun says whether a directory is that of a run, or was one.
func IsRun(fsys vfs.FS, dir string) bool {
	_, err := fsys.Stat(filepath.Join(dir, RunFile))
	return !errors.Is(err, fs.ErrNotExist)
}
