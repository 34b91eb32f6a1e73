// Package neighbour chooses whom a node talks to next, as the component kind "neighbour" version 1: one of the peers
// that it knows from the start, which are its neighbours in a network without a server, or of those that another
// component learned of.
//
// The choice is a function of the job's seed, the slot, the node's peer id, the tick and the neighbours, and of nothing
// else, so that a node that was restored chooses alike.
//
// Ops of the component:
//
//	Peer(tick Int) → Peer
//	Next(tick Int) → List of Peer    of one, or of nobody where there is no neighbour yet
package neighbour

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "selector"
	Kind    = "neighbour"
	Version = 1
)

// Config is the settings of the component.
type Config struct {
	Place string `json:"place"`          // that the neighbours play
	From  string `json:"from,omitempty"` // slot of a component that learns who they are; "": those known from the start
}

// Viewer is a component that learns who a node's neighbours are.
type Viewer interface {
	// View returns them, ascending.
	View(ctx *engine.Context) []wire.PeerID
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name.
func ParseConfig(b []byte) (Config, error) {
	var c Config
	if err := config.Decode("neighbour config", b, &c); err != nil {
		return c, err
	}
	if c.Place == "" {
		return c, config.Errorf("neighbour config", "place is missing; want the place that the neighbours play")
	}
	return c, nil
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte { return config.JSON(c) }

// Component is the selector of one node. It is thread-unsafe, like every component.
type Component struct {
	slot string
	cfg  Config
	key  draw.Key
	self int // place of the node itself among the peers, -1 where it is not; derived

	peers []wire.PeerID // the neighbours; nil until they are asked for; derived
	st    State
}

// State is empty: the choice depends on nothing that would have to be remembered.
type State struct{}

// Factory builds the component of a slot from its settings; a node's catalogue holds it under Role, Kind and Version.
func Factory(env node.Env) (engine.Component, error) {
	cfg, err := ParseConfig(env.Config)
	if err != nil {
		return nil, err
	}
	return &Component{slot: env.Slot, cfg: cfg, key: draw.NewKey(env.Seed, "selector/"+env.Slot+"/"+string(env.Self))},
		nil
}

// State returns the empty state.
func (c *Component) State() any { return &c.st }

// Restored has nothing to check.
func (c *Component) Restored() error { return nil }

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	if method != "Peer" && method != "Next" {
		return nil, c.fail(value.CodeError, "no op %q; want Peer or Next", method)
	}
	if len(in) != 1 {
		return nil, c.fail(value.CodeType, "%s takes the tick, not %d values", method, len(in))
	}
	tick, ok := in[0].(value.Int)
	if !ok {
		return nil, c.fail(value.CodeType, "%s takes the tick as an Int, not as %s", method, in[0].Type())
	}
	if c.cfg.From != "" {
		v, ok := ctx.Dep(c.cfg.From).(Viewer)
		if !ok {
			return nil, c.fail(value.CodeError, "slot %q holds no component that learns of neighbours", c.cfg.From)
		}
		c.peers, c.self = v.View(ctx), -1
	} else if c.peers == nil { // they never change
		c.peers = ctx.Peers(c.cfg.Place)
		c.self = slices.Index(c.peers, ctx.Self())
	}
	p, ok := c.choose(uint64(tick))
	switch {
	case method == "Next" && ok:
		return ctx.Outputs(value.NewList(value.Peer(p))), nil
	case method == "Next":
		ctx.Count("nobody") // until somebody comes
		return ctx.Outputs(value.NewList()), nil
	case !ok:
		return nil, c.fail(value.CodeError, "no peer plays %q but this node; give it neighbours", c.cfg.Place)
	}
	return ctx.Outputs(value.Peer(p)), nil
}

// choose returns one of the neighbours, but never the node itself.
func (c *Component) choose(tick uint64) (wire.PeerID, bool) {
	n := len(c.peers)
	if n == 0 {
		return "", false
	}
	i := c.key.Below(tick, n)
	if i != c.self {
		return c.peers[i], true
	}
	if n == 1 {
		return "", false
	}
	// Among the others, each is as likely as before.
	return c.peers[(i+1+c.key.Below(^tick, n-1))%n], true
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
