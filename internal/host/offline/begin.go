package offline

import (
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Create makes a directory from which a node goes on in another life than the one that it was in: with the state of m,
// after record number after, in a new epoch, and in an incarnation above m's and above lives. The directory must hold
// no node.
func Create(fsys vfs.FS, dir string, reg *value.Registry, m *snapshot.NodeSnapshot, after, lives uint64) error {
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if directory.OwnsFile(name) {
			return fmt.Errorf("host: %s holds a node already: %s", dir, name)
		}
	}
	payload, err := snapshot.Marshal(reg, m)
	if err != nil {
		return err
	}
	// The mark and the number come before the snapshot, so that the node is never there without them: it must not take
	// up its old streams, whose other ends may be elsewhere.
	lives = max(lives, m.Incarnation)
	if err := directory.Unvouch(fsys, dir, "this life was begun from another one"); err != nil {
		return err
	}
	if err := directory.SetLives(fsys, dir, lives); err != nil {
		return err
	}
	return journal.Publish(fsys, dir, after+1, payload)
}

// Move makes the node of a directory that is a copy of an earlier state go on in another life than any that it can have
// had since: in a new epoch, and with a number that is above them all, so that its peers refuse the old life. lived is
// the incarnation of the state; now is the clock, by whose seconds two moves of one copy differ.
func Move(fsys vfs.FS, dir string, lived uint64, now time.Time) error {
	lives := max(max(lived, directory.Lives(fsys, dir))+directory.Leap, uint64(max(now.Unix(), 0)))
	if err := directory.Unvouch(fsys, dir, "this is a copy of an earlier state"); err != nil {
		return err
	}
	return directory.SetLives(fsys, dir, lives)
}
