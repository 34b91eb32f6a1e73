package engine

import (
	"fmt"
	"maps"

	"github.com/rhizome-ml/rhizome/internal/dataflow"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// A peer whose envelope is refused for good is told why, at most once a second and in fewer bytes than it sent: a
// refusal amplifies nothing, and two nodes that refuse each other fall silent.

const (
	refusalEveryNs = 1e9
	toldPeersMax   = 1024
	lifeBytes      = 96 // by which a refusal that shows the life that was seen may be larger than what it answers
)

// refuseStale tells a peer that another life of it was seen, so that it can tell whether its directory went back.
func (e *Engine) refuseStale(env *wire.Envelope, stale *peer.StaleError, got int) {
	if !e.rules(1) || stale.What != "incarnation" && !e.rules(2) || !e.st.streams.MayRefuse(env.From, e.m.Now()) {
		return
	}
	n := wire.Notice{Kind: wire.NoticeStale, Seen: stale.Seen}
	if e.rules(2) {
		n.Seen, n.SeenStart, n.SeenProof = e.st.streams.Seen(env.From)
		if stale.What == "number" || stale.What == "epoch" {
			n.Kind, n.Seen = wire.NoticeAhead, env.Incarnation
		}
		if env.Start == 0 {
			n.SeenStart, n.SeenProof = 0, nil // a peer of an earlier release cannot read them
		}
		got += lifeBytes
	}
	raw, ok := e.refusal(env.From, n, got)
	if !ok {
		e.m.Count("refusal.withheld")
		return
	}
	e.m.Count("refusal.told")
	e.out.Envelopes = append(e.out.Envelopes, Packet{To: env.From, Raw: raw})
}

// refusal encodes a refusal that is smaller than the envelope which it answers.
func (e *Engine) refusal(to wire.PeerID, n wire.Notice, got int) ([]byte, bool) {
	env := e.bare(to, n)
	env.Digest = [32]byte{} // it need not be the receiver's
	if n.SeenStart != 0 {
		env.Start = e.st.start
	}
	size, err := wire.Size(e.reg, &env)
	if err != nil || size >= got {
		return nil, false
	}
	raw, err := wire.Append(nil, e.reg, &env)
	return raw, err == nil
}

// noticeOf returns what a peer hears of a refusal of Deliver, or NoticeNone.
func noticeOf(code string) wire.NoticeKind {
	switch code {
	case RefusedDigest:
		return wire.NoticeDigest
	case RefusedStranger:
		return wire.NoticeNotAdmitted
	case RefusedFormat:
		return wire.NoticeUnreadable
	case RefusedVersion:
		return wire.NoticeVersion
	case RefusedAddress:
		return wire.NoticeAddress
	}
	return wire.NoticeNone
}

// CutOff returns what a peer is told whose links the host ends for a while, because nearly all that it sent was
// refused. It changes nothing.
func (e *Engine) CutOff(p wire.PeerID, ns int64) (Packet, bool) {
	env := e.bare(p, wire.Notice{Kind: wire.NoticeCut, Hold: max(ns, 1)})
	env.Digest = [32]byte{}
	raw, err := wire.Append(nil, e.reg, &env)
	return Packet{To: p, Raw: raw}, err == nil
}

// Wasted says that an envelope was accepted and came to nothing.
type Wasted struct {
	Peer  wire.PeerID
	Code  string // one of the Wasted constants
	Bytes int    // of the envelope
}

// Why an envelope came to nothing. What an honest peer sends now and then is not among them: what comes twice, late, or
// for a question that is not open any more.
const (
	WastedEdge    = "edge"    // no edge of that number ends here, or it is a question where none can be
	WastedMessage = "message" // for a component that is not here, or takes none
	WastedStale   = "stale"   // of an earlier life or epoch of its sender, or out of the order of its stream
)

// Wasted returns which envelopes came to nothing in the last Poll: each at most once. It is no output of the state, but
// for the host to judge its peers by, and valid until the next Poll.
func (e *Engine) Wasted() []Wasted { return e.wasted }

// waste notes that an envelope that is being taken comes to nothing.
func (e *Engine) waste(env *wire.Envelope, code string, bytes int) {
	e.wasted = append(e.wasted, Wasted{env.From, code, bytes})
}

// reportRefused adds to a refusal of Deliver what the peer may be told. It is no output of the state: the host sends
// it, or not.
func (e *Engine) reportRefused(from wire.PeerID, got int, re *RefusedError) {
	kind := noticeOf(re.Code)
	if kind == wire.NoticeNone {
		return
	}
	if at, ok := e.told[from]; ok && e.m.Now()-at < refusalEveryNs {
		return
	}
	if len(e.told) >= toldPeersMax {
		maps.DeleteFunc(e.told, func(_ wire.PeerID, at int64) bool { return e.m.Now()-at >= refusalEveryNs })
		if len(e.told) >= toldPeersMax {
			return
		}
	}
	if raw, ok := e.refusal(from, wire.Notice{Kind: kind}, got); ok {
		if e.told == nil {
			e.told = map[wire.PeerID]int64{}
		}
		e.told[from] = e.m.Now()
		re.Tell = &Packet{To: from, Raw: raw}
	}
}

// takeRefusal tells the host that a peer refuses this node.
func (e *Engine) takeRefusal(env *wire.Envelope) {
	n := env.Notice
	switch {
	case !e.rules(2):
	case e.absurd(n):
		e.m.Drop("refusal.absurd",
			fmt.Sprintf(
				"%s saw incarnation %d that began at %d: this node is incarnation %d and cannot have come to that",
				env.From, n.Seen, n.SeenStart, e.st.incarnation))
		return
	case n.Kind == wire.NoticeStale:
		e.takeStale(env)
		return
	case n.Kind == wire.NoticeAhead:
		e.takeAhead(env)
		return
	}
	if n.Kind == wire.NoticeStale && n.Seen <= e.st.incarnation {
		e.m.Drop("refusal.late", fmt.Sprintf("%s saw incarnation %d, this is %d", env.From, n.Seen, e.st.incarnation))
		return
	}
	reason := n.Kind.String()
	if n.Kind == wire.NoticeStale {
		reason = fmt.Sprintf("%s: it saw incarnation %d, this is %d", reason, n.Seen, e.st.incarnation)
	}
	if n.Kind == wire.NoticeCut {
		reason += fmt.Sprintf("; it admits this node again in %d s", n.Hold/1e9)
	}
	e.refusedBy(env, reason)
}

// The most that a peer's word moves a life on. A directory that went back lost some lives, or leaps over some by the
// seconds of a clock; what is far beyond would bring the numbers of lives and epochs to their end, where they begin
// again at 0 and no snapshot is one any more.
const (
	lifeStepMax = 1 << 40
	startMax    = 1 << 62 // microseconds
)

// absurd says whether a notice tells of a life of this node that it cannot have had.
func (e *Engine) absurd(n wire.Notice) bool {
	return e.rules(3) && (n.Seen > e.st.incarnation && n.Seen-e.st.incarnation > lifeStepMax || n.SeenStart > startMax)
}

func (e *Engine) refusedBy(env *wire.Envelope, reason string) {
	e.m.Count("refusal.heard")
	e.m.Trace(dataflow.TracePeer, nil, -1, "refused by "+string(env.From)+": "+reason)
	e.notice(PeerNotice{Kind: PeerRefused, Peer: env.From, Reason: reason, Seen: env.Notice.Seen,
		SeenStart: env.Notice.SeenStart})
}
