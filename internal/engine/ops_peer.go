package engine

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/dataflow"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// stepPeer runs the ops on the address book and the governor.
func (e *Engine) stepPeer(f *dataflow.Frame, op int32, o *program.Op) dataflow.Outcome {
	id, ok := f.Slots[o.In[0]].(value.Peer)
	if !ok {
		return e.m.Fail(f, op, o, dataflow.WrongType(o, f.Slots[o.In[0]], "Peer"))
	}
	p := wire.PeerID(id)
	if bad := e.noPeer(p, o.Name); bad != nil {
		return e.m.Fail(f, op, o, bad)
	}
	var out value.Value = value.Trigger{}
	var err error
	switch o.Code {
	case program.OpPeerInsert:
		a, ok := f.Slots[o.In[1]].(value.String)
		if !ok {
			return e.m.Fail(f, op, o, dataflow.WrongType(o, f.Slots[o.In[1]], "String"))
		}
		if err = e.st.book.Insert(p, string(a)); err == nil && e.rules(1) {
			e.newAddress(p)
		}
	case program.OpPeerDrop:
		e.st.book.Release(p)
	case program.OpPeerLookup:
		var items []value.Value
		for _, a := range e.st.book.Lookup(p) {
			items = append(items, value.String(a))
		}
		out = value.NewList(items...)
	case program.OpPeerBlock:
		err = e.govern(p, func() error { return e.st.governor.Block(p) })
	case program.OpPeerUnblock:
		err = e.govern(p, func() error { e.st.governor.Unblock(p); return nil })
	case program.OpPeerAllow:
		err = e.allow(p)
	case program.OpPeerHealth:
		out = value.Bool(!e.st.governor.Down(p))
	default:
		e.m.Broken("op without a case: " + o.Name)
	}
	if err != nil {
		return e.m.Fail(f, op, o, value.AsFailure(err, o.Name))
	}
	e.m.Fill(f, o.Out[0], out)
	return dataflow.Done
}

// peerSpoke notes that an admitted peer was heard: that is the way back from being down (trap mute-for-ever).
func (e *Engine) peerSpoke(p wire.PeerID) {
	e.st.backoff.Success(p)
	if e.st.governor.Success(p, e.m.Now()) {
		e.m.Trace(dataflow.TracePeer, nil, -1, "up "+string(p))
		e.peerChanged(p, true, "")
	}
}

// takeSendFailed notes that the transport could not reach a peer.
func (e *Engine) takeSendFailed(ev *snapshot.SendFailedEvent) {
	p := wire.PeerID(ev.Peer)
	if e.rules(5) && !e.concerns(p) {
		e.m.Drop("send.stranger", string(p)+" is no member") // any more
		return
	}
	e.m.Count("send.failed")
	e.peerFailed(p, ev.Reason)
	if ev.Unreachable {
		e.unresolved(p)
	}
}

// peerFailed notes that a peer was not reached.
func (e *Engine) peerFailed(p wire.PeerID, reason string) {
	e.st.backoff.Failure(p, e.m.Now(), e.m.Random)
	if e.st.governor.Failure(p, e.m.Now()) {
		e.m.Trace(dataflow.TracePeer, nil, -1, "down "+string(p)+": "+reason)
		e.peerChanged(p, false, reason)
	}
}

// received ends a silence of the peer.
func (e *Engine) received(p wire.PeerID, progress bool) {
	if e.st.streams.Received(p, progress, e.m.Now()) {
		e.announce(PeerTrusted, p, "")
	}
}

// judge looks at the silence of a peer that something is sent to again. One that is silent for too long counts as down,
// as after too many failures.
func (e *Engine) judge(p wire.PeerID) {
	level, news := e.st.streams.Assess(p, e.m.Now())
	if !news {
		return
	}
	if level == peer.Suspected {
		e.announce(PeerSuspected, p, fmt.Sprintf("φ reached %d", peer.SuspectPhi))
		e.judge(p) // it may be silent for long: looks are as rare as resends
		return
	}
	if e.st.governor.Silent(p, e.m.Now()) {
		reason := fmt.Sprintf("it is silent: φ reached %d", peer.DownPhi)
		e.m.Trace(dataflow.TracePeer, nil, -1, "down "+string(p)+": "+reason)
		e.peerChanged(p, false, reason)
	}
}

// peerRenewed handles a peer that came back with a new epoch: it may have lost what it had acknowledged, so every open
// question is asked again; its answer is the same (see ask and answer).
func (e *Engine) peerRenewed(p wire.PeerID) {
	e.m.Trace(dataflow.TracePeer, nil, -1, "renewed "+string(p))
	for _, q := range e.st.requests.Outstanding(p) {
		if !e.rules(5) || !e.st.streams.Holds(q.To, q.Request) {
			e.sendAgain(q)
		}
	}
	e.wantAgain(p)
	e.askHeld(p)
	e.peerChanged(p, true, "it opened a new epoch")
}

func (e *Engine) peerChanged(p wire.PeerID, up bool, reason string) {
	kind := PeerDown
	if up {
		kind = PeerUp
	}
	e.notice(PeerNotice{Kind: kind, Peer: p, Reason: reason})
	if name := "peer." + kind.String(); e.m.Subscribed(name) {
		e.m.Publish(name, value.Peer(p))
	}
	e.notifyWatchers(p, up)
}

// notifyWatchers tells the components that want to know.
func (e *Engine) notifyWatchers(p wire.PeerID, up bool) {
	for i, c := range e.comps {
		if w, ok := c.(PeerWatcher); ok {
			ctx := e.enter(int32(i), nil, -1)
			w.PeerChanged(ctx, p, up)
			e.leave()
		}
	}
}

// takeRestarted is the first input after a restore: what may have been lost with the process is put out again. Numbers
// and bytes are those of before, so that receivers drop what they have; in a new epoch everything is renumbered and
// open questions are asked again, because this node may have forgotten answers that it had acknowledged.
func (e *Engine) takeRestarted(ev *snapshot.RestartedEvent) {
	switch {
	case ev.First:
		e.begin(ev)
		return
	case ev.Takeover:
		e.takeOver(ev)
		return
	}
	e.st.incarnation = max(e.st.incarnation+1, ev.Incarnation)
	e.setRules(max(e.m.Rules(), ev.Rules))
	e.wantLimits(ev.Limits)
	if e.rules(2) {
		e.st.streams.Begun()
	}
	e.begin(ev)
	e.m.Count("restarts")
	if ev.NewEpoch {
		e.m.Count("restarts.new-epoch")
		e.newEpoch()
	}
	e.st.streams.Greet(e.m.Now())
	e.st.book.Unlink()
	for _, p := range e.st.book.Peers() {
		e.sendAddresses(p)
	}
	// Seeded full jitter spreads the resends of many nodes that come back at once.
	e.st.streams.Spread(e.m.Now(), e.m.Random)
	e.st.backoff.Spread(e.m.Now(), e.m.Random)
	e.m.GiveAgain()
}
