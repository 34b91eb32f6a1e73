package outages

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rhizome-ml/rhizome/internal/prove/live"
)

// Bounds of waits. They are far above what a loaded machine takes: a trial that meets one has failed.
const (
	soon = 60 * time.Second
	long = 4 * time.Minute
)

// size is how large a job is.
type size struct {
	rounds, clients int
	set             map[string]string // settings of the job file beside the built-in job's, by key
	returned        bool              // directories went back
}

// trial is one seed of a part while it is tried.
type trial struct {
	*live.World
	size
	s    *tally
	bin  string
	rng  *rand.Rand
	seed uint64
	job  string // a job file
	want string // the hash of the model of an undisturbed run
}

// Command is the program that parts run: this one, where Bin is empty.
type Command struct{ Bin string }

func (c Command) path() (string, error) {
	if c.Bin != "" {
		return c.Bin, nil
	}
	return os.Executable()
}

// errOver says that nobody waits for the trial any more.
var errOver = errors.New("the time is up")

// begin makes a trial: its folder, its job file, and the model of the undisturbed run.
func begin(s *tally, c Command, seed uint64, z size) (*trial, error) {
	bin, err := c.path()
	if err != nil {
		return nil, err
	}
	w, err := live.New(bin, s.s.Dir)
	if err != nil {
		return nil, err
	}
	t := &trial{World: w, size: z, s: s, bin: bin, rng: rand.New(rand.NewPCG(seed, 4)), seed: seed}
	if err := t.undisturbed(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return t, nil
}

// models are the hashes of undisturbed runs that this process has made, by job file.
var models sync.Map

// undisturbed runs the job in one process and notes the hash of its model.
func (t *trial) undisturbed() error {
	lines := []string{"name: outage", fmt.Sprintf("rounds: %d", t.rounds), fmt.Sprintf("clients: %d", t.clients),
		fmt.Sprintf("seed: %d", t.seed)}
	for key, v := range t.set {
		lines = append(lines, key+": "+v)
	}
	slices.Sort(lines)
	text := strings.Join(lines, "\n") + "\n"
	t.job = filepath.Join(t.Dir, "outage.yaml")
	if err := os.WriteFile(t.job, []byte(text), 0o600); err != nil {
		return err
	}
	if known, ok := models.Load(text); ok {
		t.want, _ = known.(string)
		return nil
	}
	p, err := t.Start("undisturbed run", nil, "run", t.job, "--json", "--dir", filepath.Join(t.Dir, "undisturbed"))
	if err != nil {
		return err
	}
	done, err := t.await(p, "result", nil, long, live.Is("done"))
	if t.want = done.ModelSHA256; err == nil {
		models.Store(text, t.want)
	}
	return err
}

// await is Process.Await that ends with errOver when nobody waits for the trial any more.
func (t *trial) await(p *live.Process, what string, from *int, within time.Duration,
	match func(live.Line) bool) (live.Line, error) {
	type answer struct {
		l   live.Line
		err error
	}
	got := make(chan answer, 1)
	go func() {
		l, err := p.Await(what, from, within, match)
		got <- answer{l, err}
	}()
	select {
	case a := <-got:
		return a.l, a.err
	case <-t.s.Ended():
		p.Signal(syscall.SIGKILL) // which ends the wait
		<-got
		return live.Line{}, errOver
	}
}

// pause waits, and says whether the trial is still wanted.
func (t *trial) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return !t.s.Over()
	case <-t.s.Ended():
		return false
	}
}

// freeze stops a process and waits until all its threads stand.
func (t *trial) freeze(p *live.Process) error {
	if err := p.Signal(live.Pause); err != nil {
		return err
	}
	for end := time.Now().Add(soon); !stands(p.PID()); {
		if isDown(p) {
			return &live.EndedError{Process: p.Name, Log: p.Log()}
		}
		if time.Now().After(end) {
			return &live.LateError{Process: p.Name, What: "stop", Log: p.Log()}
		}
		if !t.pause(100 * time.Microsecond) {
			return errOver
		}
	}
	return nil
}

// stands says whether a process that was stopped stands.
func stands(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, ok := strings.Cut(string(text), ") ")
	return err == nil && ok && strings.HasPrefix(after, "T")
}

// between draws a time.
func (t *trial) between(least, most time.Duration) time.Duration {
	return least + time.Duration(t.rng.Int64N(int64(most-least)))
}

// sameModel holds the model of a run against that of the undisturbed one.
func (t *trial) sameModel(got string) error {
	if got != t.want {
		return fmt.Errorf("the model is %.16s, that of the undisturbed run %.16s", got, t.want)
	}
	return nil
}
