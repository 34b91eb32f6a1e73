package discovery

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// begin fills an empty view with the peers that are known from the start.
func (c *Component) begin(ctx *engine.Context) {
	if len(c.st.Entries) > 0 {
		return
	}
	for _, p := range ctx.Peers(c.cfg.Place) {
		if p != ctx.Self() && ctx.Admitted(p) && len(c.st.Entries) < c.cfg.View {
			i, known := c.st.find(string(p))
			if !known {
				c.st.Entries = slices.Insert(c.st.Entries, i, Entry{Peer: string(p), Place: c.cfg.Place,
					Born: ctx.Now()})
			}
		}
	}
}

// shuffle gives up a partner that did not answer and starts the next exchange.
func (c *Component) shuffle(ctx *engine.Context) {
	if c.st.Partner != "" && c.st.drop(c.st.Partner) {
		ctx.Count("unanswered")
	}
	c.st.Partner, c.st.Sent = "", nil
	for range c.st.expire(ctx.Now() - c.cfg.TTLMS*1e6) {
		ctx.Count("expired")
	}
	c.begin(ctx)
	n := c.st.Shuffle
	c.st.Shuffle++
	if len(c.st.Entries) == 0 {
		ctx.Count("alone") // until somebody comes
		return
	}
	partner := c.st.Entries[c.key.Below(n, len(c.st.Entries))].Peer
	c.st.Partner = partner
	part := c.part(ctx, n, wire.PeerID(partner))
	for _, e := range part {
		c.st.Sent = append(c.st.Sent, e.Peer)
	}
	slices.Sort(c.st.Sent)
	ctx.SendBest(wire.PeerID(partner), "shuffle", c.message(ctx, part)...)
	ctx.Count("shuffles")
}

// part draws the entries that go to a peer, without its own: one less than a shuffle holds, which this node itself
// fills.
func (c *Component) part(ctx *engine.Context, n uint64, to wire.PeerID) []Entry {
	rest := slices.DeleteFunc(slices.Clone(c.st.Entries), func(e Entry) bool {
		return e.Peer == string(to) ||
			!ctx.Admitted(wire.PeerID(e.Peer))
	})
	var out []Entry
	for k := uint64(1); len(rest) > 0 && len(out) < c.cfg.Shuffle-1; k++ {
		i := c.key.Below(n<<8|k|1<<63, len(rest))
		out = append(out, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	return out
}

// message writes this node at age 0, and entries: peer, age in ns and addresses of each.
func (c *Component) message(ctx *engine.Context, part []Entry) []value.Value {
	out := []value.Value{value.NewList(value.Peer(ctx.Self()), value.Int(0), texts(own(ctx)))}
	for _, e := range part {
		addresses := e.Addresses
		if known := ctx.Addresses(wire.PeerID(e.Peer)); len(known) > 0 {
			addresses = known[:min(len(known), addressesMax)] // what worked is better than what was said
		}
		out = append(out, value.NewList(value.Peer(e.Peer), value.Int(max(0, ctx.Now()-e.Born)), texts(addresses)))
	}
	return out
}

// shuffled takes the entries of a shuffle or of its answer into the view, and answers a shuffle.
func (c *Component) shuffled(ctx *engine.Context, from wire.PeerID, in []value.Value, asked bool) *value.Failure {
	got, bad := c.entriesOf(ctx, from, in)
	if bad != nil {
		return bad
	}
	var sent []string
	if asked {
		if !c.st.ask(string(from), ctx.Now(), c.cfg) {
			return c.fail(value.CodeOverflow, "%s shuffles more often than each half period, or more than %d peers do",
				from, c.cfg.View)
		}
		n := c.st.Shuffle
		c.st.Shuffle++
		part := c.part(ctx, n, from)
		for _, e := range part {
			sent = append(sent, e.Peer)
		}
		ctx.SendBest(from, "shuffled", c.message(ctx, part)...)
	} else {
		if string(from) != c.st.Partner {
			return c.fail(value.CodeLate, "%s answers a shuffle that nobody waits for", from)
		}
		sent, c.st.Partner, c.st.Sent = c.st.Sent, "", nil
	}
	for _, e := range got {
		c.merge(ctx, e, &sent)
	}
	return nil
}

// entriesOf reads a message whole before anything of it is used.
func (c *Component) entriesOf(ctx *engine.Context, from wire.PeerID, in []value.Value) ([]Entry, *value.Failure) {
	bad := func(what string) ([]Entry, *value.Failure) {
		return nil, c.fail(value.CodeType, "a shuffle of %s %s", from, what)
	}
	if len(in) == 0 || len(in) > shuffleMax {
		return bad("holds no entries, or too many")
	}
	var out []Entry
	for i, v := range in {
		l, ok := v.(*value.List)
		if !ok || l.Len() != 3 {
			return bad("holds something that is no entry")
		}
		p, ok1 := l.At(0).(value.Peer)
		age, ok2 := l.At(1).(value.Int)
		addresses, ok3 := addressesOf(l.At(2))
		if !ok1 || !ok2 || !ok3 || p == "" || len(p) > wire.PeerIDBytesMax || age < 0 {
			return bad("holds an entry without a peer, an age or addresses")
		}
		if (i == 0) != (wire.PeerID(p) == from) || i == 0 && age != 0 {
			return bad("does not begin with its sender at age 0, and that alone")
		}
		out = append(out, Entry{Peer: string(p), Place: c.cfg.Place, Addresses: addresses,
			Born: ctx.Now() - min(int64(age), ctx.Now())})
	}
	return out, nil
}

// merge takes one entry into the view. Of a full view, what was sent away makes room, and then what is older than the
// entry.
func (c *Component) merge(ctx *engine.Context, e Entry, sent *[]string) {
	p := wire.PeerID(e.Peer)
	switch {
	case p == ctx.Self():
		return
	case !ctx.Admitted(p) || ctx.Down(p):
		ctx.Count("skipped")
		return
	case e.Born <= ctx.Now()-c.cfg.TTLMS*1e6:
		return // it would leave at once
	}
	ctx.Learn(p, e.Addresses)
	i, known := c.st.find(e.Peer)
	if known {
		if e.Born > c.st.Entries[i].Born {
			c.st.Entries[i] = e
		}
		return
	}
	if len(c.st.Entries) >= c.cfg.View && !c.makeRoom(e.Born, sent) {
		return
	}
	i, _ = c.st.find(e.Peer)
	c.st.Entries = slices.Insert(c.st.Entries, i, e)
}

func (c *Component) makeRoom(born int64, sent *[]string) bool {
	for len(*sent) > 0 {
		p := (*sent)[0]
		*sent = (*sent)[1:]
		if c.st.drop(p) {
			return true
		}
	}
	if i := c.st.oldest(); c.st.Entries[i].Born < born {
		c.st.Entries = slices.Delete(c.st.Entries, i, i+1)
		return true
	}
	return false
}
