package registry

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// MemberChanged forgets a peer that plays its place no more: it is no member, and no round that begins counts on it.
func (c *Component) MemberChanged(ctx *engine.Context, peer wire.PeerID, place string, member bool) {
	if member || !c.lists(ctx) {
		return
	}
	if c.atServer(ctx) && c.cfg.Edges != "" && place == c.cfg.Edges {
		c.edgeGone(ctx, peer, "")
		return
	}
	if i, ok := slices.BinarySearch(c.st.Ready, string(peer)); ok {
		c.st.Ready = slices.Delete(c.st.Ready, i, i+1)
	}
	if i, ok := c.st.find(string(peer)); ok {
		c.st.Members = slices.Delete(c.st.Members, i, i+1)
		ctx.Count("parted")
		c.changed(ctx)
	}
}

// MemberReplaced gives what a peer joined with to the one that came in its place: it answers for the same data. It is
// alive once it is heard of itself.
func (c *Component) MemberReplaced(ctx *engine.Context, old, peer wire.PeerID, place string) {
	if !c.lists(ctx) {
		return
	}
	if c.atServer(ctx) && c.cfg.Edges != "" && place == c.cfg.Edges {
		c.edgeGone(ctx, old, peer)
		return
	}
	if i, ok := slices.BinarySearch(c.st.Ready, string(old)); ok {
		c.st.Ready = slices.Delete(c.st.Ready, i, i+1)
		if k, there := slices.BinarySearch(c.st.Ready, string(peer)); !there {
			c.st.Ready = slices.Insert(c.st.Ready, k, string(peer))
		}
	}
	i, known := c.st.find(string(old))
	if _, there := c.st.find(string(peer)); !known || there {
		return
	}
	m := c.st.Members[i]
	m.Peer, m.Lapsed = string(peer), true
	c.st.Members = slices.Delete(c.st.Members, i, i+1)
	k, _ := c.st.find(m.Peer)
	c.st.Members = slices.Insert(c.st.Members, k, m)
	c.changed(ctx)
}
