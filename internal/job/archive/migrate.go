package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// Migrated tells what a migration did to a run or to one of its nodes.
type Migrated struct {
	Node    string   `json:"node"` // empty for the files of the run itself
	Files   []string `json:"files"`
	Damaged int      `json:"damaged"` // files that nothing can be done for
}

// Migrate brings the files of a run to the current formats. All of it is read first: a newer format anywhere is the
// typed error of that format, and nothing is changed. Each file is then replaced in one step, after its successor was
// read back. What is of the current formats is not touched; the result names what was changed, by node.
func Migrate(fsys vfs.FS, dir string) ([]Migrated, error) {
	names, err := rundir.NodesIn(fsys, dir)
	if err != nil {
		return nil, err
	}
	old, err := oldRecords(fsys, dir)
	if err != nil {
		return nil, err
	}
	lock, err := fsys.Lock(filepath.Join(dir, "lock"))
	if errors.As(err, new(*vfs.LockedError)) {
		return nil, &job.StateError{Dir: dir, Reason: "is in use by a run; stop it first, it goes on later"}
	}
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	plans := make([]*offline.Migration, len(names))
	for i, name := range names {
		if plans[i], err = offline.PlanMigration(fsys, filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	var out []Migrated
	for i, m := range plans {
		did := Migrated{Node: names[i], Files: []string{}, Damaged: len(m.Damaged)}
		for _, ref := range m.Old {
			did.Files = append(did.Files, ref.Name)
		}
		if err := m.Run(); err != nil {
			return nil, &job.NodeError{Node: names[i], Err: err}
		}
		out = append(out, did)
	}
	did := Migrated{Files: []string{}}
	for _, r := range old {
		if err := journal.WriteSealed(fsys, filepath.Join(dir, r.name), r.content); err != nil {
			return nil, err
		}
		did.Files = append(did.Files, r.name)
	}
	return append(out, did), nil
}

// oldRecord is run.json or result.json of an earlier format.
type oldRecord struct {
	name    string
	content any
}

// oldRecords returns run.json and result.json where they are of an earlier format.
func oldRecords(fsys vfs.FS, dir string) (old []oldRecord, err error) {
	for _, r := range []oldRecord{{rundir.RunFile, &rundir.Record{}}, {rundir.ResultFile, &job.Result{}}} {
		format, err := journal.SealedFormat(fsys, filepath.Join(dir, r.name), r.content)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case errors.Is(err, journal.ErrDamaged):
			return nil, &job.StateError{Dir: dir,
				Reason: fmt.Sprintf("has a damaged %s; running the job again repairs it", r.name)}
		case err != nil:
			return nil, err
		}
		if format < journal.SealedVersion {
			old = append(old, r)
		}
	}
	return old, nil
}
