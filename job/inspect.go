package job

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/host"
	"github.com/rhizome-ml/rhizome/journal"
	"github.com/rhizome-ml/rhizome/journal/vfs"
	"github.com/rhizome-ml/rhizome/program"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// NodeState is a node of a run as its next start would find it.
type NodeState struct {
	Name     string
	Program  *program.Program
	Peers    map[string]string // names of all nodes, by peer id
	Recovery *host.Recovery
	Snapshot *snapshot.NodeSnapshot // nil with Err
	Err      error                  // why the node cannot be brought back
}

// nodeBytesMax bounds the files of a node that are looked into.
const nodeBytesMax = 4 << 30

// Stored returns the job whose run is in a directory, from its run.json. The error is fs.ErrNotExist where none is there.
func Stored(fsys vfs.FS, dir string) (Config, error) {
	var r record
	path := filepath.Join(dir, runFile)
	err := readSealed(fsys, path, &r)
	var c Config
	if err == nil {
		c, err = r.base()
	}
	if err == nil {
		c, err = c.with(r.Set)
	}
	if errors.Is(err, errDamaged) {
		return c, &StateError{dir, "has a damaged " + runFile + "; running the job again repairs it"}
	}
	return c, err
}

// Finished returns the result of the run in a directory, or nil where there is none that is whole, with its model.
func Finished(fsys vfs.FS, dir string) (*Result, error) {
	var r record
	if err := readSealed(fsys, filepath.Join(dir, runFile), &r); err != nil {
		return nil, err
	}
	return readResult(fsys, dir, r.Artifact)
}

// Inspect brings back the nodes of the run in a directory, or only those that are named, and returns their states: newest
// snapshot, and the journal replayed on it. It works on copies in memory; nothing on the disk is changed or locked.
func Inspect(fsys vfs.FS, dir string, names ...string) ([]NodeState, error) {
	cfg, err := Stored(fsys, dir)
	if err != nil {
		return nil, err
	}
	l := &Local{fs: fsys, o: Options{Dir: dir}, cfg: cfg}
	if l.art, err = cfg.Compile(); err != nil {
		return nil, err
	}
	c, err := newCluster(l)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	peers := map[string]string{}
	for _, m := range c.nodes {
		peers[string(m.Peer)] = m.Name
	}
	var out []NodeState
	for _, m := range c.nodes {
		if len(names) > 0 && !wanted[m.Name] {
			continue
		}
		s := NodeState{Name: m.Name, Program: m.Config.Program, Peers: peers}
		s.Snapshot, s.Recovery, s.Err = m.bringBack(fsys, filepath.Join(dir, m.Name))
		out = append(out, s)
	}
	return out, nil
}

// bringBack recovers a node from a copy of its directory.
func (m *member) bringBack(fsys vfs.FS, dir string) (*snapshot.NodeSnapshot, *host.Recovery, error) {
	mem, err := copyNode(fsys, dir)
	if err != nil {
		return nil, nil, err
	}
	d, rec, err := host.Open(m.Config, host.Store{FS: mem, Dir: "node"})
	if err != nil {
		return nil, nil, err
	}
	defer d.Close()
	s, err := d.Node.Message(false)
	return s, rec, err
}

// copyNode copies the files of a node into memory.
func copyNode(fsys vfs.FS, dir string) (*vfs.Mem, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return nil, err
	}
	mem := vfs.NewMem()
	if err := mem.MkdirAll("node"); err != nil {
		return nil, err
	}
	left := int64(nodeBytesMax)
	for _, name := range names {
		if !host.OwnsFile(name) {
			continue
		}
		b, err := vfs.ReadFile(fsys, filepath.Join(dir, name), left)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a running node has let it go meanwhile
		}
		if err != nil {
			return nil, err
		}
		left -= int64(len(b))
		if err := journal.WriteFileAtomic(mem, filepath.Join("node", name), b); err != nil {
			return nil, err
		}
	}
	return mem, nil
}
