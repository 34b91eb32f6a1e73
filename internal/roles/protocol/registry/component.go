package registry

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// The tokens of the timers.
const (
	beatToken  = 1 // at a client: the next join or heartbeat
	lapseToken = 2 // at a server: the next member may have lapsed
	// at an edge: others have joined, of whom the server is to hear
	rosterToken = 3
)

// Component is one end of the registry protocol. It is thread-unsafe, like every component.
type Component struct {
	slot string
	cfg  Config
	opts Options
	st   State
}

// New returns the registry of a slot; which end it is follows from the place of the node that runs it.
func New(slot string, cfg Config, opts Options) (*Component, error) {
	cfg, err := cfg.withDefaults()
	if err == nil {
		err = opts.check()
	}
	if err != nil {
		return nil, err
	}
	return &Component{slot: slot, cfg: cfg, opts: opts}, nil
}

// State returns the members, or that the node joined.
func (c *Component) State() any { return &c.st }

// Restored checks the members.
func (c *Component) Restored() error {
	if err := c.st.check(c.cfg); err != nil {
		return fmt.Errorf("%s: %w", c.slot, err)
	}
	return nil
}

// Start arms the timer of a client's join.
func (c *Component) Start(ctx *engine.Context) error {
	if c.atServer(ctx) {
		return nil
	}
	c.st.Stale = c.atEdge(ctx)
	// A nanosecond later, not at once: at engine time 0 a wake-up "at 0" would read as none.
	if !ctx.Arm(1, beatToken) {
		return c.fail(value.CodeOverflow, "no timer is left for the join")
	}
	return nil
}

// Alarm sends what is due, or ends memberships.
func (c *Component) Alarm(ctx *engine.Context, token uint64) error {
	switch {
	case token == beatToken && c.atEdge(ctx):
		return c.relay(ctx)
	case token == beatToken:
		return c.beat(ctx)
	case token == rosterToken:
		c.st.Soon = false
		return c.passOn(ctx)
	}
	return c.lapse(ctx)
}

// Message handles a join or a heartbeat at a server.
func (c *Component) Message(ctx *engine.Context, from wire.PeerID, op string, in []value.Value) error {
	if !c.lists(ctx) {
		return c.fail(value.CodeStranger, "%s sent %q to place %q; members are listed at %q", from, op, ctx.Place(),
			c.cfg.Server)
	}
	var f *value.Failure
	switch through := c.atServer(ctx) && c.cfg.Edges != ""; {
	case through && op != opRoster && op != opAlive:
		f = c.fail(value.CodeError, "%s sent %q; want %s or %s of an edge", from, op, opRoster, opAlive)
	case through && !ctx.Plays(from, c.cfg.Edges):
		f = c.fail(value.CodeStranger, "%s sent %q and is no edge", from, op)
	case op == opRoster && through:
		f = c.roster(ctx, from, in)
	case through:
		f = c.alive(ctx, from, in)
	case op == opKnown && c.atEdge(ctx) && slices.Contains(c.servers(ctx), from):
		f = c.known(ctx, in)
	case op == opTaken && c.atEdge(ctx) && slices.Contains(c.servers(ctx), from):
		f = c.taken(in)
	case op != "join" && op != "heartbeat":
		return c.fail(value.CodeError, "%s sent %q; want join or heartbeat", from, op)
	default:
		f = c.joined(ctx, from, in)
	}
	if f != nil {
		ctx.Count("refused." + f.Code)
		return f
	}
	return nil
}

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	if !c.lists(ctx) {
		return nil, c.fail(value.CodeError, "%s at place %q; members are listed at %q", method, ctx.Place(),
			c.cfg.Server)
	}
	switch method {
	case "Await":
		return c.await(ctx, in)
	case "Members":
		live := c.st.live()
		out := make([]value.Value, len(live))
		for i, p := range live {
			out[i] = value.Peer(p)
		}
		return []value.Value{value.NewList(out...)}, nil
	case "Share":
		return c.share(in)
	case "Edges", "Mine":
		return c.through(ctx, method, in)
	}
	return nil, c.fail(value.CodeError, "no op %q; want Await, Members, Share, Edges or Mine", method)
}

// share gives which part a list of peers is of all of them: at least one, and at most all.
func (c *Component) share(in []value.Value) ([]value.Value, error) {
	peers, ok := at[*value.List](in, 0)
	of, ok2 := at[value.Int](in, 1)
	if !ok || !ok2 || of < 0 {
		return nil, c.fail(value.CodeType, "Share takes a List of Peer, and an Int that is not below 0")
	}
	if c.cfg.Weighs {
		return c.weighed(peers)
	}
	if of == 0 {
		of = value.Int(len(c.st.Members))
	}
	n := max(1, min(peers.Len(), int(of)))
	t, err := tensor.FromFloat32(nil, []float32{float32(float64(n) / float64(max(1, of)))})
	return []value.Value{value.Tensor{Tensor: t}}, err
}

// weighed gives which part a list of peers is of all who joined, by their samples.
func (c *Component) weighed(peers *value.List) ([]value.Value, error) {
	weight := func(m Member) int64 {
		if c.cfg.MostWeight > 0 {
			return min(m.Samples, c.cfg.MostWeight)
		}
		return m.Samples
	}
	var part, all int64 // up to 2^20 members of up to 2^24 samples
	for _, m := range c.st.Members {
		all += weight(m)
	}
	for _, p := range peers.Items() {
		who, _ := p.(value.Peer)
		if i, known := c.st.find(string(who)); known {
			part += weight(c.st.Members[i])
		}
	}
	if part == 0 {
		return nil, c.fail(value.CodeError, "none of %d peers is known", peers.Len())
	}
	t, err := tensor.FromFloat32(nil, []float32{float32(float64(part) / float64(all))})
	return []value.Value{value.Tensor{Tensor: t}}, err
}

func (c *Component) atServer(ctx *engine.Context) bool { return ctx.Place() == c.cfg.Server }

// atEdge says whether the node is between clients and server.
func (c *Component) atEdge(ctx *engine.Context) bool {
	return c.cfg.Edges != "" && ctx.Place() == c.cfg.Edges
}

// lists says whether the node lists members.
func (c *Component) lists(ctx *engine.Context) bool { return c.atServer(ctx) || c.atEdge(ctx) }

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}

// at returns input i when it is there and of type T.
func at[T value.Value](in []value.Value, i int) (T, bool) {
	if i >= len(in) {
		var none T
		return none, false
	}
	v, ok := in[i].(T)
	return v, ok
}
