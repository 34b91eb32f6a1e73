package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/conditions"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
)

// simJobFlags are the flags of a simulation of a job.
type simJobFlags struct {
	set               *jobSettings
	network, faults   string
	report            string
	durable, volatile bool
	limit             time.Duration
	json, trace       bool
	check             bool
	over              sweepFlags
	seeds             *uint64 // shared with the other kind of simulation
	threads           int
}

// threadsMost is how many threads run one simulation at most.
const threadsMost = 64

// newSimJobFlags declares the flags that only the simulation of a job has.
func newSimJobFlags(c *console, fl *pflag.FlagSet, seeds *uint64) *simJobFlags {
	f := &simJobFlags{set: newJobSettings(c), seeds: seeds}
	f.set.flag(fl, "rounds", "N", "with JOB: rounds to train, or periods of a gossip job")
	f.set.register(fl, "with JOB: "+setUsage)
	fl.StringVar(&f.network, "network", conditions.DefaultNetwork,
		"with JOB: how links and machines behave: "+strings.Join(conditions.Presets(), ", ")+", or a network file")
	fl.StringVar(&f.faults, "faults", "", "with JOB: what strikes the nodes, how often, and when: "+
		strings.Join(conditions.FaultSets(), ", ")+", or a faults file")
	fl.StringVar(&f.report, "report", "", "with JOB: write a page with curves and tables to this HTML file")
	fl.BoolVar(&f.durable, "durable", false,
		fmt.Sprintf("with JOB: each node has a disk and goes on after a crash (default up to %d nodes)",
			study.DurableMost))
	fl.BoolVar(&f.volatile, "volatile", false,
		"with JOB: nodes forget everything when they crash (default beyond that)")
	fl.DurationVar(&f.limit, "time", 0, "with JOB: virtual time at which the run ends at the latest")
	fl.BoolVar(&f.check, "check", false, "with JOB: run it twice, and compare the hashes")
	f.over.register(fl)
	fl.IntVar(&f.threads, "threads", 0,
		"with JOB: threads that run it, up to 64; they change nothing but the pace (default one a processor)")
	return f
}

// jobOnly and chaosOnly are flags that one of the two kinds of simulation has.
var (
	jobOnly = []string{"rounds", "set", "network", "faults", "report", "durable", "volatile", "time", "check", "sweep",
		"shard", "out", "threads"}
	chaosOnly = []string{"shrink", "strikes", "work", "calm"}
)

// onlyWith refuses a flag that was given for the other kind of simulation.
func onlyWith(fl *pflag.FlagSet, jobNamed bool) (err error) {
	fl.Visit(func(f *pflag.Flag) {
		switch {
		case err != nil:
		case jobNamed && slices.Contains(chaosOnly, f.Name):
			err = &badInput{fmt.Sprintf("--%s is of a simulation without a JOB", f.Name)}
		case !jobNamed && slices.Contains(jobOnly, f.Name):
			err = &badInput{fmt.Sprintf("--%s wants a JOB: rhizome sim JOB --%s …; JOB is %s, or a job file", f.Name,
				f.Name, strings.Join(append(kinds.Builtins(kinds.Served), kinds.Builtins(kinds.Peered)...), ", "))}
		}
	})
	return err
}

// subject returns the job of a name with the settings that were given, and with so many nodes where that is not empty;
// of a job with a server those are its clients.
func subject(name, nodes string, given *jobSettings) (job.Job, error) {
	j, err := kinds.Find(name)
	if err != nil {
		return nil, err
	}
	given.tell(kinds.Notes(name))
	key := j.Kind().Size()
	if given.alias[key] = "nodes"; nodes != "" {
		given.flags[key] = nodes
	}
	set, err := given.all(j.Kind())
	if err != nil {
		return nil, err
	}
	return job.With(j, set)
}

// settingsOf returns all settings of a job, in the order of its kind.
func settingsOf(j job.Job) (out [][2]string) {
	for _, key := range job.KeysOf(j.Kind()) {
		out = append(out, [2]string{key, j.Get(key)})
	}
	return out
}

// run simulates a job.
func (f *simJobFlags) run(ctx context.Context, c *console, name string, fl *pflag.FlagSet) error {
	if f.durable && f.volatile {
		return &badInput{"--durable and --volatile exclude each other"}
	}
	if f.limit < 0 {
		return &badInput{fmt.Sprintf("--time is %v; want a time span above 0", f.limit)}
	}
	if f.threads < 0 || f.threads > threadsMost {
		return &badInput{fmt.Sprintf("--threads is %d; want 1 to %d, or 0 for one a processor", f.threads, threadsMost)}
	}
	// These flags serve both kinds of simulation.
	f.trace, f.json = isSet(fl, "trace"), isSet(fl, "json")
	nodes := ""
	if fl.Changed("nodes") {
		nodes = fl.Lookup("nodes").Value.String()
	}
	if fl.Changed("seed") {
		f.set.flags["seed"] = fl.Lookup("seed").Value.String()
	}
	j, err := subject(name, nodes, f.set)
	if err != nil {
		return err
	}
	if err := checkReport(f.report, name, f.network, f.faults); err != nil {
		return err
	}
	if sweeps(fl) {
		return f.sweep(ctx, c, name, j, fl)
	}
	d, o, err := f.prepare(j, again(name, fl))
	if err != nil {
		return err
	}
	view := newSimView(c, f.json)
	o.OnSample, o.OnTick = view.sample, view.tick
	if f.trace && !f.json {
		o.OnTrace = func(l sim.Line) { fmt.Fprintln(c.out, l) }
		o.OnSample, o.OnTick = nil, nil // one conversation at a time
	}
	view.begin(d)
	started := time.Now()
	r, err := simulate(ctx, o)
	took := time.Since(started)
	view.end()
	if err == nil && f.check {
		err = repeat(ctx, o, r)
		d.Checked = err == nil
	}
	if errors.Is(err, job.ErrInterrupted) {
		return &simInterruptedError{d.Command}
	}
	if err != nil {
		return err
	}
	d.fill(r, took)
	if f.report != "" {
		if err := writeReport(f.report, j, d, r); err != nil {
			return err
		}
	}
	return view.done(d)
}

// prepare puts together what is simulated, and what is told of it.
func (f *simJobFlags) prepare(j job.Job, command string) (*simDone, study.Options, error) {
	all := j.About()
	d := &simDone{
		Job: all.Name, Kind: j.Kind().Name(), Nodes: all.Nodes, Rounds: all.Rounds, Seed: all.Seed, Network: f.network,
		FaultFile: f.faults,
		Durable:   f.durable || !f.volatile && all.Nodes <= study.DurableMost, Command: command,
	}
	_, d.served = j.(job.Served)
	_, d.peered = j.(job.Peered)
	o, err := f.options(j, d)
	return d, o, err
}

// simInterruptedError says that a simulation was stopped.
type simInterruptedError struct{ command string }

// Error says that nothing is left of it.
func (e *simInterruptedError) Error() string {
	return "stopped; a simulation keeps nothing, and runs again from its beginning: " + e.command
}

// Unwrap returns job.ErrInterrupted.
func (e *simInterruptedError) Unwrap() error { return job.ErrInterrupted }

// options puts together what is simulated.
func (f *simJobFlags) options(j job.Job, d *simDone) (study.Options, error) {
	o := study.Options{Job: j, Limit: f.limit, Durable: d.Durable, Restart: conditions.RestartDefault(),
		Threads: f.threads}
	if o.Threads == 0 {
		o.Threads = min(runtime.GOMAXPROCS(0), threadsMost)
	}
	n, err := conditions.FindNetwork(f.network)
	if err != nil {
		return o, err
	}
	o.Network, o.Sync, o.Work, d.networkText = n.Links, n.Sync, n.Work, n.Text
	d.horizon = o.Horizon()
	if f.faults == "" {
		return o, nil
	}
	faults, err := conditions.FindFaults(f.faults)
	if err != nil {
		return o, err
	}
	d.faultsText = faults.Text
	run := conditions.Run{Seed: d.Seed, Nodes: d.Nodes, Durable: d.Durable, Server: d.served, Edges: j.About().Edges,
		Horizon: d.horizon}
	if err := faults.Check(run); err != nil {
		return o, err
	}
	if faults.Restart != nil {
		o.Restart = *faults.Restart
	}
	o.Unleash = func(w *sim.World, st *study.Study) {
		run.OnRound = st.OnRound
		faults.Unleash(w, run)
	}
	return o, nil
}

// simulate runs a job to its end.
func simulate(ctx context.Context, o study.Options) (*study.Result, error) {
	st, err := study.New(o)
	if err != nil {
		return nil, err
	}
	return st.Run(ctx)
}

// differsError says that one seed gave two runs: a fault of the program.
type differsError struct{ first, second string }

func (e *differsError) Error() string {
	return fmt.Sprintf("the same seed gave two runs: hash %s, and then %s", e.first, e.second)
}

// repeat runs the job once more, unwatched, and holds the runs against each other.
func repeat(ctx context.Context, o study.Options, first *study.Result) error {
	o.OnSample, o.OnTick, o.OnTrace = nil, nil, nil
	second, err := simulate(ctx, o)
	if err == nil && second.Hash != first.Hash {
		err = &differsError{first.Hash, second.Hash}
	}
	return err
}

// again returns the command that runs the simulation again.
func again(name string, fl *pflag.FlagSet) string {
	cmd := []string{"rhizome", "sim", quoted(name)}
	fl.Visit(func(f *pflag.Flag) {
		switch {
		case slices.Contains([]string{"json", "trace", "check", "threads", "shard", "out"}, f.Name):
		case f.Name == "report" && sweeps(fl): // the shards have none
		case f.Name == "sweep":
			for _, text := range f.Value.(*axes).given() {
				cmd = append(cmd, "--sweep", quoted(text))
			}
		case f.Value.Type() == "bool":
			cmd = append(cmd, "--"+f.Name)
		case f.Name == "set":
			for _, text := range f.Value.(settings).given() {
				cmd = append(cmd, "--set", quoted(text))
			}
		default:
			cmd = append(cmd, "--"+f.Name, quoted(f.Value.String()))
		}
	})
	return strings.Join(cmd, " ")
}

// quoted returns a word as a shell takes it.
func quoted(s string) string {
	if strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("._-/+:@%", r))
	}) < 0 && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// isSet says whether a switch is on.
func isSet(fl *pflag.FlagSet, name string) bool { return fl.Lookup(name).Value.String() == "true" }
