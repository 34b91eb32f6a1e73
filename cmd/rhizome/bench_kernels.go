package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/bench"
)

// kernelFlags are the flags of rhizome bench kernels.
type kernelFlags struct {
	json    bool
	profile string
	child   bool
	o       bench.KernelOptions
}

func newBenchKernels(c *console) *cobra.Command {
	f := &kernelFlags{o: bench.DefaultKernelOptions()}
	cmd := &cobra.Command{
		Use:   "kernels",
		Short: "Measure matrix products, steps of training and their memory",
		Args:  cobra.NoArgs,
		RunE: does(func(*cobra.Command, []string) error {
			if f.child {
				return f.peak(c)
			}
			return f.run(c)
		}),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "write one JSON object per metric and nothing else")
	flags.IntVar(&f.o.Threads, "threads", f.o.Threads, "threads of the backend")
	flags.StringSliceVar(&f.o.Parts, "parts", nil, "what to measure: "+strings.Join(bench.KernelParts(), ", ")+
		" (default all)")
	flags.StringSliceVar(&f.o.Models, "models", nil, "models to measure: "+strings.Join(bench.KernelModels(), ", ")+
		" (default all)")
	flags.IntVar(&f.o.Version, "version", f.o.Version, "version of the backend, whose rules hold: 1 or 2")
	flags.StringVar(&f.profile, "profile", "", "file for a profile of the processor's time")
	flags.BoolVar(&f.child, "child", false, "be the process whose memory is measured")
	flags.MarkHidden("child")
	return cmd
}

func (f *kernelFlags) run(c *console) (err error) {
	f.o.Peak = f.spawn
	if !f.json {
		fmt.Fprintf(c.out, "%s/%s, threads: %d, %s\n\n", runtime.GOOS, runtime.GOARCH, f.o.Threads, runtime.Version())
	}
	if f.profile != "" {
		out, err := os.Create(f.profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(out); err != nil {
			return errors.Join(err, out.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, out.Close())
		}()
	}
	return bench.Kernels(f.o, func(m bench.Metric) {
		if f.json {
			writeLine(c.out, m)
			return
		}
		fmt.Fprintln(c.out, benchLine(m))
	})
}

// spawn starts the process whose memory is measured, and returns that.
func (f *kernelFlags) spawn(model string) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, "bench", "kernels", "--child", "--models", model, "--threads",
		strconv.Itoa(f.o.Threads), "--version", strconv.Itoa(f.o.Version))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(out)))
}

// peak is that process.
func (f *kernelFlags) peak(c *console) error {
	n, err := bench.KernelPeak(strings.Join(f.o.Models, ""), f.o)
	if err == nil {
		fmt.Fprintln(c.out, n)
	}
	return err
}
