package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/chaos"
)

// chaosFlags are the flags of a simulation that tries to break nodes.
type chaosFlags struct {
	seed, seeds   uint64
	trace, shrink bool
	json          bool
	strikes       string
	reduction     chaos.Reduction
}

func newSim(c *console) *cobra.Command {
	f := &chaosFlags{}
	var j *simJobFlags
	cmd := &cobra.Command{
		Use:   "sim [JOB]",
		Short: "Simulate a job in virtual time, or try to break nodes by faults",
		Long: `Runs nodes under faults that are drawn from a seed, heals them, and checks that nothing was lost or applied twice.
The same seed gives the same run, to the byte: the seed is the bug report.`,
		Args: cobra.MaximumNArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			if err := onlyWith(cmd.Flags(), len(args) > 0); err != nil {
				return err
			}
			if len(args) > 0 {
				return j.run(cmd.Context(), c, args[0], cmd.Flags())
			}
			return f.run(c)
		}),
	}
	fl := cmd.Flags()
	fl.Uint64Var(&f.seed, "seed", 1, "decides the run: the scenario, its size, the network, and every fault")
	fl.Uint64Var(&f.seeds, "seeds", 1, "how many seeds are run, from --seed on")
	fl.BoolVar(&f.trace, "trace", false, "print everything that happens")
	fl.BoolVar(&f.shrink, "shrink", true,
		"make a run that breaks a promise smaller, and print the command that shows it")
	fl.BoolVar(&f.json, "json", false, "write one JSON object per seed and nothing else")
	fl.StringVar(&f.strikes, "strikes", "", "only these of the seed's faults, by number, or none")
	fl.IntVar(&f.reduction.Nodes, "nodes", 0, "so many nodes instead of those of the seed")
	fl.IntVar(&f.reduction.Work, "work", 0, "so many questions or rounds instead of those of the seed")
	fl.StringSliceVar(&f.reduction.Calm, "calm", nil,
		"what the network does not do: loss, duplicate, reorder, corrupt, truncate, replay, overtake, jitter")
	j = newSimJobFlags(c, fl, &f.seeds)
	cmd.AddCommand(newSimMerge(c))
	return cmd
}

// chaosLine is the result of a seed, for programs.
type chaosLine struct {
	Event    string            `json:"event"`
	Seed     uint64            `json:"seed"`
	Scenario string            `json:"scenario"`
	OK       bool              `json:"ok"`
	Broken   string            `json:"broken,omitempty"`
	Events   uint64            `json:"events"`
	Inputs   uint64            `json:"inputs"`
	Crashes  int               `json:"crashes"`
	Settled  float64           `json:"settled_s"`
	Waits    string            `json:"waits,omitempty"` // what is missing after directories went back
	Hash     string            `json:"hash"`
	Faults   map[string]uint64 `json:"faults"`
}

// brokenError says that a seed broke a promise; the command's exit code is that of a fault of the program.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return "a promise is broken: " + e.err.Error() }

func (e *brokenError) Unwrap() error { return e.err }

func (f *chaosFlags) run(c *console) error {
	if f.strikes != "" {
		f.reduction.Strikes = []int{}
		for _, k := range strings.Split(f.strikes, ",") {
			n, err := strconv.Atoi(k)
			if err != nil && f.strikes != "none" {
				return &badInput{fmt.Sprintf("--strikes has %q; want numbers with commas between, or none", k)}
			}
			if err == nil {
				f.reduction.Strikes = append(f.reduction.Strikes, n)
			}
		}
	}
	for seed := f.seed; seed < f.seed+f.seeds; seed++ {
		p, err := f.reduction.Apply(seed)
		if err != nil {
			return &badInput{err.Error()}
		}
		if !f.json {
			fmt.Fprintln(c.out, p)
			if f.trace {
				for i, k := range p.Strikes {
					fmt.Fprintf(c.out, "  strike %d: %v\n", i, k)
				}
			}
		}
		var o chaos.Options
		if f.trace && !f.json {
			o.Trace = func(l sim.Line) { fmt.Fprintln(c.out, l) }
		}
		r := chaos.Run(p, o)
		if err := f.report(c, r); err != nil {
			return err
		}
	}
	return nil
}

// report prints what came of a run. One that broke a promise is made smaller first.
func (f *chaosFlags) report(c *console, r *chaos.Result) error {
	if f.json {
		line := chaosLine{
			Event: "seed", Seed: r.Plan.Seed, Scenario: r.Plan.Scenario, OK: r.Err == nil, Events: r.Events,
			Inputs:  r.Inputs,
			Crashes: r.Crashes, Settled: r.Settled.Seconds(), Waits: r.Waits, Hash: fmt.Sprintf("%016x", r.Hash),
			Faults: faultMap(&r.Counts),
		}
		if r.Err != nil {
			line.Broken = r.Err.Error()
		}
		if err := writeLine(c.out, line); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(c.out,
			"  happened: %d events, %d inputs, %d lives ended, settled %v after the last fault, hash %016x\n",
			r.Events, r.Inputs, r.Crashes, r.Settled.Round(time.Millisecond), r.Hash)
		fmt.Fprintf(c.out, "  faults:%s\n", faultText(&r.Counts))
		if r.Waits != "" {
			fmt.Fprintf(c.out, "  it waits, after directories went back: %s\n", r.Waits)
		}
	}
	if r.Err == nil {
		return nil
	}
	if f.shrink && !f.json && f.reduction.Flags() == "" {
		fmt.Fprintf(c.out, "  broken: %v\n  making it smaller …\n", r.Err)
		small := chaos.Shrink(r.Plan.Seed, chaos.CheckerOf(r.Err), 400, nil)
		fmt.Fprintf(c.out, "  the same with less: rhizome sim --seed %d%s --trace\n", r.Plan.Seed, small.Flags())
	}
	return &brokenError{r.Err}
}

func faultMap(n *sim.Counts) map[string]uint64 {
	m := map[string]uint64{}
	for f := range sim.Faults {
		if n[f] > 0 {
			m[f.String()] = n[f]
		}
	}
	return m
}

func faultText(n *sim.Counts) string {
	var s strings.Builder
	for f := range sim.Faults {
		if n[f] > 0 {
			fmt.Fprintf(&s, " %v %d,", f, n[f])
		}
	}
	return strings.TrimSuffix(s.String(), ",")
}
