package engine

import (
	"github.com/rhizome-ml/rhizome/internal/dataflow"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// takeLink notes what the transport saw of a peer: a link, the end of the last one, or an address that failed.
func (e *Engine) takeLink(l *snapshot.LinkEvent) {
	p := wire.PeerID(l.Peer)
	switch {
	case l.Up:
		if err := e.st.governor.Admit(p); err != nil {
			e.m.Drop("link.refused", err.Error()) // it was blocked since the event was accepted
			return
		}
		if e.rules(2) && !e.somebody(p) && !e.st.streams.Owes(p) {
			e.m.Drop("link.refused", string(p)+" is no member") // any more
			return
		}
		e.m.Count("link.up")
		changed, again, err := e.st.book.Linked(p, l.Remote, e.m.Now())
		if err != nil {
			e.m.Drop("book.refused", err.Error())
		}
		e.peerSpoke(p)
		if again {
			e.st.streams.RetryNow(p, e.m.Now(), e.m.Random)
		}
		if changed {
			e.sendAddresses(p)
		}
		e.greet(p)
	case l.Remote != "" && e.rules(5) && !e.concerns(p):
		e.m.Drop("link.refused", string(p)+" is no member") // any more
	case l.Remote != "":
		e.m.Count("address.failed")
		if changed, _ := e.st.book.Failed(p, l.Remote); changed {
			e.sendAddresses(p)
		}
	case !e.st.book.Unlinked(p, e.m.Now()):
		e.m.Drop("link.unknown", string(p)+" had no link")
	default:
		e.m.Count("link.down")
		if e.rules(5) && !e.concerns(p) {
			return // the link was a member's, who is none any more: that it ended is no failure
		}
		e.peerFailed(p, l.Reason)
		if e.st.requests.Awaits(p) {
			e.st.streams.Again(p, e.m.Now()) // it may be linked to another process with this node's key
		}
	}
}

// takeClaim notes where the sender of an envelope says that it is. Nobody signed it, so it counts for the sender alone.
func (e *Engine) takeClaim(env *wire.Envelope) {
	changed, refused := e.st.book.Claim(env.From, env.Source, e.m.Now())
	for range refused {
		e.m.Count("address.refused")
	}
	if changed {
		e.newAddress(env.From)
	}
}

// newAddress notes that there is another way to try: at once.
func (e *Engine) newAddress(p wire.PeerID) {
	if e.st.governor.Lost(p) {
		e.st.governor.Resolved(p)
		e.st.backoff.Success(p)
	}
	e.sendAddresses(p)
}

// sendAddresses tells the host where a peer can be reached.
func (e *Engine) sendAddresses(p wire.PeerID) {
	if p == e.st.self {
		e.st.book.NotifyAgain()
		return
	}
	e.notice(PeerNotice{Kind: PeerAddresses, Peer: p, Addresses: e.st.book.Lookup(p)})
}

// source returns the own addresses where they are to ride on the next envelope to the peer.
func (e *Engine) source(to wire.PeerID) []string {
	if !e.st.book.IsLinked(to) {
		return nil
	}
	own := e.st.book.Lookup(e.st.self)
	if len(own) == 0 || !e.st.book.Notify(to) {
		return nil
	}
	l := &e.limits.Wire
	kept := own[:0]
	for _, a := range own {
		if len(a) <= l.AddressBytes && len(kept) < l.Addresses {
			kept = append(kept, a)
		}
	}
	return kept
}

// unresolved notes that nothing leads to a peer.
func (e *Engine) unresolved(p wire.PeerID) {
	changed, hope := e.st.book.Failed(p, "")
	if changed {
		e.sendAddresses(p)
	}
	if !hope && e.st.governor.Unresolved(p, e.m.Now()) {
		reason := "no address of it is known"
		if len(e.st.book.Lookup(p)) > 0 {
			reason = "none of its addresses answers"
		}
		e.announce(PeerUnresolved, p, reason)
	}
}

// announce tells the host and the in-node bus what became of a peer.
func (e *Engine) announce(kind PeerKind, p wire.PeerID, reason string) {
	e.m.Trace(dataflow.TracePeer, nil, -1, kind.String()+" "+string(p)+": "+reason)
	e.notice(PeerNotice{Kind: kind, Peer: p, Reason: reason})
	if name := "peer." + kind.String(); e.m.Subscribed(name) {
		e.m.Publish(name, value.Peer(p))
	}
}
