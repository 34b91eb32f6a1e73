package job

import (
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Member is a node of a job: who it is, which place it plays, and what it is installed with.
type Member struct {
	Name   string
	Peer   wire.PeerID
	Place  string
	Config node.Config // programs, artifact, catalogue and values are shared by all members
}
