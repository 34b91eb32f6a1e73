package libp2p

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/transport"
)

// TestConfigIsValidated: each field of a Config that cannot be is refused by its name, and zeros are the defaults of
// the comments.
func TestConfigIsValidated(t *testing.T) {
	good := Config{Key: key(1), Receiver: newBox()}
	got, err := good.sound()
	if want := (Limits{PacketBytes: 16 << 20, QueuePackets: 4096, QueueBytes: 256 << 20, Peers: 16384, Links: 4096,
		PeerLinks: 8, Handshakes: 256, Streams: 64}); err != nil || got.Limits != want ||
		got.DialFor != 5*time.Second || got.RetryMin != 20*time.Millisecond || got.RetryMax != 2*time.Second ||
		got.Alive != 5*time.Second || got.IdleFor != time.Minute {
		t.Errorf("%+v, %v", got.Limits, err)
	}
	bad := map[string]func(*Config){
		"Key":       func(c *Config) { c.Key = c.Key[:9] },
		"Receiver":  func(c *Config) { c.Receiver = nil },
		"Found":     func(c *Config) { c.MDNS = "x" },
		"Listen[1]": func(c *Config) { c.Listen = []string{tcpAny, "localhost:4001"} },
		"RetryMax":  func(c *Config) { c.RetryMin, c.RetryMax = time.Second, time.Millisecond },
	}
	if math.MaxInt > math.MaxUint32 {
		bad["Limits.PacketBytes"] = func(c *Config) { c.Limits.PacketBytes = math.MaxInt }
	}
	// All that is a number or a span must not be below 0, also what is added later.
	for prefix, of := range map[string]reflect.Type{"": reflect.TypeFor[Config](),
		"Limits.": reflect.TypeFor[Limits]()} {
		for i := range of.NumField() {
			f := of.Field(i)
			if k := f.Type.Kind(); k != reflect.Int && k != reflect.Int64 {
				continue
			}
			bad[prefix+f.Name+" "] = func(c *Config) {
				v := reflect.ValueOf(c).Elem()
				if prefix != "" {
					v = v.FieldByName("Limits")
				}
				v.Field(i).SetInt(-1)
			}
		}
	}
	if len(bad) < 20 {
		t.Errorf("%d fields are tried", len(bad))
	}
	for field, edit := range bad {
		c := good
		edit(&c)
		var no *transport.ConfigError
		if err := c.Validate(); !errors.As(err, &no) || no.Field != trimmed(field) || no.Want == "" {
			t.Errorf("%s: %v", field, err)
		}
		if tr, err := New(c); err == nil {
			_ = tr.Close()
			t.Errorf("%s: an end is made", field)
		}
	}
}

func trimmed(s string) string {
	if n := len(s); s[n-1] == ' ' {
		return s[:n-1]
	}
	return s
}
