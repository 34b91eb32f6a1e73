package federated

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

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
func (Kind) Begin(name, file, data, label string) (*job.Beginning, error) {
	c := Default()
	c.Name, c.Model, c.Data, c.Label = name, file, data, label
	c.Rounds, c.Clients, c.Epochs, c.Batch, c.Seed, c.LearningRate = 30, 4, 2, 32, 1, 0.1
	c.Optimizer = "adam rate=0.001"
	if !c.brings() {
		return nil, &job.ConfigError{Key: "data", Value: fmt.Sprintf("%q", data),
			Want: "the name of a file or folder, such as ./train.csv"}
	}
	if file == "" {
		c.MLP = "64,32"
		c.Optimizer = "adam rate=0.01"
	}
	look := c
	look.Model, look.MLP = "", ""
	brought, err := look.Bring() // the data by itself, so that what is said of it does not hang on the model
	settings := map[string]string{}
	if err != nil { // columns of texts, perhaps, which can be features all the same
		look.Reader = `{"categorical":"onehot"}`
		again, still := look.Bring()
		if still != nil {
			return nil, err
		}
		brought, settings["categorical"] = again, "onehot"
	}
	found := brought.(Config)
	rows := found.data().Rows
	if quantities(found.form().Classes, rows) {
		settings["label_kind"] = "quantity"
	}
	if len(settings) > 0 {
		text, err := json.Marshal(settings)
		if err != nil {
			return nil, err
		}
		c.Reader, look.Reader = string(text), string(text)
		if brought, err = look.Bring(); err != nil {
			return nil, err
		}
	}
	c.Clients = max(1, min(c.Clients, rows/64))
	for c.Batch > 1 && c.Batch > rows*4/5/c.Clients/2 {
		c.Batch /= 2
	}
	if file == "" && len(brought.(Config).form().Shape) == 1 {
		c.Normalize = "standard"
	}
	j, err := c.Bring()
	if err != nil {
		return nil, err
	}
	c = j.(Config)
	s := c.form()
	b := &beginning{&job.Beginning{Rows: rows, Inputs: s.Shape, Features: s.Features.String(), Label: s.Label.String(),
		Classes: s.Classes, Loss: c.lossName()}, c}
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
	if _, err := c.trainee(); err != nil {
		return nil, err
	}
	return b.Beginning, nil
}

// quantities says whether the labels of a text file are rather numbers than classes: many, and each of them a number.
func quantities(classes []string, rows int) bool {
	if len(classes) <= 20 || len(classes) < rows/10 {
		return false
	}
	for _, name := range classes {
		if _, err := strconv.ParseFloat(name, 64); err != nil {
			return false
		}
	}
	return true
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
		line("  label: %s    # %s", quoted(label), b.about())
	}
	if strings.Contains(c.Reader, "categorical") {
		line("  categorical: onehot    # a column of texts is a feature for each text; or ignore: [COLUMN]")
	}
	if strings.Contains(c.Reader, "quantity") {
		line("  label_kind: quantity    # most labels are numbers of their own; class, where each number is a class")
	}
	line("  test: 0.2    # a share that is held out, or a file of its own")
	if len(b.Classes) > 0 {
		line("  partition: {dirichlet: 0.5}    # how run deals it: 0.1 is strong label skew, 100 next to none; or iid")
	} else {
		line("  partition: iid    # how run deals it to its clients")
	}
	if c.Normalize != "" {
		line(
			"  normalize: %s    # features to mean 0 and deviation 1; the model does it, by what is in this file",
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

// about says what the label is.
func (b *beginning) about() string {
	if len(b.Classes) == 0 {
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
