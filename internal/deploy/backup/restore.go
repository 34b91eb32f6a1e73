package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// What a restored directory is to be.
const (
	Move = "move" // the node, which goes on
	Look = "look" // read only
)

// RestoreOptions say what becomes of a backup.
type RestoreOptions struct {
	Dir string // new, or empty
	As  string // Move or Look
	Key string // a file with the key of the node, or a directory with one, for a backup without keys
	Now func() time.Time
}

// Restored tells what a restore made.
type Restored struct {
	Dir     string   `json:"dir"`
	As      string   `json:"as"`
	Notes   []string `json:"notes,omitempty"` // what could not be checked here
	Records uint64   `json:"records"`         // that were replayed
}

// restoringFile stands in a directory while it is made.
const restoringFile = "restoring"

// Restore makes a directory of a backup that was opened. It is made under another name beside it; every checksum is
// looked at, and every record replayed, before it gets its name. Errors are *FileError, *deploy.DirError,
// *deploy.InputError, *identity.KeyError, and those of the disk; then nothing is there that was not.
func (a *Archive) Restore(ctx context.Context, o RestoreOptions) (out *Restored, err error) {
	fsys := vfs.OS() // folders are renamed and removed
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Dir = filepath.Clean(o.Dir)
	key, err := a.may(fsys, o)
	if err != nil {
		return nil, err
	}
	tmp := o.Dir + ".tmp"
	if err := clearTmp(tmp); err != nil {
		return nil, err
	}
	if err := fsys.MkdirAll(tmp); err != nil {
		return nil, unusable(tmp, err)
	}
	lock, err := fsys.Lock(filepath.Join(tmp, restoringFile))
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	defer func() {
		if err != nil {
			os.RemoveAll(tmp)
		}
	}()
	out = &Restored{Dir: o.Dir, As: o.As}
	if err := a.unpack(ctx, fsys, tmp, o); err != nil {
		return nil, err
	}
	if key != nil {
		if err := key.Write(fsys, tmp); err != nil {
			return nil, err
		}
	}
	if o.As == Look {
		err = a.mark(fsys, tmp)
	}
	if err == nil {
		err = a.verify(fsys, tmp, out)
	}
	if err == nil && o.As == Move && a.alone() {
		err = offline.Move(fsys, tmp, a.Nodes[0].Incarnation, o.Now())
	}
	if err == nil {
		err = fsys.Remove(filepath.Join(tmp, restoringFile))
	}
	if err == nil {
		err = a.sync(fsys, tmp)
	}
	if err == nil {
		err = take(fsys, tmp, o.Dir)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// unusable says what cannot be used as a directory.
func unusable(dir string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) && !errors.As(err, new(*vfs.ReadOnlyError)) {
		return refuse(dir, "cannot be used as a directory: %v", pe.Err)
	}
	return err
}

// may looks whether the directory can be made, and reads the key that is missing in the backup.
func (a *Archive) may(fsys vfs.FS, o RestoreOptions) (*identity.Identity, error) {
	if o.As != Move && o.As != Look {
		return nil, &deploy.InputError{What: "--as", Value: o.As,
			Want: "move (the directory becomes the node) or look (it is only read)"}
	}
	entries, err := os.ReadDir(o.Dir)
	switch {
	case err == nil && len(entries) > 0:
		return nil, refuse(o.Dir, "is there and not empty: a restore makes a new directory, choose another --dir")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, unusable(o.Dir, err)
	}
	needs := o.As == Move && !a.Keys && a.What != WhatRun
	switch {
	case o.Key != "" && !needs:
		return nil, &deploy.InputError{What: "--key", Value: o.Key,
			Want: "nothing: the backup holds its keys, or none is needed"}
	case !needs:
		return nil, nil
	case !a.alone():
		return nil, a.bad("holds no keys, and several nodes: it can be restored --as look only")
	case o.Key == "":
		return nil, a.bad("holds no key (it was made --without-key): give that of %s with --key FILE, or restore it "+
			"--as look", a.Peer)
	}
	dir := o.Key
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		if filepath.Base(dir) != identity.File {
			return nil, &deploy.InputError{What: "--key", Value: o.Key,
				Want: "a file " + identity.File + ", or the directory that it lies in"}
		}
		dir = filepath.Dir(dir)
	}
	id, err := identity.Read(fsys, dir)
	if err == nil && id.Peer() != a.Peer {
		err = &identity.KeyError{Path: filepath.Join(dir, identity.File),
			Reason: fmt.Sprintf("is the key of %s, and the backup is of %s", id.Peer(), a.Peer)}
	}
	return id, err
}

// clearTmp removes what an interrupted restore left.
func clearTmp(tmp string) error {
	entries, err := os.ReadDir(tmp)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return unusable(tmp, err)
	}
	if _, err := os.Lstat(filepath.Join(tmp, restoringFile)); err != nil {
		return refuse(tmp,
			"is there, and is not what an interrupted restore left: move it away, or choose another --dir")
	}
	lock, err := vfs.OS().Lock(filepath.Join(tmp, restoringFile))
	if err != nil {
		return err // another restore is at work
	}
	defer lock.Close()
	return os.RemoveAll(tmp)
}

// unpack writes the files, each durably, and what does not belong into the directory not at all: no keys where it is
// only looked at.
func (a *Archive) unpack(ctx context.Context, fsys vfs.FS, tmp string, o RestoreOptions) error {
	for _, n := range a.Nodes {
		if err := fsys.MkdirAll(filepath.Join(tmp, n.Name)); err != nil {
			return err
		}
	}
	return a.walk(func(*Manifest) error { return nil }, func(f File, r io.Reader) error {
		if o.As == Look && filepath.Base(f.Name) == identity.File {
			_, err := io.Copy(io.Discard, r)
			return err
		}
		out, err := fsys.Create(filepath.Join(tmp, filepath.FromSlash(f.Name)))
		if err != nil {
			return err
		}
		_, err = io.Copy(&fileWriter{f: out, ctx: ctx}, r)
		if err == nil {
			err = out.Sync()
		}
		if closed := out.Close(); err == nil {
			err = closed
		}
		return err
	})
}

// mark marks the directory and those of its nodes as ones that are only looked at.
func (a *Archive) mark(fsys vfs.FS, tmp string) error {
	m := deploy.LookMark{From: filepath.Base(a.file)}
	if !a.alone() {
		if err := deploy.WriteLookMark(fsys, tmp, m); err != nil {
			return err
		}
	}
	for _, n := range a.Nodes {
		m.Peer = n.Peer
		if err := deploy.WriteLookMark(fsys, filepath.Join(tmp, n.Name), m); err != nil {
			return err
		}
	}
	return nil
}

// verify brings every node back in memory, as far as this machine has what that takes, and holds it against the
// manifest.
func (a *Archive) verify(fsys vfs.FS, tmp string, out *Restored) error {
	var dirs []string
	for _, n := range a.Nodes {
		dirs = append(dirs, filepath.Join(tmp, n.Name))
		if n.Data != "" {
			if _, err := fsys.Stat(n.Data); err != nil {
				out.Notes = append(out.Notes,
					fmt.Sprintf("the data of the node, %s (SHA-256 %.12s), is not on this machine: give it with "+
						"rhizome join --data FILE; "+
						"the records were checked, and not replayed", n.Data, n.DataSHA256))
				return a.scan(fsys, dirs)
			}
		}
	}
	v, err := a.view(fsys, tmp, dirs)
	if err != nil {
		return a.bad("cannot be brought back: %v", err)
	}
	for i, n := range v.Nodes {
		b, err := n.Restore(offline.Look{})
		if err != nil {
			return a.bad("cannot be brought back: %s: %v", a.Nodes[i].Name, err)
		}
		if n.Config.Self != a.Nodes[i].Peer || b.Record != a.Nodes[i].Record {
			return a.bad("holds %s at record %d, and its manifest says %s at record %d", n.Config.Self, b.Record,
				a.Nodes[i].Peer, a.Nodes[i].Record)
		}
		out.Records += uint64(b.Replayed)
	}
	return nil
}

// view returns the nodes of the directory.
func (a *Archive) view(fsys vfs.FS, tmp string, dirs []string) (*archive.View, error) {
	if a.What == WhatRun {
		v, err := archive.Look(fsys, tmp)
		if err == nil && len(v.Nodes) != len(a.Nodes) {
			err = fmt.Errorf("the run has %d nodes, and the manifest names %d", len(v.Nodes), len(a.Nodes))
		}
		return v, err
	}
	return deploy.View(fsys, dirs...)
}

// scan checks all files without a replay.
func (a *Archive) scan(fsys vfs.FS, dirs []string) error {
	for i, dir := range dirs {
		if err := directory.Check(fsys, dir); err != nil {
			return a.bad("cannot be brought back: %v", err)
		}
		rep, err := journal.Scan(fsys, dir)
		if err != nil || rep.Next != a.Nodes[i].Record+1 {
			return a.bad("holds %s up to record %d, and its manifest says %d (%v)", a.Nodes[i].Peer, rep.Next-1,
				a.Nodes[i].Record, err)
		}
	}
	return nil
}

// sync makes the names in all folders durable.
func (a *Archive) sync(fsys vfs.FS, tmp string) error {
	for _, n := range a.Nodes {
		if err := fsys.SyncDir(filepath.Join(tmp, n.Name)); err != nil {
			return err
		}
	}
	return fsys.SyncDir(tmp)
}

// take gives the directory its name, in place of an empty one.
func take(fsys vfs.FS, tmp, dir string) error {
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return refuse(dir, "is there and not empty: %v", err)
	}
	if err := fsys.Rename(tmp, dir); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(dir))
}

// String says what a backup is of, for people.
func (m *Manifest) String() string {
	var b strings.Builder
	switch m.What {
	case WhatRun:
		fmt.Fprintf(&b, "the run of the job %s", m.Job)
	case WhatProcesses:
		fmt.Fprintf(&b, "the run of the job %s, each of its nodes a process of its own", m.Job)
	default:
		fmt.Fprintf(&b, "the %s %s of the job %s", m.What, m.Peer, m.Job)
	}
	if m.Wall != 0 {
		fmt.Fprintf(&b, ", as it was at %s", time.Unix(0, m.Wall).Format("2006-01-02 15:04:05"))
	}
	fmt.Fprintf(&b, ", round %d of %d", m.Round, m.Rounds)
	return b.String()
}
