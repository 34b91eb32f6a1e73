package split

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// messageMax bounds what travels in one message: a batch of what goes over a cut, and the parameters of a client.
const messageMax = 1 << 20

// Config is the description of a job: plain data.
type Config struct {
	// Name is what people call the job: up to 64 of a-z, 0-9, '-' and '_'.
	Name string
	// Cut names the tensor behind which the server's part begins. CutBack names the one behind which the last part
	// begins, which is the client's again; empty: there is none, and clients send their labels.
	Cut, CutBack string
	// Learn is the model, the data and how both are trained, in the words of a federated job. What stands beside it is
	// of it.
	Learn federated.Config
	// Data is the data set, or a file.
	Data string
	// Rounds is how often each client has its turn, 1 to 100,000.
	Rounds int
	// Clients is their number, 1 to 64; in a simulation of a file up to 4,096, of data that each draws up to 131,072.
	Clients int
	// Seed decides the split of the data, its partition, initial values and the order of batches. Any number.
	Seed uint64
	// LearningRate is the step of gradient descent, above 0 and up to 10.
	LearningRate float64
}

// shared are the settings of a federated job that a job of this kind has too, by name.
func shared() []string {
	return []string{"model", "mlp", "output", "loss", "trainable", "freeze", "undo", "label", "test", "partition",
		"normalize", "reader", "alpha", "hidden", "layers", "epochs", "batch", "momentum", "optimizer", "schedule",
		"heartbeat", "network", "samples"}
}

// fields are all settings: those of the kind, and behind them those that it shares with federated jobs.
var fields = append(ownFields, sharedFields()...)

var ownFields = []job.Field[Config]{
	{Key: "name", At: func(c *Config) any { return &c.Name },
		Of: job.Key{Doc: "What people call the job: 1 to 64 of a-z, 0-9, '-' and '_', the first a letter."}},
	{Key: "cut", At: func(c *Config) any { return &c.Cut }, Of: job.Key{In: "model.cut",
		Doc: "The tensor at which the model is cut: what makes it is the client's, what comes behind it the server's. Of " +
			"the built-in perceptron dense1.out, dense2.out and so on, behind each hidden layer."}},
	{Key: "cut_back", At: func(c *Config) any { return &c.CutBack }, Of: job.Key{In: "model.cut_back",
		Doc: "The tensor behind which the rest is the client's again, so that labels stay there; without it the rest is the " +
			"server's, and clients send their labels."}},
	{Key: "data", At: func(c *Config) any { return &c.Data }, Of: federated.Field("data").Of},
	{Key: "rounds", At: func(c *Config) any { return &c.Rounds },
		Of: job.Key{Doc: "How often each client has its turn, 1 to 100,000."}},
	{Key: "clients", At: func(c *Config) any { return &c.Clients },
		Of: job.Key{Doc: "How many clients there are, 1 to 64 on one machine, in a simulation up to 4,096 of a file."}},
	{Key: "seed", At: func(c *Config) any { return &c.Seed },
		Of: job.Key{Doc: "What all that is random is drawn from: initial values, partition, the order of batches."}},
	{Key: "learning_rate", At: func(c *Config) any { return &c.LearningRate }, Of: job.Key{In: "train.learning_rate",
		Doc: "The step of gradient descent, above 0 and up to 10; an optimizer with a rate of its own takes that."}},
}

func sharedFields() (out []job.Field[Config]) {
	for _, key := range shared() {
		f := federated.Field(key)
		out = append(out, job.Field[Config]{Key: key, Of: f.Of, At: func(c *Config) any { return f.At(&c.Learn) }})
	}
	return out
}

// Default has the settings that a job file need not say.
func Default() Config {
	l := federated.Default()
	c := Config{Name: "split", Cut: "dense1.out", Data: l.Data, Rounds: 20, Clients: 4, Seed: 1, LearningRate: 0.1}
	l.Epochs, l.Strategy = 1, "fedavg"
	c.Learn = l
	return c
}

// learn is the model, the data and how both are trained, in the words of a federated job.
func (c Config) learn() federated.Config {
	l := c.Learn
	l.Name, l.Data, l.Seed, l.Rounds, l.Clients = c.Name, c.Data, c.Seed, c.Rounds, c.Clients
	l.LearningRate = c.LearningRate
	if l.Model != "" {
		l.Dropout = "off" // what a step drops is drawn at each client, and no part of the server's would know it
	}
	return l
}

// cuts are the tensors at which the model is cut.
func (c Config) cuts() []string {
	if c.CutBack == "" {
		return []string{c.Cut}
	}
	return []string{c.Cut, c.CutBack}
}

// Validate returns nil when the job can run, or a *job.ConfigError for the first setting that is not possible.
func (c Config) Validate() error {
	if c.Clients < 1 {
		return &job.ConfigError{Key: "clients", Value: strconv.Itoa(c.Clients),
			Want: "at least 1: they take turns in a fixed order"}
	}
	for _, k := range []struct{ key, text string }{{"cut", c.Cut}, {"cut_back", c.CutBack}} {
		if len(k.text) > 1024 {
			return &job.ConfigError{Key: k.key, Value: fmt.Sprintf("%.40q…", k.text),
				Want: "the name of a tensor, of up to 1,024 bytes"}
		}
	}
	if err := c.learn().Validate(); err != nil {
		var e *job.ConfigError
		if most, found := "", false; errors.As(err, &e) && e.Key == "clients" {
			if most, found = strings.CutPrefix(e.Want, "0 to "); found { // none is for federated jobs alone
				return &job.ConfigError{Key: e.Key, Value: e.Value, Want: "1 to " + most}
			}
		}
		return err
	}
	if l := c.learn(); c.Learn.Samples == "" && l.Shared() != "" ||
		c.Learn.Model != "" && c.Learn.Network == "" {
		return nil // what the files have is not known yet
	}
	_, err := c.pieces()
	return err
}

// pieces are the parts of the model.
func (c Config) pieces() (*federated.Pieces, error) {
	p, err := c.learn().Cut(c.cuts()...)
	if e := (*job.ConfigError)(nil); errors.As(err, &e) && e.Key == "cut" && e.Value == strconv.Quote(c.CutBack) &&
		c.CutBack != "" {
		return nil, &job.ConfigError{Key: "cut_back", Value: e.Value, Want: e.Want}
	}
	if err != nil {
		return nil, err
	}
	for i, t := range p.Cuts {
		if n := federated.Bytes(t); n > messageMax {
			return nil, &job.ConfigError{Key: "batch", Value: strconv.Itoa(c.Learn.Batch),
				Want: fmt.Sprintf("a smaller one, or another cut than %s: a batch of it has %d bytes, and what travels up "+
					"to %d", c.cuts()[i], n, messageMax)}
		}
	}
	n := 0
	for _, i := range c.own() {
		for _, t := range p.Values[i][:p.Params(i)] {
			n += federated.Bytes(t)
		}
	}
	if n > messageMax {
		return nil, &job.ConfigError{Key: "cut", Value: strconv.Quote(c.Cut),
			Want: fmt.Sprintf("one nearer to the samples: what clients train has %d bytes there, and is handed on whole, up "+
				"to %d", n, messageMax)}
	}
	return p, nil
}

// own are the pieces that clients train.
func (c Config) own() []int {
	if c.CutBack == "" {
		return []int{0}
	}
	return []int{0, 2}
}

// Schema returns what the samples of the job's data are, or a *job.ConfigError where the job cannot run on them.
func (c Config) Schema() (dataset.Schema, error) { return c.learn().Schema() }

// Rooted returns the job with the names of its files as they are found from elsewhere.
func (c Config) Rooted(dir string) job.Job { return c.with(c.learn().Rooted(dir)) }

// with returns the job with files and what was found in them as another job has it.
func (c Config) with(j job.Job) Config {
	l := j.(federated.Config)
	c.Data, c.Learn.Model, c.Learn.Test = l.Data, l.Model, l.Test
	c.Learn.Network, c.Learn.Samples = l.Network, l.Samples
	return c
}

// Brings says whether the job names files that Bring reads.
func (c Config) Brings() bool { return c.learn().Brings() }

// Bring reads the files that the job names. Errors are *job.ConfigError.
func (c Config) Bring() (job.Job, error) {
	if !c.Brings() {
		return c, nil
	}
	j, err := c.learn().Bring()
	if err != nil {
		return nil, err
	}
	c = c.with(j)
	return c, c.Validate()
}

// Unchanged reads the files again, and says which is not what it was.
func (c Config) Unchanged() error { return c.learn().Unchanged() }

// Shared returns the file of data of which each client of a run on one machine has a part.
func (c Config) Shared() string { return c.learn().Shared() }

// Give gives a node the files; part is that of a client, or -1 for the server.
func (c Config) Give(cfg *node.Config, part int) error { return c.learn().Give(cfg, part) }
