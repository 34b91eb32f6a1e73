package rounds

import (
	"encoding/json"

	"github.com/rhizome-ml/rhizome/component/config"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "protocol"
	Kind    = "rounds"
	Version = 1
)

// The bounds of a round and of what is remembered.
const (
	cohortMax  = 1 << 16
	waitingMax = 64 // calls of Await that wait for one round
)

// Config is the settings of the component. The quorum of a cohort of n is Quorum if it is set, else QuorumPercent of n
// - Over, rounded up, if it is set, else all n - Over.
type Config struct {
	Quorum        int `json:"quorum,omitempty"`         // contributions that close a round; 0 means see above
	QuorumPercent int `json:"quorum_percent,omitempty"` // 1 to 100; 0 means see above; not together with quorum
	// Over is how many peers the cohort holds beyond those that are waited for: the slowest so many are late.
	Over int `json:"over,omitempty"`
	// DeadlineMS is how long after its opening a round closes with fewer, in milliseconds; 0 means never.
	DeadlineMS int64 `json:"deadline_ms,omitempty"`
	Least      int   `json:"least,omitempty"`    // contributions without which no deadline closes a round; 0 means 1
	MaxOpen    int   `json:"max_open,omitempty"` // rounds that may be open at once, 1 to 64; 0 means 4
	Remember   int   `json:"remember,omitempty"` // closed rounds whose cohorts are remembered, 1 to 64; 0 means 8
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	var c Config
	if err := config.Decode("rounds config", b, &c); err != nil {
		return c, err
	}
	return c.withDefaults()
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte {
	b, _ := json.Marshal(c) // integers: cannot fail
	return b
}

func (c Config) withDefaults() (Config, error) {
	const of = "rounds config"
	if c.Least == 0 {
		c.Least = 1
	}
	if c.MaxOpen == 0 {
		c.MaxOpen = 4
	}
	if c.Remember == 0 {
		c.Remember = 8
	}
	if c.Quorum != 0 && c.QuorumPercent != 0 {
		return c, config.Errorf(of, "both quorum and quorum_percent are set; want one")
	}
	for _, k := range []struct {
		key       string
		v, lo, hi int64
	}{
		{"quorum", int64(c.Quorum), 0, cohortMax}, {"quorum_percent", int64(c.QuorumPercent), 0, 100},
		{"over", int64(c.Over), 0, cohortMax}, {"deadline_ms", c.DeadlineMS, 0, 30 * 24 * 3600 * 1000},
		{"least", int64(c.Least), 1, cohortMax}, {"max_open", int64(c.MaxOpen), 1, 64}, {"remember", int64(c.Remember), 1, 64},
	} {
		if err := config.Within(of, k.key, k.v, k.lo, k.hi); err != nil {
			return c, err
		}
	}
	return c, nil
}

// need returns how many contributions close a round with a cohort of n; it may be more than n or less than 1.
func (c Config) need(n int) int {
	switch {
	case c.Quorum > 0:
		return c.Quorum
	case c.QuorumPercent > 0:
		return ((n-c.Over)*c.QuorumPercent + 99) / 100
	}
	return n - c.Over
}

// deadline returns the deadline in nanoseconds after the opening, 0 for none.
func (c Config) deadline() int64 { return c.DeadlineMS * 1e6 }
