package peer

import (
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// StreamLimits bounds Streams. A zero field allows nothing.
type StreamLimits struct {
	Peers     int // with which a stream exists
	Envelopes int // unacknowledged, over all peers; Room goes by it, and Push by a quarter more
	Bytes     int // their charge, likewise
	Window    int // numbers of a stream that may be taken ahead of a missing one

	// Of one peer, so that one that does not answer leaves room for the others; they hold where SetTimed says so.
	PeerEnvelopes int
	PeerBytes     int
	Silences      int // that are remembered
}

// DefaultStreamLimits returns the limits of a server.
func DefaultStreamLimits() StreamLimits {
	return StreamLimits{Peers: 16384, Envelopes: 10000, Bytes: 256 << 20, Window: 8192, PeerEnvelopes: 1024,
		PeerBytes: 64 << 20, Silences: DefaultSilent}
}

// EdgeStreamLimits returns the limits of a small device.
func EdgeStreamLimits() StreamLimits {
	return StreamLimits{Peers: 512, Envelopes: 256, Bytes: 8 << 20, Window: 1024, PeerEnvelopes: 64, PeerBytes: 4 << 20,
		Silences: EdgeSilent}
}

// reserve is how much Push takes beyond what Room allows: room for answers and for questions asked again, which cannot
// wait.
func reserve(limit int) int { return limit + limit/4 }

// Streams are the numbered streams with all peers, in both directions. It is thread-unsafe. The package comment says
// what it promises.
type Streams struct {
	peers table[*stream]
	epoch uint64 // of own streams

	// Derived from peers:
	acksDue []*stream      // in no order
	resends resendHeap     // the streams with something unacknowledged
	count   int            // unacknowledged envelopes
	bytes   int            // their charge, what several share counted once
	fans    map[uint64]fan // by number, of what several share

	images *images // what captures show; nil before the first. Derived

	lim   StreamLimits
	timed bool         // see SetTimed; derived
	lives bool         // see SetLives; derived
	names bool         // see SetRecalls; derived
	start uint64       // see SetStart; derived
	book  *AddressBook // see SetBook; derived
}

// stream is both directions of the stream with one peer.
type stream struct {
	peer wire.PeerID

	// receiving
	incarnation uint64 // newest seen of the peer
	recvEpoch   uint64 // 0 before anything numbered or not came
	taken
	start uint64 // of the peer's life that was seen last: see wire.Envelope.Start; 0 where it is not known
	mark  uint64 // the greatest number that had been taken of this epoch when that life was first heard of

	// sending
	next     uint64    // number of the next envelope
	born     uint64    // numbers from here on were given in the own present life
	out      []sending // unacknowledged, by number, without gaps up to next
	bytes    int       // their charge; derived
	resendAt int64     // 0 while nothing is unacknowledged
	resends  int32     // in a row without progress
	place    int32     // in the heap, when resendAt is set
	due      int32     // in acksDue, when ackDue is set
	asked    int32     // of room, within one call of RoomFor

	// Derived: where a capture shows it, plus one, or 0; and that it is not shown as it is.
	slot    int32
	changed bool

	ackDue bool // of what was received

	// What most streams have nothing of: a simulation has millions of them. Nil while there is nothing in it.
	*vitals
	*resync
}

// sending is an envelope of the outbox.
type sending struct {
	env      *wire.Envelope
	sent     int64  // engine time of the first time; 0 where it is not known, unsent before it
	deadline int64  // engine time, 0 means none
	fan      uint64 // see PushFan; 0 for none
}

// fan is values that envelopes to several peers share.
type fan struct{ envelopes, charge int }

// unsent stands for the time of a first sending that is still to come.
const unsent = -1

// acked returns the number up to which everything was acknowledged.
func (s *stream) acked() uint64 { return s.next - 1 - uint64(len(s.out)) }

// NewStreams returns streams without peers, in epoch 1.
func NewStreams(lim StreamLimits) *Streams {
	return &Streams{lim: lim, epoch: 1}
}

// Epoch returns the epoch of the own streams.
func (s *Streams) Epoch() uint64 { return s.epoch }

// Unacknowledged returns how many envelopes wait in the outbox.
func (s *Streams) Unacknowledged() int { return s.count }

// Bytes returns the charge of the envelopes in the outbox.
func (s *Streams) Bytes() int { return s.bytes }

// Charge is what an envelope counts against the outbox's bytes: the charge of its values. It is a function of the
// envelope alone, so that each charge has an equal release (trap unequal-charge).
func Charge(env *wire.Envelope) int {
	n := 0
	for i := range env.Fills {
		if v := env.Fills[i].Value; v != nil {
			n += v.Bytes()
		}
	}
	return n
}

// of returns the stream with a peer, to be changed, and makes it where there is room.
func (s *Streams) of(p wire.PeerID) (*stream, error) {
	if t := s.stream(p); t != nil {
		return t, nil
	}
	if s.peers.len() >= s.lim.Peers {
		return nil, &FullError{"streams", s.lim.Peers}
	}
	t := &stream{peer: p, next: 1, born: 1}
	s.put(t)
	return t, nil
}

// put adds a stream.
func (s *Streams) put(t *stream) {
	s.peers.put(t.peer, t)
	s.touch(t)
}

// stream returns the stream with a peer, to be changed, or nil.
func (s *Streams) stream(p wire.PeerID) *stream {
	t := s.look(p)
	if t != nil {
		s.touch(t)
	}
	return t
}

// look returns the stream with a peer, to be looked at, or nil.
func (s *Streams) look(p wire.PeerID) *stream {
	if t := s.peers.get(p); t != nil {
		return *t
	}
	return nil
}

// setAckDue keeps the flag and the list of streams in step.
func (s *Streams) setAckDue(t *stream, due bool) {
	if t.ackDue == due {
		return
	}
	t.ackDue = due
	if due {
		t.due = int32(len(s.acksDue))
		s.acksDue = append(s.acksDue, t)
		return
	}
	last := len(s.acksDue) - 1
	moved := s.acksDue[last]
	s.acksDue[t.due], moved.due = moved, t.due
	s.acksDue[last] = nil
	s.acksDue = s.acksDue[:last]
}
