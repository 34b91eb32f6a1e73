package archive

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
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
	out, _, err := linksOf(n)
	return out, err
}

// linksOf returns the links of a node, by peer, and its epoch.
func linksOf(n *node.Node) (map[string]link, uint64, error) {
	t, err := n.Engine().Snapshot()
	if err != nil {
		return nil, 0, err
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
	return out, t.Framework.Epoch, nil
}

// behind says whether a client has not yet sent what the server has of it, or not yet got what the server takes it to
// have.
func (c link) behind(server link) bool {
	return c.epoch < server.recvEpoch || c.epoch == server.recvEpoch && c.next <= server.got ||
		c.incarnation < server.seen ||
		server.acked > 0 && (c.recvEpoch < server.epoch || c.recvEpoch == server.epoch && c.gotAll < server.acked)
}

// beyond says whether a client has something of what the server did later, or takes it to have what came later.
func (c link) beyond(server link) bool {
	return c.seen > server.incarnation && server.incarnation > 0 || c.recvEpoch > server.epoch ||
		c.recvEpoch == server.epoch && c.got >= max(server.next, 1) ||
		c.epoch > server.recvEpoch && c.acked > 0 || c.epoch == server.recvEpoch && c.acked > server.gotAll
}

// serverOf returns the peer id of the server that a client speaks to.
func serverOf(n *NodeView) string { return string(n.Config.Targets[job.ServerPlace][0]) }

// cutClient brings a client back at the first record that fits the server, or returns nil where that is not kept any
// more.
//
// A client that had lost the end of its journal has no such record for some rounds: it never again had what the server
// had of it. It is then put at its last record before it went on. That is what it was when it went on in the old run,
// from the same loss, in a new epoch too: the server sees the new epoch, and both ask again what is open.
func cutClient(n *NodeView, server link) (*cutNode, error) {
	var found *cutNode
	behind, lost, gone := false, uint64(0), false
	_,
		err := n.Restore(offline.Look{Oldest: true, Visit: func(b *offline.Restored, r *record.Record,
		out *engine.Output) error {
		if r == nil { // a look begins, perhaps not the first
			found, behind, lost, gone = nil, false, 0, false
		} else if len(out.Envelopes) == 0 && !slices.ContainsFunc(r.Events, overWire) {
			return nil
		}
		all, err := links(b.Node)
		if err != nil {
			return err
		}
		switch mine := all[serverOf(n)]; {
		case mine.behind(server):
			behind = true
			return nil
		case mine.beyond(server) && behind:
			lost = b.Record - 1
			return offline.ErrEnough
		case mine.beyond(server):
			gone = true
			return offline.ErrEnough
		}
		m, err := b.Node.Message(false)
		if err != nil {
			return err
		}
		found = &cutNode{b.Record, m}
		return offline.ErrEnough
	}})
	if err == nil && found == nil && !gone {
		found, err = lastOf(n, lost)
	}
	if err != nil {
		return nil, &job.NodeError{Node: n.Name, Err: err}
	}
	return found, nil
}

// overWire says whether an input changes what a node knows of its streams.
func overWire(ev engine.Event) bool { return ev.Envelope != nil || ev.Restarted != nil }

// lastOf brings a client back at a record, or at its last one where that is 0.
func lastOf(n *NodeView, record uint64) (*cutNode, error) {
	b, err := n.Restore(offline.Look{Until: record})
	if err != nil {
		return nil, err
	}
	m, err := b.Node.Message(false)
	return &cutNode{b.Record, m}, err
}
