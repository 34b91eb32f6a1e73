package data

import (
	"encoding/json"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/config"
)

// KindSynthetic names the component in an artifact where it serves the synthetic source, as an earlier release did:
// without a cursor in its state, for simulations of very many nodes.
const KindSynthetic = "synthetic"

// SyntheticConfig is the settings of the kind "synthetic" that all nodes of a job share: those of the source, and how a
// round reads it.
type SyntheticConfig struct {
	dataset.SyntheticConfig
	// Batch is the number of samples in each batch, 1 to 1024. 0 means 1.
	Batch int `json:"batch,omitempty"`
	// Epochs is how often a round goes over the samples, 1 to 1000. 0 means 1.
	Epochs int `json:"epochs,omitempty"`
}

// ParseSyntheticConfig reads a SyntheticConfig from JSON; an unknown key is refused by name, as are values out of their
// range.
func ParseSyntheticConfig(b []byte) (SyntheticConfig, error) {
	var c SyntheticConfig
	if err := config.Decode("synthetic config", b, &c); err != nil {
		return c, err
	}
	return c.withDefaults()
}

// JSON returns the settings as the artifact holds them.
func (c SyntheticConfig) JSON() []byte {
	b, _ := json.Marshal(c) // numbers only: cannot fail for what withDefaults admits
	return b
}

func (c SyntheticConfig) withDefaults() (SyntheticConfig, error) {
	if c.Batch == 0 {
		c.Batch = 1
	}
	if c.Epochs == 0 {
		c.Epochs = 1
	}
	var err error
	if c.SyntheticConfig, err = c.SyntheticConfig.WithDefaults(); err != nil {
		return c, err
	}
	return c, steps("synthetic config", c.Batch, c.Epochs)
}

// plan returns what the settings come to.
func (c SyntheticConfig) plan() (*plan, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	kind, err := dataset.Find(dataset.Synthetic)
	open := c.SyntheticConfig
	kind.Open = func(env dataset.Env) (dataset.Source, error) { return open.Open(env.Seed, env.Node) }
	return &plan{kind: &kind, batch: c.Batch, epochs: c.Epochs, orders: "data/synthetic/order/", named: true}, err
}
