package engine

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// pressed returns how much of the room for inputs is taken, in percent.
func (e *Engine) pressed() uint32 {
	part := func(n, of int) int64 { return int64(n) * 100 / int64(of) }
	return uint32(min(100, max(part(len(e.st.ingress), e.limits.IngressEvents),
		part(e.st.ingressBytes, e.limits.IngressBytes))))
}

// pollPressure tells the peers whose data waits here that there is little room for more, and later that there is room
// again. What they are told is for what they send (trap inverted-advice).
func (e *Engine) pollPressure() {
	if !e.rules(1) {
		return
	}
	level := e.pressed()
	switch {
	case level >= peer.PressedAt:
		for i := range e.st.ingress {
			env := e.st.ingress[i].env
			if env == nil || !isData(env) || !e.st.pressure.Notify(env.From, e.m.Now()) {
				continue
			}
			e.m.Count("pressure.told")
			e.notify(env.From, wire.Notice{Kind: wire.NoticePressure, Level: level, Hold: peer.PressureHoldNs})
		}
	case level < peer.RelievedAt && e.st.pressure.Pressed():
		for _, p := range e.st.pressure.Relieve(e.m.Now()) {
			e.m.Count("pressure.relieved")
			e.notify(p, wire.Notice{Kind: wire.NoticePressure})
		}
	}
}

// isData says whether an envelope can be asked to wait: it carries values, and answers nothing that this node asked.
func isData(env *wire.Envelope) bool { return len(env.Fills) > 0 && !env.Answer.IsSet() }

// notify sends a notice by itself. No acknowledgement rides on it: a peer of an earlier release cannot read it, and
// would lose it.
func (e *Engine) notify(p wire.PeerID, n wire.Notice) {
	env := &e.sc.emit
	*env = e.bare(p, n)
	env.Epoch = e.st.epoch
	e.reportLife(env)
	e.put(env)
}

// bare is an envelope with a notice and nothing else.
func (e *Engine) bare(p wire.PeerID, n wire.Notice) wire.Envelope {
	return wire.Envelope{
		Version: wire.CurrentVersion, From: e.st.self, To: p, Digest: e.prog.Digest, Incarnation: e.st.incarnation,
		Edge: -1, Notice: n,
	}
}

// takePressure heeds what a peer says about what is sent to it.
func (e *Engine) takePressure(env *wire.Envelope) {
	if env.Notice.Level == 0 {
		e.m.Count("pressure.ended")
	} else {
		e.m.Count("pressure.heard")
	}
	e.st.streams.Hold(env.From, e.m.Now(), env.Notice.Hold)
}

// holds says whether an envelope waits because its receiver asked for it.
func (e *Engine) holds(env *wire.Envelope) bool {
	return isData(env) && e.rules(1) && e.st.streams.Held(env.To, e.m.Now())
}

// muted refuses data of a peer that disregarded three notices. Its streams send it again, and the way back is time, or
// the end of the pressure (trap mute-for-ever).
func (e *Engine) muted(env *wire.Envelope) error {
	if !isData(env) || !e.rules(1) || !e.st.pressure.Muted(env.From, e.m.Now()) {
		return nil
	}
	return &RefusedError{Code: RefusedPressure, What: "envelope", Reason: fmt.Sprintf(
		"peer %s was told three times to hold data back and went on; it is taken again when there is room, or in "+
			"some seconds", env.From)}
}

// noteData counts against a peer what it sends although it was told to hold it back.
func (e *Engine) noteData(env *wire.Envelope) {
	if isData(env) && e.st.pressure.Sent(env.From, e.m.Now()) {
		e.m.Count("pressure.muted")
	}
}
