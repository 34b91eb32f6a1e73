package archive

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// NodeState is a node of a run as its next start would find it.
type NodeState struct {
	*NodeView
	Restored *offline.Restored      // nil with Err
	Snapshot *snapshot.NodeSnapshot // nil with Err
	Err      error                  // why the node cannot be brought back
}

// View is what a run's directory says of its nodes, to look at them without running them.
type View struct {
	Dir    string
	Config job.Served
	Peers  map[string]string // names of all nodes, by peer id
	Nodes  []*NodeView       // the server first

	fs     vfs.FS
	record rundir.Record
	art    *compile.Artifact
}

// NodeView is one node of a run that does not run.
type NodeView struct {
	Name   string
	Dir    string
	Config node.Config

	fs vfs.FS
}

// Look reads what a run's directory says of its nodes. It changes and locks nothing; errors are those of Stored and of
// the compiler.
func Look(fsys vfs.FS, dir string) (*View, error) {
	cfg, r, err := rundir.Load(fsys, dir)
	if err != nil {
		return nil, err
	}
	art, _, err := rundir.Program(cfg, fsys, dir, r.Artifact)
	if err != nil {
		return nil, err
	}
	members, err := cfg.Members(art)
	if err != nil {
		return nil, err
	}
	v := &View{Dir: dir, Config: cfg, Peers: map[string]string{}, fs: fsys, record: r, art: art}
	for _, m := range members {
		v.Peers[string(m.Peer)] = m.Name
		v.Nodes = append(v.Nodes, &NodeView{Name: m.Name, Dir: filepath.Join(dir, m.Name), Config: m.Config, fs: fsys})
	}
	return v, nil
}

// Starts returns how often the run was started.
func (v *View) Starts() uint64 { return v.record.Starts }

// Node returns the node of a name, or nil.
func (v *View) Node(name string) *NodeView {
	for _, n := range v.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// lookTries is how often a node is looked at whose run changes files meanwhile.
const lookTries = 6

// Restore brings the node back in memory, as offline.Restore does, without changing or locking anything on the
// disk. Where the run goes on meanwhile, files may go or change between two looks; so what is wrong counts when it
// stays the same.
func (n *NodeView) Restore(l offline.Look) (b *offline.Restored, err error) {
	for range lookTries {
		before := err
		if b, err = offline.Restore(n.Config, n.fs, n.Dir, l); err == nil {
			return b, nil
		}
		if before != nil && before.Error() == err.Error() && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return nil, err
}

// NewView returns the view of nodes whose programs are known, the server first, for directories that are not those of a
// Local run: its Config is empty.
func NewView(fsys vfs.FS, dir string, nodes ...*NodeView) *View {
	v := &View{Dir: dir, Peers: map[string]string{}, fs: fsys, Nodes: nodes}
	for _, n := range nodes {
		n.fs = fsys
		v.Peers[string(n.Config.Self)] = n.Name
	}
	return v
}

// Inspect is View.Inspect of the run in a directory.
func Inspect(fsys vfs.FS, dir string, names ...string) ([]NodeState, error) {
	v, err := Look(fsys, dir)
	if err != nil {
		return nil, err
	}
	return v.Inspect(names...), nil
}

// Inspect brings back the nodes, or only those that are named, and returns their states: newest snapshot, and the
// journal replayed on it. It works in memory; nothing on the disk is changed or locked.
func (v *View) Inspect(names ...string) []NodeState {
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	var out []NodeState
	for _, n := range v.Nodes {
		if len(names) > 0 && !wanted[n.Name] {
			continue
		}
		s := NodeState{NodeView: n}
		if s.Restored, s.Err = n.Restore(offline.Look{}); s.Err == nil {
			s.Snapshot, s.Err = s.Restored.Node.Message(false)
		}
		out = append(out, s)
	}
	return out
}
