package data

import (
	"cmp"
	"encoding/json"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/config"
)

// Role, Kind and Version name the component in an artifact where it serves the digits, as its first release did.
const (
	Role    = "data"
	Kind    = "digits"
	Version = 1
)

// KindSource names it where its settings name the source.
const KindSource = "source"

// Config is the settings of the kind "digits" that all nodes of a job share.
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
	// Each is the share that each node holds back of what it would train on, for a test of its own, in millionths, up
	// to 999,999; 0: nothing.
	Each int `json:"each,omitempty"`
	Root
}

// Options is the node's own setting.
type Options struct {
	// Partition is the part that this node holds, from 0. Absent: the node holds none, and can only test; or, where
	// every node has samples of its own, they and their order are drawn by its peer id.
	Partition *int `json:"partition,omitempty"`
	// RowsSHA256 says in hex that the node trains on rows of its own, as the source's kind parses them, which its host
	// gives with the slot and which have this hash, in place of those of its partition. The partition still names the
	// order in which they are read.
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
	err := config.Decode("data options", b, &o)
	return o, err
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte {
	b, _ := json.Marshal(c) // numbers only: cannot fail for what withDefaults admits
	return b
}

// partsMax bounds the partitions, and the samples that each has at least.
const partsMax = 1 << 20

func (c Config) withDefaults() (Config, error) {
	const of, count = "digits config", 1797 // there are no more images, so no more parts
	if c.Alpha == 0 {
		c.Alpha = 0.5
	}
	if c.Least == 0 {
		c.Least = 16
	}
	if !(c.Alpha > 0 && c.Alpha <= 1e6) {
		return c, config.Errorf(of, "alpha is %v; want above 0 and at most 1e6", c.Alpha)
	}
	if err := config.Within(of, "partitions", int64(c.Partitions), 1, count); err != nil {
		return c, err
	}
	if err := steps(of, c.Batch, c.Epochs); err != nil {
		return c, err
	}
	if err := config.Within(of, "each", int64(c.Each), 0, million-1); err != nil {
		return c, err
	}
	if err := c.Root.check(of); err != nil {
		return c, err
	}
	return c, config.Within(of, "least", int64(c.Least), 1, count)
}

// steps checks what says how a round goes over the samples.
func steps(of string, batch, epochs int) error {
	if err := config.Within(of, "batch", int64(batch), 1, 1024); err != nil {
		return err
	}
	return config.Within(of, "epochs", int64(epochs), 1, 1000)
}

// plan returns what the settings come to.
func (c Config) plan() (*plan, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	kind, err := dataset.Find(dataset.Digits)
	return &plan{kind: &kind, batch: c.Batch, epochs: c.Epochs, cursor: true, orders: "data/order",
		partitions: c.Partitions, least: c.Least, partitioner: dataset.Dirichlet{Alpha: c.Alpha}, each: c.Each,
		root: c.Root}, err
}

// planOfUse returns what the settings come to, as JSON; an unknown key is refused by name. A kind of the program's own
// needs no name.
func planOfUse(b []byte, own *dataset.Kind) (*plan, error) {
	var c dataset.Use
	if err := config.Decode("source config", b, &c); err != nil {
		return nil, err
	}
	const of = "source config"
	p := &plan{batch: c.Batch, epochs: c.Epochs, cursor: true, orders: "data/order", partitions: c.Partitions,
		least: max(c.Least, 1), settings: c.Settings}
	switch {
	case own == nil:
		kind, err := dataset.Find(c.Source)
		if err != nil {
			return nil, err
		}
		p.kind = &kind
	case c.Source != "" && c.Source != own.Name:
		return nil, config.Errorf(of, "source is %.64q; want %q, or none", c.Source, own.Name)
	default:
		p.kind = own
	}
	if err := steps(of, c.Batch, c.Epochs); err != nil {
		return nil, err
	}
	if err := config.Within(of, "partitions", int64(c.Partitions), 0, partsMax); err != nil {
		return nil, err
	}
	if err := config.Within(of, "least", int64(c.Least), 0, partsMax); err != nil {
		return nil, err
	}
	if p.kind.Each && c.Partitions > 0 {
		return nil, config.Errorf(of, "partitions is %d; want 0, as every node has samples of its own of the source %s",
			c.Partitions, p.kind.Name)
	}
	var err error
	p.partitioner, err = dataset.OpenPartitioner(cmp.Or(c.Partitioner, "iid"), c.Partition)
	return p, err
}
