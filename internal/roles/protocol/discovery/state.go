package discovery

import (
	"fmt"
	"slices"
	"strings"
)

// State is what a node remembers.
type State struct {
	Entries []Entry  `snap:"1"` // ascending by peer
	Partner string   `snap:"2"` // to whom the last shuffle went and who has not answered, or empty
	Sent    []string `snap:"3"` // what it was sent, ascending: the first to make room
	Shuffle uint64   `snap:"4"` // number of the next one
	Armed   bool     `snap:"5"` // of a server: the timer that looks for silent peers
	Asked   []Asked  `snap:"6"` // who shuffled with this node within half a period, the longest ago first
}

// Entry is a peer that plays a place.
type Entry struct {
	Peer      string   `snap:"1"`
	Place     string   `snap:"2"`
	Addresses []string `snap:"3"` // the best first
	Born      int64    `snap:"4"` // engine time at which it was of age 0: when the peer said that it is there
}

// Asked is a peer that began a shuffle: one that does so all the time could fill the view with what it likes.
type Asked struct {
	Peer string `snap:"1"`
	At   int64  `snap:"2"` // engine time
}

// ask notes that a peer begins a shuffle, and says whether it may.
func (s *State) ask(peer string, now int64, cfg Config) bool {
	s.Asked = slices.DeleteFunc(s.Asked, func(a Asked) bool { return a.At <= now-cfg.PeriodMS*1e6/2 })
	if len(s.Asked) >= cfg.View || slices.ContainsFunc(s.Asked, func(a Asked) bool { return a.Peer == peer }) {
		return false
	}
	s.Asked = append(s.Asked, Asked{peer, now})
	return true
}

// find returns where the peer's entry is or belongs, and whether it is there.
func (s *State) find(peer string) (int, bool) {
	return slices.BinarySearchFunc(s.Entries, peer, func(e Entry, p string) int { return strings.Compare(e.Peer, p) })
}

// drop removes an entry and says whether it was there.
func (s *State) drop(peer string) bool {
	i, ok := s.find(peer)
	if ok {
		s.Entries = slices.Delete(s.Entries, i, i+1)
	}
	return ok
}

// oldest returns the place of the entry that was born first, the first by name of equals, or -1.
func (s *State) oldest() int {
	at := -1
	for i := range s.Entries {
		if at < 0 || s.Entries[i].Born < s.Entries[at].Born {
			at = i
		}
	}
	return at
}

// expire drops the entries that were born at or before a time and returns how many.
func (s *State) expire(upTo int64) int {
	n := len(s.Entries)
	s.Entries = slices.DeleteFunc(s.Entries, func(e Entry) bool { return e.Born <= upTo })
	return n - len(s.Entries)
}

// check says what is wrong with a state that was restored.
func (s *State) check(cfg Config) error {
	if len(s.Asked) > cfg.View {
		return fmt.Errorf("%d peers shuffled (at most %d)", len(s.Asked), cfg.View)
	}
	if len(s.Entries) > cfg.View || len(s.Sent) > cfg.Shuffle {
		return fmt.Errorf("%d entries (at most %d), %d sent (at most %d)", len(s.Entries), cfg.View, len(s.Sent),
			cfg.Shuffle)
	}
	for i, e := range s.Entries {
		if e.Peer == "" || i > 0 && e.Peer <= s.Entries[i-1].Peer {
			return fmt.Errorf("entry %q is out of order", e.Peer)
		}
		if len(e.Place) > placeMax || len(e.Addresses) > addressesMax {
			return fmt.Errorf("entry %q has a place of %d bytes and %d addresses", e.Peer, len(e.Place),
				len(e.Addresses))
		}
	}
	if !slices.IsSorted(s.Sent) {
		return fmt.Errorf("what was sent is out of order")
	}
	return nil
}
