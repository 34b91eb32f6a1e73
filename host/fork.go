package host

import (
	"fmt"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/journal"
	"github.com/rhizome-ml/rhizome/journal/vfs"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Plant makes a directory from which a node goes on in another life than the one that it was in: with the state of m, after
// record number after, in a new epoch, and in an incarnation above m's and above lives. The directory must hold no node.
func Plant(fsys vfs.FS, dir string, reg *value.Registry, m *snapshot.NodeSnapshot, after, lives uint64) error {
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if OwnsFile(name) {
			return fmt.Errorf("host: %s holds a node already: %s", dir, name)
		}
	}
	payload, err := snapshot.Marshal(reg, m)
	if err != nil {
		return err
	}
	// The mark and the number come before the snapshot, so that the node is never there without them: it must not take up its
	// old streams, whose other ends may be elsewhere.
	lives = max(lives, m.Incarnation)
	err = journal.WriteFileAtomic(fsys, filepath.Join(dir, unvouchedFile), []byte("this life was begun from another one\n"))
	if err == nil {
		err = journal.WriteFileAtomic(fsys, filepath.Join(dir, incarnationFile), []byte(incarnationText(lives)))
	}
	if err != nil {
		return err
	}
	return journal.Publish(fsys, dir, after+1, payload)
}

// Lives returns the newest incarnation that a node's directory vouches for beside its journal, or 0 where it names none.
func Lives(fsys vfs.FS, dir string) (n uint64) {
	b, err := vfs.ReadFile(fsys, filepath.Join(dir, incarnationFile), 1<<10)
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscanf(string(b), "rhizome incarnation %d", &n); err != nil || string(b) != incarnationText(n) {
		return 0
	}
	return n
}
