package peer

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// vitals is how a peer answers, and what it asked this node to hold back.
type vitals struct {
	rtt     RTT
	silence Silence
	// engine time since which something of the peer is awaited and nothing was heard; 0 while nothing is
	awaited   int64
	level     Level // that was reported
	heldUntil int64 // no data is sent to the peer before this engine time
	refusedAt int64 // engine time at which it was last told that it is refused, 0 for never
}

// Level is what the silence of a peer says of it.
type Level uint8

// The levels of a silence, rising.
const (
	Trusted   Level = iota
	Suspected       // φ reached 8
	Silent          // φ reached 16
)

// HoldMaxNs bounds for how long a peer can ask others to hold data back: nobody is muted for ever (trap mute-for-ever).
const HoldMaxNs = 10e9

// refusalEveryNs is how long a peer is told nothing after it was told that it is refused: less where lives are told
// apart, since of two processes with one key each takes the other's link away, and what it was told with it.
const (
	refusalEveryNs = 1e9
	livesEveryNs   = 200e6
)

// vital returns the vitals, to be changed.
func (t *stream) vital() *vitals {
	if t.vitals == nil {
		t.vitals = &vitals{}
	}
	return t.vitals
}

// calm drops vitals with nothing in them.
func (t *stream) calm() {
	if v := t.vitals; v.rtt == (RTT{}) && v.silence.ended == nil && v.awaited == 0 && v.level == Trusted &&
		v.heldUntil == 0 && v.refusedAt == 0 {
		t.vitals = nil
	}
}

// roundTrip returns the round-trip time to the peer.
func (t *stream) roundTrip() RTT {
	if t.vitals == nil {
		return RTT{}
	}
	return t.rtt
}

// isData says whether an envelope can wait: it carries values, and does not answer what its receiver asked.
func isData(env *wire.Envelope) bool { return len(env.Fills) > 0 && !env.Answer.IsSet() }

// SetTimed turns on what needs times: windows of single peers, round-trip times, silences, holding. An engine calls it
// as its rules say.
func (s *Streams) SetTimed(on bool) { s.timed = on }

// await notes that something of the peer is awaited from now on.
func (t *stream) await(now int64) {
	if v := t.vital(); v.awaited == 0 {
		v.awaited = max(1, now)
	}
}

// measure takes the round-trip time of what was just acknowledged, unless it was sent again: then nobody knows which of
// the two was acknowledged (Karn and Partridge, 1987).
func (t *stream) measure(x *sending, now int64) {
	if x.env.Redelivered || x.sent <= 0 {
		return
	}
	t.vital().rtt.Sample(now - x.sent)
}

// Received notes that the peer was heard: what was awaited of it has come where it made progress, and says whether the
// peer had been suspected.
func (s *Streams) Received(p wire.PeerID, progress bool, now int64) (trusted bool) {
	t := s.stream(p)
	if t == nil || !s.timed {
		return false
	}
	if len(t.out) == 0 && t.vitals == nil {
		return false
	}
	v := t.vital()
	if v.awaited != 0 && progress {
		v.silence.Ended(now-v.awaited, s.lim.Silences)
	}
	if v.awaited = 0; len(t.out) > 0 {
		t.await(now)
	}
	trusted = v.level != Trusted
	v.level = Trusted
	t.calm()
	return trusted
}

// Assess says what the silence of a peer says of it, and whether that is news. It goes up by one level at a time: ask
// until there is no news. A level is told once; the peer's next word takes it back.
func (s *Streams) Assess(p wire.PeerID, now int64) (Level, bool) {
	t := s.stream(p)
	if t == nil || t.vitals == nil || t.awaited == 0 || !s.timed {
		return Trusted, false
	}
	suspect, down := t.silence.Limits()
	level, length := Trusted, now-t.awaited
	switch {
	case down > 0 && length >= down:
		level = Silent
	case suspect > 0 && length >= suspect:
		level = Suspected
	}
	if level <= t.level {
		return t.level, false
	}
	t.level++
	return t.level, true
}

// RTT returns the round-trip time to a peer.
func (s *Streams) RTT(p wire.PeerID) RTT {
	if t := s.look(p); t != nil {
		return t.roundTrip()
	}
	return RTT{}
}

// Hold keeps data to the peer back for so many nanoseconds, at most HoldMaxNs; answers and acknowledgements go on. With
// 0 it goes on at once. It is for the advice that the peer gave, about what is sent to it (trap inverted-advice).
func (s *Streams) Hold(p wire.PeerID, now, hold int64) {
	t, err := s.of(p)
	if err != nil || !s.timed {
		return
	}
	if hold > 0 {
		t.vital().heldUntil = after(now, min(hold, HoldMaxNs))
		return
	}
	if t.vitals != nil {
		t.heldUntil = 0
		t.calm()
	}
	if slices.ContainsFunc(t.out, func(x sending) bool { return x.sent == unsent }) {
		s.schedule(t, now, 0)
	}
}

// Held says whether data to the peer is held back.
func (s *Streams) Held(p wire.PeerID, now int64) bool {
	t := s.look(p)
	return s.timed && t != nil && t.vitals != nil && t.heldUntil > now
}

// MayRefuse says whether a peer may be told now that it is refused, and notes it: seldom, so that a refusal is no
// amplifier.
func (s *Streams) MayRefuse(p wire.PeerID, now int64) bool {
	t := s.stream(p)
	every := int64(refusalEveryNs)
	if s.lives {
		every = livesEveryNs
	}
	if t == nil || !s.timed || t.vitals != nil && t.refusedAt != 0 && now-t.refusedAt < every {
		return false
	}
	t.vital().refusedAt = max(1, now)
	return true
}
