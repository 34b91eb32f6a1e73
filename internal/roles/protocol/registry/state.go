package registry

import (
	"fmt"
	"slices"
	"strings"
)

// State is what both ends remember: a server its members, a client that it joined.
type State struct {
	Members []Member `snap:"1"` // ascending by peer
	Waiting []Wait   `snap:"2"` // in order of asking
	Armed   bool     `snap:"3"` // the timer that looks for lapsed members
	Round   int64    `snap:"4"` // the newest round for which Await was answered, when Ready is not empty
	Ready   []string `snap:"5"` // who was a member then, ascending
	Joined  bool     `snap:"6"` // a client has sent its join
	// With Config.Edges, at an edge:
	Stale bool `snap:"7"` // the server has not heard of all that changed
	Soon  bool `snap:"8"` // a timer is armed for telling it
	// The number of the last roster that was told.
	Told int64 `snap:"9"`
	// With Config.Edges, at a server:
	Rosters []Roster `snap:"10"` // ascending by edge
	// With Config.Edges, at an edge: whom the server did not list when it last said so, ascending.
	Taken []string `snap:"11"`
}

// Roster is how far a server has heard of the members of an edge.
type Roster struct {
	Edge   string `snap:"1"`
	Number int64  `snap:"2"` // of the last one that it took
}

// roster returns where an edge's entry is or belongs, and whether it is there.
func (s *State) roster(edge string) (int, bool) {
	return slices.BinarySearchFunc(s.Rosters, edge, func(r Roster, e string) int { return strings.Compare(r.Edge, e) })
}

// Wait is a call of Await that waits for members.
type Wait struct {
	Call  uint64 `snap:"1"`
	Round int64  `snap:"2"`
}

// Member is a peer that joined.
type Member struct {
	Peer     string `snap:"1"`
	Name     string `snap:"2"` // as it calls itself; for people only
	Samples  int64  `snap:"3"`
	Joined   int64  `snap:"4"` // engine time of the join
	LastSeen int64  `snap:"5"` // engine time
	Lapsed   bool   `snap:"6"` // was not heard of for the time to live
	// With Config.Edges, at a server:
	Via  string `snap:"7"` // the edge that it joined
	Away bool   `snap:"8"` // the edge does not list it any more; then it is Lapsed too
}

// find returns where the peer's entry is or belongs, and whether it is there.
func (s *State) find(peer string) (int, bool) {
	return slices.BinarySearchFunc(s.Members, peer, func(m Member, p string) int { return strings.Compare(m.Peer, p) })
}

// live returns the peers that are members now, ascending.
func (s *State) live() []string {
	out := make([]string, 0, len(s.Members))
	for i := range s.Members {
		if !s.Members[i].Lapsed {
			out = append(out, s.Members[i].Peer)
		}
	}
	return out
}

// count returns how many peers are members now.
func (s *State) count() (n int) {
	for i := range s.Members {
		if !s.Members[i].Lapsed {
			n++
		}
	}
	return n
}

// evict drops the lapsed entry that was silent for longest, and says whether there was one.
func (s *State) evict() bool {
	oldest := -1
	for i, m := range s.Members {
		if m.Lapsed && (oldest < 0 || m.LastSeen < s.Members[oldest].LastSeen) {
			oldest = i
		}
	}
	if oldest < 0 {
		return false
	}
	s.Members = slices.Delete(s.Members, oldest, oldest+1)
	return true
}

// lapse marks the members that were last heard of at or before a time, and returns when the next of the others was,
// and whether there is one.
func (s *State) lapse(upTo int64) (next int64, left bool) {
	for i := range s.Members {
		m := &s.Members[i]
		if m.Lapsed {
			continue
		}
		if m.LastSeen <= upTo {
			m.Lapsed = true
		} else if !left || m.LastSeen < next {
			next, left = m.LastSeen, true
		}
	}
	return next, left
}

// check says what is wrong with a state that was restored.
func (s *State) check(cfg Config) error {
	if len(s.Members) > cfg.MaxMembers || len(s.Ready) > cfg.MaxMembers || len(s.Waiting) > waitingMax {
		return fmt.Errorf("%d members and %d ready (at most %d), %d waiting calls (at most %d)",
			len(s.Members), len(s.Ready), cfg.MaxMembers, len(s.Waiting), waitingMax)
	}
	for i, r := range s.Rosters {
		if i > 0 && r.Edge <= s.Rosters[i-1].Edge || r.Number < 1 || r.Number > toldMax {
			return fmt.Errorf("the roster of edge %q is out of order or range", r.Edge)
		}
	}
	if len(s.Taken) > cfg.MaxMembers || !slices.IsSorted(s.Taken) {
		return fmt.Errorf("the %d whose names are taken (at most %d) are out of order", len(s.Taken), cfg.MaxMembers)
	}
	if s.Told < 0 || s.Told > toldMax {
		return fmt.Errorf("the last roster has number %d; want 0 to %d", s.Told, int64(toldMax))
	}
	for i, m := range s.Members {
		if i > 0 && m.Peer <= s.Members[i-1].Peer {
			return fmt.Errorf("member %q is out of order", m.Peer)
		}
		if m.Away && (m.Via == "" || !m.Lapsed) {
			return fmt.Errorf("member %q is of no edge, or there, and its edge does not list it", m.Peer)
		}
		if m.Samples < 1 || m.Samples > cfg.MaxSamples || !soundName(m.Name) {
			return fmt.Errorf("member %q has %d samples (1 to %d) and a name of %d bytes", m.Peer, m.Samples,
				cfg.MaxSamples, len(m.Name))
		}
	}
	if !slices.IsSorted(s.Ready) {
		return fmt.Errorf("the members of round %d are out of order", s.Round)
	}
	return nil
}
