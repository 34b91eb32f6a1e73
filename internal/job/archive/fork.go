package archive

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// ForkOptions say what to fork, and where to.
type ForkOptions struct {
	Dir string            // of the run, which is only read
	At  int               // the round, from 1, after which the fork goes on
	To  string            // directory of the new run; empty means Dir-at-At
	Set map[string]string // settings that the fork changes, by key; see TuneError
	FS  vfs.FS            // nil means that of the machine
}

// Forked tells what a fork made.
type Forked struct {
	From  string       `json:"from"`
	Round int          `json:"round"`
	Dir   string       `json:"dir"`
	Nodes []ForkedNode `json:"nodes"`
}

// ForkedNode is a node of a fork: it goes on after that record of its journal in the old run.
type ForkedNode struct {
	Node   string `json:"node"`
	Record uint64 `json:"record"`
}

// RoundError says that a run keeps no state from which a round could be gone on from.
type RoundError struct {
	Dir         string
	Round       int
	First, Last int // what is kept; 0 where nothing is
}

// Error names the rounds that are kept, and what would keep more.
func (e *RoundError) Error() string {
	switch {
	case e.First == 0:
		return fmt.Sprintf("%s keeps no finished round to fork from; run it with --keep to keep more", e.Dir)
	case e.Round > e.Last:
		return fmt.Sprintf("%s has not finished round %d: it keeps rounds %d to %d", e.Dir, e.Round, e.First, e.Last)
	}
	return fmt.Sprintf("%s does not keep round %d any more: it keeps rounds %d to %d; run with --keep to keep more",
		e.Dir, e.Round, e.First, e.Last)
}

// Fork makes a new run out of an old one as it was when it had finished a round. The server is put at the record in
// which it told the round, and each client at the first record of its own at which it had sent all that the server had
// by then: a consistent cut, with no work of a later round in it. Each node goes on in a new epoch and a new
// incarnation. The old run must not be running, and is only read. Set may change settings that are numbers in the
// program, for the rounds to come. Errors are *RoundError, *StateError, *TuneError, *ConfigError, *vfs.LockedError,
// those of Look and of bringing nodes back.
func Fork(o ForkOptions) (*Forked, error) {
	f, err := newFork(o)
	if err != nil {
		return nil, err
	}
	defer f.close()
	if f.tuned, err = f.retune(); err != nil {
		return nil, err
	}
	if err := f.find(); err != nil {
		return nil, err
	}
	if f.tuned != nil {
		if err := f.tuned.apply(f); err != nil {
			return nil, err
		}
	}
	return f.write()
}

// fork is a fork while it is made.
type fork struct {
	o    ForkOptions
	old  *View
	lock io.Closer
	cuts []cutNode // by node

	tuned *retuned // or nil, where nothing is changed

	members func(*compile.Artifact, job.Served) ([]job.Member, error) // installs the nodes with another program
}

// cutNode is a node at the place where it is cut.
type cutNode struct {
	record  uint64
	message *snapshot.NodeSnapshot
}

func (f *fork) close() {
	if f.lock != nil {
		f.lock.Close()
	}
}

// newFork looks at both directories.
func newFork(o ForkOptions) (*fork, error) {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	if o.At < 1 {
		return nil, &job.ConfigError{Key: "at", Value: fmt.Sprint(o.At), Want: "a finished round, from 1"}
	}
	o.Dir = filepath.Clean(o.Dir)
	if o.To == "" {
		o.To = fmt.Sprintf("%s-at-%d", o.Dir, o.At)
	}
	f := &fork{o: o, members: func(art *compile.Artifact, cfg job.Served) ([]job.Member,
		error) {
		return cfg.Members(art)
	}}
	there, err := rundir.Survey(o.FS, o.To)
	if err != nil {
		return nil, err
	}
	if !there.Cleared && (there.Record != nil || there.Damaged || there.Newer != nil || there.Nodes > 0 ||
		there.Result) {
		return nil, &job.StateError{Dir: o.To, Reason: "holds a run already; choose another --dir"}
	}
	if !rundir.IsRun(o.FS, o.Dir) {
		return nil, &job.StateError{Dir: o.Dir,
			Reason: "holds no run and no server: want the directory of rhizome run, or of rhizome server"}
	}
	if f.old, err = Look(o.FS, o.Dir); err != nil {
		return nil, err
	}
	if err := job.WithoutEdges(f.old.Config, "a run that is forked"); err != nil {
		return nil, err
	}
	f.lock, err = o.FS.Lock(filepath.Join(o.Dir, "lock"))
	var locked *vfs.LockedError
	switch {
	case errors.As(err, &locked):
		return nil, &job.StateError{Dir: o.Dir, Reason: "is in use by a run; stop it first, it goes on later"}
	case err != nil && !errors.As(err, new(*vfs.ReadOnlyError)): // what cannot be written to, nobody runs in
		return nil, err
	}
	return f, nil
}

// find brings back all nodes as they were when the round was finished.
func (f *fork) find() error {
	told, err := f.rounds(f.o.At)
	if err != nil {
		return err
	}
	at := told[f.o.At]
	if at == nil {
		return f.notKept()
	}
	f.cuts = append(f.cuts, at.server)
	for _, n := range f.old.Nodes[1:] {
		c, err := cutClient(n, at.links[string(n.Config.Self)])
		if err != nil {
			return err
		}
		if c == nil {
			return f.notKept()
		}
		f.cuts = append(f.cuts, *c)
	}
	return nil
}

// finished is the server when it told a round.
type finished struct {
	server cutNode
	links  map[string]link // by client
}

// rounds replays the server and returns what it was at the end of each round that is kept, or only up to one of them.
// Only the state of that one is taken.
func (f *fork) rounds(only int) (map[int]*finished, error) {
	told := map[int]*finished{}
	_, err := f.old.Nodes[0].Restore(offline.Look{Oldest: true, Visit: func(b *offline.Restored, r *record.Record,
		out *engine.Output) error {
		if r == nil { // a look begins, perhaps not the first
			clear(told)
			return nil
		}
		for _, ev := range out.AppEvents {
			if ev.Name != job.EventRound {
				continue
			}
			round, err := f.old.Config.Round(ev.Value)
			if err != nil {
				return err
			}
			if told[round.Number] != nil { // told again by a later life
				continue
			}
			at := &finished{server: cutNode{record: b.Record}}
			if at.links, err = links(b.Node); err != nil {
				return err
			}
			told[round.Number] = at
			if round.Number == only {
				if at.server.message, err = b.Node.Message(false); err != nil {
					return err
				}
				return offline.ErrEnough
			}
		}
		return nil
	}})
	if err != nil {
		return nil, &job.NodeError{Node: job.ServerName, Err: err}
	}
	return told, nil
}

// notKept finds out which rounds are kept on all nodes.
func (f *fork) notKept() error {
	told, err := f.rounds(0)
	if err != nil {
		return err
	}
	for _, n := range f.old.Nodes[1:] {
		var oldest map[string]link
		_,
			err := n.Restore(offline.Look{Oldest: true, Visit: func(b *offline.Restored, _ *record.Record,
			_ *engine.Output) (err error) {
			if oldest, err = links(b.Node); err == nil {
				err = offline.ErrEnough
			}
			return err
		}})
		if err != nil {
			return &job.NodeError{Node: n.Name, Err: err}
		}
		maps.DeleteFunc(told, func(_ int, at *finished) bool {
			return oldest[serverOf(n)].beyond(at.links[string(n.Config.Self)])
		})
	}
	e := &RoundError{Dir: f.o.Dir, Round: f.o.At}
	for number := range told {
		if e.First == 0 || number < e.First {
			e.First = number
		}
		e.Last = max(e.Last, number)
	}
	return e
}

// write makes the directory of the new run. The mark of a directory that is being cleared stands in it until all is
// there, so that half a fork is never taken for a run.
func (f *fork) write() (*Forked, error) {
	fsys, to := f.o.FS, f.o.To
	if err := fsys.MkdirAll(to); err != nil {
		return nil, err
	}
	lock, err := fsys.Lock(filepath.Join(to, "lock"))
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := rundir.ClearRun(fsys, to); err != nil {
		return nil, err
	}
	mark := filepath.Join(to, rundir.ClearFile)
	if err := journal.WriteFileAtomic(fsys, mark, nil); err != nil {
		return nil, err
	}
	out := &Forked{From: f.o.Dir, Round: f.o.At, Dir: to}
	from := &rundir.Origin{Dir: f.o.Dir, Round: f.o.At}
	for i, n := range f.old.Nodes {
		c := &f.cuts[i]
		lives := max(directory.Lives(fsys, n.Dir), c.message.Incarnation)
		if err := offline.Create(fsys, filepath.Join(to, n.Name), n.Config.Values, c.message, c.record,
			lives); err != nil {
			return nil, err
		}
		if i == 0 || lives < from.Lives {
			from.Lives = lives
		}
		out.Nodes = append(out.Nodes, ForkedNode{n.Name, c.record})
	}
	r, art := f.old.record, f.old.art
	if f.tuned != nil {
		art = f.tuned.art
		f.tuned.record(&r, f.o.Set)
	}
	r.State, r.Starts, r.Drops, r.Fork = rundir.StateRunning, 0, 0, from
	if err := journal.WriteSealed(fsys, filepath.Join(to, rundir.RunFile), r); err != nil {
		return nil, err
	}
	if err := rundir.KeepArtifact(fsys, to, art); err != nil {
		return nil, err
	}
	if err := vfs.RemoveIfThere(fsys, mark); err != nil {
		return nil, err
	}
	return out, fsys.SyncDir(to)
}
