package engine

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// A send to several peers reaches each that it may reach, or it fails and has reached none: so an op that is tried
// again tells nobody twice.

// wholeOrNot says why a send or a question cannot have all that it needs, before any of it is done; nil where it can.
// Room in the outbox and among the open questions is looked at by itself, since an op waits for it.
func (e *Engine) wholeOrNot(o *program.Op, edge *program.Edge, to []wire.PeerID, until int64) *value.Failure {
	asks := o.Code == program.OpRequest
	if n := e.m.Armed(); asks && until > 0 && n+len(to) > e.limits.Timers {
		return value.Fail(value.CodeOverflow, o.Name,
			fmt.Sprintf("it asks %d peers with a deadline, and %d of at most %d timers are armed", len(to), n,
				e.limits.Timers))
	}
	if edge.Best {
		return nil // nothing is numbered, so no stream is needed
	}
	if fresh := e.strangers(o, edge, to); fresh > e.st.streams.Free() {
		e.forgetStreams(fresh-e.st.streams.Free(), to)
		if fresh = e.strangers(o, edge, to); fresh > e.st.streams.Free() {
			return value.Fail(value.CodeOverflow, o.Name,
				(&peer.FullError{What: "streams", Max: e.limits.BookPeers}).Error())
		}
	}
	return nil
}

// strangers counts the peers that may be reached and to whom there is no stream yet, each once.
func (e *Engine) strangers(o *program.Op, edge *program.Edge, to []wire.PeerID) int {
	var seen map[wire.PeerID]bool
	for _, p := range to {
		if e.st.streams.Met(p) || seen[p] || e.outcast(p, o.Name) != nil || e.mayReach(p, edge, o.Name) != nil {
			continue
		}
		if seen == nil {
			seen = map[wire.PeerID]bool{}
		}
		seen[p] = true
	}
	return len(seen)
}

// forgetStreams makes room for some streams, as makeRoom does for one, and keeps those with some peers.
func (e *Engine) forgetStreams(n int, keep []wire.PeerID) {
	kept := map[wire.PeerID]bool{}
	for _, p := range keep {
		kept[p] = true
	}
	e.evictStreams(max(n, e.limits.BookPeers/8), func(q wire.PeerID) bool { return !kept[q] })
}
