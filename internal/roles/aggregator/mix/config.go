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
	// Step has nodes in step send how their models differ from what is known of them, and not the models: it is how
	// far they go towards their neighbours in a round, above 0 and up to 1; 0 means that they send models.
	Step float64 `json:"step,omitempty"`
	// Codec makes differences smaller, by the names of package codec; "" means that they are sent as they are.
	Codec string `json:"codec,omitempty"`
	// Random is the share of the elements of a tensor, in millionths, that are drawn in a round, of which the others
	// are left out of a difference; 0 means that none is.
	Random int64 `json:"random,omitempty"`
}

const millionth = 1_000_000

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
	if err := config.Within("mix config", "random", c.Random, 0, millionth); err != nil {
		return c, err
	}
	if !(c.Step >= 0 && c.Step <= 1) || c.Step > 0 && c.DeadlineMS > 0 ||
		c.Step == 0 && (c.Codec != "" || c.Random > 0) {
		return c, config.Errorf("mix config", "step is %v; want 0 to 1, above 0 beside codec and random, and 0 beside "+
			"deadline_ms, as a difference that is missed is missing for ever", c.Step)
	}
	if _, err := c.open(); err != nil {
		return c, config.Errorf("mix config", "codec: %v", err)
	}
	return c, config.Within("mix config", "age_step", c.AgeStep, 1, 1<<30)
}
