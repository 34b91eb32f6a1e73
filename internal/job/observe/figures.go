package observe

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
)

// Figures are what a server knows of the updates of one client: see aggregator.Client.
type Figures = aggregator.Client

// FiguresOf returns the figures of all clients that answered a server, or an edge, sorted by peer. It reads the node,
// so it runs in the node's thread; what it returns is the caller's.
func FiguresOf(n *node.Node) []Figures {
	for _, x := range n.Config().Program.Components {
		if c, ok := n.Component(x.Name).(interface{ Clients() []Figures }); ok {
			return slices.Clone(c.Clients())
		}
	}
	return nil
}
