package federated

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/types"
)

// Learner records how a node trains and tests a model on data of its own, in a choreography of another kind of job:
// with the model, the data, the loss and the optimizer that a Config says, and nothing of its server.
type Learner struct {
	Model, Data *graph.Slot
	Params      types.Type // of a list of the parameters, all of float32

	j *fedavg
}

// Learns says why no node can learn by the settings on its own, as a *job.ConfigError, or nil.
func (c Config) Learns() error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.federates() {
		return &job.ConfigError{Key: "normalize", Value: c.Normalize,
			Want: "none, standard or minmax: there is no server that asks each node for its sums"}
	}
	if n := 4 * c.parameters(); n > wholeBytes {
		return &job.ConfigError{Key: "model", Value: fmt.Sprintf("of %d bytes", n),
			Want: fmt.Sprintf("a model of up to %d bytes of parameters: where there is no server, a model travels whole",
				wholeBytes)}
	}
	return nil
}

// Learner declares the model and the data at a place, where nodes train and test. Errors are *job.ConfigError.
func (c Config) Learner(g *graph.Graph, at graph.Place) (*Learner, error) {
	if err := c.Learns(); err != nil {
		return nil, err
	}
	j, err := c.newFedavg()
	if err != nil {
		return nil, err
	}
	j.g, j.server, j.clients = g, at, at
	here, s := []graph.Place{at}, &j.slots
	s.backend = g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: here})
	s.model = g.Component(c.model(here))
	if own := j.net.Local(); len(own) > 0 {
		s.own = g.Component(j.ownStatistics(own))
	}
	s.data = g.Component(c.source(here))
	return &Learner{Model: s.model, Data: s.data, Params: j.params, j: j}, nil
}

// Train records a round of training, and returns the list of parameters that it makes of a list.
func (l *Learner) Train(b *graph.Graph, params, round graph.Value) graph.Value {
	return l.j.local(b, params, round, nil).update
}

// Test records the test of parameters, once something is there.
func (l *Learner) Test(b *graph.Graph, params, now graph.Value) (accuracy, loss graph.Value) {
	m := l.j.evaluate(b, params, now)
	return m.accuracy, m.loss
}

// Err returns why something could not be recorded, or nil.
func (l *Learner) Err() error { return l.j.err }

// GiveAll gives a node the files that a Learner needs: all of them, with its part of the data.
func (c Config) GiveAll(cfg *node.Config, part int) error {
	if c.brings() {
		return c.give(cfg, part, true)
	}
	text, err := json.Marshal(data.Options{Partition: &part})
	if err != nil {
		return err
	}
	cfg.Options = map[string][]byte{dataSlot: text}
	return c.give(cfg, part, true)
}

// Drawn says whether each node draws samples of its own.
func (c Config) Drawn() bool { return c.drawn() }

// GiveBeside gives a node that trains on data of its own what a Learner needs beside that: the file of the model, and
// that of the test.
func (c Config) GiveBeside(cfg *node.Config) error {
	if n := c.net(); n != nil {
		if err := giveFile(cfg, modelSlot, model.FileSource, n.File); err != nil {
			return err
		}
	}
	if b := c.data(); b != nil && c.Tests() != "" {
		return giveFile(cfg, dataSlot, data.FileTest, b.Files[data.FileTest])
	}
	return nil
}

// Tests returns the SHA-256 of the file of the test, "" where a share of the data is held out.
func (c Config) Tests() string {
	if b := c.data(); b != nil {
		return b.Files[data.FileTest].SHA256
	}
	return ""
}

// Field returns what is known of a setting that another kind of job has as well, and where it is.
func Field(key string) job.Field[Config] {
	for _, f := range fields {
		if f.Key == key {
			return f
		}
	}
	panic("federated: there is no setting " + strconv.Quote(key)) // the caller is part of the program
}
