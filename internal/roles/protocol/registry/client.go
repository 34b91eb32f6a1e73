package registry

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Data is what the registry asks of the slot Config.Data at a client.
type Data interface {
	// Samples returns how many samples the node trains on.
	Samples() int64
}

// beat sends the join, and after it heartbeats, to all servers, and arms the timer for the next.
func (c *Component) beat(ctx *engine.Context) error {
	// The period is shortened by up to an eighth, at random, so that clients that started together drift apart.
	period := c.cfg.HeartbeatMS * 1e6
	delay := period - int64(ctx.Random()%uint64(period/8))
	if !ctx.Arm(delay, beatToken) {
		return c.fail(value.CodeOverflow, "no timer is left for heartbeats")
	}
	samples, f := c.own(ctx)
	if f != nil {
		return f
	}
	for _, server := range c.servers(ctx) {
		if c.st.Joined {
			ctx.SendBest(server, "heartbeat", value.Int(samples), value.String(c.opts.Name))
		} else if err := ctx.Send(server, "join", value.Int(samples), value.String(c.opts.Name)); err != nil {
			return err // tried again with the next beat
		}
	}
	c.st.Joined = true
	return nil
}

// PeerChanged joins a server anew that came back: it may have forgotten this client. The first sign of life of a server
// looks the same; then the second join says what the first did.
func (c *Component) PeerChanged(ctx *engine.Context, peer wire.PeerID, up bool) {
	if !up || !c.st.Joined && !c.atEdge(ctx) || c.atServer(ctx) || !slices.Contains(c.servers(ctx), peer) {
		return
	}
	if c.atEdge(ctx) {
		c.st.Stale = true
		c.soon(ctx)
		return
	}
	samples, f := c.own(ctx)
	if f == nil {
		if err := ctx.Send(peer, "join", value.Int(samples), value.String(c.opts.Name)); err == nil {
			return
		}
	}
	ctx.Count("rejoin.refused") // the next heartbeat says the same
}

// own returns how many samples the node has.
func (c *Component) own(ctx *engine.Context) (int64, *value.Failure) {
	data, ok := ctx.Dep(c.cfg.Data).(Data)
	if !ok {
		return 0, c.fail(value.CodeError, "slot %q holds no component that knows this node's samples", c.cfg.Data)
	}
	return data.Samples(), nil
}

// servers returns the servers that the node knows, as many as it joins.
func (c *Component) servers(ctx *engine.Context) []wire.PeerID {
	place := c.cfg.Server
	if c.cfg.Edges != "" && !c.atEdge(ctx) {
		place = c.cfg.Edges
	}
	all := ctx.Peers(place)
	return all[:min(len(all), serversMax)]
}
