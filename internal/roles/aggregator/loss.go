package aggregator

import (
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/wire"
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
