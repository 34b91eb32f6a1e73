package buffer

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/exact"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// The bounds of what is kept.
const (
	peersMax   = 1 << 16
	foldedMax  = 1 << 10 // updates that become one version
	queuedMost = 1 << 28 // elements of all updates that wait to be folded
	reasonMax  = 240     // bytes
	toldMax    = 16      // peers that are told of when a job fails
	timeMaxMS  = 30 * 24 * 3600_000
	pastMax    = 8 // versions of which is remembered who made them
)

// State is who trains, and what came.
type State struct {
	Begun   bool  `snap:"1"` // peers are asked
	Ended   bool  `snap:"2"` // the model has its last version: nobody is asked any more
	Version int64 `snap:"3"` // of the model
	Taken   bool  `snap:"4"` // the updates of the next version were given away, and the model does not have it yet
	Calls   int64 `snap:"5"` // how often peers were asked: the number of the next call

	Out   []Question `snap:"6"` // ascending by peer: who owes an answer
	Queue []Arrival  `snap:"7"` // in the order of acceptance: what is folded later

	// Of the next version: whose updates are folded, in that order; the sums, once there is one; and what they weigh,
	// by samples alone and with their ages, as float64.
	Folded []Fold `snap:"8"`
	Sums   []Sum  `snap:"9"`
	Weight uint64 `snap:"10"`
	Fresh  uint64 `snap:"11"`

	Refused []Refusal          `snap:"12"` // ascending by peer: who is not asked again by this version
	Lost    []string           `snap:"13"` // ascending: whom a question did not reach; the next look asks them again
	Waiting []uint64           `snap:"14"` // the call of Await that waits, or none
	Armed   bool               `snap:"15"` // the timer of the next look
	Failed  bool               `snap:"16"` // nobody is left who could be asked; Why says what it tells
	Why     string             `snap:"17"`
	Clients aggregator.Clients `snap:"18"` // ascending by peer: figures of those that answered

	Past []Made `snap:"19"` // the last versions, the oldest first: who made them

	// Of the next version, where the strategy has Closes: nothing more is folded into it; and the engine times at which
	// it closes because its quorum has answered, 0 before it has, and because it may not last longer, 0 where it may.
	Closed   bool  `snap:"20"`
	Grace    int64 `snap:"21"`
	Deadline int64 `snap:"22"`
}

// Made is who made what followed a version.
type Made struct {
	Version int64     `snap:"1"`
	Folded  []Fold    `snap:"2"` // in the order of acceptance
	Refused []Refusal `snap:"3"` // ascending by peer: whose answer was refused meanwhile
}

// Question is a call that a peer owes an answer to.
type Question struct {
	Peer    string `snap:"1"`
	Call    int64  `snap:"2"`
	Put     bool   `snap:"3"` // Asked has given it the parameters of Version
	Version int64  `snap:"4"`
}

// Fold is an update that is folded, without its elements.
type Fold struct {
	Peer    string `snap:"1"`
	Call    int64  `snap:"2"`
	Version int64  `snap:"3"` // that it was trained on
	Age     int64  `snap:"4"` // versions that this was behind
	Samples int64  `snap:"5"` // that it weighs, but for its age
	Given   Given  `snap:"6"`
}

// Given are the figures of an update, as they were when it was folded: those of its peer go on.
type Given struct {
	Samples       int64   `snap:"1"` // that it was trained on, as the peer said
	Told          bool    `snap:"2"` // Before and After are known
	Before        float64 `snap:"3"` // loss of its training, as the peer says, before it
	After         float64 `snap:"4"` // and after it
	Normed        bool    `snap:"5"` // Norm is known
	Norm          float64 `snap:"6"` // of what it changes
	Contributions int64   `snap:"7"` // of the peer up to this one; 0 where no figures were kept
	Refusals      int64   `snap:"8"`
}

// Arrival is an update that waits to be folded.
type Arrival struct {
	Peer    string        `snap:"1"`
	Call    int64         `snap:"2"`
	Version int64         `snap:"3"`
	Samples int64         `snap:"4"`
	Update  []value.Value `snap:"5"` // tensors
	Given   Given         `snap:"6"`
}

// Sum is the weighted sum of one tensor: for each element a float64, as its bits.
type Sum struct {
	Shape []int          `snap:"1"`
	Words snapshot.Words `snap:"2"`
}

// Refusal is an answer that does not count.
type Refusal struct {
	Peer   string `snap:"1"`
	Code   string `snap:"2"`
	Reason string `snap:"3"`
}

// out returns where the question of a peer is or belongs, and whether it is there.
func (s *State) out(peer string) (int, bool) {
	return slices.BinarySearchFunc(s.Out, peer, func(q Question, p string) int { return strings.Compare(q.Peer, p) })
}

func (s *State) refusal(peer string) (int, bool) {
	return slices.BinarySearchFunc(s.Refused, peer, func(r Refusal, p string) int { return strings.Compare(r.Peer, p) })
}

// queued says whether an update of the peer waits to be folded.
func (s *State) queued(peer string) bool {
	return slices.ContainsFunc(s.Queue, func(a Arrival) bool { return a.Peer == peer })
}

// client returns the figures of a peer, which are made where there are none.
func (s *State) client(peer string) *aggregator.Client {
	x := s.Clients.Of(peer, peersMax)
	if x.Samples == 0 {
		x.Lent = true // no norm is known
	}
	return x
}

// check says what is wrong with a state that was restored.
func (s *State) check(need int, closes bool) error {
	switch {
	case len(s.Out) > peersMax || len(s.Queue) > peersMax || len(s.Refused) > peersMax ||
		len(s.Lost) > peersMax || len(s.Waiting) > 1:
		return fmt.Errorf("%d questions, %d updates in the queue, %d refusals, %d waiting calls: more than there can be",
			len(s.Out), len(s.Queue), len(s.Refused), len(s.Waiting))
	case len(s.Folded) > need || len(s.Folded) == need && len(s.Waiting) > 0 || s.Taken && len(s.Folded) > 0:
		return fmt.Errorf("%d updates are folded of %d that make a version", len(s.Folded), need)
	case s.Calls < 0 || s.Version < 0 || !s.Begun && s.Calls+s.Version > 0:
		return fmt.Errorf("version %d and %d calls, begun = %v", s.Version, s.Calls, s.Begun)
	case !slices.IsSorted(s.Lost) || len(slices.Compact(slices.Clone(s.Lost))) != len(s.Lost):
		return fmt.Errorf("the peers that are asked again are out of order")
	}
	if err := s.checkTimes(closes); err != nil {
		return err
	}
	for i, q := range s.Out {
		if i > 0 && q.Peer <= s.Out[i-1].Peer || !s.asked(q.Call, q.Version) {
			return fmt.Errorf("question %d, of %q, is out of order or range", i, q.Peer)
		}
	}
	for i, r := range s.Refused {
		if i > 0 && r.Peer <= s.Refused[i-1].Peer || len(r.Reason) > reasonMax {
			return fmt.Errorf("refusal %d, of %q, is out of order or too long", i, r.Peer)
		}
	}
	if err := s.Clients.Check(peersMax); err != nil {
		return err
	}
	for i, a := range s.Queue {
		if !s.asked(a.Call, a.Version) || a.Samples < 1 || a.Samples >= exact.SamplesMax {
			return fmt.Errorf("update %d of the queue, of %q, is out of range", i, a.Peer)
		}
		for _, v := range a.Update {
			if _, ok := v.(value.Tensor); !ok {
				return fmt.Errorf("update %d of the queue, of %q, holds what is no tensor", i, a.Peer)
			}
		}
	}
	for i, f := range s.Folded {
		if !s.asked(f.Call, f.Version) || f.Samples < 1 || f.Samples >= exact.SamplesMax || f.Age < 0 {
			return fmt.Errorf("update %d of the next version, of %q, is out of range", i, f.Peer)
		}
	}
	for i, m := range s.Past {
		if len(s.Past) > pastMax || i > 0 && m.Version <= s.Past[i-1].Version || len(m.Folded) > need {
			return fmt.Errorf("version %d is remembered out of order, or as made of more than there can be", m.Version)
		}
	}
	return s.checkSums()
}

// checkTimes says what is wrong with when the next version closes.
func (s *State) checkTimes(closes bool) error {
	open := s.Begun && !s.Ended && !s.Taken && !s.Closed
	switch {
	case !closes && (s.Closed || s.Grace != 0 || s.Deadline != 0):
		return fmt.Errorf("a version that closes by its number of updates is closed = %v, or closes at %d or %d", s.Closed,
			s.Grace, s.Deadline)
	case s.Closed && (s.Taken || len(s.Folded) == 0 || len(s.Waiting) > 0):
		return fmt.Errorf("a version of %d updates is closed, given away = %v, and %d calls wait for it", len(s.Folded),
			s.Taken, len(s.Waiting))
	case s.Grace < 0 || s.Deadline < 0 || s.Grace > 0 && (!open || len(s.Folded) == 0) || s.Deadline > 0 && !open:
		return fmt.Errorf("a version of %d updates closes at %d or %d, begun = %v, given away = %v, closed = %v",
			len(s.Folded), s.Grace, s.Deadline, s.Begun, s.Taken, s.Closed)
	}
	return nil
}

// asked says whether a call, by a version, can have been put.
func (s *State) asked(call, version int64) bool {
	return call >= 0 && call < s.Calls && version >= 0 && version <= s.Version
}

func (s *State) checkSums() error {
	weight, fresh := math.Float64frombits(s.Weight), math.Float64frombits(s.Fresh)
	if (len(s.Folded) > 0) != (len(s.Sums) > 0) || len(s.Folded) > 0 && !(weight > 0 && fresh > 0 && fresh <= weight) {
		return fmt.Errorf("%d updates are folded into %d sums, of the weights %g and %g", len(s.Folded), len(s.Sums), weight,
			fresh)
	}
	for i, x := range s.Sums {
		n := 1
		for _, d := range x.Shape {
			if d < 0 || d > queuedMost || n*d > queuedMost {
				return fmt.Errorf("sum %d has the shape %v", i, x.Shape)
			}
			n *= d
		}
		if x.Words.Len() != n {
			return fmt.Errorf("sum %d of shape %v has %d numbers", i, x.Shape, x.Words.Len())
		}
	}
	return nil
}
