package data

import (
	"encoding/json"

	"github.com/rhizome-ml/rhizome/component/config"
	"github.com/rhizome-ml/rhizome/component/data/digits"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "data"
	Kind    = "digits"
	Version = 1
)

// Config is the part of the settings that all nodes of a job share.
type Config struct {
	// Alpha is the concentration of the label skew, above 0 and up to 1e6: at 0.1 most clients know few digits, at 100
	// all know nearly the same share. 0 means 0.5.
	Alpha float64 `json:"alpha,omitempty"`
	// Partitions is the number of parts, from 1 to as many as have Least samples each.
	Partitions int `json:"partitions"`
	// Batch is the number of samples in each batch, 1 to 1024.
	Batch int `json:"batch"`
	// Epochs is how often a round goes over the part, 1 to 1000. Steps of a round: epochs·⌈samples/batch⌉.
	Epochs int `json:"epochs"`
	// Least is the number of samples that each part has at least. 0 means 16.
	Least int `json:"least,omitempty"`
}

// Options is the node's own setting.
type Options struct {
	// Partition is the part that this node holds, from 0. Absent: the node holds none and can only test.
	Partition *int `json:"partition,omitempty"`
	// RowsSHA256 says in hex that the node trains on rows of its own, as digits.Parse reads them, which its host gives with the
	// slot and which have this hash, in place of those of its partition. The partition still names the order in which they are
	// read.
	RowsSHA256 string `json:"rows_sha256,omitempty"`
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	var c Config
	if err := config.Decode("digits config", b, &c); err != nil {
		return c, err
	}
	return c.withDefaults()
}

// ParseOptions reads Options from JSON; an unknown key is refused by name.
func ParseOptions(b []byte) (Options, error) {
	var o Options
	err := config.Decode("digits options", b, &o)
	return o, err
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte {
	b, _ := json.Marshal(c) // numbers only: cannot fail for what withDefaults admits
	return b
}

func (c Config) withDefaults() (Config, error) {
	const of = "digits config"
	if c.Alpha == 0 {
		c.Alpha = 0.5
	}
	if c.Least == 0 {
		c.Least = 16
	}
	if !(c.Alpha > 0 && c.Alpha <= 1e6) {
		return c, config.Errorf(of, "alpha is %v; want above 0 and at most 1e6", c.Alpha)
	}
	for _, k := range []struct {
		key  string
		v, h int
	}{
		{"partitions", c.Partitions, digits.Count}, {"batch", c.Batch, 1024}, {"epochs", c.Epochs, 1000}, {"least", c.Least, digits.Count},
	} {
		if err := config.Within(of, k.key, int64(k.v), 1, int64(k.h)); err != nil {
			return c, err
		}
	}
	return c, nil
}
