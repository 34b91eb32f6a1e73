package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/bench"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

func newBench(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure this machine, each figure beside a denominator",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newBenchPart(c, "engine", "Measure the engine: ops, envelopes, training, rounds", bench.Engine),
		newBenchPart(c, "snapshot", "Measure snapshots, journal and recovery beside the least possible",
			func(fsys vfs.FS, dir string, emit func(bench.Metric)) error {
				return bench.Snapshot(fsys, dir, bench.DefaultSnapshotSizes(), emit)
			}),
		newBenchPart(c, "peers", "Measure what 10,000 peers cost a node beside 100", bench.Peers),
		newBenchSim(c),
		newBenchNet(c),
		newBenchKernels(c),
		newBenchLearn(c),
	)
	return cmd
}

// newBenchPart makes the command of one bench.
func newBenchPart(c *console, name, short string,
	measure func(vfs.FS, string, func(bench.Metric)) error) *cobra.Command {
	var json bool
	var dir string
	cmd := &cobra.Command{
		Use:   name,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: does(func(*cobra.Command, []string) error {
			if dir == "" {
				made, err := os.MkdirTemp("", "rhizome-bench-")
				if err != nil {
					return err
				}
				defer os.RemoveAll(made)
				dir = made
			}
			emit := func(m bench.Metric) {
				if json {
					writeLine(c.out, m)
					return
				}
				fmt.Fprintln(c.out, benchLine(m))
			}
			if !json {
				fmt.Fprintf(c.out, "%s/%s, %d processors, %s\n\n", runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0),
					runtime.Version())
			}
			return measure(vfs.OS(), dir, emit)
		}),
	}
	cmd.Flags().BoolVar(&json, "json", false, "write one JSON object per metric and nothing else")
	cmd.Flags().StringVar(&dir, "dir", "", "folder for the files that are measured (default a temporary one)")
	return cmd
}

// benchLine is a metric for people: the figure, what it is held against, and the aim where there is one.
func benchLine(m bench.Metric) string {
	s := fmt.Sprintf("%-26s %12s %-6s", m.Metric, short(m.Value), m.Unit)
	if m.Denominator != 0 {
		s += fmt.Sprintf("  %8s × %s (%s)", short(m.Ratio), m.What, short(m.Denominator))
	}
	switch {
	case m.Aim == nil:
	case m.AimOf == "ratio" && m.Better == "higher":
		s += fmt.Sprintf("  aim: at least %s ×", short(*m.Aim))
	case m.AimOf == "ratio":
		s += fmt.Sprintf("  aim: at most %s ×", short(*m.Aim))
	case m.Better == "higher":
		s += fmt.Sprintf("  aim: at least %s", short(*m.Aim))
	default:
		s += fmt.Sprintf("  aim: at most %s", short(*m.Aim))
	}
	return s
}

// short writes a figure with three digits that count.
func short(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x >= 100 || x <= -100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}
