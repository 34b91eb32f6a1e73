package deploy

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/deploy/invitation"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/install"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// installed returns what the node of a record is installed with.
func installed(r *Record, model *onnx.ModelProto, self wire.PeerID, own *ownData) (node.Config, error) {
	catalogue, err := kinds.Catalogue()
	if err != nil {
		return node.Config{}, err
	}
	cfg, err := install.Install(catalogue, model, r.Place, self, r.Seed)
	if err != nil {
		return cfg, err
	}
	if r.Role == RoleServer {
		set, err := kinds.StoredServed(r.Kind, r.Settings)
		if err != nil {
			return cfg, err
		}
		cfg.Limits.BookPeers = max(cfg.Limits.BookPeers, set.Places()) // it knows them all
		if f, ok := set.(job.Filed); ok {
			err = f.Give(&cfg, -1)
		}
		return cfg, err
	}
	if r.Role == RolePeer {
		var begin []wire.PeerID
		for _, m := range r.Members {
			begin = append(begin, m.Peer)
		}
		slices.Sort(begin)
		cfg.Targets = map[string][]wire.PeerID{r.Place: begin}
		cfg.Anyone = []string{r.Place} // peers find each other
		return cfg, besides(&cfg, r, own)
	}
	cfg.Targets = map[string][]wire.PeerID{upstream(cfg.Program, r.Place): {r.Server}}
	if r.Role == RoleEdge {
		cfg.Limits.BookPeers = max(cfg.Limits.BookPeers, r.seats().count()+1)
	}
	cfg.Options = map[string][]byte{}
	for slot, text := range r.Options {
		cfg.Options[slot] = text
	}
	if r.Data != nil {
		own.give(&cfg, r.Data.Slot)
	}
	return cfg, nil
}

// besides gives a node without a server its own data, and the files of its job beside that.
func besides(cfg *node.Config, r *Record, own *ownData) error {
	if r.Data != nil {
		cfg.Options = map[string][]byte{}
		for slot, text := range r.Options {
			cfg.Options[slot] = text
		}
		own.give(cfg, r.Data.Slot)
	}
	set, err := kinds.StoredPeered(r.Kind, r.Settings)
	if err != nil {
		return err
	}
	if f, ok := set.(job.Filed); ok {
		return f.Give(cfg, -1)
	}
	return nil
}

// looked is what a directory says of its node.
type looked struct {
	self wire.PeerID
	rec  *Record
	node *node.Node // nil where it has no state yet
	wall int64      // the clock at its last record, or 0
}

// at returns the moment that the directory shows.
func (l *looked) at() moment {
	m := moment{}
	if l.wall != 0 {
		m.wall = time.Unix(0, l.wall)
	}
	return m
}

// look reads what a directory says of its node, without locking or changing anything.
func look(fsys vfs.FS, dir string) (*looked, error) {
	var err error
	l := &looked{}
	l.self, err = peerOf(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse(dir, "holds no node: want the --dir of rhizome server, join or peer")
	}
	if err != nil {
		return nil, err
	}
	if l.rec, err = readRecord(fsys, dir); err != nil || l.rec == nil {
		return l, err
	}
	cfg, err := configOf(fsys, dir, l.rec, l.self)
	if err != nil {
		return nil, err
	}
	b, err := offline.Restore(cfg, fsys, dir, offline.Look{})
	if err != nil {
		names, listed := fsys.List(dir)
		for _, name := range names {
			if hasState(name) {
				return nil, err
			}
		}
		return l, listed // it never ran
	}
	l.node, l.wall = b.Node, b.Wall
	return l, nil
}

// hasState says whether a file is of a node's journal or of its snapshots.
func hasState(name string) bool {
	return journal.OwnsSegmentFile(name) || journal.OwnsSnapshotFile(name)
}

// configOf returns what the node of a directory is installed with.
func configOf(fsys vfs.FS, dir string, rec *Record, self wire.PeerID) (node.Config, error) {
	d := &Dir{FS: fsys, Path: dir}
	_, model, err := d.artifact(rec.Digest)
	if err != nil {
		return node.Config{}, err
	}
	own, err := sameData(d, rec, "")
	if err != nil {
		return node.Config{}, err
	}
	return installed(rec, model, self, own)
}

// callStopped does a call on the directory of a node that does not run.
func callStopped(o Options, q Request) (*Reply, error) {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	if !looksOnly(q.Op) {
		if err := directory.LookOnly(o.FS, o.Dir); err != nil {
			return nil, err
		}
	}
	if ofInvitations(q.Op) {
		return invitationsStopped(o, q)
	}
	v, of, err := runOf(o.FS, o.Dir)
	switch looks := looksOnly(q.Op); {
	case err != nil:
		return nil, err
	case v != nil && q.Op == OpMembers:
		return nil, refuse(o.Dir, "is of a run, whose clients are nodes of its own: rhizome status shows them")
	case v != nil && looks:
		return callRun(o.FS, v, of, q)
	case v != nil:
		return nil, refuse(o.Dir, "is of a run in one process, whose nodes talk to no other: want the --dir of "+
			"rhizome server, join or peer")
	case !looks:
		return change(o, q)
	}
	l, err := look(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	var reply Reply
	switch q.Op {
	case OpStatus:
		reply.Status, err = statusOf(l.self, l.rec, l.node, l.at())
	case OpMembers:
		if err := keepsMembers(o.Dir, l.rec); err != nil {
			return nil, err
		}
		reply.Members = memberStates(l.rec, l.node, l.at())
		book, err := invitation.Open(o.FS, o.Dir)
		if err != nil {
			return nil, err
		}
		reply.Invitations = sitesInvited(book, time.Now())
	default:
		reply.Peers, err = peersOf(l.rec, l.node, nil)
	}
	return &reply, err
}

// change has a node that does not run take a call of its operator: the node is opened, takes it, and is closed when the
// call is durable. What it wants to send meanwhile it says again at its next start.
func change(o Options, q Request) (*Reply, error) {
	if _, err := identity.Read(o.FS, o.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil, refuse(o.Dir, "holds no node: want the --dir of rhizome server, join or peer")
	}
	d, err := OpenDir(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	rec := d.Record()
	if rec == nil {
		return storeCall(d, q) // there is no node yet to take it
	}
	if err := q.beside(rec); err != nil {
		return nil, err
	}
	cfg, err := configOf(o.FS, o.Dir, rec, d.ID.Peer())
	if err != nil {
		return nil, err
	}
	dur, found, err := host.Open(cfg, store(o.FS, o.Dir, rec, cfg))
	if err != nil {
		return nil, err
	}
	res, err := take(host.NewDriver(dur, found, d.ID.Sign), rec, q)
	if closed := dur.Close(); err == nil {
		err = closed
	}
	if err == nil && !res.Accepted {
		err = &DeniedError{res.Code, res.Reason}
	}
	return &Reply{Code: res.Code, Reason: res.Reason}, err
}

// take begins a life of the node, and feeds it the call.
func take(v *host.Driver, rec *Record, q Request) (engine.ControlResult, error) {
	const id = 1
	wall := time.Now().UnixNano()
	now := v.Origin(wall)
	if _, err := v.Begin(now, wall, founders(rec, v.Durable().Node)...); err != nil {
		return engine.ControlResult{}, err
	}
	t, err := v.Step(now, wall, []*engine.Event{q.call("").Event(id)})
	if err != nil {
		return engine.ControlResult{}, err
	}
	for _, r := range t.Dropped {
		return engine.ControlResult{}, r.Err
	}
	if err := v.Durable().Journal.Sync(); err != nil {
		return engine.ControlResult{}, err
	}
	for _, e := range v.Leaving() {
		for _, c := range e.Controls {
			if c.ID == id {
				return c, nil
			}
		}
	}
	return engine.ControlResult{}, errors.New("the node has not answered the call")
}

// StoredJob returns the job of the server whose directory that is. The error is fs.ErrNotExist where none is there.
func StoredJob(fsys vfs.FS, dir string) (job.Served, error) {
	rec, err := readRecord(fsys, dir)
	if err != nil {
		return nil, err
	}
	if rec == nil || rec.Role != RoleServer {
		return nil, refuse(dir, "holds no server")
	}
	return kinds.StoredServed(rec.Kind, rec.Settings)
}
