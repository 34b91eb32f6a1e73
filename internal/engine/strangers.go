package engine

import "github.com/rhizome-ml/rhizome/internal/wire"

// concerns says whether what becomes of a peer is noted: it is admitted and plays a place, or something is under way
// between it and this node. Of all others nothing is, whatever the transport sees of them: how often a stranger comes,
// and whether it is gone when it is to hear that it was refused, is for the stranger to decide, and would be in the
// tables of peers, in the journal and in the numbers that are drawn for the others.
func (e *Engine) concerns(p wire.PeerID) bool {
	return e.st.streams.Owes(p) || e.somebody(p) && e.st.governor.Admit(p) == nil
}

// ofNobody refuses what the transport tells of a peer that concerns nobody: that it could not be reached, and of its
// links all but the end of one that was noted when it was a member.
func (e *Engine) ofNobody(ev *Event) *RefusedError {
	var p wire.PeerID
	what := ""
	switch {
	case !e.rules(5):
		return nil
	case ev.SendFailed != nil:
		p, what = wire.PeerID(ev.SendFailed.Peer), "failed send"
	case ev.Link != nil && (ev.Link.Up || ev.Link.Remote != "" || !e.st.book.IsLinked(wire.PeerID(ev.Link.Peer))):
		p, what = wire.PeerID(ev.Link.Peer), "link"
	default:
		return nil
	}
	if e.concerns(p) {
		return nil
	}
	return &RefusedError{Code: RefusedStranger, What: what,
		Reason: "peer " + string(p) + " is not admitted or plays no place of the program, and nothing is under way to it"}
}
