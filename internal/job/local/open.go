package local

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/install"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// Options say what to run, and where.
type Options struct {
	Dir string // all state lies below it
	// Job is the job that was named; nil means the one that the directory holds, or Default where it holds none.
	Job job.Served
	// Set holds settings that were given beside the job, by key. A directory remembers them: one that is not given in a
	// later run is as it was.
	Set  map[string]string
	Keep int // snapshots to keep of each node; 0 means as before, or 2. With more, more rounds can be forked from
	// KeepAge lets snapshots stay beyond Keep that are not older; 0 means as before, or none. See host.Store.
	KeepAge time.Duration
	// Processes says that each node runs in a process of its own; see Processes. A directory is of one kind or the
	// other.
	Processes bool
	Fresh     bool    // remove what an earlier run left and start over
	Chaos     float64 // probability with which a node is dropped after a round, 0 to 1
	FS        vfs.FS  // nil means that of the machine
	OnRound   func(job.Round)
	OnScaled  func(job.Scaled)  // told how features are scaled, where clients' sums say so; perhaps more than once
	OnWarn    func(text string) // told of failures that the run goes on with
	// OnSurpassed is told that the directory of a node had gone back, as one that was copied back is older than those
	// of the others.
	OnSurpassed func(job.Surpassed)
}

// Validate says whether a run can be like that, its directory and its job apart: nil, or a *ConfigError. Zeros stand
// for defaults. The job is validated with what Set changes of it.
func (o Options) Validate() error {
	if !(o.Chaos >= 0 && o.Chaos <= 1) {
		return &job.ConfigError{Key: "chaos", Value: strconv.FormatFloat(o.Chaos, 'g', -1, 64),
			Want: "a probability, 0 to 1"}
	}
	return install.CheckKeep(o.Keep, o.KeepAge)
}

// Local is a run in a directory, all its nodes in this process. It holds the directory's lock until Close; Run is
// called once.
type Local struct {
	o       Options
	fs      vfs.FS
	cfg     job.Served
	art     *compile.Artifact
	resumed bool
	lock    io.Closer

	saving sync.Mutex // guards record once the run has begun
	record rundir.Record
}

// plan is what Open has decided after a look at the directory.
type plan struct {
	cfg    job.Served
	art    *compile.Artifact
	record rundir.Record
	clear  bool // remove what is there first
	keep   bool // the program is to be written
	write  bool // run.json is to be written
	resume bool // earlier state is there
}

// Open checks everything that can be checked before the run begins, and locks the directory. What is there is changed
// only when nothing speaks against the run; errors are *ConfigError, *StateError, *FormatError,
// *directory.LookOnlyError, *vfs.LockedError, *vfs.ReadOnlyError, *journal.VersionError, and those of the compiler.
func Open(o Options) (*Local, error) {
	l := &Local{o: o, fs: o.FS}
	if l.fs == nil {
		l.fs = vfs.OS()
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if _, err := l.plan(); err != nil {
		return nil, err
	}
	if err := l.fs.MkdirAll(o.Dir); err != nil {
		return nil, l.unusable(err)
	}
	var err error
	if l.lock, err = vfs.LockSoon(l.fs, filepath.Join(o.Dir, "lock")); err != nil {
		return nil, l.unusable(err)
	}
	// Once more, now that no other process changes anything.
	p, err := l.plan()
	if err == nil {
		err = l.check(p)
	}
	if err == nil {
		err = l.prepare(p)
	}
	if err != nil {
		l.lock.Close()
		return nil, err
	}
	return l, nil
}

// unusable explains why the directory cannot be made or locked.
func (l *Local) unusable(err error) error {
	var path *fs.PathError
	var locked *vfs.LockedError
	switch {
	case errors.As(err, &locked):
		return l.o.refuse("is in use by another run; wait for it, stop it, or choose another directory")
	case errors.As(err, &path) && !errors.As(err, new(*vfs.ReadOnlyError)):
		return l.o.refuse("cannot be used as a directory: %v", path.Err)
	}
	return err
}

// Config returns the settings of the run.
func (l *Local) Config() job.Served { return l.cfg }

// Close gives the directory back.
func (l *Local) Close() error { return l.lock.Close() }

// plan decides what to do with the directory; it only reads.
func (l *Local) plan() (*plan, error) {
	if err := directory.LookOnly(l.fs, l.o.Dir); err != nil {
		return nil, err
	}
	f, err := rundir.Survey(l.fs, l.o.Dir)
	if err != nil {
		return nil, l.unusable(err)
	}
	ours := f.Record != nil || f.Damaged || f.Newer != nil || f.Nodes > 0 || f.Cleared
	switch {
	case !ours && f.Result:
		return nil, l.o.refuse("holds a %s, %s, %s or %s that belongs to no run; choose another directory",
			rundir.ModelFile, rundir.BestFile, rundir.ResultFile, rundir.ArtifactFile)
	case !ours:
		return l.begin(&plan{})
	case l.o.Fresh, f.Cleared:
		if f.Record != nil && l.o.Job == nil {
			if c, err := f.Record.Base(); err == nil {
				l.o.Job = c
			}
		}
		return l.begin(&plan{clear: true})
	case f.Newer != nil:
		return nil, f.Newer
	case f.Processes && !l.o.Processes:
		return nil, l.o.refuse("holds a run whose nodes are processes of their own: go on with --processes, choose " +
			"another --dir, or start over with --fresh")
	case !f.Processes && l.o.Processes && f.Nodes > 0:
		return nil, l.o.refuse("holds a run whose nodes share a process: go on without --processes, choose another " +
			"--dir, or start over with --fresh")
	case f.Record == nil:
		return l.adopt(f)
	}
	return l.goOn(f)
}

// check reads the files of the nodes that are to go on, so that a run one of whose nodes is damaged is refused before
// another one begins a new life. Of a run that is finished nobody reads them.
func (l *Local) check(p *plan) error {
	if !p.resume {
		return nil
	}
	if f, ok := p.cfg.(job.Filed); ok {
		if err := f.Unchanged(); err != nil {
			return err
		}
	}
	if res, err := rundir.ReadResult(l.fs, l.o.Dir, p.record.Artifact); err != nil || res != nil {
		return err
	}
	for _, name := range job.NodesOf(p.cfg.About()) {
		dir := filepath.Join(l.o.Dir, name)
		there, err := rundir.Filled(l.fs, dir)
		if err == nil && there {
			err = directory.Check(l.fs, dir)
		}
		if err != nil {
			return &job.NodeError{Node: name, Err: err}
		}
	}
	return nil
}

// begin plans a run from its beginning.
func (l *Local) begin(p *plan) (*plan, error) {
	base := l.o.Job
	var err error
	if base == nil {
		if base, err = kinds.FindServed(job.DefaultName); err != nil {
			return nil, err
		}
	}
	if p.cfg, err = job.With(base, l.o.Set); err == nil {
		err = p.cfg.Local()
	}
	if err == nil && l.o.Processes {
		err = job.WithoutEdges(p.cfg, "--processes")
	}
	if err == nil {
		p.cfg, err = job.Bring(p.cfg)
	}
	if err == nil {
		base, err = job.As(base, p.cfg)
	}
	if err != nil {
		return nil, err
	}
	if p.art, err = job.Compile(p.cfg); err != nil {
		return nil, err
	}
	p.write, p.keep = true, true
	p.record = rundir.Record{State: rundir.StateNew, Kind: kinds.Written(base.Kind()), Job: job.Settings(base),
		Set: maps.Clone(l.o.Set), Artifact: hex.EncodeToString(p.art.Digest[:])}
	return p, nil
}

// adopt plans to go on where run.json is lost: the nodes must be those of the job that was asked for.
func (l *Local) adopt(f rundir.Found) (*plan, error) {
	p, err := l.begin(&plan{resume: f.Nodes > 0})
	if err != nil || f.Nodes == 0 {
		return p, err
	}
	artifact, seed, err := rundir.Owner(l.fs, l.o.Dir)
	if err != nil {
		return nil, err
	}
	if artifact != "" && (artifact != p.record.Artifact || seed != p.cfg.About().Seed) {
		return nil, l.o.refuse("has lost its %s, and its nodes are of another job or other settings than %s: give "+
			"those of the first run, or start over with --fresh",
			rundir.RunFile, p.cfg.About().Name)
	}
	return p, nil
}

// goOn plans to go on with the run that the record describes.
func (l *Local) goOn(f rundir.Found) (*plan, error) {
	stored, err := f.Record.Base()
	if errors.As(err, new(*kinds.UnknownError)) {
		return nil, err
	}
	if err != nil {
		return l.adopt(f)
	}
	base := stored
	if l.o.Job != nil {
		base = l.o.Job
	}
	set := maps.Clone(f.Record.Set)
	if set == nil {
		set = map[string]string{}
	}
	maps.Copy(set, l.o.Set)
	p := &plan{record: *f.Record, resume: true}
	if p.cfg, err = job.With(stored, f.Record.Set); err != nil {
		return l.adopt(f)
	}
	asked, err := job.With(base, set)
	if err == nil {
		asked, err = job.As(asked, p.cfg)
	}
	if err == nil {
		err = asked.Local()
	}
	if err != nil {
		return nil, err
	}
	const help = "use the same settings, choose another --dir, or start over with --fresh"
	switch key := job.Diff(p.cfg, asked); key {
	case "":
	case job.KeyKind:
		return nil, l.o.refuse("holds a run of a %s job, not of a %s one: %s", p.cfg.Kind().Name(), asked.Kind().Name(),
			help)
	case "name":
		return nil, l.o.refuse("holds a run of the job %s, not of %s: %s", p.cfg.About().Name, asked.About().Name, help)
	default:
		return nil, l.o.refuse("holds a run of %s with %s %s, not %s: %s", p.cfg.About().Name,
			strings.ReplaceAll(key, "_", " "), p.cfg.Get(key), asked.Get(key), help)
	}
	if p.art, p.keep, err = rundir.Program(p.cfg, l.fs, l.o.Dir, f.Record.Artifact); err != nil {
		return nil, err
	}
	if f.Record.State == rundir.StateRunning {
		for _, name := range job.NodesOf(p.cfg.About()) {
			if there, err := rundir.Filled(l.fs, filepath.Join(l.o.Dir, name)); err != nil || !there {
				return nil, l.o.refuse("has lost the state of %s, and the run cannot go on without it: bring %s "+
					"back, or start over with --fresh",
					name, filepath.Join(l.o.Dir, name))
			}
		}
	}
	return p, nil
}

// prepare does what was planned to the directory.
func (l *Local) prepare(p *plan) error {
	if p.clear {
		if err := rundir.ClearRun(l.fs, l.o.Dir); err != nil {
			return err
		}
	}
	l.cfg, l.art, l.record, l.resumed = p.cfg, p.art, p.record, p.resume
	if l.o.Keep != 0 && l.o.Keep != l.record.Keep {
		l.record.Keep, p.write = l.o.Keep, true
	}
	if l.o.KeepAge != 0 && l.o.KeepAge != l.record.KeepAge {
		l.record.KeepAge, p.write = l.o.KeepAge, true
	}
	if p.write {
		if err := l.save(func(*rundir.Record) {}); err != nil {
			return err
		}
	}
	if p.keep { // after run.json: a program without one would be another's
		return rundir.KeepArtifact(l.fs, l.o.Dir, p.art)
	}
	return nil
}

// save changes the record and writes run.json.
func (l *Local) save(change func(*rundir.Record)) error {
	l.saving.Lock()
	defer l.saving.Unlock()
	change(&l.record)
	return journal.WriteSealed(l.fs, filepath.Join(l.o.Dir, rundir.RunFile), l.record)
}

func (o *Options) refuse(format string, args ...any) error {
	return &job.StateError{Dir: o.Dir, Reason: fmt.Sprintf(format, args...)}
}
