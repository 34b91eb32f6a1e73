package aggregator

import (
	"encoding/json"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/exact"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "aggregator"
	Kind    = "fedavg"
	Version = 1
)

// Config is the settings of the component. The slots must stand among its deps in the artifact.
type Config struct {
	Rounds   string `json:"rounds,omitempty"`   // slot that says who may contribute; "" means "rounds"
	Registry string `json:"registry,omitempty"` // slot that knows the samples of each peer; "" means "registry"
	// Model is the slot whose shapes an update must have. "" means none: the first update of a round gives the shapes.
	Model string `json:"model,omitempty"`
	// MaxOpen is the number of rounds that may be open at once, 1 to 64; 0 means 4.
	MaxOpen int `json:"max_open,omitempty"`
	// MaxElements bounds the elements of an update, 1 to 2^30; 0 means 2^24. An open round takes 16 bytes of each.
	MaxElements int `json:"max_elements,omitempty"`

	// Figures keeps figures of each client, and tells the rounds who was refused. No key below has a meaning without
	// it.
	Figures bool `json:"figures,omitempty"`
	// Weighting is what an update weighs in the mean: Samples, or Uniform, once each. "" means Samples.
	Weighting string `json:"weighting,omitempty"`
	// MaxSamples is what an update weighs at most, up to 2^24 - 1; 0 means as much as it has samples.
	MaxSamples int64 `json:"max_samples,omitempty"`
	// Clip is the L2 norm to which what an update changes of the parameters is scaled down, 0 or above; 0 means that it
	// is not.
	Clip float64 `json:"clip,omitempty"`
	// Skips lets a round close with nobody: its mean is then the model's parameters.
	Skips bool `json:"skips,omitempty"`
	// Combine is a strategy of package strategy, with its settings, by which updates become one; "" means the exact
	// mean, which every strategy has that says nothing else. With it all updates of a round are kept until the round
	// closes: 2^28 elements of them at most. One that judges updates as wholes needs the Model, which keeps its
	// parameters while they are gathered.
	Combine string `json:"combine,omitempty"`
	// Variances are the tensors of an update that hold variances, ascending: one with a number below 0 is refused.
	Variances []int `json:"variances,omitempty"`
	// Wide gives the mean in float32 where the model keeps its parameters in floats of 16 bits: for a strategy that
	// makes the new ones of it.
	Wide bool `json:"wide,omitempty"`
	// Beside are the shapes of what stands in an update behind the model's parameters, of float32: the mean has it too.
	Beside [][]int `json:"beside,omitempty"`
	// Passes lets the component give sums, and not means: for whoever adds them up. A round is then forgotten when a
	// later one has begun.
	Passes bool `json:"passes,omitempty"`
	// Gather says how updates are gathered that are too large for one envelope, and lent.
	Gather GatherConfig `json:"gather,omitzero"`
}

// What an update weighs.
const (
	Samples = "samples" // as many as it was trained on, as far as the client says
	Uniform = "uniform" // one, whoever made it
)

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	var c Config
	if err := config.Decode("fedavg config", b, &c); err != nil {
		return c, err
	}
	return c.withDefaults()
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte {
	b, _ := json.Marshal(c) // strings and integers: cannot fail
	return b
}

func (c Config) withDefaults() (Config, error) {
	if c.Rounds == "" {
		c.Rounds = "rounds"
	}
	if c.Registry == "" {
		c.Registry = "registry"
	}
	const of = "fedavg config"
	if !c.Figures && (c.Weighting != "" || c.MaxSamples != 0 || c.Clip != 0 || c.Skips) {
		return c, config.Errorf(of, "there are settings that need figures, which is not set")
	}
	if c.Weighting != "" && c.Weighting != Samples && c.Weighting != Uniform {
		return c, config.Errorf(of, "weighting is %q; want %q or %q", c.Weighting, Samples, Uniform)
	}
	if !(c.Clip >= 0 && c.Clip <= clipMax) {
		return c, config.Errorf(of, "clip is %v; want 0 to %g", c.Clip, float64(clipMax))
	}
	if err := config.Within(of, "max_samples", c.MaxSamples, 0, exact.SamplesMax-1); err != nil {
		return c, err
	}
	var err error
	if c.Gather, err = c.Gather.withDefaults(); err != nil {
		return c, err
	}
	switch s, err := combineOf(c.Combine); {
	case err != nil:
		return c, config.Errorf(of, "combine: %v", err)
	case s != nil && s.Judge != nil && c.Model == "":
		return c, config.Errorf(of, "combine is %s, which judges updates by the parameters of a model; want one", s.Name)
	}
	for i, k := range c.Variances {
		if k < 0 || i > 0 && k <= c.Variances[i-1] {
			return c, config.Errorf(of, "variances are %v; want places of tensors, ascending", c.Variances)
		}
	}
	if len(c.Beside) > 0 && (c.Model == "" || c.Combine != "" || c.Clip > 0 || c.Skips) {
		return c, config.Errorf(of, "beside needs a model, and has no meaning with combine, clip or skips")
	}
	if c.Passes && (!c.Figures || c.Model == "" || c.Combine != "" || c.Skips || c.Wide) {
		return c, config.Errorf(of, "passes needs figures and a model, and has no meaning with combine, skips or wide")
	}
	if c.MaxOpen == 0 {
		c.MaxOpen = 4
	}
	if c.MaxElements == 0 {
		c.MaxElements = 1 << 24
	}
	if err := config.Within("fedavg config", "max_open", int64(c.MaxOpen), 1, 64); err != nil {
		return c, err
	}
	return c, config.Within("fedavg config", "max_elements", int64(c.MaxElements), 1, 1<<30)
}

// Rounds is what the aggregator asks of the slot Config.Rounds.
type Rounds interface {
	// Accept says whether the peer may contribute to the round now: nil, or a failure late, duplicate or stranger.
	// It changes nothing.
	Accept(round int64, who wire.PeerID) *value.Failure
	// Settle notes that the peer, which Accept let pass in the same call, contributed.
	Settle(ctx *engine.Context, round int64, who wire.PeerID)
}

// Refuser is what the aggregator tells the slot Config.Rounds with Config.Figures.
type Refuser interface {
	Rounds
	// Refuse notes that the answer of a peer, which Accept lets pass, does not count.
	Refuse(ctx *engine.Context, round int64, who wire.PeerID, why *value.Failure)
}

// Parameters is what the aggregator asks of the slot Config.Model with Config.Figures.
type Parameters interface {
	// Params returns the parameters, which are not changed.
	Params() ([]*tensor.Tensor, error)
}

// clipMax bounds the norm that updates are clipped to.
const clipMax = 1 << 40

// Registry is what the aggregator asks of the slot Config.Registry.
type Registry interface {
	// Samples returns how many samples the peer said it has when it joined, and whether it is known.
	Samples(who wire.PeerID) (int64, bool)
}

// Model is what the aggregator asks of the slot Config.Model.
type Model interface {
	// Shapes returns the shape of each parameter, in order; all are float32 where it is no Storer.
	Shapes() [][]int
}
