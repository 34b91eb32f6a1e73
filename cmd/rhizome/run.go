package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/journal"
)

// runFlags are the flags of rhizome run.
type runFlags struct {
	dir   string
	json  bool
	fresh bool
	procs bool
	keep  int
	age   time.Duration     // of snapshots that stay beyond keep
	chaos map[string]string // empty, or with the probability
	set   map[string]string // settings of the job, by key
}

// setting is a flag whose value the job checks, so that all settings are refused in the same words.
type setting struct {
	key  string
	set  map[string]string // where the value goes; a key that was not given is not there
	kind string            // what the help calls the value
}

// String returns what was given.
func (s setting) String() string { return s.set[s.key] }

// Set takes what is given.
func (s setting) Set(text string) error {
	s.set[s.key] = strings.TrimSpace(text)
	return nil
}

// Type names the value in the help.
func (s setting) Type() string { return s.kind }

func newRun(c *console) *cobra.Command {
	f := &runFlags{set: map[string]string{}, chaos: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "run [JOB]",
		Short: "Train a job on this machine, one server and its clients, each a node with its own directory",
		Long: "Train a job on this machine: one server and its clients, each a node with its own directory.\n\n" +
			"JOB is a job file such as mine.yaml, or one that is built in: " + strings.Join(job.Builtins(), ", ") + ".\n" +
			"Stop it whenever you like, with Ctrl-C or kill -9: the same command goes on where it was, and the model\n" +
			"that comes out is the same to the bit.",
		Example: "  rhizome run\n  rhizome run mine.yaml --rounds 20 --seed 7\n  rhizome run --chaos 0.3",
		Args:    cobra.MaximumNArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), c, args)
		}),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.dir, "dir", "", "directory that holds all state of the run (default .rhizome/JOB)")
	flags.Var(setting{"rounds", f.set, "N"}, "rounds", "rounds to train")
	flags.Var(setting{"clients", f.set, "N"}, "clients", "clients to train with")
	flags.Var(setting{"seed", f.set, "S"}, "seed", "what all that is random is drawn from")
	flags.BoolVar(&f.json, "json", false, "write one JSON object per line and nothing else")
	flags.BoolVar(&f.procs, "processes", false, "run each node as a process of its own, over loopback sockets")
	flags.BoolVar(&f.fresh, "fresh", false, "remove what an earlier run left in the directory and start over")
	flags.IntVar(&f.keep, "keep", 0, "snapshots to keep of each node: more of them keep more rounds to fork from (default 2, or as before)")
	flags.DurationVar(&f.age, "keep-age", 0, "let older snapshots stay too for so long, such as 24h (default none, or as before)")
	flags.Var(setting{"chaos", f.chaos, "P"}, "chaos", "probability with which a node is dropped after a round and restored from its directory")
	return cmd
}

func (f *runFlags) run(ctx context.Context, c *console, args []string) error {
	o := job.Options{Dir: f.dir, Set: f.set, Keep: f.keep, KeepAge: f.age, Fresh: f.fresh, Processes: f.procs}
	if text, ok := f.chaos["chaos"]; ok {
		if f.procs {
			return &badInput{"--chaos drops nodes within one process; with --processes, kill the processes that --json names"}
		}
		var err error
		if o.Chaos, err = strconv.ParseFloat(text, 64); err != nil {
			return &job.ConfigError{Key: "chaos", Value: strconv.Quote(text), Want: "a probability, 0 to 1"}
		}
	}
	if len(args) > 0 || f.dir == "" {
		name := job.DefaultName
		if len(args) > 0 {
			name = args[0]
		}
		named, err := job.Find(name)
		if err != nil {
			return err
		}
		o.Job = &named
		if o.Dir == "" {
			o.Dir = filepath.Join(".rhizome", named.Name)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	unreadable := c.untilUnread(cancel)
	view := newView(c, f.json)
	o.OnRound = view.round
	o.OnWarn = func(text string) { view.warn(c, text) }
	o.OnSurpassed = func(s job.Surpassed) {
		if f.json {
			writeLine(c.out, surpassedOf(c, s))
			return
		}
		view.warn(c, s.String())
	}
	l, err := job.Open(o)
	if err != nil {
		return err
	}
	defer l.Close()
	started := time.Now()
	view.begin(l)
	var res *job.Result
	if f.procs {
		res, err = runProcesses(ctx, c, l, view)
	} else {
		res, err = l.Run(ctx)
	}
	view.end()
	if failed := (*job.FailedError)(nil); errors.As(err, &failed) && f.json {
		if err := writeLine(c.out, failedLine{c.head("failed"), failed.Failed}); err != nil {
			return err
		}
	}
	if errors.Is(err, job.ErrInterrupted) {
		return stoppedRun(&interruptedError{dir: o.Dir, processes: f.procs}, unreadable())
	}
	if isAny[*journal.CorruptionError](err) {
		return fmt.Errorf("%w; nothing was changed; --fresh starts over", err)
	}
	if err != nil {
		return err
	}
	if err := view.result(res, time.Since(started)); err != nil {
		return fmt.Errorf("the job is done, the model is %s, and that cannot be written: %w", res.Model, err)
	}
	return nil
}

// stoppedRun returns the error of a run that was stopped, where nobody reads what it writes with the reason.
func stoppedRun(e *interruptedError, why error) error {
	switch {
	case why == nil:
		return e
	case unread(why):
		e.why = fmt.Sprintf(", because nobody reads what it writes (%v)", why)
		return e
	}
	e.why = ", because what it tells cannot be written"
	return fmt.Errorf("%s: %w", e.Error(), why) // the other reasons are faults that somebody has to mend
}

// interruptedError says how an interrupted run goes on.
type interruptedError struct {
	dir       string
	processes bool
	why       string // empty where it was asked to stop
}

// Error tells the command that goes on.
func (e *interruptedError) Error() string {
	command := "rhizome run --dir " + e.dir
	if e.processes {
		command += " --processes"
	}
	return "stopped" + e.why + ", nothing is lost; to go on: " + command
}

// Unwrap returns job.ErrInterrupted.
func (e *interruptedError) Unwrap() error { return job.ErrInterrupted }
