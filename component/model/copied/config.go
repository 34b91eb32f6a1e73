package copied

import (
	"encoding/json"

	"github.com/rhizome-ml/rhizome/component/config"
	"github.com/rhizome-ml/rhizome/component/model"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "model"
	Kind    = "copied"
	Version = 1
)

// Config is the settings of the component.
type Config struct {
	Model  model.Config `json:"model"`
	Chunk  int          `json:"chunk"`            // elements of a chunk, 1 to 2^20
	Window int          `json:"window,omitempty"` // chunks under way at once, 1 to 64; 0 means 2
	// Checks has an update refused here that is no number or out of range, before the server gives up its parameters for it.
	Checks bool `json:"checks,omitempty"`
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	var c Config
	if err := config.Decode("copied config", b, &c); err != nil {
		return c, err
	}
	return c.withDefaults()
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte {
	b, _ := json.Marshal(c) // integers, bytes and strings: cannot fail
	return b
}

func (c Config) withDefaults() (Config, error) {
	const of = "copied config"
	if c.Window == 0 {
		c.Window = 2
	}
	if err := config.Within(of, "chunk", int64(c.Chunk), 1, 1<<20); err != nil {
		return c, err
	}
	return c, config.Within(of, "window", int64(c.Window), 1, 64)
}
