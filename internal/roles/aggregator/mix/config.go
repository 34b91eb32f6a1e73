package mix

import "github.com/rhizome-ml/rhizome/internal/config"

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "aggregator"
	Kind    = "mix"
	Version = 1
)

// Config is the settings of the component.
type Config struct {
	// Model is the slot that holds the parameters; "" means "model".
	Model string `json:"model,omitempty"`
	// Alone has a node train that knows of nobody.
	Alone bool `json:"alone,omitempty"`
	// AgeStep bounds how much older a peer's model makes the own one, 1 to 2^30; 0 means 256.
	AgeStep int64 `json:"age_step,omitempty"`
	// Place is what the neighbours play with whom a node goes in step; "" means "peers".
	Place string `json:"place,omitempty"`
	// DeadlineMS is how long a round waits for neighbours at most, in milliseconds; 0 means as long as it takes.
	DeadlineMS int64 `json:"deadline_ms,omitempty"`
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	return config.Parse("mix config", b, Config.withDefaults)
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte { return config.JSON(c) }

func (c Config) withDefaults() (Config, error) {
	if c.Model == "" {
		c.Model = "model"
	}
	if c.AgeStep == 0 {
		c.AgeStep = 256
	}
	if c.Place == "" {
		c.Place = "peers"
	}
	if err := config.Within("mix config", "deadline_ms", c.DeadlineMS, 0, 30*24*3600*1000); err != nil {
		return c, err
	}
	return c, config.Within("mix config", "age_step", c.AgeStep, 1, 1<<30)
}
