package gossip

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

var (
	_ job.Filed   = Config{}
	_ job.OwnHeld = Config{}
)

// shared are the settings of a federated job that a gossip job has too, by name, and what they are called here where
// that is another name.
func shared() []string {
	return []string{"model", "mlp", "output", "loss", "trainable", "freeze", "undo", "buffers", "dropout", "label",
		"test", "partition", "normalize", "reader", "alpha", "epochs", "momentum", "optimizer", "schedule",
		"clip_gradient", "network", "samples"}
}

// keyFound is what the setting samples of a federated job, what was found in its data, is called here.
const keyFound = "found"

func sharedFields() (out []job.Field[Config]) {
	for _, key := range shared() {
		f := federated.Field(key)
		if key == "samples" {
			key = keyFound
		}
		out = append(out, job.Field[Config]{Key: key, Of: f.Of, At: func(c *Config) any { return f.At(&c.Learn) }})
	}
	return out
}

// defaultLearn is what a node does where a job says nothing of it.
func defaultLearn() federated.Config {
	l := federated.Default()
	l.Data, l.Epochs, l.Strategy = "", 1, "fedavg"
	return l
}

// learns says whether a node trains more than the logistic regression on samples that it draws.
func (c Config) learns() bool {
	return c.Data != job.DataSynthetic || c.Learn.Model != "" || c.Learn.MLP != ""
}

// learn is what a node trains, and how, in the words of a federated job.
func (c Config) learn() federated.Config {
	l := c.Learn
	l.Name, l.Data, l.Seed, l.Rounds, l.Clients = c.Name, c.Data, c.Seed, min(c.Rounds, 100_000), c.Nodes
	l.Batch, l.LearningRate = c.Batch, c.LearningRate
	return l
}

// validateLearn checks what a node trains, and how.
func (c Config) validateLearn() error {
	d := Default()
	if !c.learns() {
		if l := c.Learn; l != d.Learn {
			for _, key := range shared() {
				if got := c.Get(key); key != "samples" && got != d.Get(key) {
					return &job.ConfigError{Key: key, Value: fmt.Sprintf("%q", got),
						Want: "nothing beside the logistic regression on samples that are drawn: with mlp, such as [32], or " +
							"model, or another data set, a node trains a network"}
				}
			}
		}
		return nil
	}
	for _, key := range []string{"features", "samples", "noise"} {
		if got := c.Get(key); got != d.Get(key) {
			return &job.ConfigError{Key: key, Value: got,
				Want: d.Get(key) + " beside a network: it is of the logistic regression on samples that are drawn"}
		}
	}
	return here(c.learn().Learns())
}

// here names the settings of an error as a gossip job does.
func here(err error) error {
	var e *job.ConfigError
	if !errors.As(err, &e) {
		return err
	}
	out := *e
	switch e.Key {
	case "clients":
		out.Key = "nodes"
		out.Want += ": the samples of the job are dealt to no more nodes; set nodes, which a node in a process of its own " +
			"names too"
	case "samples":
		out.Key = keyFound
	}
	return &out
}

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
func (c Config) Brings() bool { return c.learns() && c.learn().Brings() }

// Bring reads the files that the job names. Errors are *job.ConfigError.
func (c Config) Bring() (job.Job, error) {
	if !c.Brings() {
		return c, nil
	}
	j, err := c.learn().Bring()
	if err != nil {
		return nil, here(err)
	}
	c = c.with(j)
	return c, c.Validate()
}

// Unchanged reads the files again, and says which is not what it was.
func (c Config) Unchanged() error { return c.learn().Unchanged() }

// Shared returns the file of data of which each node of a simulation has a part.
func (c Config) Shared() string { return c.learn().Shared() }

// Give gives a node of a simulation the files, and its part of the data; or with a part below 0 a node that has data of
// its own what it needs beside that.
func (c Config) Give(cfg *node.Config, part int) error {
	switch {
	case !c.learns():
		return nil
	case part < 0:
		return c.learn().GiveBeside(cfg)
	}
	return c.learn().GiveAll(cfg, part)
}

// OwnData says whether a node in a process of its own must be given a file of data.
func (c Config) OwnData() bool { return c.learns() && !c.learn().Drawn() }

// OwnOptions are the settings of the component that holds the data of a node, which has a file of its own: with the
// test that the job says.
func (c Config) OwnOptions(text []byte) ([]byte, error) {
	if c.Shared() == "" {
		return text, nil
	}
	o, err := data.ParseSamplesOptions(text)
	if err != nil {
		return nil, err
	}
	if sum := c.learn().Tests(); sum != "" {
		o.Files[data.FileTest] = sum
	} else {
		o.Hold = true
	}
	return json.Marshal(o)
}
