package host

import (
	"slices"
	"sync/atomic"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Admission is a copy of the governor's lists that a transport can ask at any time without waiting for the node: at a
// connection, before a byte of a peer is read. It is safe for concurrent use. Until a host has filled it nobody is
// admitted.
type Admission struct {
	lists   atomic.Pointer[lists]
	conduct atomic.Pointer[Host] // who is kept out for what it sent
	refused atomic.Uint64
}

type lists struct {
	blocked, allowed []wire.PeerID // ascending
	closed           bool
}

// Admit says whether the peer may be linked with: nil, a *peer.NotAdmittedError, or a *CutError for one that is kept
// out for a while.
func (a *Admission) Admit(p wire.PeerID) error {
	reason := ""
	switch l := a.lists.Load(); {
	case l == nil:
		reason = "early: the node does not run yet"
	case has(l.blocked, p):
		reason = "blocked"
	case l.closed && !has(l.allowed, p):
		reason = "not on the allowlist"
	default:
		if h := a.conduct.Load(); h != nil {
			if err := h.keptOut(p); err != nil {
				a.refused.Add(1)
				return err
			}
		}
		return nil
	}
	a.refused.Add(1)
	return &peer.NotAdmittedError{Peer: p, Reason: reason}
}

// Named says whether the operator of the node named a peer: it is on the allowlist, and not blocked.
func (a *Admission) Named(p wire.PeerID) bool {
	l := a.lists.Load()
	return l != nil && has(l.allowed, p) && !has(l.blocked, p)
}

// Refused returns how often a peer was not admitted.
func (a *Admission) Refused() uint64 { return a.refused.Load() }

func has(list []wire.PeerID, p wire.PeerID) bool {
	_, ok := slices.BinarySearch(list, p)
	return ok
}

// fill copies the lists of a node.
func (a *Admission) fill(e *engine.Engine) {
	blocked, allowed, closed := e.Lists()
	a.lists.Store(&lists{slices.Clone(blocked), slices.Clone(allowed), closed})
}
