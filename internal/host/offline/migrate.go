package offline

import (
	"bytes"
	"fmt"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/value"
)

// Migration says what the files of a node are, and which of them are not of the current formats.
type Migration struct {
	Snapshots int                   // that are whole
	Old       []journal.SnapshotRef // those of earlier formats
	Damaged   []error               // of snapshots that nothing can be done for; they stay as they are
	Records   uint64                // of the journal, which is of the current format

	fsys vfs.FS
	dir  string
}

// PlanMigration reads all files of a node's directory, which nobody runs in, and finds those that are not of the
// current formats. It changes nothing. A file or a message of a newer format is a *journal.VersionError or
// *node.SpecVersionError, damage of the journal a *journal.CorruptionError.
func PlanMigration(fsys vfs.FS, dir string) (*Migration, error) {
	if err := directory.LookOnly(fsys, dir); err != nil {
		return nil, err
	}
	m := &Migration{fsys: fsys, dir: dir}
	rep, err := journal.Scan(fsys, dir) // the one format of segments that there is, or an error
	if err != nil {
		return nil, err
	}
	m.Records = rep.Next - rep.First
	refs, err := journal.List(fsys, dir)
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		payload, info, err := journal.Load(fsys, dir, ref.Name, journal.Limits{})
		if directory.AllDamaged(err) {
			m.Damaged = append(m.Damaged, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		if _, err := node.Decode(&node.Config{Values: value.NewRegistry()}, payload); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, ref.Name), err)
		}
		m.Snapshots++
		if info.Version < journal.SnapshotVersion {
			m.Old = append(m.Old, ref)
		}
	}
	return m, nil
}

// Run writes the old snapshots in the current format, each in one step in the place of the old file, after what is on
// the disk has been read back and found to hold the same. It takes the node's lock.
func (m *Migration) Run() error {
	if len(m.Old) == 0 {
		return nil
	}
	lock, err := directory.Lock(m.fsys, m.dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	for _, ref := range m.Old {
		if err := migrateSnapshot(m.fsys, m.dir, ref); err != nil {
			return err
		}
	}
	return nil
}

// migrateSnapshot makes the new file in memory, holds its content against the old one, writes it beside the old one,
// reads it back, and only then lets it take the name.
func migrateSnapshot(fsys vfs.FS, dir string, ref journal.SnapshotRef) error {
	payload, _, err := journal.Load(fsys, dir, ref.Name, journal.Limits{})
	if err != nil {
		return err
	}
	mem := vfs.NewMem()
	if err := mem.MkdirAll("new"); err != nil {
		return err
	}
	if err := journal.Publish(mem, "new", ref.LSN, payload); err != nil {
		return err
	}
	again, _, err := journal.Load(mem, "new", ref.Name, journal.Limits{})
	if err == nil && !bytes.Equal(again, payload) {
		err = fmt.Errorf("host: %s is not what it was in the current format; the old file stays",
			filepath.Join(dir, ref.Name))
	}
	if err != nil {
		return err
	}
	file, err := vfs.ReadFile(mem, filepath.Join("new", ref.Name), int64(len(payload))*2+1<<20)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, ref.Name)
	tmp := path + ".tmp" // as of the writer: what a crash leaves of it, the next start of the node takes away
	if err := writeBack(fsys, tmp, file); err != nil {
		fsys.Remove(tmp)
		return err
	}
	if err := fsys.Rename(tmp, path); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// writeBack writes a file durably and reads it back.
func writeBack(fsys vfs.FS, path string, b []byte) error {
	f, err := fsys.Create(path)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	got, err := vfs.ReadFile(fsys, path, int64(len(b)))
	if err == nil && !bytes.Equal(got, b) {
		err = fmt.Errorf("host: %s does not read back as it was written; the old file stays", path)
	}
	return err
}
