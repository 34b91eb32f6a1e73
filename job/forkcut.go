package job

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/host"
	"github.com/rhizome-ml/rhizome/node"
)

// link is what one end knows of the streams between two nodes. Two ends are a consistent cut when neither has what the
// other has not sent, and neither has let go of what the other has not got.
type link struct {
	incarnation, epoch uint64 // own
	next, acked        uint64 // own stream: the number that comes next, and up to which the other end holds all
	seen, recvEpoch    uint64 // of the other end: newest incarnation, and epoch
	got                uint64 // of its stream: the highest number that was taken
	gotAll             uint64 // up to which all were taken
}

// links returns the links of a node, by peer.
func links(n *node.Node) (map[string]link, error) {
	t, err := n.Engine().Snapshot()
	if err != nil {
		return nil, err
	}
	out := map[string]link{}
	for _, w := range t.WireStates {
		l := link{
			incarnation: n.Engine().Incarnation(), epoch: t.Framework.Epoch, next: w.NextNumber, acked: w.AckedUpTo,
			seen: w.Incarnation, recvEpoch: w.RecvEpoch, got: w.RecvUpTo, gotAll: w.RecvUpTo,
		}
		if len(w.RecvBeyond) > 0 {
			l.got = slices.Max(w.RecvBeyond)
		}
		out[w.Peer] = l
	}
	return out, nil
}

// behind says whether a client has not yet sent what the server has of it, or not yet got what the server takes it to have.
func (c link) behind(server link) bool {
	return c.epoch < server.recvEpoch || c.epoch == server.recvEpoch && c.next <= server.got || c.incarnation < server.seen ||
		server.acked > 0 && (c.recvEpoch < server.epoch || c.recvEpoch == server.epoch && c.gotAll < server.acked)
}

// beyond says whether a client has something of what the server did later, or takes it to have what came later.
func (c link) beyond(server link) bool {
	return c.seen > server.incarnation && server.incarnation > 0 || c.recvEpoch > server.epoch || c.recvEpoch == server.epoch && c.got >= max(server.next, 1) ||
		c.epoch > server.recvEpoch && c.acked > 0 || c.epoch == server.recvEpoch && c.acked > server.gotAll
}

// serverOf returns the peer id of the server that a client speaks to.
func serverOf(n *NodeView) string { return string(n.Config.Targets[ServerPlace][0]) }

// cutClient brings a client back at the first record that fits the server, or returns nil where that is not kept any more.
func cutClient(n *NodeView, server link) (*cutNode, error) {
	var found *cutNode
	gone := false
	_, err := n.BringBack(host.Look{Oldest: true, See: func(b *host.Brought, r *host.Record, out *engine.Output) error {
		if r != nil && len(out.Envelopes) == 0 && !slices.ContainsFunc(r.Events, func(ev engine.Event) bool { return ev.Envelope != nil || ev.Restarted != nil }) {
			return nil // nothing went over a wire
		}
		all, err := links(b.Node)
		if err != nil {
			return err
		}
		switch mine := all[serverOf(n)]; {
		case mine.behind(server):
			return nil
		case mine.beyond(server):
			gone = true
			return host.ErrEnough
		}
		m, err := b.Node.Message(false)
		if err != nil {
			return err
		}
		found = &cutNode{b.Record, m}
		return host.ErrEnough
	}})
	switch {
	case err != nil:
		return nil, &NodeError{n.Name, err}
	case found == nil && !gone:
		return nil, &NodeError{n.Name, &StateError{n.Dir, fmt.Sprintf("has lost what the server had of it by then (number %d); no cut of the two fits", server.got)}}
	}
	return found, nil
}
