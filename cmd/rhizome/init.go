package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
)

func newInit(c *console) *cobra.Command {
	var name, model, data, label, out string
	var inputs []string
	var text, words string
	var splitShared, addBias, force, asJSON bool
	cmd := &cobra.Command{
		Use:   "init --data FILE [--model FILE.onnx]",
		Short: "Write a job file for a model and data of your own",
		Long: `Look at data, and at a model where there is one, say what was understood of them, and write a job file with comments
that rhizome run and rhizome server take. Without a model the job trains a multi-layer perceptron that fits the data.`,
		Example: `  rhizome init --data train.csv --label species
  rhizome init --model cnn.onnx --data images.npz -o cnn.yaml`,
		Args: cobra.NoArgs,
		RunE: does(func(*cobra.Command, []string) error {
			if data == "" {
				return &badInput{
					"init needs --data: a file (CSV, NPZ, Parquet and others) or a folder of images by class"}
			}
			if name == "" {
				name = nameOf(out)
			}
			if _, err := os.Stat(out); err == nil && !force {
				return &badInput{out + " is there already; want another name by -o, or --force to replace it"}
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			of := job.Own{Name: name, Model: asPath(model), Data: asPath(data), Label: label, Text: text,
				Vocabulary: words}
			if splitShared {
				of.Undo = append(of.Undo, "split-shared")
			}
			if addBias {
				of.Undo = append(of.Undo, "add-bias")
			}
			for _, said := range inputs {
				input, columns, ok := strings.Cut(said, "=")
				if !ok || input == "" || columns == "" {
					return &badInput{fmt.Sprintf("--input is %q; want NAME=COLUMN,… of an input of the model", said)}
				}
				if of.Inputs == nil {
					of.Inputs = map[string][]string{}
				}
				of.Inputs[input] = strings.Split(columns, ",")
			}
			b, err := kinds.Begin(of)
			if err != nil {
				return err
			}
			text := b.File(from(out, model), from(out, data))
			if err := writeFile(out, []byte(text)); err != nil {
				return err
			}
			if asJSON {
				return writeLine(c.out, begunLine{out, name, b.Rows, b.Inputs, b.Label, b.Each, b.Classes, inputsOf(b),
					b.Loss, b.Widths, b.Model})
			}
			_, err = fmt.Fprint(c.out, begun(b, out, data, model))
			return err
		}),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&data, "data", "", "the data to train on: a file, a folder of images by class, or a data set such as "+
		"iris")
	flags.StringVar(&label, "label", "", "the column or array that the model is to learn (default as the file shows)")
	flags.StringVar(&model, "model", "", "an ONNX file to train (default a multi-layer perceptron)")
	flags.StringArrayVar(&inputs, "input", nil, "the columns or arrays of an input of the model, as NAME=COLUMN,…; once "+
		"for each (default those that are called as the input is)")
	flags.BoolVar(&splitShared, "split-shared", false, "give each layer its own of the tensors that the exporter merged")
	flags.BoolVar(&addBias, "add-bias", false, "put back biases that were all zero and that the exporter left out")
	flags.StringVar(&text, "text", "", "a column of texts that is read as tokens, for a model that takes their numbers")
	flags.StringVar(&words, "vocabulary", "", "the file of tokens, one a line, in the folder of the data")
	flags.StringVar(&name, "name", "", "what the job is called (default as the file that is written)")
	flags.StringVarP(&out, "output", "o", "job.yaml", "the job file")
	flags.BoolVar(&force, "force", false, "replace a file that is there")
	flags.BoolVar(&asJSON, "json", false, "write what was understood as one JSON object and nothing else")
	return cmd
}

// begunLine is what init understood, for programs.
type begunLine struct {
	File    string   `json:"file"`
	Job     string   `json:"job"`
	Samples int      `json:"samples"`
	Shape   []int    `json:"shape"`
	Label   string   `json:"label"`
	Each    []int    `json:"label_shape,omitempty"`
	Classes []string `json:"classes,omitempty"`
	Inputs  any      `json:"inputs,omitempty"`
	Loss    string   `json:"loss"`
	MLP     []int    `json:"mlp,omitempty"`
	Model   any      `json:"model,omitempty"`
}

// inputsOf are those of a model that has several, nil for others.
func inputsOf(b *job.Beginning) any {
	if len(b.Takes) == 0 {
		return nil
	}
	return b.Takes
}

// begun says what was understood of a job's data and model.
func begun(b *job.Beginning, out, data, model string) string {
	var w strings.Builder
	row := func(key, format string, args ...any) {
		fmt.Fprintf(&w, "  %-9s %s\n", key, clean.Text(fmt.Sprintf(format, args...), 400))
	}
	row("data", "%s: %d samples of %s%v", data, b.Rows, b.Features, b.Inputs)
	for _, of := range b.Takes {
		row("input", "%s, %s%v: %s", of.Name, of.Type, of.Shape, strings.Join(of.Columns, ", "))
	}
	if len(b.Each) > 0 {
		row("label", "%v numbers for each sample", b.Each)
	}
	if len(b.Classes) > 0 {
		row("label", "%d classes: %s", len(b.Classes), strings.Join(b.Classes[:min(len(b.Classes), 12)], ", "))
	} else {
		row("label", "a quantity")
	}
	if m := b.Model; m != nil {
		row("model", "%s, written by %s: %d parameters with %d numbers are trained", model, orNone(m.Producer),
			m.Trained, m.Elements)
		for _, r := range m.Repairs {
			row("repair", "%s", r)
		}
		for _, ch := range m.Changes {
			row("exporter", "%s", ch.Text)
		}
		for _, n := range m.Notes {
			row("note", "%s", n)
		}
		bytes, what := 0, []string{}
		for _, s := range m.Stays {
			bytes += s.Bytes
			what = append(what, s.What)
		}
		if bytes > 0 {
			row("stays", "%d bytes of the author's metadata, which no client sees: %s", bytes, strings.Join(what, ", "))
		}
	} else {
		row("model", "a multi-layer perceptron of the widths %v", b.Widths)
	}
	row("loss", "%s", b.Loss)
	fmt.Fprintf(&w, "\n%s: the job, to read and to change; next: rhizome run %s\n", out, quoted(out))
	return w.String()
}

// nameLetters are those that the name of a job may have.
var nameLetters = regexp.MustCompile(`[^a-z0-9_-]+`)

// nameOf makes the name of a job of that of its file.
func nameOf(out string) string {
	base := filepath.Base(out)
	name := nameLetters.ReplaceAllString(strings.ToLower(strings.TrimSuffix(base, filepath.Ext(base))), "-")
	if name = strings.TrimRight(strings.TrimLeft(name, "-_0123456789"), "-_"); !job.GoodName(name) {
		return "mine"
	}
	return name
}

// asPath returns the name of a file so that it is not taken for that of a built-in set.
func asPath(name string) string {
	if name == "" || strings.ContainsAny(name, `/\.`) || isDataSet(name) {
		return name
	}
	return "./" + name
}

// from returns the name of a file as it is found from the folder of another.
func from(out, name string) string {
	if name == "" || filepath.IsAbs(name) || isDataSet(name) {
		return name
	}
	if rel, err := filepath.Rel(filepath.Dir(out), name); err == nil {
		name = rel
	}
	return asPath(filepath.ToSlash(name))
}
