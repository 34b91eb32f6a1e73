package peer

import (
	"cmp"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// RequestLimits bounds Requests. A zero field allows nothing.
type RequestLimits struct {
	Outbound    int // questions of this node that wait for an answer
	Inbound     int // questions of others that are under way
	Answers     int // last answers that are kept for each peer, in case it asks again
	Lending     int // as many where one lends something, if that is more: its asker may not have it all yet
	AnswerBytes int // their charge, over all peers
}

// DefaultRequestLimits returns the limits of a server.
func DefaultRequestLimits() RequestLimits {
	return RequestLimits{Outbound: 16384, Inbound: 16384, Answers: 4, AnswerBytes: 256 << 20}
}

// EdgeRequestLimits returns the limits of a small device.
func EdgeRequestLimits() RequestLimits {
	return RequestLimits{Outbound: 256, Inbound: 256, Answers: 4, AnswerBytes: 8 << 20}
}

// Question is what this node remembers of a question that it asked.
type Question struct {
	Edge     int32          // of the program
	Context  value.Value    // given to what the answer starts, or nil
	Deadline int64          // engine time, 0 means none
	Envelope *wire.Envelope // to ask again; nobody changes it
}

// Requests are the questions that are open, in both directions, scoped by peer and direction (trap
// bare-request-number). It is thread-unsafe. An own question leaves with its first answer. A question of another is
// remembered while it is under way, and with its answer until the peer got a bounded number of later ones: so one that
// is asked twice is worked on once.
type Requests struct {
	lim      RequestLimits
	outbound map[requestKey]*Question
	inbound  map[requestKey]*inbound
	order    uint64 // of the last change of an inbound entry

	loans *Loans // see SetLoans; nil for none

	asked map[wire.PeerID][]wire.Request // the keys of outbound by peer, in the order of asking; derived

	// Derived from inbound:
	underWay       int
	oldest, newest *inbound                   // of what was answered, in the order of Finish
	answers        map[wire.PeerID][]*inbound // likewise, of each peer
	answerBytes    int
}

type requestKey struct {
	peer wire.PeerID
	req  wire.Request
}

// inbound is a question that was taken: exec is set while it is under way, answer once it was answered.
type inbound struct {
	exec   uint64
	answer *wire.Envelope
	order  uint64 // when it was begun, or finished

	key        requestKey // under which it stands
	prev, next *inbound   // in the order of Finish, once it was answered; derived
}

func compareKeys(a, b requestKey) int {
	return cmp.Or(cmp.Compare(a.peer, b.peer), cmp.Compare(a.req.Epoch, b.req.Epoch), cmp.Compare(a.req.ID, b.req.ID))
}

// NewRequests returns tables without questions.
func NewRequests(lim RequestLimits) *Requests {
	return &Requests{lim: lim}
}

// SetLoans has the loans that go with a question or an answer end with it.
func (r *Requests) SetLoans(l *Loans) { r.loans = l }

// Room says whether n more questions can be asked.
func (r *Requests) Room(n int) bool { return n <= r.lim.Outbound-len(r.outbound) }

// Ask remembers a question to a peer until it is answered. Errors are *FullError and *DuplicateError.
func (r *Requests) Ask(to wire.PeerID, req wire.Request, q Question) error {
	k := requestKey{to, req}
	if r.outbound[k] != nil {
		return &DuplicateError{to, req}
	}
	if !r.Room(1) {
		return &FullError{"open questions", r.lim.Outbound}
	}
	put(&r.outbound, k, &q)
	r.note(k)
	return nil
}

// Answered takes the question that a peer answers, or that is given up, from the table. It returns false for an answer
// to nothing: a second one, one after the question was given up, or one to a question of somebody else's (trap
// bare-request-number).
func (r *Requests) Answered(from wire.PeerID, req wire.Request) (Question, bool) {
	k := requestKey{from, req}
	q := r.outbound[k]
	if q == nil {
		return Question{}, false
	}
	r.drop(k)
	return *q, true
}

// Question returns an own question that is open.
func (r *Requests) Question(to wire.PeerID, req wire.Request) (Question, bool) {
	if q := r.outbound[requestKey{to, req}]; q != nil {
		return *q, true
	}
	return Question{}, false
}

// Open returns how many own questions wait for an answer.
func (r *Requests) Open() int { return len(r.outbound) }

// Awaits says whether a question to the peer is not answered.
func (r *Requests) Awaits(p wire.PeerID) bool { return len(r.asked[p]) > 0 }

// Outstanding returns the envelopes of the questions that the peer has not answered, by (epoch, number).
func (r *Requests) Outstanding(p wire.PeerID) []*wire.Envelope {
	return r.envelopes(func(k requestKey) bool { return k.peer == p })
}

// OutstandingAll returns the envelopes of all questions that are not answered, by (peer, epoch, number).
func (r *Requests) OutstandingAll() []*wire.Envelope {
	return r.envelopes(func(requestKey) bool { return true })
}

func (r *Requests) envelopes(of func(requestKey) bool) []*wire.Envelope {
	var keys []requestKey
	for k := range r.outbound {
		if of(k) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, compareKeys)
	out := make([]*wire.Envelope, len(keys))
	for i, k := range keys {
		out[i] = r.outbound[k].Envelope
	}
	return out
}

// Expired takes the questions whose deadline is not after now from the table and returns them by (peer, epoch, number).
func (r *Requests) Expired(now int64) []Question {
	var keys []requestKey
	for k, q := range r.outbound {
		if q.Deadline != 0 && q.Deadline <= now {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, compareKeys)
	out := make([]Question, len(keys))
	for i, k := range keys {
		out[i] = *r.outbound[k]
		r.drop(k)
	}
	return out
}
