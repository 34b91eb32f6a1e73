package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
)

func newEvaluate(c *console) *cobra.Command {
	var file, loss string
	var inputs []string
	var said dataset.FileSettings
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
			path, settings, by, err := toEvaluate(args[0], embedded(file))
			if err != nil {
				return err
			}
			if loss != "" {
				if settings != nil {
					return &badInput{"--loss is for a model file; the job of a directory has its own"}
				}
				if by = loss; by != lossGiven && by != lossBCE {
					return &badInput{"--loss is " + strconv.Quote(loss) + "; want given or bce, or none: other " +
						"losses are those of classes and quantities"}
				}
			}
			if said.Label != "" {
				if settings != nil {
					return &badInput{"--label is for a model file; the job of a directory has its own"}
				}
			}
			f, err := given.Read(path)
			if err != nil {
				return err
			}
			from, err := readable(file)
			if err != nil {
				return err
			}
			if settings, err = withInputs(f, settings, from.by, said, inputs); isAny[*importer.RefusedError](err) {
				return &badInput{err.Error()}
			} else if err != nil {
				return err
			}
			source, err := from.open(settings)
			if err != nil {
				return err
			}
			e, err := judge.Evaluate(f.Given(), source, by)
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
	flags.StringVar(&file, "data", "", "the samples: a file, a folder of images by class, or the name of a data set")
	flags.StringVar(&said.Label, "label", "", "the column or array of the label, where a model file is named")
	flags.StringArrayVar(&inputs, "input", nil, "the columns or arrays of an input of a model file, as NAME=COLUMN,…; "+
		"once for each")
	flags.StringVar(&said.Text, "text", "", "a column of texts that is read as tokens, where a model file is named")
	flags.StringVar(&said.Vocabulary, "vocabulary", "", "the file of tokens, one a line, in the folder of the samples")
	flags.StringVar(&loss, "loss", "", "what a model file gives: given, its loss; bce, yes or no of labels 0 to 1")
	flags.BoolVar(&asJSON, "json", false, "write one JSON object")
	return cmd
}

// evaluationLine is an evaluation, for programs.
type evaluationLine struct {
	head
	judge.Evaluation
}

// toEvaluate returns the model that is named, and how its job reads samples.
func toEvaluate(name string, set bool) (path string, settings []byte, loss string, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", nil, "", err
	}
	if !info.IsDir() {
		return name, nil, "", nil
	}
	path = filepath.Join(name, rundir.ModelFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil, "",
			&badInput{name + " holds no " + rundir.ModelFile + ": want the directory of a run or a server " +
				"that is done, or a model file"}
	}
	j, err := rundir.Stored(vfs.OS(), name)
	if errors.Is(err, fs.ErrNotExist) {
		j, err = deploy.StoredJob(vfs.OS(), name)
	}
	if err != nil {
		return "", nil, "", err
	}
	text := j.Get("samples")
	if text == "" && set {
		return path, nil, "", nil
	}
	if text == "" {
		return "", nil, "", &badInput{name + " is of a job on built-in data; name its model: " + path}
	}
	var of struct {
		Settings json.RawMessage `json:"settings"`
	}
	if err := json.Unmarshal([]byte(text), &of); err != nil {
		return "", nil, "", err
	}
	settings, err = scaledSettings(name, of.Settings)
	return path, settings, j.Get("loss"), err
}

// The losses that say what a model gives: its loss, or yes and no of labels that are numbers.
const (
	lossGiven = "given"
	lossBCE   = "bce"
)

// withInputs returns the settings by which samples of a model file are read: those of its job, or the label and the
// inputs that were said, and what the model takes.
func withInputs(f given.File, settings []byte, by *dataset.FileSettings, of dataset.FileSettings,
	said []string) ([]byte, error) {
	if settings != nil {
		if len(said) > 0 || of.Text != "" || of.Vocabulary != "" {
			return nil, &badInput{"--input, --text and --vocabulary are for a model file; the job of a directory has " +
				"its own"}
		}
		return settings, nil
	}
	s := of
	if by != nil {
		s = *by
		s.Label = cmp.Or(of.Label, s.Label)
	}
	takes, err := judge.InputsOf(f.Given())
	if err != nil {
		return nil, err
	}
	for _, text := range said {
		name, columns, ok := strings.Cut(text, "=")
		in, there := takes[name]
		if !ok || !there {
			return nil, &badInput{fmt.Sprintf("--input is %q; want NAME=COLUMN,… of one of the inputs %q", text,
				slices.Sorted(maps.Keys(takes)))}
		}
		in.Columns = strings.Split(columns, ",")
		takes[name] = in
	}
	if len(takes) > 1 || len(said) > 0 {
		s.Inputs = takes
	} else {
		for _, in := range takes { // the one there is
			if s.Type = strings.TrimPrefix(in.Type, "float32"); s.Text != "" {
				s.Type = ""
			}
		}
	}
	for name, in := range takes { // a text has as many tokens as its input
		of := slices.Equal(in.Columns, []string{s.Text}) || len(in.Columns) == 0 && (name == s.Text || len(takes) == 1)
		if s.Text != "" && of && len(in.Shape) == 1 {
			s.Length = in.Shape[0]
		}
	}
	return s.JSON(), nil
}

// scaledSettings adds to the settings of a reader what the sums of a run's clients came to, where the model does not do
// it itself.
func scaledSettings(dir string, settings []byte) ([]byte, error) {
	scaled, err := rundir.ScaledBy(vfs.OS(), dir)
	if err != nil || scaled == nil || scaled.InModel {
		return settings, err
	}
	var s dataset.FileSettings
	if err := json.Unmarshal(settings, &s); err != nil {
		return nil, err
	}
	s.Shift, s.Divide = scaled.Shift, scaled.Divide
	return s.JSON(), nil
}

// evaluation tells an evaluation to people.
func evaluation(name string, e *judge.Evaluation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d samples\n\n", clean.Text(name, 200), e.Samples)
	row := func(key, format string, args ...any) {
		fmt.Fprintf(&b, "  %-13s %s\n", key, fmt.Sprintf(format, args...))
	}
	if e.Given {
		row("loss", "%.6g, the mean of what the model gives", e.Loss)
		return b.String()
	}
	if len(e.Each) > 0 {
		row("labels", "%v numbers for each sample: what follows is of each number", e.Each)
	}
	if len(e.Classes) == 0 {
		row("squared error", "%.6g, the mean", e.Loss)
		row("absolute", "%.6g, the mean", e.Absolute)
		row("r2", "%.4f", e.Explained)
		return b.String()
	}
	right, _ := hits(e.Confusion)
	all := e.Samples
	for _, n := range e.Each {
		all *= n
	}
	row("accuracy", "%s  (%d of %d)", percent(e.Accuracy), right, all)
	row("loss", "%.4f", e.Loss)
	fmt.Fprintf(&b, "\n  %-24s %8s %8s %9s\n", "class", "samples", "recall", "precision")
	for _, k := range e.PerClass {
		fmt.Fprintf(&b, "  %-24s %8d %8s %9s\n", clean.Text(k.Name, 24), k.Samples, percent(k.Recall),
			percent(k.Precision))
	}
	fmt.Fprintf(&b, "\n%s", confusion(e.Confusion, e.Classes))
	return b.String()
}
