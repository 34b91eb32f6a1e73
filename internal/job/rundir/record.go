package rundir

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/value"
)

// runFile says what runs in a directory. clearFile is there while that is being removed, to start over: an empty file,
// so that nothing of what it says can be lost.
const (
	RunFile   = "run.json"
	ClearFile = "clearing"
)

// The states of a run's directory.
const (
	StateNew     = "new"     // nodes are being made
	StateRunning = "running" // all nodes are there
)

// Record is the content of run.json.
type Record struct {
	State string `json:"state"`
	// of job; empty for the first of package kinds, as earlier releases wrote none
	Kind     string            `json:"kind,omitempty"`
	Job      map[string]string `json:"job"`                   // every setting, as the job was named
	Set      map[string]string `json:"set"`                   // settings that were given beside it
	Artifact string            `json:"artifact"`              // digest
	Starts   uint64            `json:"starts"`                // of the whole run
	Drops    uint64            `json:"drops"`                 // of single nodes, by chaos
	Keep     int               `json:"keep,omitempty"`        // snapshots of each node, where it was given
	KeepAge  time.Duration     `json:"keep_age_ns,omitempty"` // of snapshots beyond Keep
	Fork     *Origin           `json:"fork,omitempty"`        // where the run comes from, if from another
}

// Base returns the job that the record names; a record that holds other settings than there are is damaged.
func (r *Record) Base() (job.Served, error) {
	k, err := kinds.Named(r.Kind)
	if err != nil {
		return nil, err
	}
	j, err := job.Restored(k, r.Job)
	if err != nil {
		return nil, journal.ErrDamaged
	}
	s, ok := j.(job.Served)
	if !ok {
		return nil, journal.ErrDamaged
	}
	return s, nil
}

// Found is what is in a directory, before anything is changed.
type Found struct {
	Record  *Record // nil where there is none that can be read
	Cleared bool    // by half
	Damaged bool    // run.json is there and cannot be read
	Newer   error   // run.json is of a newer format
	Nodes   int     // directories of nodes that hold something
	Result  bool    // there is a model, a result or a program

	Processes bool // its nodes run in processes of their own
}

// Survey reads what is in the directory.
func Survey(fsys vfs.FS, dir string) (Found, error) {
	var f Found
	var r Record
	var newer *journal.FormatError
	switch err := journal.ReadSealed(fsys, filepath.Join(dir, RunFile), &r); {
	case err == nil:
		f.Record = &r
	case errors.As(err, &newer):
		f.Newer = err
	case errors.Is(err, journal.ErrDamaged):
		f.Damaged = true
	case !errors.Is(err, fs.ErrNotExist):
		return f, err
	}
	var err error
	if f.Cleared, err = vfs.Exists(fsys, filepath.Join(dir, ClearFile)); err != nil {
		return f, err
	}
	if f.Processes, err = vfs.Exists(fsys, filepath.Join(dir, ProcessesFile)); err != nil {
		return f, err
	}
	names, err := NodesIn(fsys, dir)
	if err != nil {
		return f, err
	}
	f.Nodes = len(names)
	for _, name := range []string{ModelFile, BestFile, AnswersFile, ResultFile, ArtifactFile} {
		there, err := vfs.Exists(fsys, filepath.Join(dir, name))
		if err != nil {
			return f, err
		}
		f.Result = f.Result || there
	}
	return f, nil
}

// NodesIn returns the names of the folders of nodes in a directory that hold something, the server first: by what they
// are called, not by how many a job of today may have.
func NodesIn(fsys vfs.FS, dir string) ([]string, error) {
	all, err := fsys.Folders(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range all {
		if !job.IsNode(name) {
			continue
		}
		there, err := Filled(fsys, filepath.Join(dir, name))
		switch {
		case err != nil:
			return nil, err
		case there && name == job.ServerName:
			out = slices.Insert(out, 0, name)
		case there:
			out = append(out, name)
		}
	}
	return out, nil
}

// Filled says whether a folder holds files of a node.
func Filled(fsys vfs.FS, dir string) (bool, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return slices.ContainsFunc(names, directory.OwnsFile), err
}

// Owner returns the artifact and the seed of the nodes in a directory, from the newest snapshot of any of them; the
// artifact is empty where no snapshot can be read.
func Owner(fsys vfs.FS, dir string) (artifact string, seed uint64, err error) {
	names, err := NodesIn(fsys, dir)
	if err != nil {
		return "", 0, err
	}
	for _, name := range names {
		payload, _, _, err := journal.LoadNewest(fsys, filepath.Join(dir, name), journal.Limits{})
		var version *journal.VersionError
		if errors.As(err, &version) {
			return "", 0, err
		}
		if err != nil {
			continue
		}
		s, err := node.Decode(&node.Config{Values: value.NewRegistry()}, payload)
		if err != nil {
			return "", 0, err
		}
		return hex.EncodeToString(s.Artifact.Digest), s.Config.Seed, nil
	}
	return "", 0, nil
}
