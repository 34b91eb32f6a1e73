package evaluation

import (
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job/samples"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
)

// clientsMax bounds the clients of a run in one process, simulatedMax those of a simulation of data that every client
// draws for itself.
const (
	clientsMax   = 64
	simulatedMax = 1 << 16
)

// modelMax bounds the parameters in bytes: they travel in one message. fileMax bounds their file.
const (
	modelMax = 1 << 20
	fileMax  = 8 << 20
)

// Config is the description of a job: plain data.
type Config struct {
	// Name is what people call the job: up to 64 of a-z, 0-9, '-' and '_'.
	Name string
	// Data is the data set that the clients have: one of package dataset of which every node has samples of itself, as
	// float32 of one dimension with classes.
	Data string
	// Rounds is how often the model is judged, 1 to 100,000.
	Rounds int
	// Clients is their number, 1 to 64; in a simulation of synthetic data up to 65,536.
	Clients int
	// Seed decides the partition, and the parameters where Model gives none. Any number.
	Seed uint64
	// Alpha is the concentration of the Dirichlet distribution that the classes are dealt by, above 0 and up to 1e6.
	Alpha float64
	// Hidden is the width of a hidden layer of the model, 1 to 8,192, and Layers their number, 1 to 16; with Model they
	// say nothing.
	Hidden, Layers int
	// Model is the path of an ONNX file, which becomes a part of the program; empty means the model that Hidden and
	// Layers describe.
	Model string
	// Heartbeat is how often a client tells the server that it is there, 10 ms to 1 h.
	Heartbeat time.Duration
}

var fields = []job.Field[Config]{
	{Key: "name", At: func(c *Config) any { return &c.Name },
		Of: job.Key{Doc: "What people call the job: 1 to 64 of a-z, 0-9, '-' and '_', the first a letter."}},
	{Key: "data", At: func(c *Config) any { return &c.Data },
		Of: job.Key{Doc: "The data set that the clients have, by the name of one that is built in."}},
	{Key: "rounds", At: func(c *Config) any { return &c.Rounds },
		Of: job.Key{Doc: "How often the model is judged, 1 to 100,000."}},
	{Key: "clients", At: func(c *Config) any { return &c.Clients },
		Of: job.Key{Doc: "How many clients there are, 1 to 64 on one machine."}},
	{Key: "seed", At: func(c *Config) any { return &c.Seed },
		Of: job.Key{Doc: "What the partition, and parameters where no file gives them, are drawn from."}},
	{Key: "alpha", At: func(c *Config) any { return &c.Alpha },
		Of: job.Key{Doc: "Label skew by which the data is dealt, above 0 and up to 1e6."}},
	{Key: "hidden", At: func(c *Config) any { return &c.Hidden },
		Of: job.Key{Doc: "Width of a hidden layer of the perceptron, 1 to 8,192."}},
	{Key: "layers", At: func(c *Config) any { return &c.Layers },
		Of: job.Key{Doc: "Hidden layers of the perceptron, 1 to 16."}},
	{Key: "model", At: func(c *Config) any { return &c.Model },
		Of: job.Key{
			Doc: "The ONNX file of the model that is judged; without it, the perceptron of hidden and layers."}},
	{Key: "heartbeat", At: func(c *Config) any { return &c.Heartbeat },
		Of: job.Key{Doc: "How often a client says that it is there, 10ms to 1h."}},
}

// Default has the settings that a job file need not say.
func Default() Config {
	return Config{Name: "evaluation", Data: job.DataDigits, Rounds: 1, Clients: 8, Seed: 1, Alpha: 0.5, Hidden: 32,
		Layers: 1, Heartbeat: time.Second}
}

// Validate returns nil when the job can run, or a *job.ConfigError for the first setting that is not possible. The
// model's file is read when the program is made.
func (c Config) Validate() error {
	bad := func(key string, v any, want string) error {
		return &job.ConfigError{Key: key, Value: fmt.Sprint(v), Want: want}
	}
	most := clientsMax
	if samples.Drawn(c.Data) {
		most = simulatedMax
	}
	_, unusable := c.Schema()
	switch {
	case !job.GoodName(c.Name):
		return bad("name", fmt.Sprintf("%q", c.Name), "1 to 64 of a-z, 0-9, '-' and '_', the first a letter")
	case unusable != nil:
		return unusable
	case !(c.Alpha > 0 && c.Alpha <= 1e6):
		return bad("alpha", c.Alpha, "above 0 and at most 1e6")
	case c.Heartbeat < 10*time.Millisecond || c.Heartbeat > time.Hour || c.Heartbeat%time.Millisecond != 0:
		return bad("heartbeat", c.Heartbeat, "whole milliseconds, 10ms to 1h")
	case len(c.Model) > 4096:
		return bad("model", fmt.Sprintf("%.40q…", c.Model), "a path of at most 4,096 bytes")
	}
	for _, k := range []struct {
		key     string
		v, l, h int
	}{{"rounds", c.Rounds, 1, 100_000}, {"clients", c.Clients, 1, most}, {"hidden", c.Hidden, 1, 8192},
		{"layers", c.Layers, 1, 16}} {
		if k.v < k.l || k.v > k.h {
			return bad(k.key, k.v, fmt.Sprintf("%d to %d", k.l, k.h))
		}
	}
	if n := c.ModelBytes(); n > modelMax {
		return bad("hidden", c.Hidden, fmt.Sprintf("parameters of at most %d bytes, not %d: they travel in one message",
			modelMax, n))
	}
	return nil
}

// Schema returns what the samples of the job's data are, or a *job.ConfigError where the job cannot run on them.
func (c Config) Schema() (dataset.Schema, error) { return samples.Schema(c.Data) }

// shape returns the features and the classes of the data, which Validate has seen.
func (c Config) shape() (inputs, classes int) {
	s, _ := c.Schema()
	return s.Width(), len(s.Classes)
}

// widths are those of the network without a file.
func (c Config) widths() []int {
	inputs, classes := c.shape()
	w := []int{inputs}
	for range c.Layers {
		w = append(w, c.Hidden)
	}
	return append(w, classes)
}

// ModelBytes returns the size of the parameters of the model that the settings describe, or 0 where a file gives them:
// little at most.
func (c Config) ModelBytes() int {
	if c.Model != "" {
		return 0
	}
	n, w := 0, c.widths()
	for i := range len(w) - 1 {
		n += w[i]*w[i+1] + w[i+1]
	}
	return 4 * n
}

// network returns the model that is judged, as the settings of its component.
func (c Config) network() (model.Config, *model.Graph, error) {
	cfg := model.Config{MLP: c.widths()}
	if c.Model != "" {
		b, err := vfs.ReadFile(vfs.OS(), c.Model, fileMax)
		if err != nil {
			return cfg, nil, fmt.Errorf("model: %w", err)
		}
		cfg = model.Config{ONNX: b}
	}
	g, err := cfg.Graph()
	switch {
	case err != nil && c.Model != "":
		return cfg, nil, &job.ConfigError{Key: "model", Value: c.Model, Want: "an ONNX file of a model: " + err.Error()}
	case err != nil:
		return cfg, nil, err
	case g.Bytes() > modelMax:
		return cfg, nil, &job.ConfigError{Key: "model", Value: c.Model,
			Want: fmt.Sprintf("parameters of at most %d bytes, not %d: they travel in one message", modelMax,
				g.Bytes())}
	}
	return cfg, g, nil
}
