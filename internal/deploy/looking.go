package deploy

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// LookMark is the content of directory.LookFile: a directory that is only looked at has no key, and this says whose it
// is.
type LookMark struct {
	Peer wire.PeerID `json:"peer,omitempty"`
	From string      `json:"from"` // the backup that it was restored from
}

// WriteLookMark marks a directory as one that is only looked at.
func WriteLookMark(fsys vfs.FS, dir string, m LookMark) error {
	return journal.WriteSealed(fsys, filepath.Join(dir, directory.LookFile), m)
}

// peerOf returns who the node of a directory is: by its key, or by its mark where it is only looked at.
func peerOf(fsys vfs.FS, dir string) (wire.PeerID, error) {
	id, err := identity.Read(fsys, dir)
	if err == nil {
		return id.Peer(), nil
	}
	var m LookMark
	if errors.Is(err, fs.ErrNotExist) && journal.ReadSealed(fsys, filepath.Join(dir, directory.LookFile), &m) == nil &&
		m.Peer != "" {
		return m.Peer, nil
	}
	return "", err
}

// RecordIn returns what the node of a directory has written down, or nil where there is none.
func RecordIn(fsys vfs.FS, dir string) (*Record, error) { return readRecord(fsys, dir) }

// StatusOf says how the node of a directory is, which was brought back.
func StatusOf(fsys vfs.FS, dir string, n *node.Node) (*Status, error) {
	self, err := peerOf(fsys, dir)
	if err != nil {
		return nil, err
	}
	rec, err := readRecord(fsys, dir)
	if err != nil {
		return nil, err
	}
	return statusOf(self, rec, n, moment{})
}
