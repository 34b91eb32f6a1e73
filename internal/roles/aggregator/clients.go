package aggregator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/value"
)

// Clients are figures of peers, ascending by peer: part of the state of what takes contributions. They are
// thread-unsafe.
type Clients []Client

// Of returns the figures of a peer, which are made where there are none: most bounds them, and who was heard of longest
// ago makes room. The pointer is good until the next call.
func (s *Clients) Of(peer string, most int) *Client {
	i, ok := slices.BinarySearchFunc(*s, peer, func(c Client, p string) int { return strings.Compare(c.Peer, p) })
	if ok {
		return &(*s)[i]
	}
	if len(*s) >= most {
		oldest := 0
		for k := range *s {
			if (*s)[k].Round < (*s)[oldest].Round {
				oldest = k
			}
		}
		if *s = slices.Delete(*s, oldest, oldest+1); oldest < i {
			i--
		}
	}
	*s = slices.Insert(*s, i, Client{Peer: peer})
	return &(*s)[i]
}

// Refused notes that a peer's answer to a round does not count.
func (c *Client) Refused(round int64, why *value.Failure) {
	c.Refusals++
	c.Round, c.RefusedRound = round, round
	c.Code, c.Reason = short(why.Code, 32), short(why.Message, reasonMax)
}

// Check says what is wrong with figures that were restored.
func (s Clients) Check(most int) error {
	if len(s) > most {
		return fmt.Errorf("figures of %d clients, at most %d", len(s), most)
	}
	for i, c := range s {
		if i > 0 && c.Peer <= s[i-1].Peer || len(c.Reason) > reasonMax || c.Contributions < 0 || c.Refusals < 0 {
			return fmt.Errorf("the figures of %q are out of order or range", c.Peer)
		}
	}
	return nil
}
