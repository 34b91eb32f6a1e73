package archive

import (
	"bytes"
	"fmt"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// ServerFork says how the server of a job, a process of its own, becomes another server that goes on from one of its
// rounds.
type ServerFork struct {
	ForkOptions
	Config  job.Served        // the job of the old one
	Program *compile.Artifact // its program
	Old     node.Config       // what the old one is installed with
	Self    wire.PeerID       // who the new one is
	Install func(*compile.Artifact) (node.Config, error)
}

// ServerForked is what came of it.
type ServerForked struct {
	Record  uint64 // of the old one's journal
	Config  job.Served
	Program *compile.Artifact
}

// ForkServer puts the state of a server as it was when it told a round into a directory, as that of another node: with
// another key, so that both can run, and with streams to clients that nobody has used yet. Its members are those of the
// old one, by their keys; what they had of the old one is nothing to the new one, and they begin anew with it. Errors
// are those of Fork.
func ForkServer(s ServerFork) (*ServerForked, error) {
	v := NewView(s.FS, s.Dir, &NodeView{Name: job.ServerName, Dir: s.Dir, Config: s.Old})
	v.Config = s.Config
	f := &fork{o: s.ForkOptions, old: v}
	f.members = func(art *compile.Artifact, _ job.Served) ([]job.Member, error) {
		cfg, err := s.Install(art)
		return []job.Member{{Name: job.ServerName, Peer: s.Self, Place: job.ServerPlace, Config: cfg}}, err
	}
	var err error
	if f.tuned, err = f.retune(); err != nil {
		return nil, err
	}
	if err := f.find(); err != nil {
		return nil, err
	}
	cut := f.cuts[0]
	if err := reborn(cut.message, s.Old.Self, s.Self, s.Old.Values); err != nil {
		return nil, err
	}
	out := &ServerForked{Record: cut.record, Config: s.Config, Program: s.Program}
	cfg, err := s.Install(s.Program)
	if f.tuned != nil {
		out.Config, out.Program = f.tuned.cfg, f.tuned.art
		cfg, err = f.tuned.members[0].Config, f.tuned.apply(f)
	}
	if err != nil {
		return nil, err
	}
	payload, err := snapshot.Marshal(cfg.Values, cut.message)
	if err == nil {
		_, err = node.Restored(cfg, payload)
	}
	if err != nil {
		return nil, &job.NodeError{Node: job.ServerName, Err: err}
	}
	lives := max(directory.Lives(s.FS, s.Dir), cut.message.Incarnation)
	return out, offline.Create(s.FS, s.To, cfg.Values, cut.message, cut.record, lives)
}

// reborn makes the state of a node that of another one, whom nobody has heard of: what it sent and what is open stays,
// under the other name, and goes out again in a new epoch; what it heard on its streams is forgotten, since their other
// ends begin anew.
func reborn(m *snapshot.NodeSnapshot, old, self wire.PeerID, reg *value.Registry) error {
	m.Config.Peer = string(self)
	f := &m.Transient.Framework
	f.PeerID = string(self)
	for i := range m.Transient.WireStates {
		w := &m.Transient.WireStates[i]
		*w = snapshot.WireStateSnapshot{Peer: w.Peer, NextNumber: w.NextNumber, AckedUpTo: w.AckedUpTo,
			ResendAt: w.ResendAt}
	}
	f.Pressure = nil
	f.PeerGovernor.Health = nil
	f.BackoffTable = nil
	open := f.Inbound[:0]
	for _, q := range f.Inbound { // one that was answered would be taken for a question of a client that begins anew
		if q.Exec != 0 {
			open = append(open, q)
		}
	}
	f.Inbound = open
	book := f.AddressBook[:0]
	for _, e := range f.AddressBook {
		if e.Peer != string(old) {
			book = append(book, e)
		}
	}
	f.AddressBook = book
	renamed := func(e *snapshot.Embedded) error {
		b, err := e.Bytes(reg)
		if err != nil || len(b) == 0 {
			return err
		}
		if b, err = renamedEnvelope(b, old, self); err == nil {
			*e = snapshot.Raw(b)
		}
		return err
	}
	for i := range f.PendingOutbound {
		if err := renamed(&f.PendingOutbound[i].Envelope); err != nil {
			return err
		}
	}
	for i := range f.Requests {
		if err := renamed(&f.Requests[i].Envelope); err != nil {
			return err
		}
	}
	for i := range f.Inbound {
		if err := renamed(&f.Inbound[i].Answer); err != nil {
			return err
		}
	}
	return nil
}

// renamedEnvelope returns an envelope of another sender: ids of keys are of one length, so only their letters change.
func renamedEnvelope(b []byte, old, self wire.PeerID) ([]byte, error) {
	var p wire.Parts
	if len(old) != len(self) || !p.Split(b) || !bytes.Contains(p.Head, []byte(old)) {
		return nil, fmt.Errorf("job: an envelope is not one of %s", old)
	}
	out := bytes.ReplaceAll(p.Head, []byte(old), []byte(self))
	return append(out, b[len(p.Head):]...), nil
}

// ForkProcesses makes the directory of a run of processes out of that of another one: run.json with what is changed,
// and who the clients are. What is in the folders of the nodes, fill does; while it works, the directory is taken for
// one that is being cleared.
func ForkProcesses(o ForkOptions, forked *ServerForked, fill func() error) error {
	fsys := o.FS
	_, r, err := rundir.Load(fsys, o.Dir)
	if err != nil {
		return err
	}
	var p rundir.Processes
	if err := journal.ReadSealed(fsys, filepath.Join(o.Dir, rundir.ProcessesFile), &p); err != nil {
		return err
	}
	if err := fsys.MkdirAll(o.To); err != nil {
		return err
	}
	lock, err := fsys.Lock(filepath.Join(o.To, "lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	mark := filepath.Join(o.To, rundir.ClearFile)
	if err := journal.WriteFileAtomic(fsys, mark, nil); err != nil {
		return err
	}
	if err := fill(); err != nil {
		return err
	}
	t := &retuned{cfg: forked.Config, digest: forked.Program.Digest}
	t.record(&r, o.Set)
	// its clients begin anew
	r.State, r.Starts, r.Drops, r.Fork = rundir.StateNew, 0, 0, &rundir.Origin{Dir: o.Dir, Round: o.At}
	if err := journal.WriteSealed(fsys, filepath.Join(o.To, rundir.RunFile), r); err != nil {
		return err
	}
	if err := journal.WriteSealed(fsys, filepath.Join(o.To, rundir.ProcessesFile), p); err != nil {
		return err
	}
	if err := rundir.KeepArtifact(fsys, o.To, forked.Program); err != nil {
		return err
	}
	if err := vfs.RemoveIfThere(fsys, mark); err != nil {
		return err
	}
	return fsys.SyncDir(o.To)
}
