// Package selector chooses who takes part in a round, as the component kind "uniform" version 1: a sample of the
// registry's members without replacement, uniform unless Config.By says otherwise.
//
// The sample is a function of the job's seed, the slot, the round and the members that the registry had when it let the
// round begin, and of nothing else: neither of the order in which they joined nor of the time. So a run that was
// interrupted draws the same cohorts. With Config.By it is a function too of how many samples the members have, and of
// the losses that they told: both are states of components, and come back with them.
//
// Ops of the component:
//
//	Sample(ready trigger, round Int) → List of Peer   sorted
//	View(trigger)                    → List of Peer   all members, sorted
package selector

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "selector"
	Kind    = "uniform"
	Version = 1
)

// Config is the settings of the component.
type Config struct {
	Registry string `json:"registry,omitempty"` // slot that knows the members; "" means "registry"
	// N is the number of peers that a round waits for, up to 65,536; 0 means all members, and then Over must be 0.
	// Where fewer are members, all of them are chosen.
	N int `json:"n,omitempty"`
	// Over is how many more are chosen, so that the slowest do not hold up the round; up to 65,536.
	Over int `json:"over,omitempty"`
	// FractionPPM is the share of the members that a round waits for, in millionths, rounded up; up to 1,000,000, and
	// only with N 0.
	FractionPPM int `json:"fraction_ppm,omitempty"`
	// By is what a member is chosen by: "" nothing, BySamples or ByLoss.
	By string `json:"by,omitempty"`
	// Candidates is how many are drawn with ByLoss for those with the highest losses to be taken of them, up to 65,536;
	// 0 means twice as many as are chosen.
	Candidates int `json:"candidates,omitempty"`
	// Losses is the slot that knows the losses, with ByLoss; "" means "aggregator".
	Losses string `json:"losses,omitempty"`
}

// What members are chosen by.
const (
	// BySamples draws members one after the other, each with the probability of its samples among those of all that are
	// left; one without samples counts as one.
	BySamples = "samples"
	// ByLoss draws candidates so, and takes those of them whose last known loss is the highest, one that has told none
	// before all others, and one whose last answer was refused behind all: power-of-choice with the losses of before,
	// which costs no message (Cho, Wang and Joshi, "Client Selection in Federated Learning", 2020, rpow-d).
	ByLoss = "loss"
)

const million = 1_000_000

// Registry is what the selector asks of the slot Config.Registry.
type Registry interface {
	// Members returns who is a member now, sorted.
	Members() []wire.PeerID
	// Ready returns who was a member when the round was let begin, sorted, and whether that is known.
	Ready(round int64) ([]wire.PeerID, bool)
	// Samples returns how many samples a peer joined with, and whether that is known.
	Samples(who wire.PeerID) (int64, bool)
}

// Losses is what the selector asks of the slot Config.Losses.
type Losses interface {
	// Loss returns the loss that a peer told last, before it trained, and whether that is known.
	Loss(who wire.PeerID) (float64, bool)
}

// Refusals is what a slot Config.Losses may know too.
type Refusals interface {
	// Refused says whether the last answer of a peer came and did not count.
	Refused(who wire.PeerID) bool
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	return config.Parse("uniform config", b, Config.withDefaults)
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte { return config.JSON(c) }

func (c Config) withDefaults() (Config, error) {
	const of = "uniform config"
	if c.Registry == "" {
		c.Registry = "registry"
	}
	if c.N != 0 && c.FractionPPM != 0 {
		return c, config.Errorf(of, "both n and fraction_ppm are set; want one")
	}
	if err := config.Within(of, "fraction_ppm", int64(c.FractionPPM), 0, million); err != nil {
		return c, err
	}
	if c.N == 0 && c.Over != 0 {
		return c, config.Errorf(of, "over is %d and n is 0, which chooses all members already", c.Over)
	}
	if err := config.Within(of, "n", int64(c.N), 0, 1<<16); err != nil {
		return c, err
	}
	if c.By != "" && c.By != BySamples && c.By != ByLoss {
		return c, config.Errorf(of, "by is %q; want %q, %q, or none", c.By, BySamples, ByLoss)
	}
	if c.By != ByLoss && (c.Candidates != 0 || c.Losses != "") {
		return c, config.Errorf(of, "candidates and losses want by %q", ByLoss)
	}
	if c.By == ByLoss && c.Losses == "" {
		c.Losses = "aggregator"
	}
	if err := config.Within(of, "candidates", int64(c.Candidates), 0, 1<<16); err != nil {
		return c, err
	}
	return c, config.Within(of, "over", int64(c.Over), 0, 1<<16)
}

// Component is the selector of one node. It is thread-unsafe, like every component.
type Component struct {
	slot string
	cfg  Config
	st   State
}

// State is empty: a sample depends on nothing that the selector would have to remember.
type State struct{}

// New returns the selector of a slot.
func New(slot string, cfg Config) (*Component, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Component{slot: slot, cfg: cfg}, nil
}

// State returns the empty state.
func (c *Component) State() any { return &c.st }

// Restored has nothing to check.
func (c *Component) Restored() error { return nil }

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	registry, ok := ctx.Dep(c.cfg.Registry).(Registry)
	if !ok {
		return nil, c.fail(value.CodeError, "slot %q holds no component that knows members", c.cfg.Registry)
	}
	switch method {
	case "Sample":
		if len(in) != 2 {
			return nil, c.fail(value.CodeType, "Sample takes a trigger and the round, not %d values", len(in))
		}
		round, ok := in[1].(value.Int)
		if !ok {
			return nil, c.fail(value.CodeType, "Sample takes the round as an Int, not as %s", in[1].Type())
		}
		members, ok := registry.Ready(int64(round))
		if !ok {
			members = registry.Members()
		}
		if len(members) == 0 {
			return nil, c.fail(value.CodeError, "nobody is a member; let round %d wait for members first", round)
		}
		drawn, f := c.sample(ctx, registry, int64(round), members)
		if f != nil {
			return nil, f
		}
		return peers(drawn), nil
	case "View":
		return peers(registry.Members()), nil
	}
	return nil, c.fail(value.CodeError, "no op %q; want Sample or View", method)
}

// sample returns the peers that are drawn for a round from the members, which are sorted; so is the result.
func (c *Component) sample(ctx *engine.Context, registry Registry, round int64, members []wire.PeerID) ([]wire.PeerID,
	*value.Failure) {
	n := c.cfg.N + c.cfg.Over
	if c.cfg.FractionPPM > 0 {
		n = (len(members)*c.cfg.FractionPPM + million - 1) / million
	} else if c.cfg.N == 0 {
		n = len(members)
	}
	if n >= len(members) {
		return members, nil
	}
	stream := draw.New(ctx.Seed(), "selector/"+c.slot, uint64(round))
	var place []int
	switch c.cfg.By {
	case BySamples:
		place = weighted(stream, weights(registry, members), n)
	case ByLoss:
		losses, ok := ctx.Dep(c.cfg.Losses).(Losses)
		if !ok {
			return nil, c.fail(value.CodeError, "slot %q holds no component that knows losses", c.cfg.Losses)
		}
		most := c.cfg.Candidates
		if most == 0 {
			most = 2 * n
		}
		place = weighted(stream, weights(registry, members), min(max(most, n), len(members)))
		place = highest(losses, members, place)
	default:
		place = make([]int, len(members))
		for i := range place {
			place[i] = i
		}
		stream.Shuffle(place, n)
	}
	slices.Sort(place[:n])
	out := make([]wire.PeerID, n)
	for i, p := range place[:n] {
		out[i] = members[p]
	}
	return out, nil
}

func peers(ids []wire.PeerID) []value.Value {
	out := make([]value.Value, len(ids))
	for i, p := range ids {
		out[i] = value.Peer(p)
	}
	return []value.Value{value.NewList(out...)}
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
