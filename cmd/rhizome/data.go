package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
)

func newData(c *console) *cobra.Command {
	var part, of int
	var seed, alpha string
	dealt, _ := kinds.Find(job.DefaultName) // it is part of the program
	var file string
	var asJSON, force bool
	cmd := &cobra.Command{
		Use:   "data digits --part I --of N -o FILE",
		Short: "Write one client's part of a built-in data set to a file",
		Long: `Write the part of the UCI optical digits that client I of N has in the job digits, as a file for rhizome join --data:
a line for each image, 64 pixels of 0 to 16 and the digit, separated by commas.`,
		Example: "  rhizome data digits --part 0 --of 2 -o part0.csv",
		Args:    cobra.ExactArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			if d, ok := dealt.(job.Dealt); ok && !slices.Contains(d.WritableSets(), args[0]) {
				return &badInput{fmt.Sprintf("no data set %q is built in; want %s", args[0],
					strings.Join(d.WritableSets(), ", "))}
			}
			if file == "" {
				return &badInput{"data needs -o FILE"}
			}
			if of < 1 {
				return &badInput{fmt.Sprintf("--of is %d; want 1 or more", of)}
			}
			if part < 0 || part >= of {
				return &badInput{fmt.Sprintf("--part is %d; want 0 to %d, as --of is %d", part, of-1, of)}
			}
			j, err := job.With(dealt, map[string]string{"data": args[0], "clients": strconv.Itoa(of), "seed": seed,
				"alpha": alpha})
			if err != nil {
				return &badInput{err.Error()}
			}
			text, samples, err := j.(job.Dealt).PartText(part)
			if err != nil {
				return &badInput{err.Error()}
			}
			if err := writeNew(file, text, force); err != nil {
				return err
			}
			if asJSON {
				return writeLine(c.out, struct {
					File   string `json:"file"`
					Images int64  `json:"images"`
				}{file, samples})
			}
			_, err = fmt.Fprintf(c.out, "%s: %d images\n", file, samples)
			return err
		}),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&part, "part", 0, "which part, from 0")
	flags.IntVar(&of, "of", dealt.About().Clients, "parts, as many as the job has clients")
	flags.StringVar(&seed, "seed", dealt.Get("seed"), "the seed of the job")
	flags.StringVar(&alpha, "alpha", dealt.Get("alpha"), "the label skew of the job")
	flags.BoolVar(&force, "force", false, "replace a file that is there")
	flags.BoolVar(&asJSON, "json", false, "write one JSON object")
	flags.StringVarP(&file, "output", "o", "", "the file")
	cmd.AddCommand(newDataInspect(c), newDataShow(c))
	return cmd
}
