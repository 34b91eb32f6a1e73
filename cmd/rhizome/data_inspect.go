package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/job/given"
)

func newDataInspect(c *console) *cobra.Command {
	var s dataset.FileSettings
	var noHeader, asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Say what is in a data file, and what a job makes of it",
		Long: `Say what is in a data file, or in a folder of images: its format, columns or arrays, their types, classes and how many
samples each has, missing values, the first rows, and what a job would make of it.

What a file is says its content, not its name: CSV and TSV, NPY and NPZ, IDX, Parquet, Arrow, safetensors, JSON lines,
folders of PNG or JPEG images by class, each also packed by gzip or zstd. Of large files the first rows are counted.`,
		Example: "  rhizome data inspect train.csv --label species",
		Args:    cobra.ExactArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			if noHeader {
				no := false
				s.Header = &no
			}
			name, by, err := given.Name(args[0])
			if err != nil {
				return &badInput{err.Error()}
			}
			if by != nil { // a data set: what is known of its file
				s.Header, s.Skip, s.Scale, s.Classes = by.Header, by.Skip, by.Scale, by.Classes
			}
			path, err := filepath.Abs(name)
			if err != nil {
				return err
			}
			got, err := dataset.Inspect(os.DirFS(filepath.Dir(path)), filepath.Base(path), s)
			if err != nil {
				return &badInput{args[0] + ": " + err.Error()}
			}
			if asJSON {
				return writeLine(c.out, got)
			}
			_, err = fmt.Fprint(c.out, inspected(args[0], got))
			return err
		}),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&s.Label, "label", "", "the column or array of the label")
	flags.StringVar(&s.LabelKind, "label-kind", "", "class, quantity or none")
	flags.StringVar(&s.Labels, "labels", "", "the file of the labels, in the same folder")
	flags.StringSliceVar(&s.Features, "features", nil, "the columns or arrays of the features")
	flags.StringSliceVar(&s.Ignore, "ignore", nil, "columns that are no features")
	flags.BoolVar(&noHeader, "no-header", false, "the first line of CSV is a row, and names no columns")
	flags.IntVar(&s.Skip, "skip", 0, "lines of CSV before its header")
	flags.StringVar(&s.Text, "text", "", "a column of texts that is read as tokens")
	flags.StringVar(&s.Vocabulary, "vocabulary", "", "the file of tokens, one a line, in the same folder")
	flags.IntVar(&s.Length, "length", 0, "how many tokens a sample has")
	flags.StringVar(&s.Missing, "missing", "", "what missing values are: refuse, zero, mean or drop")
	flags.StringVar(&s.Categorical, "categorical", "", "what columns of texts are: refuse or onehot")
	flags.StringVar(&s.BadRows, "bad-rows", "", "what becomes of rows that cannot be read: refuse or skip")
	flags.BoolVar(&asJSON, "json", false, "write one JSON object")
	return cmd
}

// inspected says what was seen, without control characters of strangers.
func inspected(name string, i *dataset.Inspection) string {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(clean.Text(fmt.Sprintf(format, args...), 400) + "\n")
	}
	packed := ""
	if i.Packed != "" {
		packed = ", packed by " + i.Packed
	}
	line("%s: %s%s", name, i.Format, packed)
	if i.Bytes > 0 {
		line("%d bytes, %d rows", i.Bytes, i.Rows)
	} else {
		line("%d rows", i.Rows)
	}
	if i.Looked < i.Rows {
		line("counted in the first %d rows", i.Looked)
	}
	line("")
	for _, c := range i.Columns {
		text := fmt.Sprintf("  %-8s %-24s %-10s", c.Role, clean.Quote(c.Name, 40), c.Type)
		if len(c.Shape) > 0 {
			text += fmt.Sprintf(" %v", c.Shape)
		}
		if c.Low != nil {
			text += fmt.Sprintf(" %v to %v", float32(*c.Low), float32(*c.High))
		}
		if len(c.Texts) > 0 {
			text += fmt.Sprintf(" %q", c.Texts)
		}
		if c.Missing > 0 {
			text += fmt.Sprintf(", %d missing", c.Missing)
		}
		if c.Why != "" {
			text += ": " + c.Why
		}
		line("%s", strings.TrimRight(text, " "))
	}
	line("")
	for k, row := range i.First {
		line("  row %d  %s", k+1, strings.Join(row, " | "))
	}
	line("")
	if i.Problem == "" {
		each := ""
		if len(i.Each) > 0 {
			each = fmt.Sprintf(", each with a label of %v; what follows counts numbers of labels", i.Each)
		}
		line("samples: %d of %v%s", i.Samples, i.Shape, each)
		for k, n := range i.Counts[:min(len(i.Counts), 32)] {
			line("  class %d  %-24s %d samples", k, clean.Quote(i.Classes[k], 40), n)
		}
		if len(i.Counts) > 32 {
			line("  … %d classes in all", len(i.Counts))
		}
		if i.Label == "float32" {
			line("  the label is a quantity")
		}
	} else {
		line("it cannot be trained on so: %s", i.Problem)
	}
	for _, n := range i.Notes {
		line("note: %s", n)
	}
	return b.String()
}
