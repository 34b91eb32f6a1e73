package logistic

import (
	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/config"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "model"
	Kind    = "logistic"
	Version = 1
)

// Config is the settings of the component.
type Config struct {
	// Features is the number of weights beside the bias, 1 to 4,096.
	Features int `json:"features"`
	// LearningRate is the step of gradient descent, above 0 and up to 10.
	LearningRate float64 `json:"learning_rate"`
	// Batch is the number of samples of one step, 1 to 1024. 0 means 1.
	Batch int `json:"batch,omitempty"`
	// AgeStep bounds how much older a peer's model makes the own one, beside the step that is taken: 1 to 2^30, or 0,
	// and then it is as old as the peer said. Peers lie; a bound that is far above what honest ones differ by costs
	// these nothing.
	AgeStep int64 `json:"age_step,omitempty"`
	// Data is the slot that holds the samples; "" means "data".
	Data string `json:"data,omitempty"`
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	return config.Parse("logistic config", b, Config.withDefaults)
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte { return config.JSON(c) }

func (c Config) withDefaults() (Config, error) {
	const of = "logistic config"
	if c.Batch == 0 {
		c.Batch = 1
	}
	if c.Data == "" {
		c.Data = "data"
	}
	if !(c.LearningRate > 0 && c.LearningRate <= 10) {
		return c, config.Errorf(of, "learning_rate is %v; want above 0 and at most 10", c.LearningRate)
	}
	most := int64(dataset.SyntheticConfig{}.Most().Features)
	if err := config.Within(of, "features", int64(c.Features), 1, most); err != nil {
		return c, err
	}
	if err := config.Within(of, "age_step", c.AgeStep, 0, 1<<30); err != nil {
		return c, err
	}
	return c, config.Within(of, "batch", int64(c.Batch), 1, 1024)
}
