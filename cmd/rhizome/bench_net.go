package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/bench"
	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// netFlags are the flags of rhizome bench net.
type netFlags struct {
	json    bool
	dir     string
	profile string
	child   bool
	o       bench.NetOptions
}

func newBenchNet(c *console) *cobra.Command {
	f := &netFlags{o: bench.DefaultNetOptions()}
	cmd := &cobra.Command{
		Use:   "net",
		Short: "Measure nodes in processes of their own over loopback sockets",
		Args:  cobra.NoArgs,
		RunE: does(func(*cobra.Command, []string) error {
			if f.child {
				return f.be(c)
			}
			return f.run(c)
		}),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "write one JSON object per metric and nothing else")
	flags.StringVar(&f.dir, "dir", "", "folder for the files that are measured (default a temporary one)")
	flags.StringSliceVar(&f.o.Parts, "parts", nil, "what to measure: "+strings.Join(bench.NetParts(),
		", ")+" (default all)")
	flags.IntVar(&f.o.Rounds, "rounds", f.o.Rounds, "empty rounds of one measurement")
	flags.IntVar(&f.o.Repeat, "repeat", f.o.Repeat, "measurements of which the median counts")
	flags.IntVar(&f.o.Stream, "stream", f.o.Stream, "bytes that are sent to measure throughput")
	flags.IntVar(&f.o.Hidden, "hidden", f.o.Hidden,
		"width of the two hidden layers of the large model; 4,962 make 100 MB")
	flags.IntSliceVar(&f.o.Clients, "clients", f.o.Clients, "clients of the large model, one job after the other")
	flags.IntSliceVar(&f.o.Fleet, "fleet", f.o.Fleet, "clients of the fleets, one after the other")
	flags.IntVar(&f.o.Updates, "updates", f.o.Updates, "updates that the clients of a fleet give, about")
	flags.StringVar(&f.profile, "profile", "", "folder for a profile of the processor's time of each process")
	flags.BoolVar(&f.child, "child", false, "be a process of the bench")
	flags.MarkHidden("child")
	return cmd
}

func (f *netFlags) run(c *console) error {
	dir := f.dir
	if dir == "" {
		made, err := os.MkdirTemp("", "rhizome-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(made)
		dir = made
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	f.o.Spawn, f.o.Train, f.o.Members = f.spawn, f.train, members
	f.o.Command = func(args ...string) *exec.Cmd { return exec.Command(self, args...) }
	if !f.json {
		fmt.Fprintf(c.out, "%s/%s, %d processors, %s\n\n", runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0),
			runtime.Version())
	}
	return bench.Net(vfs.OS(), dir, f.o, func(m bench.Metric) {
		if f.json {
			writeLine(c.out, m)
			return
		}
		fmt.Fprintln(c.out, benchLine(m))
	})
}

// members asks the server that runs in a directory how many clients have registered.
func members(dir string) (int64, error) {
	reply, err := deploy.Call(deploy.Options{Dir: dir}, deploy.Request{Op: deploy.OpStatus})
	if err != nil {
		return 0, err
	}
	return int64(reply.Status.Counters["registry.joined"]), nil
}

// spawn starts a process of the bench.
func (f *netFlags) spawn() (*bench.NetProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return process(exec.Command(self, "bench", "net", "--child", "--profile", f.profile))
}

// train starts the processes of a job, in a directory that is made for it.
func (f *netFlags) train(c job.Job, dir string) (*bench.NetProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	var text strings.Builder
	text.WriteString(job.KeyKind + ": " + c.Kind().Name() + "\n")
	for _, key := range job.KeysOf(c.Kind()) {
		if v := c.Get(key); v != "" {
			text.WriteString(key + ": " + v + "\n")
		}
	}
	file := filepath.Join(dir, "job.yaml")
	if err := os.WriteFile(file, []byte(text.String()), 0o666); err != nil {
		return nil, err
	}
	return process(exec.Command(self, "run", file, "--dir", filepath.Join(dir, "run"), "--processes", "--json"))
}

// process starts a command.
func process(cmd *exec.Cmd) (*bench.NetProcess, error) {
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &bench.NetProcess{In: in, Out: out, End: cmd.Wait}, nil
}

// be is a process of the bench.
func (f *netFlags) be(c *console) (err error) {
	if f.profile != "" {
		if err := os.MkdirAll(f.profile, 0o777); err != nil {
			return err
		}
		out, err := os.Create(filepath.Join(f.profile, fmt.Sprintf("net-%d.pprof", os.Getpid())))
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
	return bench.NetChild(os.Stdin, c.out)
}
