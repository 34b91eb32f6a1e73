package deploy

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/deploy/identity"
	"github.com/rhizome-ml/rhizome/host"
	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/journal/vfs"
	"github.com/rhizome-ml/rhizome/node"
	"github.com/rhizome-ml/rhizome/onnx"
	"github.com/rhizome-ml/rhizome/wire"
)

// installed returns what the node of a record is installed with.
func installed(r *Record, model *onnx.ModelProto, self wire.PeerID, data []byte) (node.Config, error) {
	cfg, err := job.Install(model, r.Place, self, r.Seed)
	if err != nil {
		return cfg, err
	}
	if r.Role == RoleServer {
		set, err := job.FromSettings(r.Settings)
		if err != nil {
			return cfg, err
		}
		cfg.Limits.BookPeers = max(cfg.Limits.BookPeers, set.Clients) // it knows them all
		return cfg, nil
	}
	cfg.Targets = map[string][]wire.PeerID{job.ServerPlace: {r.Server}}
	cfg.Options = map[string][]byte{}
	for slot, text := range r.Options {
		cfg.Options[slot] = text
	}
	if r.Data != nil {
		cfg.Data = map[string][]byte{r.Data.Slot: data}
	}
	return cfg, nil
}

// look reads what a directory says of its node, without locking or changing anything: n is nil where it has no state yet.
func look(fsys vfs.FS, dir string) (self wire.PeerID, rec *Record, n *node.Node, err error) {
	id, err := identity.Read(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil, refuse(dir, "holds no node: want the --dir of rhizome server or rhizome join")
	}
	if err != nil {
		return "", nil, nil, err
	}
	if rec, err = readRecord(fsys, dir); err != nil || rec == nil {
		return id.Peer(), rec, nil, err
	}
	cfg, err := configOf(fsys, dir, rec, id.Peer())
	if err != nil {
		return "", nil, nil, err
	}
	b, err := host.BringBack(cfg, fsys, dir, host.Look{})
	if err != nil {
		names, listed := fsys.List(dir)
		for _, name := range names {
			if hasState(name) {
				return "", nil, nil, err
			}
		}
		return id.Peer(), rec, nil, listed // it never ran
	}
	return id.Peer(), rec, b.Node, nil
}

// hasState says whether a file is of a node's journal or of its snapshots.
func hasState(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".seg" || ext == ".snap"
}

// configOf returns what the node of a directory is installed with.
func configOf(fsys vfs.FS, dir string, rec *Record, self wire.PeerID) (node.Config, error) {
	d := &Dir{FS: fsys, Path: dir}
	_, model, err := d.artifact(rec.Digest)
	if err != nil {
		return node.Config{}, err
	}
	data, err := sameData(d, rec, "")
	if err != nil {
		return node.Config{}, err
	}
	return installed(rec, model, self, data)
}

// callStopped does a call on the directory of a node that does not run.
func callStopped(o Options, q Request) (*Reply, error) {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	self, rec, n, err := look(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	var reply Reply
	switch q.Op {
	case OpStatus:
		reply.Status, err = statusOf(self, rec, n, nil)
	case OpPeers:
		reply.Peers, err = peersOf(rec, n, nil)
	default:
		err = &DeniedError{"unknown", "no call " + q.Op}
	}
	return &reply, err
}
