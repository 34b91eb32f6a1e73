package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/job/given"
	"github.com/rhizome-ml/rhizome/internal/job/judge"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

func newEvaluate(c *console) *cobra.Command {
	var file, label string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "evaluate DIR|MODEL.onnx --data FILE",
		Short: "Say how good a model is on a file of samples",
		Long: `Run a model over a file of samples, and say how many it tells right, its loss, and which classes it takes for which.
DIR is that of a run or of a server: its model is taken, and the file is read as the data of its job was.`,
		Example: `  rhizome evaluate .rhizome/mine --data test.csv
  rhizome evaluate model.onnx --data test.csv --label species --json`,
		Args: cobra.ExactArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			if file == "" {
				return &badInput{"evaluate needs --data: a file of samples"}
			}
			path, settings, err := toEvaluate(args[0])
			if err != nil {
				return err
			}
			if label != "" {
				if settings != nil {
					return &badInput{"--label is for a model file; the job of a directory has its own"}
				}
				settings = dataset.FileSettings{Label: label}.JSON()
			}
			f, err := given.Read(path)
			if err != nil {
				return err
			}
			d, err := given.Read(file)
			if err != nil {
				return err
			}
			source, _, err := data.OpenFile(d.Given(), settings)
			if err != nil {
				return &badInput{file + ": " + err.Error()}
			}
			e, err := judge.Evaluate(f.Given(), source)
			if isAny[*importer.RefusedError](err) || isAny[*dataset.RowError](err) {
				return &badInput{err.Error()}
			}
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if asJSON {
				return writeLine(c.out, evaluationLine{c.head(judge.Event), *e})
			}
			_, err = fmt.Fprint(c.out, plain(evaluation(args[0], e)))
			return err
		}),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&file, "data", "", "the samples: a file, or a folder of images by class")
	flags.StringVar(&label, "label", "", "the column or array of the label, where a model file is named")
	flags.BoolVar(&asJSON, "json", false, "write one JSON object")
	return cmd
}

// evaluationLine is an evaluation, for programs.
type evaluationLine struct {
	head
	judge.Evaluation
}

// toEvaluate returns the model that is named, and how its job reads samples.
func toEvaluate(name string) (path string, settings []byte, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", nil, err
	}
	if !info.IsDir() {
		return name, nil, nil
	}
	path = filepath.Join(name, rundir.ModelFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil,
			&badInput{name + " holds no " + rundir.ModelFile + ": want the directory of a run or a server " +
				"that is done, or a model file"}
	}
	j, err := rundir.Stored(vfs.OS(), name)
	if errors.Is(err, fs.ErrNotExist) {
		j, err = deploy.StoredJob(vfs.OS(), name)
	}
	if err != nil {
		return "", nil, err
	}
	text := j.Get("samples")
	if text == "" {
		return "", nil, &badInput{name + " is of a job on built-in data; name its model: " + path}
	}
	var of struct {
		Settings json.RawMessage `json:"settings"`
	}
	err = json.Unmarshal([]byte(text), &of)
	return path, of.Settings, err
}

// evaluation tells an evaluation to people.
func evaluation(name string, e *judge.Evaluation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d samples\n\n", clean.Text(name, 200), e.Samples)
	row := func(key, format string, args ...any) {
		fmt.Fprintf(&b, "  %-13s %s\n", key, fmt.Sprintf(format, args...))
	}
	if len(e.Classes) == 0 {
		row("squared error", "%.6g, the mean", e.Loss)
		row("absolute", "%.6g, the mean", e.Absolute)
		row("r2", "%.4f", e.Explained)
		return b.String()
	}
	right, _ := hits(e.Confusion)
	row("accuracy", "%s  (%d of %d)", percent(e.Accuracy), right, e.Samples)
	row("loss", "%.4f", e.Loss)
	fmt.Fprintf(&b, "\n  %-24s %8s %8s %9s\n", "class", "samples", "recall", "precision")
	for _, k := range e.PerClass {
		fmt.Fprintf(&b, "  %-24s %8d %8s %9s\n", clean.Text(k.Name, 24), k.Samples, percent(k.Recall),
			percent(k.Precision))
	}
	fmt.Fprintf(&b, "\n%s", confusion(e.Confusion, e.Classes))
	return b.String()
}
