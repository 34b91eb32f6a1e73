package discovery

import (
	"github.com/rhizome-ml/rhizome/internal/config"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "protocol"
	Kind    = "discovery"
	Version = 1
)

// The modes.
const (
	ModeRegistry = "registry"
	ModeExchange = "exchange"
)

// ViewMax bounds the view of an exchange.
const ViewMax = 256

// The bounds of what one message says.
const (
	addressesMax = 8
	addressMax   = 256
	placeMax     = 64
	shuffleMax   = 32
)

// Config is the settings of the component, the same at all ends.
type Config struct {
	Mode   string `json:"mode"`             // ModeRegistry or ModeExchange
	Server string `json:"server,omitempty"` // place that keeps the list, of a registry; "" means "server"
	Place  string `json:"place"`            // whose players Members and View give
	// entries: of an exchange 2 to 256, 0 means 20; of a registry 1 to 1,048,576, 0 means 16,384
	View    int `json:"view,omitempty"`
	Shuffle int `json:"shuffle,omitempty"` // entries of one shuffle, 1 to 32; 0 means 8
	// between two shuffles or announcements, in ms, 10 to 3,600,000; 0 means 5,000
	PeriodMS int64 `json:"period_ms,omitempty"`
	// silence after which an entry leaves, in ms; 0 means 3 periods of a registry, 30 of an exchange
	TTLMS int64 `json:"ttl_ms,omitempty"`
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	return config.Parse("discovery config", b, Config.withDefaults)
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte { return config.JSON(c) }

func (c Config) withDefaults() (Config, error) {
	if c.Mode != ModeRegistry && c.Mode != ModeExchange {
		return c, config.Errorf("discovery config", "mode is %q; want %s or %s", c.Mode, ModeRegistry, ModeExchange)
	}
	if c.Place == "" || len(c.Place) > placeMax {
		return c, config.Errorf("discovery config", "place has %d bytes; want 1 to %d", len(c.Place), placeMax)
	}
	view, most, periods := 20, int64(ViewMax), int64(30)
	if c.Mode == ModeRegistry {
		view, most, periods = 16384, 1<<20, 3
	}
	if c.Server == "" {
		c.Server = "server"
	}
	if c.View == 0 {
		c.View = view
	}
	if c.Shuffle == 0 {
		c.Shuffle = min(8, c.View)
	}
	if c.PeriodMS == 0 {
		c.PeriodMS = 5000
	}
	if c.TTLMS == 0 {
		c.TTLMS = periods * c.PeriodMS
	}
	for _, k := range []struct {
		key       string
		v, lo, hi int64
	}{
		{"view", int64(c.View), 1, most}, {"shuffle", int64(c.Shuffle), 1, min(shuffleMax, int64(c.View))},
		{"period_ms", c.PeriodMS, 10, 3600_000}, {"ttl_ms", c.TTLMS, c.PeriodMS + 1, 1000 * 3600_000},
	} {
		if err := config.Within("discovery config", k.key, k.v, k.lo, k.hi); err != nil {
			return c, err
		}
	}
	return c, nil
}
