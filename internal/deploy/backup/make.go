package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// Options say what is backed up, and where to.
type Options struct {
	Dir     string // of a node, or of a run
	File    string
	Without bool   // leave out the keys of the nodes
	Force   bool   // write over an earlier backup of that name
	FS      vfs.FS // nil means that of the machine
}

// Made tells what a backup holds.
type Made struct {
	Manifest
	File  string
	Bytes int64
}

// tries is how often the files are taken anew where they change while they are taken.
const tries = 40

// Make writes a backup of a directory to a file, which is not there before, or with Force in place of an earlier
// backup, in one step. Nothing of a node that runs is locked, and nothing in the directory is changed. When ctx ends
// first, there is no file. Errors are *deploy.DirError, *FileError, those of the files, and of bringing nodes back.
func Make(ctx context.Context, o Options) (*Made, error) {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	o.Dir = filepath.Clean(o.Dir)
	if err := mayWrite(o); err != nil {
		return nil, err
	}
	f := &frozen{FS: o.FS, dirs: map[string]map[string]*kept{}}
	defer f.close()
	m, err := f.settle(ctx, o)
	if err != nil {
		return nil, err
	}
	contents, err := f.list(ctx, o, m)
	if err != nil {
		return nil, err
	}
	n, err := publish(ctx, o, m, contents)
	if err != nil {
		return nil, err
	}
	return &Made{*m, o.File, n}, nil
}

func refuse(dir, format string, args ...any) error {
	return &deploy.DirError{Dir: dir, Reason: fmt.Sprintf(format, args...)}
}

// mayWrite looks whether the file may be written: not into what it is a backup of, and not in place of something else.
func mayWrite(o Options) error {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	file, err := filepath.Abs(o.File)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(dir, file); err == nil && rel != ".." &&
		!strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return &FileError{o.File,
			"lies in the directory that it would be a backup of: choose another place, best on another disk"}
	}
	f, err := o.FS.Open(o.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, len(zstdMagic))
	if err := vfs.ReadFull(f, head, 0); err != nil || !slices.Equal(head, zstdMagic) {
		return &FileError{o.File, "is there and is no backup, and is not written over: choose another name"}
	}
	if !o.Force {
		ext := filepath.Ext(o.File)
		return &FileError{o.File,
			fmt.Sprintf("is there, an earlier backup: choose another name, such as %s-%s%s, or replace it with --force",
				strings.TrimSuffix(o.File, ext), time.Now().Format("2006-01-02T150405"), ext)}
	}
	return nil
}

// settle takes the files until they fit each other, cuts them to one moment, and returns what they are.
func (f *frozen) settle(ctx context.Context, o Options) (m *Manifest, err error) {
	var before []uint64
	for range tries {
		if ctx.Err() != nil {
			return nil, deploy.ErrInterrupted
		}
		last := err
		var ends []uint64
		if m, ends, err = f.once(o, before); err == nil {
			return m, nil
		}
		// What is wrong with files that do not change any more stays the same, and where it is that nodes do not fit
		// each other, that is so on the disk too: then their ends are what the next start finds.
		same := last != nil && last.Error() == err.Error() && !errors.Is(err, fs.ErrNotExist)
		if same && !isAny[*archive.SplitError](err) {
			break
		}
		before = ends
		if last != nil {
			pause(ctx, 20*time.Millisecond)
		}
	}
	if why := deploy.Check(o.FS, o.Dir); why != nil && deploy.IsNode(o.FS, o.Dir) {
		return nil, why // in the words in which a start would be refused
	}
	return nil, err
}

func isAny[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// once takes the files and makes a manifest of what they are, without the list of them. ends are the last records of
// all nodes; where they are those of before, nobody runs there.
func (f *frozen) once(o Options, before []uint64) (m *Manifest, ends []uint64, err error) {
	if deploy.IsNode(o.FS, o.Dir) {
		if err := f.take(o.Dir); err != nil {
			return nil, nil, err
		}
		v, err := deploy.View(f, o.Dir)
		if err != nil {
			return nil, nil, err
		}
		rec, err := deploy.RecordIn(f, o.Dir)
		if err != nil {
			return nil, nil, err
		}
		m := &Manifest{Format: FormatVersion, What: rec.Role, Job: rec.Job, Digest: rec.Digest,
			Peer: v.Nodes[0].Config.Self}
		return f.nodes(o, m, v, nil)
	}
	k, err := archive.KeptIn(o.FS, o.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, f.neither(o)
	case err != nil:
		return nil, nil, err
	case !k.Begun:
		return nil, nil, refuse(o.Dir, "holds a run whose nodes are not all there yet: there is nothing to go back "+
			"to; try again in a moment")
	}
	// What the run says of itself comes first: that it is finished, for example, is so of all that its nodes say later.
	if err := f.take(o.Dir); err != nil {
		return nil, nil, err
	}
	m = &Manifest{Format: FormatVersion, What: WhatRun, Job: k.Config.About().Name, Digest: k.Digest,
		Rounds: k.Config.About().Rounds}
	var dirs []string
	for _, name := range k.Nodes {
		dirs = append(dirs, filepath.Join(o.Dir, name))
	}
	// So do the clients before their server: that they have a number, and that the job is over, it has written down
	// before they know it.
	for _, dir := range slices.Backward(dirs) {
		if err := f.take(dir); err != nil {
			return nil, nil, err
		}
	}
	var v *archive.View
	if k.Processes {
		m.What = WhatProcesses
		v, err = deploy.View(f, dirs...)
	} else {
		v, err = archive.Look(f, o.Dir)
	}
	if err != nil {
		return nil, nil, err
	}
	return f.nodes(o, m, v, before)
}

// neither says what is in a directory that holds neither a node nor a run.
func (f *frozen) neither(o Options) error {
	if err := deploy.Check(o.FS, o.Dir); err != nil {
		return err
	}
	return refuse(o.Dir, "holds neither a run nor a node: want the --dir of rhizome run, server, join or peer")
}

// nodes brings the nodes back, cuts them to one moment, and notes what they are.
func (f *frozen) nodes(o Options, m *Manifest, v *archive.View, before []uint64) (*Manifest, []uint64, error) {
	cuts, err := archive.Together(v.Nodes...)
	var ends []uint64
	if isAny[*archive.SplitError](err) {
		var again []archive.Cut
		if again, err = each(v, err); again != nil {
			for _, c := range again {
				ends = append(ends, c.Record)
			}
			if slices.Equal(ends, before) {
				cuts, err = again, nil
			}
		}
	}
	if err != nil {
		return nil, ends, err
	}
	for i, n := range v.Nodes {
		c := cuts[i]
		own := Node{Peer: n.Config.Self, Record: c.Record, Incarnation: c.Incarnation}
		if !m.alone() {
			own.Name = n.Name
		}
		if rec, err := deploy.RecordIn(f, n.Dir); err == nil && rec != nil && rec.Data != nil {
			own.Data, own.DataSHA256 = rec.Data.Path, rec.Data.SHA256
		}
		m.Nodes = append(m.Nodes, own)
		m.Wall = max(m.Wall, c.Wall)
		if err := f.trim(n.Dir, c); err != nil {
			return nil, nil, err
		}
	}
	return m, nil, f.progress(m, v.Nodes[0], cuts[0])
}

// progress notes how far the job is, as the first node knows it at its cut.
func (f *frozen) progress(m *Manifest, n *archive.NodeView, c archive.Cut) error {
	b := c.Node
	if b.Record != c.Record {
		var err error
		if b, err = n.Restore(offline.Look{Until: c.Record}); err != nil {
			return err
		}
	}
	if h := observe.History(b.Node); len(h) > 0 {
		m.Round = h[len(h)-1].Round
	}
	if m.What == WhatRun {
		return nil
	}
	st, err := deploy.StatusOf(f, n.Dir, b.Node)
	if err != nil {
		return err
	}
	m.Round, m.Rounds = st.Round, st.Rounds
	return nil
}

// each returns the nodes at their last records, whatever they say of each other.
func each(v *archive.View, why error) ([]archive.Cut, error) {
	var cuts []archive.Cut
	for _, n := range v.Nodes {
		one, err := archive.Together(n)
		if err != nil {
			return nil, err
		}
		cuts = append(cuts, one[0])
	}
	return cuts, why
}

// trim removes from the copy of a node's files what is beyond a record of its journal, so that a directory of it is
// that of a node which was killed there.
func (f *frozen) trim(dir string, c archive.Cut) error {
	if c.Node.Short {
		return nil // a file of it is short, which whoever opens it is to see
	}
	next := c.Record + 1
	files := f.dirs[filepath.Clean(dir)]
	names, err := f.List(dir)
	if err != nil {
		return err
	}
	segments := 0
	for _, name := range names {
		first, ok := journal.SegmentFirst(name)
		switch {
		case ok && first > next:
			delete(files, name)
		case ok:
			segments++
			if _, err := journal.TrimSegment(files[name].data, next); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	refs, err := journal.List(f, dir)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if ref.LSN > next {
			if k := files[ref.Name]; k.file != nil {
				k.file.Close()
			}
			delete(files, ref.Name)
		}
	}
	if segments == 0 && c.Record > 0 {
		return fmt.Errorf("no segment holds record %d", c.Record)
	}
	return nil
}

// list enters the files that were taken into the manifest, and returns their contents in the same order.
func (f *frozen) list(ctx context.Context, o Options, m *Manifest) (contents []content, err error) {
	dir, folders := o.Dir, []string{""}
	if !m.alone() {
		for _, n := range m.Nodes {
			folders = append(folders, n.Name)
		}
	}
	for _, folder := range folders {
		names, err := f.List(filepath.Join(dir, folder))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if ctx.Err() != nil {
				return nil, deploy.ErrInterrupted
			}
			if name == identity.File && o.Without {
				continue
			}
			m.Keys = m.Keys || name == identity.File
			k, _ := f.find(filepath.Join(dir, folder, name))
			sum := sha256.New()
			if _, err := io.Copy(sum, io.NewSectionReader(k, 0, k.size)); err != nil {
				return nil, fmt.Errorf("%s: %w", filepath.Join(dir, folder, name), err)
			}
			whole := name
			if folder != "" {
				whole = folder + "/" + name
			}
			m.Files = append(m.Files, File{whole, k.size, hex.EncodeToString(sum.Sum(nil))})
			contents = append(contents, k)
		}
	}
	if reason := m.unsound(); reason != "" {
		return nil, refuse(dir, "cannot be put into a backup: %s", reason)
	}
	return contents, nil
}

// publish writes the archive under another name, reads it back, and gives it its name.
func publish(ctx context.Context, o Options, m *Manifest, contents []content) (size int64, err error) {
	tmp := o.File + ".tmp"
	lock, err := o.FS.Lock(tmp) // two that write one file must not meet
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	defer func() {
		if err != nil {
			o.FS.Remove(tmp)
		}
	}()
	if err = mayWrite(o); err != nil { // another one may have been there meanwhile
		return 0, err
	}
	f, err := o.FS.Create(tmp)
	if err != nil {
		return 0, err
	}
	w := &fileWriter{f: f, ctx: ctx}
	if err = write(w, m, contents); err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return 0, err
	}
	a, err := Open(o.FS, tmp)
	if err != nil {
		return 0, err
	}
	err = a.walk(func(*Manifest) error { return nil }, func(_ File, r io.Reader) error {
		_,
			err := io.Copy(io.Discard, r)
		return err
	})
	a.Close()
	if err == nil {
		err = o.FS.Rename(tmp, o.File)
	}
	if err != nil {
		return 0, err
	}
	return w.off, o.FS.SyncDir(filepath.Dir(o.File))
}

// fileWriter writes a file from its beginning on, until ctx ends.
type fileWriter struct {
	f   vfs.File
	off int64
	ctx context.Context
}

func (w *fileWriter) Write(b []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, deploy.ErrInterrupted
	}
	n, err := w.f.WriteAt(b, w.off)
	w.off += int64(n)
	return n, err
}
