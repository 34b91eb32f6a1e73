package chunked

import (
	"encoding/json"

	"github.com/rhizome-ml/rhizome/component/config"
	"github.com/rhizome-ml/rhizome/component/model"
	"github.com/rhizome-ml/rhizome/value"
	"github.com/rhizome-ml/rhizome/wire"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "model"
	Kind    = "chunked"
	Version = 1
)

// EventForgot tells the host that the parameters of a round, an Int, were forgotten: a process may give their memory back before
// the new ones take as much.
const EventForgot = "forgot"

// Config is the settings of the component.
type Config struct {
	Model  model.Config `json:"model"`
	Chunk  int          `json:"chunk"`            // elements of a chunk, 1 to 2^20
	Window int          `json:"window,omitempty"` // chunks under way at once, 1 to 64; 0 means 2
	// DeadlineMS is how long a member may hold up the others, in milliseconds, until it is dropped: between one and two
	// of these; 0 means for ever.
	DeadlineMS int64 `json:"deadline_ms,omitempty"`

	// Ends lets gathering go on without a member whose chunk failed, or fail where nobody is left to go on with; without it
	// gathering waits, as in the first release, and no key below has a meaning.
	Ends bool `json:"ends,omitempty"`
	// Drops lets it go on without members that failed, or that are not there any more. Without it all members are needed.
	Drops bool `json:"drops,omitempty"`
	// CheckMS is how often it looks who is still there, in milliseconds, 10 to 3,600,000; 0 means 1,000.
	CheckMS int64 `json:"check_ms,omitempty"`
	// Registry is the slot that knows who is there, Rounds the one that is told whose chunks failed; "" means "registry" and "rounds".
	Registry string `json:"registry,omitempty"`
	Rounds   string `json:"rounds,omitempty"`
	// Withdraws is the edge along which members are asked for chunks; see Ask. Its questions are withdrawn when an attempt is given up.
	Withdraws string `json:"withdraws,omitempty"`
}

// Registry is what the component asks of the slot Config.Registry.
type Registry interface {
	// Members returns who is a member now, sorted.
	Members() []wire.PeerID
	// Name returns what people call a peer, "" where it has no name.
	Name(who wire.PeerID) string
}

// Rounds is what the component tells the slot Config.Rounds.
type Rounds interface {
	// Blame notes that what a peer contributed to a round cannot be used.
	Blame(round int64, who wire.PeerID, why *value.Failure)
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	var c Config
	if err := config.Decode("chunked config", b, &c); err != nil {
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
	const of = "chunked config"
	if c.Window == 0 {
		c.Window = 2
	}
	if !c.Ends && (c.Drops || c.CheckMS != 0 || c.Registry != "" || c.Rounds != "" || c.Withdraws != "") {
		return c, config.Errorf(of, "there are settings that need ends, which is not set")
	}
	if c.Ends {
		if c.CheckMS == 0 {
			c.CheckMS = 1000
		}
		if c.Registry == "" {
			c.Registry = "registry"
		}
		if c.Rounds == "" {
			c.Rounds = "rounds"
		}
		if err := config.Within(of, "check_ms", c.CheckMS, 10, 3600_000); err != nil {
			return c, err
		}
	}
	if err := config.Within(of, "chunk", int64(c.Chunk), 1, 1<<20); err != nil {
		return c, err
	}
	if err := config.Within(of, "window", int64(c.Window), 1, 64); err != nil {
		return c, err
	}
	return c, config.Within(of, "deadline_ms", c.DeadlineMS, 0, 30*24*3600*1000)
}
