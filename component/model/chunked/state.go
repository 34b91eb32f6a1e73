package chunked

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/component/aggregator"
	"github.com/rhizome-ml/rhizome/component/model"
	"github.com/rhizome-ml/rhizome/value"
)

// membersMax bounds the members of a round, samplesMax what one of them weighs; package aggregator has the same bounds.
const (
	membersMax = 1 << 16
	samplesMax = 1 << 24
)

// State is the parameters, and how far they are gathered.
type State struct {
	Chunks    []value.Value `snap:"1"` // a trigger stands for one that is missing
	Round     int64         `snap:"2"` // that is offered, gathered, or was gathered last
	Offered   bool          `snap:"3"`
	Gathering bool          `snap:"4"`
	Attempt   int64         `snap:"5"`  // of gathering, from 0
	GivenUp   bool          `snap:"6"`  // the attempt, because a member was dropped
	Members   []Member      `snap:"7"`  // ascending by peer
	Sums      []Partial     `snap:"8"`  // ascending by chunk: those of which some members' share is there
	Asking    []Wait        `snap:"9"`  // the call of Ask that waits, if any
	Ending    []uint64      `snap:"10"` // the call of Gathered that waits, if any
	Seen      int64         `snap:"11"` // chunks that were there when the timer was armed

	// With Config.Ends:
	Why  string   `snap:"12"` // gathering has failed, and why; "" where it has not
	Lost []string `snap:"13"` // ascending: members whom a question did not reach; they are asked again
}

// Member is one whose update goes into the mean, and what it weighs.
type Member struct {
	Peer    string `snap:"1"`
	Samples int64  `snap:"2"`
}

// Partial is the sum of one chunk over some of the members.
type Partial struct {
	Chunk int64          `snap:"1"`
	From  []string       `snap:"2"` // ascending
	Sum   aggregator.Sum `snap:"3"`
}

// Wait is a call that waits for room for a chunk.
type Wait struct {
	Call  uint64 `snap:"1"`
	Chunk int64  `snap:"2"`
}

// member returns where a peer is or would be among the members, and whether it is one.
func (s *State) member(peer string) (int, bool) {
	return slices.BinarySearchFunc(s.Members, peer, func(m Member, p string) int { return strings.Compare(m.Peer, p) })
}

// sum returns where the sum of a chunk is or belongs, and whether it is there.
func (s *State) sum(chunk int64) (int, bool) {
	return slices.BinarySearchFunc(s.Sums, chunk, func(p Partial, k int64) int { return int(p.Chunk - k) })
}

// check says what is wrong with a state that was restored; the chunks were checked before.
func (s *State) check(sheet *model.Sheet, window int) error {
	if len(s.Members) > membersMax || len(s.Sums) > window || len(s.Asking) > 1 || len(s.Ending) > 1 {
		return fmt.Errorf("%d members, %d sums and %d and %d calls that wait, at most %d, %d, 1 and 1",
			len(s.Members), len(s.Sums), len(s.Asking), len(s.Ending), membersMax, window)
	}
	if s.Gathering && s.Offered || s.Gathering && len(s.Members) == 0 || !s.Gathering && (len(s.Sums) > 0 || !sheet.Whole() && len(s.Chunks) > 0) {
		return fmt.Errorf("%d chunks and %d members do not fit offered = %v and gathering = %v", sheet.There(), len(s.Members), s.Offered, s.Gathering)
	}
	if s.Why != "" && (!s.Gathering || !s.GivenUp) || !slices.IsSorted(s.Lost) || len(s.Lost) > len(s.Members) {
		return fmt.Errorf("a gathering that failed goes on, or %d members were not reached of %d", len(s.Lost), len(s.Members))
	}
	for i, m := range s.Members {
		if m.Samples < 1 || m.Samples >= samplesMax || i > 0 && m.Peer <= s.Members[i-1].Peer {
			return fmt.Errorf("member %d, %q with %d samples, is out of range or order", i, m.Peer, m.Samples)
		}
	}
	for i, p := range s.Sums {
		if p.Chunk < 0 || p.Chunk >= int64(sheet.Chunks()) || i > 0 && p.Chunk <= s.Sums[i-1].Chunk || s.Chunks[p.Chunk] != (value.Trigger{}) {
			return fmt.Errorf("the sum of chunk %d is out of range or order, or not needed", p.Chunk)
		}
		if n := sheet.Len(int(p.Chunk)); p.Sum.Hi.Len() != n || p.Sum.Lo.Len() != n || !slices.Equal(p.Sum.Shape, []int{n}) {
			return fmt.Errorf("the sum of chunk %d has shape %v and %d and %d words, want %d", p.Chunk, p.Sum.Shape, p.Sum.Hi.Len(), p.Sum.Lo.Len(), n)
		}
		for k, peer := range p.From {
			if _, ok := s.member(peer); !ok || k > 0 && peer <= p.From[k-1] {
				return fmt.Errorf("the sum of chunk %d: %q is no member, or out of order", p.Chunk, peer)
			}
		}
	}
	return nil
}
