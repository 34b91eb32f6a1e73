package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/bench"
)

// learnFlags are the flags of rhizome bench learn.
type learnFlags struct {
	json bool
	dir  string
	o    bench.LearnOptions
}

func newBenchLearn(c *console) *cobra.Command {
	f := &learnFlags{o: bench.DefaultLearnOptions()}
	cmd := &cobra.Command{
		Use:   "learn",
		Short: "Hold how well jobs learn against plain loops of PyTorch",
		Long: `Have jobs learn in the simulator, and plain loops of PyTorch that are written from the papers, on the same
parts of the data and from the same first parameters, and print what each comes to on samples that neither has seen.
Each side draws the order of its batches itself, so that single runs differ: figures are means over the seeds, in
percent, and behind a difference stands its standard error. Wants a Python with PyTorch and NumPy. It takes a few
strategies on each task; --all is every strategy on every task, and takes many times as long.

Tasks:
` + bench.LearnHelp(),
		Example: "  rhizome bench learn --python torch/bin/python\n" +
			"  rhizome bench learn --tasks liars --strategies 'median,krum f=3' --seeds 5",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error { return f.run(c, cmd) }),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "write one JSON object for each row and nothing else")
	flags.StringVar(&f.o.Python, "python", f.o.Python, "a Python that has PyTorch and NumPy")
	flags.StringSliceVar(&f.o.Tasks, "tasks", nil, "what to learn: "+strings.Join(bench.LearnTasks(), ", ")+
		" (default all that there is data for)")
	flags.StringSliceVar(&f.o.Strategies, "strategies", nil,
		"strategies with their settings, such as 'krum f=3' (default a few for each task)")
	flags.BoolVar(&f.o.All, "all", false, "every strategy on every task, which takes many times as long")
	flags.IntVar(&f.o.Seeds, "seeds", f.o.Seeds, "seeds, from 1 on")
	flags.IntVar(&f.o.Rounds, "rounds", 0, "rounds (default as each task has)")
	flags.StringVar(&f.o.Fashion, "fashion", "",
		"folder of Fashion-MNIST's four files (default where Debian's package puts them)")
	flags.StringVar(&f.dir, "dir", "", "folder for data, jobs and models (default a temporary one)")
	return cmd
}

func (f *learnFlags) run(c *console, cmd *cobra.Command) error {
	dir := f.dir
	if dir == "" {
		made, err := os.MkdirTemp("", "rhizome-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(made)
		dir = made
	} else if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	f.o.Command = func(args ...string) *exec.Cmd { return exec.Command(self, args...) }
	f.o.Note = func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), text) }
	f.o.Begin = func(torch string) {
		if !f.json {
			fmt.Fprintf(c.out, "%s; at most %g points apart is the aim; seeds: %d\n\n"+
				"| task | data | strategy | Rhizome | PyTorch | difference |\n|---|---|---|---|---|---|\n", torch,
				bench.LearnAim, f.o.Seeds)
		}
	}
	err = bench.Learn(f.o, dir, func(l bench.Learned) {
		if f.json {
			writeLine(c.out, l)
			return
		}
		fmt.Fprintln(c.out, learnedLine(l))
	})
	var bad *bench.LearnError
	if errors.As(err, &bad) {
		return &badInput{bad.Error()}
	}
	return err
}

// learnedLine is a row of the table.
func learnedLine(l bench.Learned) string {
	figure := func(x *float64, format, none string) string {
		if x == nil {
			return none
		}
		return fmt.Sprintf(format, *x)
	}
	apart := figure(l.Difference, "%+.1f", "")
	if apart != "" {
		apart += figure(l.Error, " ± %.1f", "")
	}
	if l.Difference != nil && max(*l.Difference, -*l.Difference) > l.Aim {
		apart += ", beyond " + strconv.FormatFloat(l.Aim, 'g', -1, 64)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |", l.Task, l.Data, l.Strategy,
		figure(l.Rhizome, "%.1f %%", "the job fails"), figure(l.PyTorch, "%.1f %%", "no number"), apart)
}
