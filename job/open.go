package job

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

	"github.com/rhizome-ml/rhizome/compile"
	"github.com/rhizome-ml/rhizome/host"
	"github.com/rhizome-ml/rhizome/journal/vfs"
)

// Options say what to run, and where.
type Options struct {
	Dir string // all state lies below it
	// Job is the job that was named; nil means the one that the directory holds, or Default where it holds none.
	Job *Config
	// Set holds settings that were given beside the job, by key. A directory remembers them: one that is not given in a
	// later run is as it was.
	Set  map[string]string
	Keep int // snapshots to keep of each node; 0 means as before, or 2. With more, more rounds can be forked from
	// KeepAge lets snapshots stay beyond Keep that are not older; 0 means as before, or none. See host.Store.
	KeepAge time.Duration
	// Processes says that each node runs in a process of its own; see Processes. A directory is of one kind or the other.
	Processes bool
	Fresh     bool    // remove what an earlier run left and start over
	Chaos     float64 // probability with which a node is dropped after a round, 0 to 1
	FS        vfs.FS  // nil means that of the machine
	OnRound   func(Round)
	OnWarn    func(text string) // told of failures that the run goes on with
	// OnSurpassed is told that the directory of a node had gone back, as one that was copied back is older than those of the others.
	OnSurpassed func(Surpassed)
}

// Validate says whether a run can be like that, its directory and its job apart: nil, or a *ConfigError. Zeros stand for defaults. The job is validated
// with what Set changes of it.
func (o Options) Validate() error {
	if !(o.Chaos >= 0 && o.Chaos <= 1) {
		return &ConfigError{"chaos", strconv.FormatFloat(o.Chaos, 'g', -1, 64), "a probability, 0 to 1"}
	}
	return CheckKeep(o.Keep, o.KeepAge)
}

// Local is a run in a directory, all its nodes in this process. It holds the directory's lock until Close; Run is called
// once.
type Local struct {
	o       Options
	fs      vfs.FS
	cfg     Config
	art     *compile.Artifact
	resumed bool
	lock    io.Closer

	saving sync.Mutex // guards record once the run has begun
	record record
}

// plan is what Open has decided after a look at the directory.
type plan struct {
	cfg    Config
	art    *compile.Artifact
	record record
	clear  bool // remove what is there first
	keep   bool // the program is to be written
	write  bool // run.json is to be written
	resume bool // earlier state is there
}

// Open checks everything that can be checked before the run begins, and locks the directory. What is there is changed
// only when nothing speaks against the run; errors are *ConfigError, *StateError, *FormatError, *host.LookOnlyError, *vfs.LockedError,
// *vfs.ReadOnlyError, *journal.VersionError, and those of the compiler.
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
	if l.lock, err = l.fs.Lock(filepath.Join(o.Dir, "lock")); err != nil {
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
func (l *Local) Config() Config { return l.cfg }

// Close gives the directory back.
func (l *Local) Close() error { return l.lock.Close() }

// plan decides what to do with the directory; it only reads.
func (l *Local) plan() (*plan, error) {
	if err := host.LookOnly(l.fs, l.o.Dir); err != nil {
		return nil, err
	}
	f, err := survey(l.fs, l.o.Dir)
	if err != nil {
		return nil, l.unusable(err)
	}
	ours := f.record != nil || f.damaged || f.newer != nil || f.nodes > 0 || f.cleared
	switch {
	case !ours && f.result:
		return nil, l.o.refuse("holds a %s, %s or %s that belongs to no run; choose another directory", modelFile, resultFile, artifactFile)
	case !ours:
		return l.begin(&plan{})
	case l.o.Fresh, f.cleared:
		if f.record != nil && l.o.Job == nil {
			if c, err := f.record.base(); err == nil {
				l.o.Job = &c
			}
		}
		return l.begin(&plan{clear: true})
	case f.newer != nil:
		return nil, f.newer
	case f.processes && !l.o.Processes:
		return nil, l.o.refuse("holds a run whose nodes are processes of their own: go on with --processes, choose another --dir, or start over with --fresh")
	case !f.processes && l.o.Processes && f.nodes > 0:
		return nil, l.o.refuse("holds a run whose nodes share a process: go on without --processes, choose another --dir, or start over with --fresh")
	case f.record == nil:
		return l.adopt(f)
	}
	return l.goOn(f)
}

// check reads the files of the nodes that are to go on, so that a run one of whose nodes is damaged is refused before another one begins a
// new life. Of a run that is finished nobody reads them.
func (l *Local) check(p *plan) error {
	if !p.resume {
		return nil
	}
	if res, err := ReadResult(l.fs, l.o.Dir, p.record.Artifact); err != nil || res != nil {
		return err
	}
	for _, name := range nodeNames(p.cfg.Clients) {
		dir := filepath.Join(l.o.Dir, name)
		there, err := filled(l.fs, dir)
		if err == nil && there {
			err = host.Check(l.fs, dir)
		}
		if err != nil {
			return &NodeError{name, err}
		}
	}
	return nil
}

// begin plans a run from its beginning.
func (l *Local) begin(p *plan) (*plan, error) {
	base := Default()
	if l.o.Job != nil {
		base = *l.o.Job
	}
	var err error
	if p.cfg, err = base.With(l.o.Set); err == nil {
		err = p.cfg.few()
	}
	if err != nil {
		return nil, err
	}
	if p.art, err = p.cfg.Compile(); err != nil {
		return nil, err
	}
	p.write, p.keep = true, true
	p.record = record{State: stateNew, Job: base.Settings(), Set: maps.Clone(l.o.Set), Artifact: hex.EncodeToString(p.art.Digest[:])}
	return p, nil
}

// adopt plans to go on where run.json is lost: the nodes must be those of the job that was asked for.
func (l *Local) adopt(f found) (*plan, error) {
	p, err := l.begin(&plan{resume: f.nodes > 0})
	if err != nil || f.nodes == 0 {
		return p, err
	}
	artifact, seed, err := owner(l.fs, l.o.Dir)
	if err != nil {
		return nil, err
	}
	if artifact != "" && (artifact != p.record.Artifact || seed != p.cfg.Seed) {
		return nil, l.o.refuse("has lost its %s, and its nodes are of another job or other settings than %s: give those of the first run, or start over with --fresh",
			runFile, p.cfg.Name)
	}
	return p, nil
}

// goOn plans to go on with the run that the record describes.
func (l *Local) goOn(f found) (*plan, error) {
	stored, err := f.record.base()
	if err != nil {
		return l.adopt(f)
	}
	base := stored
	if l.o.Job != nil {
		base = *l.o.Job
	}
	set := maps.Clone(f.record.Set)
	if set == nil {
		set = map[string]string{}
	}
	maps.Copy(set, l.o.Set)
	p := &plan{record: *f.record, resume: true}
	if p.cfg, err = stored.With(f.record.Set); err != nil {
		return l.adopt(f)
	}
	asked, err := base.With(set)
	if err == nil {
		err = asked.few()
	}
	if err != nil {
		return nil, err
	}
	const help = "use the same settings, choose another --dir, or start over with --fresh"
	switch key := p.cfg.Diff(asked); key {
	case "":
	case "name":
		return nil, l.o.refuse("holds a run of the job %s, not of %s: %s", p.cfg.Name, asked.Name, help)
	default:
		return nil, l.o.refuse("holds a run of %s with %s %s, not %s: %s", p.cfg.Name, strings.ReplaceAll(key, "_", " "), p.cfg.Get(key), asked.Get(key), help)
	}
	if p.art, p.keep, err = Program(p.cfg, l.fs, l.o.Dir, f.record.Artifact); err != nil {
		return nil, err
	}
	if f.record.State == stateRunning {
		for _, name := range nodeNames(p.cfg.Clients) {
			if there, err := filled(l.fs, filepath.Join(l.o.Dir, name)); err != nil || !there {
				return nil, l.o.refuse("has lost the state of %s, and the run cannot go on without it: bring %s back, or start over with --fresh",
					name, filepath.Join(l.o.Dir, name))
			}
		}
	}
	return p, nil
}

// prepare does what was planned to the directory.
func (l *Local) prepare(p *plan) error {
	if p.clear {
		if err := clearRun(l.fs, l.o.Dir); err != nil {
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
		if err := l.save(func(*record) {}); err != nil {
			return err
		}
	}
	if p.keep { // after run.json: a program without one would be another's
		return keepArtifact(l.fs, l.o.Dir, p.art)
	}
	return nil
}

// save changes the record and writes run.json.
func (l *Local) save(change func(*record)) error {
	l.saving.Lock()
	defer l.saving.Unlock()
	change(&l.record)
	return WriteSealed(l.fs, filepath.Join(l.o.Dir, runFile), l.record)
}

func (o *Options) refuse(format string, args ...any) error {
	return &StateError{o.Dir, fmt.Sprintf(format, args...)}
}
