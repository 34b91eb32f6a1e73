package aggregator

import (
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Loss returns the loss that a peer told of the parameters of the last round that it contributed to, before it trained
// on them, and whether one is known.
func (c *Component) Loss(who wire.PeerID) (float64, bool) {
	i, ok := slices.BinarySearchFunc(c.st.Clients, string(who),
		func(c Client, p string) int { return strings.Compare(c.Peer, p) })
	if !ok || !c.st.Clients[i].Told {
		return 0, false
	}
	return c.st.Clients[i].Before, true
}

// Refused says whether the last answer of a peer came and did not count. A question that it did not get, or gave up, is
// no answer.
func (c *Component) Refused(who wire.PeerID) bool {
	i, ok := slices.BinarySearchFunc(c.st.Clients, string(who),
		func(c Client, p string) int { return strings.Compare(c.Peer, p) })
	if !ok {
		return false
	}
	x := &c.st.Clients[i]
	switch x.Code {
	case value.CodeSend, value.CodeCancelled, value.CodeStranger, value.CodeDeadline, value.CodeLate,
		value.CodeDuplicate:
		return false
	}
	return x.Refusals > 0 && x.RefusedRound == x.Round
}
