package discovery

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// The tokens of the timers.
const (
	tickToken   = 1 // the next shuffle or announcement
	expireToken = 2 // at a server: the next entry may be too old
)

// Component is one node's end of the protocol. It is thread-unsafe, like every component.
type Component struct {
	slot string
	cfg  Config
	key  draw.Key
	st   State
}

// Factory builds the component of a slot from its settings; a node's catalogue holds it under Role, Kind and Version.
func Factory(env node.Env) (engine.Component, error) {
	cfg, err := ParseConfig(env.Config)
	if err != nil {
		return nil, err
	}
	return &Component{slot: env.Slot, cfg: cfg, key: draw.NewKey(env.Seed, "discovery/"+env.Slot+"/"+string(env.Self))},
		nil
}

// State returns the view.
func (c *Component) State() any { return &c.st }

// Restored checks the view.
func (c *Component) Restored() error {
	if err := c.st.check(c.cfg); err != nil {
		return fmt.Errorf("%s: %w", c.slot, err)
	}
	return nil
}

// serves says whether the node keeps the list of a registry.
func (c *Component) serves(ctx *engine.Context) bool {
	return c.cfg.Mode == ModeRegistry && ctx.Place() == c.cfg.Server
}

// Start arms the timer of the first shuffle or announcement.
func (c *Component) Start(ctx *engine.Context) error {
	if c.serves(ctx) {
		return nil
	}
	if c.cfg.Mode == ModeExchange {
		c.begin(ctx)
	}
	// A nanosecond later at least: at engine time 0 a wake-up "at 0" would read as none.
	return c.arm(ctx, 1+int64(ctx.Random()%uint64(c.cfg.PeriodMS*1e6/8)))
}

func (c *Component) arm(ctx *engine.Context, delay int64) error {
	if !ctx.Arm(delay, tickToken) {
		return c.fail(value.CodeOverflow, "no timer is left for the next period")
	}
	return nil
}

// Alarm does what is due.
func (c *Component) Alarm(ctx *engine.Context, token uint64) error {
	if token == expireToken {
		return c.expire(ctx)
	}
	// The period is shortened by up to an eighth, at random, so that nodes that started together drift apart.
	period := c.cfg.PeriodMS * 1e6
	err := c.arm(ctx, period-int64(ctx.Random()%uint64(period/8)))
	if c.cfg.Mode == ModeRegistry {
		c.announce(ctx)
	} else {
		c.shuffle(ctx)
	}
	return err
}

// Message handles what another node says.
func (c *Component) Message(ctx *engine.Context, from wire.PeerID, op string, in []value.Value) error {
	var bad *value.Failure
	switch {
	case op == "announce" && c.serves(ctx):
		bad = c.announced(ctx, from, in)
	case op == "shuffle" && c.cfg.Mode == ModeExchange:
		bad = c.shuffled(ctx, from, in, true)
	case op == "shuffled" && c.cfg.Mode == ModeExchange:
		bad = c.shuffled(ctx, from, in, false)
	default:
		bad = c.fail(value.CodeError, "%s sent %q to place %q in the mode %s", from, op, ctx.Place(), c.cfg.Mode)
	}
	if bad != nil {
		ctx.Count("refused." + bad.Code)
		return bad
	}
	return nil
}

// PeerChanged drops a peer that is down or blocked: when it is well again it says so itself.
func (c *Component) PeerChanged(ctx *engine.Context, peer wire.PeerID, up bool) {
	if !up && c.st.drop(string(peer)) {
		ctx.Count("dropped")
	}
}

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(ctx *engine.Context, method string, _ []value.Value) ([]value.Value, error) {
	if method != "Members" {
		return nil, c.fail(value.CodeError, "no op %q; want Members", method)
	}
	peers := c.View(ctx)
	out := make([]value.Value, len(peers))
	for i, p := range peers {
		out[i] = value.Peer(p)
	}
	return []value.Value{value.NewList(out...)}, nil
}

// View returns who plays Config.Place as far as this node knows, ascending, the node itself apart.
func (c *Component) View(ctx *engine.Context) []wire.PeerID {
	out := make([]wire.PeerID, 0, len(c.st.Entries))
	for i := range c.st.Entries {
		if e := &c.st.Entries[i]; e.Place == c.cfg.Place {
			out = append(out, wire.PeerID(e.Peer))
		}
	}
	return out
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
