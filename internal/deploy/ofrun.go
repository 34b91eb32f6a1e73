package deploy

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// runOf returns the run whose directory, or the directory of one of whose nodes, that is; nil where it is of none, or
// of a node that is a process of its own.
func runOf(fsys vfs.FS, dir string) (v *archive.View, n *archive.NodeView, err error) {
	if _, err := fsys.Stat(filepath.Join(dir, identity.File)); err == nil {
		return nil, nil, nil
	}
	dir = filepath.Clean(dir)
	for _, c := range []struct{ run, node string }{{dir, "server"}, {filepath.Dir(dir), filepath.Base(dir)}} {
		if v, err = archive.Look(fsys, c.run); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if n = v.Node(c.node); n != nil {
			return v, n, nil
		}
	}
	return nil, nil, nil
}

// callRun answers what asks how a node is for one of a run in one process, whether it runs or not: from what the
// directory says.
func callRun(fsys vfs.FS, v *archive.View, n *archive.NodeView, q Request) (*Reply, error) {
	rec := &Record{Role: RoleClient, Job: v.Config.About().Name, Kind: v.Config.Kind().Name(),
		Settings: job.Settings(v.Config), Seed: v.Config.About().Seed,
		Digest: hex.EncodeToString(n.Config.Program.Digest[:]), Place: n.Config.Program.Place, Starts: v.Starts()}
	if n == v.Nodes[0] {
		rec.Role = RoleServer
	} else {
		rec.Server = v.Nodes[0].Config.Self
	}
	for i, c := range v.Nodes[1:] {
		if rec.Role == RoleServer && c.Config.Program.Place != job.EdgesPlace {
			rec.Members = append(rec.Members, Member{Number: i, Peer: c.Config.Self})
		}
		if c == n {
			rec.Member = i
		}
	}
	res, err := rundir.Finished(fsys, v.Dir)
	if err != nil {
		return nil, err
	}
	if res != nil {
		rec.Done = &exchange.Done{Rounds: res.Rounds, ModelSHA256: res.ModelSHA256}
	}
	b, err := n.Restore(offline.Look{})
	if err != nil {
		return nil, err
	}
	var reply Reply
	if q.Op == OpPeers {
		reply.Running = directory.InUse(fsys, n.Dir) != nil
		reply.Peers, err = peersOf(rec, b.Node, nil)
		return &reply, err
	}
	runs := directory.InUse(fsys, n.Dir) != nil
	if reply.Status, err = statusOf(n.Config.Self, rec, b.Node, moment{runs: runs}); err == nil {
		reply.Status.Running = runs
		reply.Status.settle()
	}
	return &reply, err
}
