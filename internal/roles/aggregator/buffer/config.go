package buffer

import (
	"errors"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/exact"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = aggregator.Role
	Kind    = "buffer"
	Version = 1
)

// EventAsk is the kind of the event that says whom to ask: a list of the call and a list of peers.
const EventAsk = "buffer.ask"

// Config is the settings of the component. The slots must stand among its deps in the artifact.
type Config struct {
	// Strategy is an asynchronous one of package strategy, with its settings.
	Strategy string `json:"strategy"`
	Registry string `json:"registry,omitempty"` // slot that knows who is there; "" means "registry"
	Model    string `json:"model,omitempty"`    // slot of the model; "" means "model"
	// Edge is the edge along which peers are asked, with the call as the context: questions whose answers would be
	// refused for their age are withdrawn. "" leaves them.
	Edge string `json:"edge,omitempty"`
	// Most is how many of those who are there train at once, up to 65,536; 0 means all of them.
	Most int `json:"most,omitempty"`
	// Weighting is what an update weighs beside its age: aggregator.Samples, or Uniform, once each. "" means Samples.
	Weighting  string `json:"weighting,omitempty"`
	MaxSamples int64  `json:"max_samples,omitempty"` // what it weighs at most; 0 means as much as it has samples
	// Variances are the tensors of an update that hold variances, ascending: one with a number below 0 is refused.
	Variances []int `json:"variances,omitempty"`
	// CheckMS is how often is looked who is there and has nothing to do, in milliseconds, 10 to 3,600,000; 0 means
	// 1,000. Whoever answers is asked again at once, and by nothing else than that.
	CheckMS int64 `json:"check_ms,omitempty"`
	// Of a strategy with Closes: how many of those who are asked by a version close it by their answers, up to 1,024;
	// how long it waits on for the others then, and after which time it closes with what it has, in milliseconds, up to
	// 30 days. Quorum 0 means Most, or all; GraceMS 0 closes it at once; DeadlineMS 0 means never.
	Quorum     int   `json:"quorum,omitempty"`
	GraceMS    int64 `json:"grace_ms,omitempty"`
	DeadlineMS int64 `json:"deadline_ms,omitempty"`
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	return config.Parse("buffer config", b, Config.withDefaults)
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte { return config.JSON(c) }

func (c Config) withDefaults() (Config, error) {
	const of = "buffer config"
	if c.Registry == "" {
		c.Registry = "registry"
	}
	if c.Model == "" {
		c.Model = "model"
	}
	if c.Weighting == "" {
		c.Weighting = aggregator.Samples
	}
	if c.CheckMS == 0 {
		c.CheckMS = 1000
	}
	s, err := chosen(c.Strategy)
	if err != nil {
		return c, config.Errorf(of, "strategy: %v", err)
	}
	if !s.Closes && (c.Quorum != 0 || c.GraceMS != 0 || c.DeadlineMS != 0) {
		return c, config.Errorf(of, "quorum is %d, grace_ms %d and deadline_ms %d; want 0 beside strategy %s, whose versions "+
			"close by their number of updates", c.Quorum, c.GraceMS, c.DeadlineMS, s.Name)
	}
	if c.Weighting != aggregator.Samples && c.Weighting != aggregator.Uniform {
		return c, config.Errorf(of, "weighting is %q; want %q or %q", c.Weighting, aggregator.Samples,
			aggregator.Uniform)
	}
	for i, k := range c.Variances {
		if k < 0 || i > 0 && k <= c.Variances[i-1] {
			return c, config.Errorf(of, "variances are %v; want places of tensors, ascending", c.Variances)
		}
	}
	for _, k := range []struct {
		key       string
		v, lo, hi int64
	}{
		{"most", int64(c.Most), 0, peersMax}, {"max_samples", c.MaxSamples, 0, exact.SamplesMax - 1},
		{"check_ms", c.CheckMS, 10, 3600_000}, {"quorum", int64(c.Quorum), 0, foldedMax},
		{"grace_ms", c.GraceMS, 0, timeMaxMS}, {"deadline_ms", c.DeadlineMS, 0, timeMaxMS},
	} {
		if err := config.Within(of, k.key, k.v, k.lo, k.hi); err != nil {
			return c, err
		}
	}
	return c, nil
}

// chosen returns the strategy that a text names.
func chosen(text string) (strategy.Chosen, error) {
	s, err := strategy.Parse(text)
	if err == nil && s.Stale == nil {
		err = errors.New(s.Name + " is not asynchronous")
	}
	return s, err
}

// Factory builds the component of a slot from its settings; a node's catalogue holds it under Role, Kind and Version.
func Factory(env node.Env) (engine.Component, error) {
	cfg, err := ParseConfig(env.Config)
	if err != nil {
		return nil, err
	}
	return New(env.Slot, cfg)
}

// Registry is what the component asks of the slot Config.Registry.
type Registry interface {
	// Members returns who is a member now, sorted.
	Members() []wire.PeerID
	// Samples returns how many samples the peer joined with, and whether it is known; one that is silent is.
	Samples(who wire.PeerID) (int64, bool)
	// Name returns what people call a peer, "" where it has no name.
	Name(who wire.PeerID) string
}

// Model is what the component asks of the slot Config.Model.
type Model interface {
	// Shapes returns the shape of each parameter, in order, and Stored its type.
	Shapes() [][]int
	Stored() []tensor.DType
	// Kept returns the parameters, which are not changed.
	Kept() ([]*tensor.Tensor, error)
	// Load puts parameters in place of the model's, or changes nothing.
	Load(params []value.Value) *value.Failure
}
