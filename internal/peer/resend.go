package peer

import (
	"container/heap"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// The waits before something unacknowledged is sent again: 200 ms, twice as long after each try without progress, at
// most 10 s; each is drawn from the upper half of its bound, so that an acknowledgement has the time to come. Over a
// link nothing is lost as a rule, and one that ends says so (see RetryNow): there the first wait is 2 s, or as long as
// an exchange with the peer takes where that is longer.
const (
	resendBaseNs   = 200e6
	resendLinkedNs = 2e9
	resendCapNs    = 10e9
)

// ResendBatch is how many envelopes of one stream are sent again at a time. The receiver holds more than the first
// missing ones as a rule, and the acknowledgement of these shows it.
const ResendBatch = 64

// SetBook has the waits go by whether a peer is linked, which the book says; nil: they do not. An engine calls it as
// its rules say.
func (s *Streams) SetBook(b *AddressBook) { s.book = b }

// patience returns the least wait for an acknowledgement. A server of thousands whose peers all answer at once takes
// its time, and what is sent again meanwhile makes it take longer.
func (s *Streams) patience(t *stream) int64 {
	if s.book == nil || !s.book.IsLinked(t.peer) {
		return resendBaseNs
	}
	rtt := t.roundTrip()
	return min(max(resendLinkedNs, rtt.Smooth+4*rtt.Var), resendCapNs)
}

func (s *Streams) resendWait(t *stream, rand func() uint64) int64 {
	return resendWait(s.patience(t), t.resends, rand)
}

func resendWait(base int64, tries int32, rand func() uint64) int64 {
	half := exponential(base, resendCapNs, tries) / 2
	return half + upTo(half, rand)
}

// NextResend returns the engine time at which Due has something to give, or 0 when nothing is unacknowledged.
func (s *Streams) NextResend() int64 {
	if len(s.resends) == 0 {
		return 0
	}
	return s.resends[0].resendAt
}

// Due returns the envelopes that are to be sent again at now, marked as redelivered, streams in the order in which they
// became due and each in the order of its numbers. It draws the next time for each stream.
func (s *Streams) Due(now int64, rand func() uint64) []*wire.Envelope {
	var out []*wire.Envelope
	for _, r := range s.DueUntil(now, rand) {
		if r.Envelope != nil {
			out = append(out, r.Envelope)
		}
	}
	return out
}

// Resend is an envelope that is to be sent again, and until when it serves anybody: 0 means for ever. Without an
// envelope the peer is to be greeted.
type Resend struct {
	To       wire.PeerID
	Envelope *wire.Envelope
	Deadline int64
}

// DueUntil is Due with the deadlines. A peer that is held is given answers only; what was never sent is not marked.
func (s *Streams) DueUntil(now int64, rand func() uint64) []Resend {
	var due []*stream
	for len(s.resends) > 0 && s.resends[0].resendAt <= now {
		due = append(due, heap.Pop(&s.resends).(*stream))
	}
	var out []Resend
	for _, t := range due {
		s.touch(t)
		held, given := s.timed && t.vitals != nil && t.heldUntil > now, len(out)
		for i := range t.out[:min(len(t.out), ResendBatch)] {
			x := &t.out[i]
			if held && isData(x.env) || x.sent > 0 && x.sent >= now {
				continue // it waits, or it left just now
			}
			if x.sent == unsent {
				x.sent = max(1, now)
				t.await(now)
			} else if !x.env.Redelivered {
				again := *x.env
				again.Redelivered = true
				x.env = &again
			}
			out = append(out, Resend{t.peer, x.env, x.deadline})
		}
		if (len(out) == given || t.start == 0) && t.greetDue() {
			out = append(out, Resend{To: t.peer})
		}
		t.resends = min(t.resends+1, 1<<20)
		t.resendAt = 0
		wait := s.resendWait(t, rand)
		if held && len(out) == given && len(t.out) > 0 {
			wait = max(wait, t.heldUntil-now)
		}
		s.schedule(t, now, wait)
	}
	return out
}

// Spread draws anew, after a restart, when each stream sends again: soon, and not all at once.
func (s *Streams) Spread(now int64, rand func() uint64) {
	for _, t := range slices.SortedFunc(slices.Values(s.resends), byPeer) {
		s.touch(t)
		t.resends = 0
		over := int64(resendBaseNs)
		if len(t.out) == 0 {
			over = greetSpreadNs
		}
		s.schedule(t, now, upTo(over, rand))
	}
}

// schedule sets the time at which the stream sends again.
func (s *Streams) schedule(t *stream, now, wait int64) {
	s.touch(t)
	known := t.resendAt != 0
	t.resendAt = max(1, after(now, wait)) // 0 stands for none
	if known {
		heap.Fix(&s.resends, int(t.place))
	} else {
		heap.Push(&s.resends, t)
	}
}

func (s *Streams) unschedule(t *stream) {
	if t.resendAt != 0 {
		heap.Remove(&s.resends, int(t.place))
		t.resendAt = 0
	}
}

func byPeer(a, b *stream) int {
	if a.peer < b.peer {
		return -1
	}
	return 1
}

// resendHeap orders streams by (resendAt, peer), so that its order of giving depends on their content alone.
type resendHeap []*stream

func (h resendHeap) Len() int { return len(h) }

func (h resendHeap) Less(i, j int) bool {
	if h[i].resendAt != h[j].resendAt {
		return h[i].resendAt < h[j].resendAt
	}
	return h[i].peer < h[j].peer
}

func (h resendHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = int32(i), int32(j)
}

// Push is for package heap.
func (h *resendHeap) Push(x any) {
	t := x.(*stream)
	t.place = int32(len(*h))
	*h = append(*h, t)
}

// Pop is for package heap.
func (h *resendHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return t
}
