package libp2p

import "sync/atomic"

// Stats counts what happened at an end since it was made.
type Stats struct {
	Sent, SentBytes         uint64 // packets written to a stream
	Received, ReceivedBytes uint64 // packets given to the receiver
	Dropped                 uint64 // packets that the receiver refused
	Lost                    uint64 // packets that Lost reported
	Overflows               uint64 // calls of Send that found a full queue
	Linked, Unlinked        uint64 // reports
	Dials, DialsFailed      uint64
	Accepted                uint64 // connections that others began
	Proven                  uint64 // of those, the ones that showed who they are
	Refused                 uint64 // connections and streams that others began and that are not admitted
	Crowded                 uint64 // connections and streams that others began beyond the Limits, by number or rate
	Foreign                 uint64 // of those, the ones whose identity is no ed25519 key
	Malformed               uint64 // streams that broke the framing
	Silent                  uint64 // connections closed because no answer came
	Trimmed                 uint64 // connections closed because nothing went over them
	Moves                   uint64 // times that the machine's addresses had changed, or that it had slept
	Stranded                uint64 // connections closed because they led nowhere after that
}

// counters is the form of Stats that many goroutines count in.
type counters struct {
	sent, sentBytes, received, receivedBytes, dropped, lost, overflows, linked, unlinked,
	dials, dialsFailed, accepted, proven, refused, crowded, foreign, malformed, silent, trimmed, moves,
	stranded atomic.Uint64
}

// Stats returns what happened so far.
func (t *Transport) Stats() Stats {
	c := &t.counts
	return Stats{Sent: c.sent.Load(), SentBytes: c.sentBytes.Load(), Received: c.received.Load(),
		ReceivedBytes: c.receivedBytes.Load(), Dropped: c.dropped.Load(), Lost: c.lost.Load(),
		Overflows: c.overflows.Load(),
		Linked:    c.linked.Load(), Unlinked: c.unlinked.Load(), Dials: c.dials.Load(),
		DialsFailed: c.dialsFailed.Load(),
		Accepted:    c.accepted.Load(), Proven: c.proven.Load(), Refused: c.refused.Load(), Crowded: c.crowded.Load(),
		Foreign: c.foreign.Load(), Malformed: c.malformed.Load(), Silent: c.silent.Load(), Trimmed: c.trimmed.Load(),
		Moves: c.moves.Load(), Stranded: c.stranded.Load()}
}
