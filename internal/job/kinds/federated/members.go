package federated

import (
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/install"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/builtin"
)

// Members returns the nodes of the job whose artifact that is, the server first, without running any. Every run of the
// job in one process, for real or simulated, is made of them.
func (c Config) Members(art *compile.Artifact) ([]job.Member, error) {
	if c.Clients == 0 {
		return nil, noClients("a simulation makes its clients")
	}
	catalogue := node.NewCatalogue()
	if err := builtin.Register(catalogue); err != nil {
		return nil, err
	}
	members, err := install.Members(art, catalogue, c.Seed, c.Clients, c)
	if err != nil {
		return nil, err
	}
	for i := range members {
		if err := c.Give(&members[i].Config, i-1); err != nil { // the server is first
			return nil, err
		}
	}
	if c.Edges > 0 {
		return c.withEdges(art, members)
	}
	return members, nil
}

// ClientOptions are the settings of the components of a client that are its own.
func (c Config) ClientOptions(name string, part int) (map[string][]byte, error) {
	return install.ClientOptions(name, part)
}
