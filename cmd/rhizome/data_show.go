package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/samples"
)

// dealing is a job that knows who gets what of its data.
type dealing interface {
	Shares() (counts [][]int, classes []string, test int, err error)
}

func newDataShow(c *console) *cobra.Command {
	var out string
	var asJSON, force bool
	set := newJobSettings(c)
	cmd := &cobra.Command{
		Use:   "show [JOB]",
		Short: "Say who gets what of a job's data, and draw it",
		Long: "Deal the data of a job as rhizome run does, and say how many samples of each class each client gets. " +
			"JOB is a job " +
			"file\nsuch as mine.yaml, or one that is built in: " + strings.Join(kinds.Builtins(kinds.Served),
			", ") + ".",
		Example: "  rhizome data show job.yaml -o parts.svg\n  rhizome data show digits --set alpha=0.1",
		Args:    cobra.MaximumNArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			named, given, err := set.served(args, true)
			if err != nil {
				return err
			}
			j, err := job.With(named, given)
			if err == nil {
				j, err = job.Bring(j)
			}
			if err != nil {
				return err
			}
			d, ok := j.(dealing)
			if !ok {
				return &badInput{"jobs of the kind " + j.Kind().Name() + " do not deal data; want a federated one"}
			}
			counts, classes, test, err := d.Shares()
			if err != nil {
				return err
			}
			if out != "" {
				if err := writeNew(out, samples.PartitionSVG(counts, classes), force); err != nil {
					return err
				}
			}
			if asJSON {
				return writeLine(c.out, sharesLine{j.About().Name, classes, counts, test, out})
			}
			fmt.Fprint(c.out, samples.PartitionText(counts, classes))
			if test > 0 {
				fmt.Fprintf(c.out, "test: %d samples\n", test)
			}
			if out != "" {
				fmt.Fprintf(c.out, "%s: the same as a picture\n", out)
			}
			return nil
		}),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	set.register(flags, setUsage)
	flags.StringVarP(&out, "output", "o", "", "draw it into this SVG file")
	flags.BoolVar(&force, "force", false, "replace a file that is there")
	flags.BoolVar(&asJSON, "json", false, "write one JSON object")
	return cmd
}

// sharesLine says who gets what, for programs.
type sharesLine struct {
	Job     string   `json:"job"`
	Classes []string `json:"classes,omitempty"`
	Clients [][]int  `json:"clients"` // samples of each class
	Test    int      `json:"test"`
	File    string   `json:"file,omitempty"`
}
