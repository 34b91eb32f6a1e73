package federated

import (
	"fmt"
	"strings"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
)

// beginning is a job that was begun for files of a user's.
type beginning struct {
	*job.Beginning
	c Config
}

// Begin makes a job of a data file, a label and a model, any of which may be empty but the data: settings that are
// sensible for it. Errors are *job.ConfigError.
func (Kind) Begin(of job.Own) (*job.Beginning, error) {
	c := Default()
	c.Name, c.Model, c.Data, c.Label, c.Undo = of.Name, of.Model, of.Data, of.Label, strings.Join(of.Undo, ",")
	file := of.Model
	c.Rounds, c.Clients, c.Epochs, c.Batch, c.Seed, c.LearningRate = 30, 4, 2, 32, 1, 0.1
	c.Optimizer = "adam rate=0.001"
	if !c.brings() {
		return nil, &job.ConfigError{Key: "data", Value: fmt.Sprintf("%q", of.Data),
			Want: "the name of a file or folder, such as ./train.csv, or one of the data sets " +
				strings.Join(dataset.ReadySets(), ", ") + "; the digits have a job already: rhizome run"}
	}
	if file == "" {
		c.MLP = "64,32"
		c.Optimizer = "adam rate=0.01"
	}
	found, err := c.looked(of)
	if err != nil {
		return nil, err
	}
	c.Reader, c.Loss = found.Reader, found.Loss
	rows := found.data().Rows
	c.Clients = max(1, min(c.Clients, rows/64))
	least := 1
	if file != "" {
		least = 2 // a batch of 1 has no variance, which BatchNormalization wants
	}
	for c.Batch > least && c.Batch > rows*4/5/c.Clients/2 {
		c.Batch /= 2
	}
	if file == "" && len(found.form().Shape) == 1 {
		c.Normalize = "standard"
	}
	j, err := c.Bring()
	if err != nil {
		return nil, err
	}
	c = j.(Config)
	s := c.form()
	b := &beginning{&job.Beginning{Rows: rows, Inputs: s.Shape, Features: s.Features.String(), Label: s.Label.String(),
		Classes: s.Classes, Loss: c.lossName(), Each: s.LabelShape}, c}
	for _, p := range s.Parts {
		b.Takes = append(b.Takes, job.Input{Name: p.Name, Type: p.Type.String(), Shape: p.Shape,
			Columns: c.data().reader().Inputs[p.Name].Columns})
	}
	b.Beginning.File = b.file
	if n := c.net(); n != nil {
		whole, err := model.ReadFile(n.File.Given(), n.Options)
		if err != nil {
			return nil, err
		}
		b.Model = whole.Report()
	} else {
		b.Widths = c.widths()
	}
	return b.Beginning, nil
}

// file returns the job as a file with comments, whose own files are named as they are found from its folder.
func (b *beginning) file(model, data string) string {
	c := b.c
	var w strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&w, format+"\n", args...) }
	line("# A job of one's own. rhizome run FILE trains it on this machine, rhizome server FILE with clients on " +
		"others, each")
	line("# with data of its own (rhizome join INVITATION --data FILE). rhizome job schema has every key.")
	line("name: %s", c.Name)
	line("")
	if b.Model != nil {
		line("model:")
		line("  onnx: %s", quoted(model))
		line("  loss: %s    # or bce, mse, mae, huber", b.Loss)
		line("  # freeze: [\"features.*\"]    # parameters that stay as they are")
		b.undone(line)
		b.modes(line)
	} else {
		line("model:")
		line("  mlp: %s    # widths of the hidden layers; or onnx: a file, such as PyTorch exports",
			"["+strings.ReplaceAll(c.MLP,
				",", ", ")+"]")
		line("  loss: %s", b.Loss)
	}
	line("")
	line("data:")
	line("  train: %s    # %d samples of %s%v", quoted(data), b.Rows, b.Features, b.Inputs)
	if label := c.data().label(); label != "" {
		line("  label: %s    # %s", listed(label, c.form().Labels), b.about())
	}
	if strings.Contains(c.Reader, "categorical") {
		line("  categorical: onehot    # a column of texts is a feature for each text; or ignore: [COLUMN]")
	}
	if strings.Contains(c.Reader, "quantity") {
		line("  label_kind: quantity    # most labels are numbers of their own; class, where each number is a class")
	} else if strings.Contains(c.Reader, "label_kind") {
		line("  label_kind: class    # or quantity, where labels are numbers")
	}
	if s := c.data().reader(); s.Text != "" {
		line("  text: %s    # read as the numbers of tokens", quoted(s.Text))
		line("  vocabulary: %s    # one token a line, beside the data", quoted(s.Vocabulary))
		line("  length: %d    # tokens of a sample", s.Length)
	}
	b.inputs(line)
	if _, share := c.share(); share {
		line("  test: 0.2    # a share that is held out, or a file of its own")
	} else {
		line("  # test: 0.2    # a share that is held out; without it, the test that the set has of its own")
	}
	if c.form().Classed() {
		line("  partition: {dirichlet: 0.5}    # how run deals it: 0.1 is strong label skew, 100 next to none; or iid")
	} else {
		line("  partition: iid    # how run deals it to its clients")
	}
	if c.Normalize != "" {
		line(
			"  normalize: %s    # features to mean 0 and deviation 1, by this file; federated: by sums of all clients",
			c.Normalize)
	}
	line("")
	line("train:")
	line("  epochs: %d    # of a client over its own data, in a round", c.Epochs)
	line("  batch: %d", c.Batch)
	name, rate, _ := strings.Cut(c.Optimizer, " rate=")
	line("  optimizer: {%s: {rate: %s}}    # or sgd, adamw, adagrad, rmsprop, lamb", name, rate)
	line("")
	line("rounds: %d", c.Rounds)
	line("clients: %d", c.Clients)
	line("seed: %d", c.Seed)
	return w.String()
}

// undone writes what of the exporter's doing is undone, or what could be.
func (b *beginning) undone(line func(string, ...any)) {
	if b.c.Undo != "" {
		line("  undo: %s    # of what the exporter did", listed("", words(b.c.Undo)))
		return
	}
	for _, x := range b.c.net().model.Imported().Report().Changes {
		if x.What == "merged" {
			line("  # undo: [%s]    # the exporter made one tensor of several: each layer gets its own again", undoShared)
			return
		}
	}
}

// about says what the label is.
func (b *beginning) about() string {
	s := b.c.form()
	switch {
	case len(b.Classes) == 0 && len(s.LabelShape) > 0:
		return fmt.Sprintf("%v quantities", s.LabelShape)
	case len(b.Classes) == 0:
		return "a quantity"
	}
	shown := b.Classes[:min(len(b.Classes), 5)]
	text := fmt.Sprintf("%d classes: %s", len(b.Classes), strings.Join(shown, ", "))
	if len(shown) < len(b.Classes) {
		text += ", …"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// inputs writes which columns make the inputs of a model that has several.
func (b *beginning) inputs(line func(string, ...any)) {
	if len(b.Takes) == 0 {
		return
	}
	line("  inputs:    # which columns or arrays make each input of the model")
	for _, in := range b.Takes {
		line("    %s: %s", quoted(in.Name), listed("", in.Columns))
	}
}

// listed writes the name of a label, or the names of its columns.
func listed(label string, columns []string) string {
	if len(columns) == 0 {
		return quoted(label)
	}
	var out []string
	for _, c := range columns {
		out = append(out, quoted(c))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// quoted writes a text as YAML has it: as it is where nothing in it means anything there.
func quoted(text string) string {
	plain := text != "" && strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-/", r)
	}) < 0 && strings.ContainsAny(text[:1], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ./_")
	switch strings.ToLower(text) {
	case "true", "false", "null", "yes", "no", "on", "off":
		plain = false
	}
	if plain {
		return text
	}
	return fmt.Sprintf("%q", text)
}
