package registry

import (
	"unicode/utf8"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "protocol"
	Kind    = "registry"
	Version = 1
)

const (
	nameMax    = 128  // bytes of a client's name
	waitingMax = 1024 // calls of Await that wait
	serversMax = 64   // servers that a client joins
	samplesMax = 1<<24 - 1
)

// Config is the settings of the component, the same at both ends.
type Config struct {
	Server string `json:"server,omitempty"` // place where members are listed; "" means "server"
	Data   string `json:"data,omitempty"`   // slot that knows a client's samples; "" means "data"
	Min    int    `json:"min,omitempty"`    // members that Await waits for, 1 to MaxMembers; 0 means 1
	// silence after which a member lapses, in ms; 0 means 3 heartbeats
	TTLMS int64 `json:"ttl_ms,omitempty"`
	// period of a client's heartbeats, in ms, 10 to 3,600,000; 0 means 5,000
	HeartbeatMS int64 `json:"heartbeat_ms,omitempty"`
	MaxMembers  int   `json:"max_members,omitempty"` // entries, lapsed ones included, 1 to 1,048,576; 0 means 16,384
	MaxSamples  int64 `json:"max_samples,omitempty"` // what a client may join with at most; 0 means 1,048,576
	// a round begins with members that the governor admits: no blocked one counts
	Admitted bool `json:"admitted,omitempty"`
	// what Share counts: samples, of each member at most MostWeight where that is not 0, in place of members
	Weighs     bool  `json:"weighs,omitempty"`
	MostWeight int64 `json:"most_weight,omitempty"`
	// place between clients and server, whose peers list the clients that join them and pass on to the server who they
	// are; "": clients join the server
	Edges string `json:"edges,omitempty"`
}

// Options is the node's own setting.
type Options struct {
	Name string `json:"name,omitempty"` // for people, at most 128 bytes
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	return config.Parse("registry config", b, Config.withDefaults)
}

// ParseOptions reads Options from JSON; an unknown key is refused by name.
func ParseOptions(b []byte) (Options, error) {
	var o Options
	if err := config.Decode("registry options", b, &o); err != nil {
		return o, err
	}
	return o, o.check()
}

func (o Options) check() error {
	if !soundName(o.Name) {
		return config.Errorf("registry options", "name has %d bytes; want UTF-8 of at most %d", len(o.Name), nameMax)
	}
	return nil
}

func soundName(s string) bool { return len(s) <= nameMax && utf8.ValidString(s) }

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte { return config.JSON(c) }

func (c Config) withDefaults() (Config, error) {
	if c.Server == "" {
		c.Server = "server"
	}
	if c.Data == "" {
		c.Data = "data"
	}
	if c.Min == 0 {
		c.Min = 1
	}
	if c.HeartbeatMS == 0 {
		c.HeartbeatMS = 5000
	}
	if c.TTLMS == 0 {
		c.TTLMS = 3 * c.HeartbeatMS
	}
	if c.MaxMembers == 0 {
		c.MaxMembers = 16384
	}
	if c.MaxSamples == 0 {
		c.MaxSamples = 1 << 20
	}
	for _, k := range []struct {
		key       string
		v, lo, hi int64
	}{
		{"max_members", int64(c.MaxMembers), 1, 1 << 20}, {"min", int64(c.Min), 1, int64(c.MaxMembers)},
		{"heartbeat_ms", c.HeartbeatMS, 10, 3600_000}, {"ttl_ms", c.TTLMS, c.HeartbeatMS + 1, 100 * 3600_000},
		{"max_samples", c.MaxSamples, 1, samplesMax}, {"most_weight", c.MostWeight, 0, samplesMax},
	} {
		if err := config.Within("registry config", k.key, k.v, k.lo, k.hi); err != nil {
			return c, err
		}
	}
	return c, nil
}
