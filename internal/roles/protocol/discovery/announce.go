package discovery

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// serversMax bounds the servers to which a node announces itself.
const serversMax = 64

// announce tells the servers that this node is there.
func (c *Component) announce(ctx *engine.Context) {
	servers := ctx.Peers(c.cfg.Server)
	for _, s := range servers[:min(len(servers), serversMax)] {
		ctx.SendBest(s, "announce", value.String(ctx.Place()), texts(own(ctx)))
	}
}

// announced notes that a node is there, at a server.
func (c *Component) announced(ctx *engine.Context, from wire.PeerID, in []value.Value) *value.Failure {
	if len(in) != 2 {
		return c.fail(value.CodeType, "an announcement of %s holds %d values; want place and addresses", from, len(in))
	}
	place, ok1 := in[0].(value.String)
	addresses, ok2 := addressesOf(in[1])
	if !ok1 || !ok2 || place == "" || len(place) > placeMax {
		return c.fail(value.CodeType, "%s announces no place of at most %d bytes, or more than %d addresses of %d",
			from, placeMax, addressesMax, addressMax)
	}
	// The timer comes first: without it nobody would ever leave.
	if !c.st.Armed {
		if !ctx.Arm(c.cfg.TTLMS*1e6, expireToken) {
			return c.fail(value.CodeOverflow, "no timer is left to watch over the list")
		}
		c.st.Armed = true
	}
	i, known := c.st.find(string(from))
	if !known {
		if len(c.st.Entries) >= c.cfg.View && c.st.expire(ctx.Now()-c.cfg.TTLMS*1e6) == 0 {
			return c.fail(value.CodeOverflow, "%d peers are listed, which is the limit; %s is not", len(c.st.Entries),
				from)
		}
		i, _ = c.st.find(string(from))
		c.st.Entries = slices.Insert(c.st.Entries, i, Entry{Peer: string(from)})
		ctx.Count("listed")
	}
	e := &c.st.Entries[i]
	e.Place, e.Addresses, e.Born = string(place), addresses, ctx.Now()
	ctx.Learn(from, addresses)
	return nil
}

// expire drops who was silent for too long, and arms the timer for the next.
func (c *Component) expire(ctx *engine.Context) error {
	c.st.Armed = false
	for range c.st.expire(ctx.Now() - c.cfg.TTLMS*1e6) {
		ctx.Count("expired")
	}
	i := c.st.oldest()
	if i < 0 {
		return nil // the next announcement arms it
	}
	if !ctx.Arm(c.st.Entries[i].Born+c.cfg.TTLMS*1e6-ctx.Now(), expireToken) {
		return c.fail(value.CodeOverflow, "no timer is left to watch over the list")
	}
	c.st.Armed = true
	return nil
}

// own returns where this node can be reached, as much as a message may say.
func own(ctx *engine.Context) []string {
	a := ctx.Addresses(ctx.Self())
	return a[:min(len(a), addressesMax)]
}

func texts(list []string) value.Value {
	out := make([]value.Value, len(list))
	for i, s := range list {
		out[i] = value.String(s)
	}
	return value.NewList(out...)
}

// addressesOf reads a list of addresses; whether they are sound is the address book's matter.
func addressesOf(v value.Value) ([]string, bool) {
	l, ok := v.(*value.List)
	if !ok || l.Len() > addressesMax {
		return nil, false
	}
	var out []string
	for _, it := range l.Items() {
		s, ok := it.(value.String)
		if !ok || len(s) > addressMax {
			return nil, false
		}
		out = append(out, string(s))
	}
	return out, true
}
