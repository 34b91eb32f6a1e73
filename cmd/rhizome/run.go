package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/journal"
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
	set   *jobSettings
}

func newRun(c *console) *cobra.Command {
	f := &runFlags{set: newJobSettings(c), chaos: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "run [JOB]",
		Short: "Train a job on this machine: one server and its clients",
		Long: "Train a job on this machine: one server and its clients, each a node with its own directory.\n\n" +
			"JOB is a job file such as mine.yaml, or one that is built in: " +
			strings.Join(kinds.Builtins(kinds.Served), ", ") + ".\n" +
			"Stop it whenever you like, with Ctrl-C or kill -9: the same command goes on where it was, and the model\n" +
			"that comes out is the same to the bit.",
		Example: `  rhizome run
  rhizome run mine.yaml --rounds 20 --seed 7 --set momentum=0.9
  rhizome run --chaos 0.3`,
		Args: cobra.MaximumNArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), c, args)
		}),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.dir, "dir", "", "directory that holds all state of the run (default .rhizome/JOB)")
	f.set.flag(flags, "rounds", "N", "rounds to train")
	f.set.flag(flags, "clients", "N", "clients to train with")
	f.set.flag(flags, "seed", "S", "what all that is random is drawn from")
	f.set.register(flags, setUsage)
	flags.BoolVar(&f.json, "json", false, "write one JSON object per line and nothing else")
	flags.BoolVar(&f.procs, "processes", false, "run each node as a process of its own, over loopback sockets")
	flags.BoolVar(&f.fresh, "fresh", false, "remove what an earlier run left in the directory and start over")
	flags.IntVar(&f.keep, "keep", 0,
		"snapshots to keep of each node: more of them keep more rounds to fork from (default 2, or as before)")
	flags.DurationVar(&f.age, "keep-age", 0,
		"let older snapshots stay too for so long, such as 24h (default none, or as before)")
	flags.Var(setting{"chaos", f.chaos, "P"}, "chaos",
		"probability with which a node is dropped after a round and restored from its directory")
	return cmd
}

func (f *runFlags) run(ctx context.Context, c *console, args []string) error {
	named, set, err := f.set.served(args, f.dir == "")
	if err != nil {
		return err
	}
	o := local.Options{Job: named, Dir: f.dir, Set: set, Keep: f.keep, KeepAge: f.age, Fresh: f.fresh,
		Processes: f.procs}
	if text, ok := f.chaos["chaos"]; ok {
		if f.procs {
			return &badInput{"--chaos drops nodes within one process; with --processes, kill the processes that " +
				"--json names"}
		}
		if o.Chaos, err = strconv.ParseFloat(text, 64); err != nil {
			return &job.ConfigError{Key: "chaos", Value: strconv.Quote(text), Want: "a probability, 0 to 1"}
		}
	}
	if named != nil {
		o.Dir = stateDir(f.dir, named.About().Name)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	unreadable := c.untilUnread(cancel)
	view := newView(c, f.json)
	o.OnRound, o.OnScaled = view.round, view.scaled
	o.OnWarn = func(text string) { view.warn(c, text) }
	o.OnSurpassed = func(s job.Surpassed) {
		if f.json {
			writeLine(c.out, surpassedOf(c, s))
			return
		}
		view.warn(c, s.String())
	}
	l, err := local.Open(o)
	if err != nil {
		return err
	}
	defer l.Close()
	started := time.Now()
	view.begin(l)
	if of, ok := l.Config().(job.Noted); ok {
		for _, text := range of.Notes() {
			view.warn(c, text)
		}
	}
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
	if of, ok := l.Config().(job.Sampled); ok && l.Config().Get("samples") != "" {
		if schema, err := of.Schema(); err == nil {
			res.Classes = schema.Classes
		}
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
