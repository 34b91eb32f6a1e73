package moments

import (
	"math"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// Kind and Version name the component in an artifact.
const (
	Role    = "protocol"
	Kind    = "moments"
	Version = 1
)

// Config is the settings of the component.
type Config struct {
	// Features is of how many features, or channels, there are sums, 1 to FeaturesMax; each sample has Each numbers of
	// one, 0 means 1.
	Features int `json:"features"`
	Each     int `json:"each,omitempty"`
	// Divisor is what numbers are divided by before they are scaled; 0 means 1.
	Divisor float64 `json:"divisor,omitempty"`
	// Shape is that of the tensors that Scale gives; none means [features]. They are float64, or with Single float32.
	Shape  []int `json:"shape,omitempty"`
	Single bool  `json:"single,omitempty"`
	// Rounds and Registry are the slots that know who may contribute, and how many samples peers have; "" means
	// "rounds" and "registry".
	Rounds   string `json:"rounds,omitempty"`
	Registry string `json:"registry,omitempty"`
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	return config.Parse("moments config", b, Config.withDefaults)
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte { return config.JSON(c) }

func (c Config) withDefaults() (Config, error) {
	const of = "moments config"
	if c.Each == 0 {
		c.Each = 1
	}
	if c.Divisor == 0 {
		c.Divisor = 1
	}
	if c.Shape == nil {
		c.Shape = []int{c.Features}
	}
	if c.Rounds == "" {
		c.Rounds = "rounds"
	}
	if c.Registry == "" {
		c.Registry = "registry"
	}
	if !(math.Abs(c.Divisor) > 1e-30 && math.Abs(c.Divisor) < 1e30) {
		return c, config.Errorf(of, "divisor is %v; want a number that features can be divided by", c.Divisor)
	}
	if err := config.Within(of, "features", int64(c.Features), 1, FeaturesMax); err != nil {
		return c, err
	}
	n := 1
	for _, d := range c.Shape {
		if d < 1 || d > FeaturesMax {
			n = 0
			break
		}
		n *= d
	}
	if n != c.Features || len(c.Shape) > 16 {
		return c, config.Errorf(of, "shape is %v; want one of %d numbers", c.Shape, c.Features)
	}
	return c, config.Within(of, "each", int64(c.Each), 1, 1<<24)
}

// Rounds is what the component asks of the slot Config.Rounds.
type Rounds interface {
	// Accept says whether the peer may contribute to the round now. It changes nothing.
	Accept(round int64, who wire.PeerID) *value.Failure
	// Settle notes that the peer, which Accept let pass in the same call, contributed, and Refuse that what it sent
	// does not count.
	Settle(ctx *engine.Context, round int64, who wire.PeerID)
	Refuse(ctx *engine.Context, round int64, who wire.PeerID, why *value.Failure)
	// Refusals returns whose answers to a round did not count, and why, in the order of the peers.
	Refusals(round int64) (who []wire.PeerID, why []string)
}

// Registry is what the component asks of the slot Config.Registry.
type Registry interface {
	// Samples returns how many samples the peer joined with, and whether it is known.
	Samples(who wire.PeerID) (int64, bool)
}

// Factory builds the component of a slot from its settings; a node's catalogue holds it under Role, Kind and Version.
func Factory(env node.Env) (engine.Component, error) {
	cfg, err := ParseConfig(env.Config)
	if err != nil {
		return nil, err
	}
	return New(env.Slot, cfg)
}

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	scale := []graph.Port{{Name: "shift", Type: types.Tensor()}, {Name: "divide", Type: types.Tensor()}}
	double := []graph.Port{{Name: "shift", Type: types.Tensors(tensor.Float64, -1)},
		{Name: "divide", Type: types.Tensors(tensor.Float64, -1)}}
	return []graph.Method{
		{
			Name: "Contribute", Doc: "Adds the sums of a peer, at most once.",
			In: []graph.Port{
				{Name: "round", Type: types.Int()}, {Name: "who", Type: types.Peer()},
				{Name: "counts", Type: types.Tensor()}, {Name: "sums", Type: types.Tensor()},
				{Name: "squares", Type: types.Tensor()},
			},
			Out: []graph.Port{{Name: "settled", Type: types.Trigger()}},
		},
		{
			Name: "Refuse", Doc: "Notes that a peer's answer failed, and why, as Catch gives it.",
			In: []graph.Port{
				{Name: "round", Type: types.Int()}, {Name: "who", Type: types.Peer()},
				{Name: "failure", Type: types.ListsOf(types.String())},
			},
			Out: []graph.Port{{Name: "noted", Type: types.Trigger()}},
		},
		{
			Name: "Constants",
			Doc: "Makes the constants of the sums, keeps them, and gives what is told of them, and what features " +
				"are shifted and divided by.",
			In:  []graph.Port{{Name: "round", Type: types.Int()}, {Name: "members", Type: types.ListsOf(types.Peer())}},
			Out: append([]graph.Port{{Name: "told", Type: types.List()}}, double...),
		},
		{
			Name: "Scale", Doc: "Gives what features are shifted and divided by, in the form of the settings.",
			In:  []graph.Port{{Name: "trigger", Type: types.Trigger()}},
			Out: scale,
		},
	}
}
