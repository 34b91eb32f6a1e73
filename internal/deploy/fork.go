package deploy

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// Origin says of which server another one is a fork.
type Origin struct {
	Dir   string `json:"dir"`
	Round int    `json:"round"` // after which it goes on
}

// Forked tells what a fork made, of a run or of a server.
type Forked struct {
	archive.Forked
	Server    bool   `json:"server,omitempty"` // Dir is the directory of a server, which its clients join anew
	Peer      string `json:"peer,omitempty"`   // who that server is
	Processes bool   `json:"processes,omitempty"`
}

// Fork makes a new run out of an old one, or a new server out of an old one; see job.Fork and job.ForkServer. A
// directory of a client is refused: a fork is made of the server, and the clients join it.
func Fork(o archive.ForkOptions) (*Forked, error) {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	o.Dir = filepath.Clean(o.Dir)
	if o.To == "" {
		o.To = fmt.Sprintf("%s-at-%d", o.Dir, o.At)
	}
	if o.At < 1 {
		return nil, &job.ConfigError{Key: "at", Value: fmt.Sprint(o.At), Want: "a finished round, from 1"}
	}
	if IsNode(o.FS, o.Dir) {
		f, _, err := forkServer(o)
		return f, err
	}
	if processes, err := rundir.AreProcesses(o.FS, o.Dir); err != nil || processes {
		if err != nil {
			return nil, err
		}
		return forkProcesses(o)
	}
	f, err := archive.Fork(o)
	if err != nil {
		return nil, err
	}
	return &Forked{Forked: *f}, nil
}

// empty says whether nothing of a node or of a run is in a directory.
func empty(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(names) > 0 {
		return refuse(dir, "is not empty: choose another --dir")
	}
	return nil
}

// mirrors says whether the server of a job keeps the mean of what its clients keep.
func mirrors(cfg job.Job) bool {
	m, ok := cfg.(job.Mirrored)
	return ok && m.Mirrors()
}

// forkServer makes a server out of another one. Its directory has another name until all is in it, so that half of one
// is never taken for a server.
func forkServer(o archive.ForkOptions) (*Forked, *archive.ServerForked, error) {
	old, err := OpenDir(o.FS, o.Dir)
	if err != nil {
		return nil, nil, err
	}
	defer old.Close()
	rec := old.Record()
	if rec == nil {
		return nil, nil, refuse(o.Dir, "holds a node without a job: there is nothing to fork")
	}
	switch rec.Role {
	case RoleServer:
	case RoleClient:
		return nil, nil, refuse(o.Dir, "belongs to a client: fork the directory of its server, and let this client "+
			"join that: rhizome join ADDR --as %s --dir NEW", o.Dir)
	default:
		return nil, nil, refuse(o.Dir, "belongs to %s, which has no rounds to fork from: want the directory of "+
			"rhizome run, or of rhizome server", a(rec.Role))
	}
	if err := empty(o.FS, o.To); err != nil {
		return nil, nil, err
	}
	cfg, err := kinds.StoredServed(rec.Kind, rec.Settings)
	if err != nil {
		return nil, nil, refuse(o.Dir, "holds a job that this release does not know: %v", err)
	}
	if mirrors(cfg) {
		return nil, nil, refuse(o.Dir, "holds a job whose server keeps the mean of what its clients keep: a fork has "+
			"clients that begin anew, and would go on with a mean of what is not there. Begin the job anew; a run in "+
			"one process has the folders of all and can be forked")
	}
	half := o.To + ".half"
	if err := os.RemoveAll(half); err != nil {
		return nil, nil, err
	}
	fresh, err := OpenDir(o.FS, half)
	if err != nil {
		return nil, nil, err
	}
	out, err := fillServer(o, old, fresh, cfg)
	if closed := fresh.Close(); err == nil {
		err = closed
	}
	if err == nil {
		os.Remove(o.To) // an empty one
		err = o.FS.Rename(half, o.To)
	}
	if err == nil {
		err = o.FS.SyncDir(filepath.Dir(o.To))
	}
	if err != nil {
		os.RemoveAll(half)
		return nil, nil, err
	}
	return &Forked{Server: true, Peer: string(fresh.ID.Peer()), Forked: archive.Forked{
		From: o.Dir, Round: o.At, Dir: o.To, Nodes: []archive.ForkedNode{{Node: RoleServer, Record: out.Record}},
	}}, out, nil
}

// fillServer puts into a directory what the fork of a server is. The record, which makes it a node with a job, comes
// last.
func fillServer(o archive.ForkOptions, old, fresh *Dir, cfg job.Served) (*archive.ServerForked, error) {
	rec := old.Record()
	_, art, err := rundir.ReadArtifact(o.FS, filepath.Join(o.Dir, artifactFile), rec.Digest)
	if err != nil {
		return nil, err
	}
	was, err := installed(rec, art.Model, old.ID.Peer(), nil)
	if err != nil {
		return nil, err
	}
	to := o
	to.To = fresh.Path
	out, err := archive.ForkServer(archive.ServerFork{
		ForkOptions: to, Config: cfg, Program: art, Old: was, Self: fresh.ID.Peer(),
		Install: func(a *compile.Artifact) (node.Config, error) {
			return installed(rec, a.Model, fresh.ID.Peer(),
				nil)
		},
	})
	if err != nil {
		return nil, err
	}
	raw, err := onnx.Marshal(out.Program.Model)
	if err != nil {
		return nil, err
	}
	if err := fresh.keepArtifact(raw); err != nil {
		return nil, err
	}
	return out, fresh.Save(func(r *Record) error {
		r.Role, r.Job, r.Kind, r.Place, r.Seed = rec.Role, rec.Job, rec.Kind, rec.Place, rec.Seed
		r.Settings, r.Digest = job.Settings(out.Config), hex.EncodeToString(out.Program.Digest[:])
		r.Keep, r.KeepAge = rec.Keep, rec.KeepAge
		r.Set = maps.Clone(rec.Set)
		if r.Set == nil {
			r.Set = map[string]string{}
		}
		maps.Copy(r.Set, o.Set)
		for _, m := range rec.Members { // where they were is not where they will be
			r.Members = append(r.Members, Member{Number: m.Number, Peer: m.Peer, Name: m.Name})
		}
		r.Fork = &Origin{Dir: o.Dir, Round: o.At}
		return nil
	})
}

// forkProcesses makes a run of processes out of another one: a server as forkServer makes it, and clients that begin
// anew with their keys.
func forkProcesses(o archive.ForkOptions) (*Forked, error) {
	if err := empty(o.FS, o.To); err != nil {
		return nil, err
	}
	lock, err := o.FS.Lock(filepath.Join(o.Dir, "lock"))
	if errors.As(err, new(*vfs.LockedError)) {
		return nil, refuse(o.Dir, "is in use by a run; stop it first, it goes on later")
	}
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	half := o
	half.Dir, half.To = filepath.Join(o.Dir, RoleServer), o.To+".server"
	if err := os.RemoveAll(half.To); err != nil {
		return nil, err
	}
	defer os.RemoveAll(half.To)
	f, forked, err := forkServer(half)
	if err != nil {
		return nil, err
	}
	err = archive.ForkProcesses(o, forked, func() error {
		for i := range forked.Config.About().Clients {
			id, err := identity.Read(o.FS, filepath.Join(o.Dir, job.ClientName(i)))
			if err == nil {
				to := filepath.Join(o.To, job.ClientName(i))
				if err = o.FS.MkdirAll(to); err == nil {
					err = id.Write(o.FS, to)
				}
			}
			if err != nil {
				return err
			}
		}
		return o.FS.Rename(half.To, filepath.Join(o.To, RoleServer))
	})
	if err != nil {
		return nil, err
	}
	f.From, f.Dir, f.Server, f.Processes = o.Dir, o.To, false, true
	return f, nil
}

// BeAs makes a directory that of a client which is elsewhere already: with its key, so that a server which knows it
// knows it again. It returns the file of data that the client trained on, or nothing, and the number that it wants,
// or -1. The other directory must not be in use, now or later beside this one with the same server: a key is one node.
func BeAs(fsys vfs.FS, from, dir string) (data string, member int, err error) {
	if _, err := identity.Read(fsys, from); errors.Is(err, fs.ErrNotExist) {
		return "", -1, refuse(from, "holds no node: want the --dir of a client")
	}
	old, err := OpenDir(fsys, from)
	if err != nil {
		return "", -1, err
	}
	defer old.Close()
	rec := old.Record()
	if rec != nil && rec.Role != RoleClient {
		return "", -1, refuse(from, "belongs to %s, not to a client", a(rec.Role))
	}
	if member = -1; rec.throughEdge() {
		member = rec.Member // an edge does not know it, and would give it another
	}
	if rec != nil && rec.Data != nil {
		data = rec.Data.Path
	}
	switch id, err := identity.Read(fsys, dir); {
	case err == nil && id.Peer() != old.ID.Peer():
		return "", -1, refuse(dir, "holds another node than %s: choose another --dir", from)
	case err == nil:
		return data, member, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", -1, err
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return "", -1, err
	}
	return data, member, old.ID.Write(fsys, dir)
}
