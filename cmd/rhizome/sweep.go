package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
	"github.com/rhizome-ml/rhizome/internal/sim/sweep"
)

// sweepFlags are the flags of a simulation of a job over settings and seeds.
type sweepFlags struct {
	axes       axes
	shard, out string
}

func (f *sweepFlags) register(fl *pflag.FlagSet) {
	fl.Var(&f.axes, "sweep", "with JOB: values that a setting takes in turn, such as learning_rate=0.1,0.2; with | between "+
		"them where a value has a comma; may be given again, for each combination")
	fl.StringVar(&f.shard, "shard", "", "with JOB: run one share of a sweep, such as 2/8, from 0/8 to 7/8; slurm, "+
		"kubernetes/8 or auto: as the array or the indexed Job says")
	fl.StringVar(&f.out, "out", "", "with JOB: folder that keeps what came of the runs of a sweep, to go on from")
}

// sweepOnly are the flags that make the simulation of a job a sweep.
var sweepOnly = []string{"seeds", "sweep", "shard", "out"}

// sweeps says whether a simulation is one.
func sweeps(fl *pflag.FlagSet) bool { return slices.ContainsFunc(sweepOnly, fl.Changed) }

// axes takes a setting and its values, each time that it is given.
type axes []sweep.Axis

// String returns nothing: there is no default.
func (a *axes) String() string { return "" }

// Set takes one setting and its values.
func (a *axes) Set(text string) error {
	key, list, ok := strings.Cut(text, "=")
	if key = strings.TrimSpace(key); !ok || key == "" {
		return fmt.Errorf("want a setting and its values, such as learning_rate=0.1,0.2")
	}
	between := ","
	if strings.Contains(list, "|") {
		between, list = "|", strings.TrimSuffix(list, "|") // with one behind it, a value that has a comma stands alone
	}
	values := strings.Split(list, between)
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	*a = append(*a, sweep.Axis{Key: key, Values: values})
	return nil
}

// Type names the value in the help.
func (a *axes) Type() string { return "KEY=A,B" }

// given returns what was given, as it is given again.
func (a *axes) given() (out []string) {
	for _, x := range *a {
		between := ","
		if slices.ContainsFunc(x.Values, func(v string) bool { return strings.Contains(v, ",") }) {
			between = "|"
		}
		text := x.Key + "=" + strings.Join(x.Values, between)
		if between == "|" && len(x.Values) == 1 {
			text += "|"
		}
		out = append(out, text)
	}
	return out
}

// sweeping is a sweep on its way.
type sweeping struct {
	f     *simJobFlags
	c     *console
	head  sweep.Head
	base  job.Job
	shard sweep.Shard
	file  *sweep.File // nil where nothing is kept
	check bool
}

// sweep runs a sweep, or a share of it.
func (f *simJobFlags) sweep(ctx context.Context, c *console, name string, base job.Job, fl *pflag.FlagSet) error {
	if f.trace {
		return &badInput{"a sweep takes no --trace: give the settings of one run, without --sweep and --seeds"}
	}
	for _, key := range []string{"shard", "out"} {
		if fl.Changed(key) && fl.Lookup(key).Value.String() == "" {
			return &badInput{"--" + key + " is empty: want a value, or no --" + key}
		}
	}
	s := &sweeping{f: f, c: c, base: base, shard: sweep.Shard{Of: 1}, check: f.check}
	if f.over.shard != "" {
		at, err := sweep.ParseShard(f.over.shard, os.Getenv)
		if err != nil {
			return err
		}
		if s.shard = at; f.over.out == "" {
			return &badInput{"--shard wants --out, the folder of the shards' files: rhizome sim merge puts them together"}
		}
		if f.report != "" {
			return &badInput{"a shard has no --report: rhizome sim merge --report makes it of all shards"}
		}
	}
	seeds := uint64(1)
	if fl.Changed("seeds") {
		seeds = *f.seeds
	}
	if err := s.begin(ctx, again(name, fl), seeds); err != nil {
		return err
	}
	if f.over.out != "" {
		file, err := sweep.Open(f.over.out, s.head, s.shard)
		if err != nil {
			return err
		}
		s.file = file
		defer file.Close()
		if err := checkReport(f.report, file.Path); err != nil {
			return err
		}
	}
	runs, err := s.all(ctx)
	switch {
	case errors.Is(err, job.ErrInterrupted):
		return &sweepInterruptedError{s}
	case err != nil:
		return err
	case f.over.shard != "":
		return s.told()
	}
	return tellSweep(c, f.json, f.report, &s.head, runs)
}

// begin finds what the sweep is, and refuses it where one of its settings cannot be.
func (s *sweeping) begin(ctx context.Context, command string, seeds uint64) error {
	s.head = sweep.Head{Version: readVersions().Version, Job: s.base.About().Name, Kind: s.base.Kind().Name(),
		Settings: map[string]string{}, Seed: s.base.About().Seed, Seeds: seeds, Command: command,
		Options: fmt.Sprintf("durable %v, volatile %v, time %v", s.f.durable, s.f.volatile, s.f.limit)}
	for _, kv := range settingsOf(s.base) {
		s.head.Settings[kv[0]] = kv[1]
	}
	for _, a := range s.f.over.axes {
		set, notes, err := job.Understood(s.base.Kind(), map[string]string{a.Key: a.Values[0]})
		if err == nil {
			err = job.CheckKeys(s.base.Kind(), set)
		}
		if err != nil {
			return fmt.Errorf("--sweep: %w", err)
		}
		for key := range set {
			a.Key = key
		}
		switch _, twice := s.f.set.set[a.Key]; {
		case a.Key == "seed" || a.Key == "name":
			return &badInput{fmt.Sprintf("--sweep %s: want --seed, --seeds, or another setting", a.Key)}
		case twice || s.f.set.flags[a.Key] != "":
			return &badInput{fmt.Sprintf("%s is set and swept: want one of them", a.Key)}
		}
		s.f.set.tell(notes)
		delete(s.head.Settings, a.Key)
		s.head.Axes = append(s.head.Axes, a)
	}
	delete(s.head.Settings, "seed")
	if err := s.head.Seal(); err != nil {
		return err
	}
	for p := range s.head.Points() {
		if _, err := job.With(s.base, s.head.Point(p)); err != nil {
			return fmt.Errorf("--sweep: %w", err)
		}
	}
	files := make([]map[string]string, s.head.Points())
	for p := range files {
		if ctx.Err() != nil {
			return fmt.Errorf("stopped before the first run: %w", job.ErrInterrupted)
		}
		var err error
		if files[p], err = s.point(p); err == nil {
			continue
		}
		if at := s.head.Named(p); at != "" {
			return fmt.Errorf("--sweep: with %s: %w", at, err)
		}
		return err
	}
	s.head.Bring(files)
	return s.head.Seal()
}

// point refuses what cannot run, before anything does, and returns the files that it brings. The first says what all
// have.
func (s *sweeping) point(p int) (map[string]string, error) {
	first := p * int(s.head.Seeds)
	j, _, err := s.job(first)
	if err != nil {
		return nil, err
	}
	d, o, err := s.f.prepare(j, s.head.Command)
	if err != nil {
		return nil, err
	}
	if j, err = job.Bring(o.Job); err != nil {
		return nil, err
	}
	files := filesOf(j)
	if p > 0 && !s.shard.Within(first, first+int(s.head.Seeds)) {
		return files, nil // whose shard it is compiles it
	}
	digest, err := digestOf(j)
	if p == 0 {
		s.head.Program, s.head.Network, s.head.Faults = digest, d.networkText, d.faultsText
	}
	return files, err
}

// filesOf returns the SHA-256 of each file that a job has brought, by its name without folders and where it stands:
// other machines may have it elsewhere.
func filesOf(j job.Job) map[string]string {
	out := map[string]string{}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for i, inner := range v {
				walk(fmt.Sprintf("%s.%d", at, i), inner)
			}
		case map[string]any:
			path, named := v["path"].(string)
			if sum, ok := v["sha256"].(string); ok && named {
				out[fmt.Sprintf("%s (%s)", filepath.Base(path), at)] = sum
			}
			for key, inner := range v {
				walk(at+"."+key, inner)
			}
		}
	}
	for _, key := range j.Kind().Keys() {
		var v any
		if key.Brought && json.Unmarshal([]byte(j.Get(key.Name)), &v) == nil {
			walk(key.Name, v)
		}
	}
	return out
}

// job returns the job of a run.
func (s *sweeping) job(run int) (job.Job, uint64, error) {
	set, seed := s.head.At(run)
	set = maps.Clone(set)
	set["seed"] = fmt.Sprint(seed)
	j, err := job.With(s.base, set)
	return j, seed, err
}

// digestOf returns the digest of the program of a job that has brought its files.
func digestOf(j job.Job) (string, error) {
	art, err := job.Compile(j)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", art.Digest), nil
}

// all returns the shard's runs, in order, of which those that the file has are not run again.
func (s *sweeping) all(ctx context.Context) (out []sweep.Run, err error) {
	size := s.shard.Size(s.head.Runs())
	for k := range s.head.Runs() {
		if !s.shard.Has(k) {
			continue
		}
		var r sweep.Run
		kept := false
		if s.file != nil {
			r, kept = s.file.Get(k)
		}
		if !kept {
			if r, err = s.one(ctx, k); err != nil {
				return nil, err
			}
			if s.file != nil {
				if err := s.file.Add(r); err != nil {
					return nil, err
				}
			}
			if !s.f.json {
				fmt.Fprintf(s.c.err, "run %d of %d: %s\n", len(out)+1, size, runText(&r))
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// runText tells of a run in a line.
func runText(r *sweep.Run) string {
	if r.Failed != "" {
		return settingsText(r) + ": " + whyOf(r)
	}
	text := fmt.Sprintf("%s: accuracy %s, loss %.4f, %s of virtual time", settingsText(r), percent(r.Accuracy), r.Loss,
		span(time.Duration(r.Virtual*1e9)))
	if !r.Completed {
		text += ", " + whyOf(r)
	}
	return text
}

// settingsText names a run by what it has of its own.
func settingsText(r *sweep.Run) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(r.Settings)) {
		parts = append(parts, key+"="+r.Settings[key])
	}
	return strings.Join(append(parts, fmt.Sprintf("seed %d", r.Seed)), ", ")
}

// one runs one run. That a job fails is what came of it, and not an error.
func (s *sweeping) one(ctx context.Context, k int) (sweep.Run, error) {
	j, seed, err := s.job(k)
	if err != nil {
		return sweep.Run{}, err
	}
	set, _ := s.head.At(k)
	d, o, err := s.f.prepare(j, "")
	if err != nil {
		return sweep.Run{}, err
	}
	r := sweep.Run{Event: "run", Sweep: s.head.ID, Run: k, Settings: set, Seed: seed, Nodes: d.Nodes, Rounds: d.Rounds,
		Durable: d.Durable}
	if j, err = job.Bring(o.Job); err != nil {
		return r, err
	}
	p := k / int(s.head.Seeds)
	if text := s.head.Changed(p, s.head.Brings(p), filesOf(j)); text != "" {
		return r, &badInput{text + " than when the sweep began"}
	}
	if r.Program, err = digestOf(j); err != nil {
		return r, err
	}
	came, err := simulate(ctx, o)
	if err == nil && s.check {
		err = repeat(ctx, o, came)
	}
	if isAny[*job.FailedError](err) || isAny[*study.StuckError](err) {
		r.Failed = strings.Join(strings.Fields(err.Error()), " ")
		return r, nil
	}
	if err != nil {
		return r, err
	}
	r.Completed, r.Round, r.Accuracy, r.Loss, r.Contributions = came.Done, came.Round, came.Accuracy, came.Loss,
		came.Contributions
	r.Virtual, r.Events, r.Messages, r.Bytes = came.At.Seconds(), came.Events, came.Messages, came.Bytes
	r.Crashes, r.Starts, r.ModelSHA256, r.Hash = came.Crashes, came.Starts, came.ModelSHA256, came.Hash
	r.Faults, r.Refusals, r.Failures = faultMap(&came.Counts), came.Refusals, came.Failures
	return r, nil
}

// shardDone is the object of a shard that has run.
type shardDone struct {
	Event string `json:"event"`
	Shard string `json:"shard"`
	Sweep string `json:"sweep"`
	Runs  int    `json:"runs"`
	Of    int    `json:"of"` // all shards
	File  string `json:"file"`
}

// told tells that a shard has run.
func (s *sweeping) told() error {
	if s.f.json {
		return writeLine(s.c.out, shardDone{"shard", s.shard.String(), s.head.ID, s.file.Len(), s.head.Runs(),
			s.file.Path})
	}
	_, err := fmt.Fprintf(s.c.out, "%s: shard %v has all of its %d runs, of %d, in %s\nall shards become one table by: "+
		"rhizome sim merge %s\n", s.head.Job, s.shard, s.file.Len(), s.head.Runs(), s.file.Path, quoted(s.f.over.out))
	return err
}

// sweepInterruptedError says that a sweep was stopped.
type sweepInterruptedError struct{ s *sweeping }

// Error says what is left of it.
func (e *sweepInterruptedError) Error() string {
	if e.s.file == nil {
		return "stopped; without --out a sweep keeps nothing, and runs again from its beginning: " + e.s.head.Command
	}
	return fmt.Sprintf("stopped; %d of %d runs are kept in %s, and the same command goes on", e.s.file.Len(),
		e.s.shard.Size(e.s.head.Runs()), e.s.file.Path)
}

// Unwrap returns job.ErrInterrupted.
func (e *sweepInterruptedError) Unwrap() error { return job.ErrInterrupted }

func newSimMerge(c *console) *cobra.Command {
	var jsonOnly bool
	var report string
	cmd := &cobra.Command{
		Use:   "merge DIR|FILE...",
		Short: "Put the shards of a sweep together, as one run of all gives it",
		Long: `Put together what the shards of a sweep have kept in their files. What comes is what the same sweep gives without
--shard, to the byte. A run that is missing is told with its shard; shards of two sweeps, and one run that came out in
two ways, are refused.`,
		Example: "  rhizome sim merge shards/",
		Args:    cobra.MinimumNArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			inputs, err := sweep.Files(args)
			if err != nil {
				return err
			}
			if err := checkReport(report, inputs...); err != nil {
				return err
			}
			head, runs, err := sweep.Merge(inputs)
			if err != nil {
				return err
			}
			return tellSweep(c, jsonOnly, report, &head, runs)
		}),
	}
	cmd.Flags().BoolVar(&jsonOnly, "json", false, "write one JSON object per run and one of all, and nothing else")
	cmd.Flags().StringVar(&report, "report", "", "write a page with the tables to this HTML file")
	return cmd
}
