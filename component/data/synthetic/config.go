package synthetic

import (
	"encoding/json"

	"github.com/rhizome-ml/rhizome/component/config"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "data"
	Kind    = "synthetic"
	Version = 1
)

// The defaults, and the greatest settings.
const (
	FeaturesDefault = 57
	FeaturesMax     = 1 << 12
	SamplesMax      = 1 << 16
)

// Config is the part of the settings that all nodes of a job share.
type Config struct {
	// Features is the number of features, 1 to FeaturesMax. 0 means FeaturesDefault.
	Features int `json:"features,omitempty"`
	// Samples is the number of samples of each node, 1 to SamplesMax. 0 means 16.
	Samples int `json:"samples,omitempty"`
	// Test is the number of samples held out, 1 to SamplesMax. 0 means 1,000.
	Test int `json:"test,omitempty"`
	// Noise is the share of labels that are turned round, 0 to 0.5.
	Noise float64 `json:"noise,omitempty"`
	// Batch is the number of samples in each batch, 1 to 1024. 0 means 1.
	Batch int `json:"batch,omitempty"`
	// Epochs is how often a round goes over the samples, 1 to 1000. 0 means 1.
	Epochs int `json:"epochs,omitempty"`
}

// Options is the node's own setting.
type Options struct {
	// Partition is the part that this node holds, from 0. Absent: the part that belongs to its peer id.
	Partition *int `json:"partition,omitempty"`
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	var c Config
	if err := config.Decode("synthetic config", b, &c); err != nil {
		return c, err
	}
	return c.WithDefaults()
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte {
	b, _ := json.Marshal(c) // numbers only: cannot fail for what WithDefaults admits
	return b
}

// WithDefaults returns the settings with their defaults filled in, or an error for the first one out of its range.
func (c Config) WithDefaults() (Config, error) {
	const of = "synthetic config"
	if !(c.Noise >= 0 && c.Noise <= 0.5) {
		return c, config.Errorf(of, "noise is %v; want 0 to 0.5", c.Noise)
	}
	for _, k := range []struct {
		key     string
		v       *int
		def, hi int
	}{
		{"features", &c.Features, FeaturesDefault, FeaturesMax}, {"samples", &c.Samples, 16, SamplesMax},
		{"test", &c.Test, 1000, SamplesMax}, {"batch", &c.Batch, 1, 1024}, {"epochs", &c.Epochs, 1, 1000},
	} {
		if *k.v == 0 {
			*k.v = k.def
		}
		if err := config.Within(of, k.key, int64(*k.v), 1, int64(k.hi)); err != nil {
			return c, err
		}
	}
	return c, nil
}
