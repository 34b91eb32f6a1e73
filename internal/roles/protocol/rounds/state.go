package rounds

import (
	"fmt"
	"slices"
	"strings"
)

// State is the rounds that are open and those that are remembered.
type State struct {
	Rounds []Round `snap:"1"` // in order of opening; at most MaxOpen are open, at most Remember closed
	// Below is 1 + the greatest number of a round that was closed and forgotten, when Forgot is set: answers to unknown
	// rounds below it are late.
	Below  int64 `snap:"2"`
	Forgot bool  `snap:"3"`
	Armed  bool  `snap:"4"` // the one timer is armed, for the deadline of the first round that was open then
	Wake   int64 `snap:"5"` // engine time at which open rounds are looked at, 0 for none; with Config.OnFailed
}

// Round is one round.
type Round struct {
	Number   int64    `snap:"1"`
	Cohort   []string `snap:"2"` // ascending
	Settled  []string `snap:"3"` // ascending
	Need     int64    `snap:"4"` // contributions that close it; the deadline lowers it
	Deadline int64    `snap:"5"` // engine time, 0 when there is none or it has passed
	Closed   bool     `snap:"6"`
	Waiting  []uint64 `snap:"7"` // calls of Await

	// With Config.OnFailed:
	Refused []Refusal `snap:"8"`  // ascending by peer
	Opened  int64     `snap:"9"`  // engine time
	Last    int64     `snap:"10"` // engine time of the last answer, 0 before it
	Grace   int64     `snap:"11"` // engine time at which a round that has its quorum closes, 0 before it has
	Overdue bool      `snap:"12"` // the deadline has passed
	Retried int64     `snap:"13"` // times that others were asked in place of those who were refused
	Failed  bool      `snap:"14"` // it closed because it cannot be completed; Why says what it tells
	Skipped bool      `snap:"15"` // it closed with nobody, whatever was settled
	Why     string    `snap:"16"`
	Lost    []string  `snap:"17"` // ascending: whom a question did not reach; they are asked again
	Silent  []string  `snap:"18"` // ascending: who owed an answer when it closed, and was not there
}

// Refusal is an answer that does not count, or one that can never come.
type Refusal struct {
	Peer   string `snap:"1"`
	Code   string `snap:"2"`
	Reason string `snap:"3"`
}

// refusal returns where the refusal of a peer is or belongs, and whether it is there.
func (r *Round) refusal(peer string) (int, bool) {
	return slices.BinarySearchFunc(r.Refused, peer, func(f Refusal, p string) int { return strings.Compare(f.Peer, p) })
}

// Owes says whether a peer of the cohort has neither contributed nor been refused.
func (r *Round) Owes(peer string) bool {
	_, settled := slices.BinarySearch(r.Settled, peer)
	_, refused := r.refusal(peer)
	return !settled && !refused
}

// find returns the round of that number, or nil.
func (s *State) find(number int64) *Round {
	for i := range s.Rounds {
		if s.Rounds[i].Number == number {
			return &s.Rounds[i]
		}
	}
	return nil
}

// count returns how many rounds are closed, or open.
func (s *State) count(closed bool) (n int) {
	for i := range s.Rounds {
		if s.Rounds[i].Closed == closed {
			n++
		}
	}
	return n
}

// forget drops the oldest closed rounds until at most keep are left.
func (s *State) forget(keep int) {
	for s.count(true) > keep {
		i := slices.IndexFunc(s.Rounds, func(r Round) bool { return r.Closed })
		if n := s.Rounds[i].Number + 1; !s.Forgot || n > s.Below {
			s.Forgot, s.Below = true, n
		}
		s.Rounds = slices.Delete(s.Rounds, i, i+1)
	}
}

// nextDeadline returns the earliest deadline of an open round, or 0.
func (s *State) nextDeadline() int64 {
	next := int64(0)
	for _, r := range s.Rounds {
		if !r.Closed && r.Deadline != 0 && (next == 0 || r.Deadline < next) {
			next = r.Deadline
		}
	}
	return next
}

// check says what is wrong with a state that was restored.
func (s *State) check(cfg Config) error {
	if s.count(false) > cfg.MaxOpen || s.count(true) > cfg.Remember {
		return fmt.Errorf("%d open and %d closed rounds, at most %d and %d", s.count(false), s.count(true), cfg.MaxOpen,
			cfg.Remember)
	}
	for i := range s.Rounds {
		r := &s.Rounds[i]
		switch {
		case s.find(r.Number) != r:
			return fmt.Errorf("round %d is there twice", r.Number)
		case len(r.Cohort) > cohortMax || len(r.Waiting) > waitingMax:
			return fmt.Errorf("round %d has a cohort of %d and %d waiting calls", r.Number, len(r.Cohort),
				len(r.Waiting))
		case !ascending(r.Cohort) || !ascending(r.Settled) || !ascending(r.Lost) || !ascending(r.Silent):
			return fmt.Errorf("round %d: the peers are not in order", r.Number)
		case r.Closed && len(r.Waiting) > 0, !r.Closed && r.Grace == 0 && int64(len(r.Settled)) >= r.Need, !r.Closed &&
			(r.Failed || r.Skipped):
			return fmt.Errorf("round %d has %d of %d contributions, which does not fit closed = %v", r.Number,
				len(r.Settled), r.Need, r.Closed)
		}
		for k, f := range r.Refused {
			_, of := slices.BinarySearch(r.Cohort, f.Peer)
			_, settled := slices.BinarySearch(r.Settled, f.Peer)
			if !of || settled && !r.Closed || k > 0 && f.Peer <= r.Refused[k-1].Peer || len(f.Reason) > reasonMax {
				return fmt.Errorf(
					"round %d: the refusal of %q is out of order, too long, or of nobody whose answer is awaited",
					r.Number, f.Peer)
			}
		}
		for _, p := range r.Settled {
			if _, ok := slices.BinarySearch(r.Cohort, p); !ok {
				return fmt.Errorf("round %d: %q contributed and is not of the cohort", r.Number, p)
			}
		}
	}
	return nil
}

// ascending says whether the peers are in order and all different.
func ascending(peers []string) bool {
	for i := 1; i < len(peers); i++ {
		if peers[i-1] >= peers[i] {
			return false
		}
	}
	return true
}
