package federated

import (
	"encoding/json"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/builtin"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Members returns the nodes of the job whose artifact that is, the server first, without running any. Every run of the job
// in one process, for real or simulated, is made of them.
func (c Config) Members(art *compile.Artifact) ([]job.Member, error) {
	if c.Clients == 0 {
		return nil, noClients("a simulation makes its clients")
	}
	shared := node.Config{
		Artifact: art.Model, Catalogue: node.NewCatalogue(), Values: value.NewRegistry(), Seed: c.Seed, Limits: engine.DefaultLimits(),
	}
	if err := builtin.Register(shared.Catalogue); err != nil {
		return nil, err
	}
	programs := map[string]*program.Program{}
	for _, place := range []string{job.ServerPlace, job.ClientsPlace} {
		p, err := program.Load(art.Model, place)
		if err != nil {
			return nil, err
		}
		programs[place] = p
	}
	names := job.NodeNames(c.Clients)
	out := make([]job.Member, len(names))
	targets, clients := map[string][]wire.PeerID{}, make([]wire.PeerID, 0, c.Clients)
	for i, name := range names {
		peer, err := job.LocalPeer(c.Seed, name)
		if err != nil {
			return nil, err
		}
		m := job.Member{Name: name, Peer: peer, Place: job.ClientsPlace, Config: shared}
		if i == 0 {
			m.Place = job.ServerPlace
			targets[job.ServerPlace] = []wire.PeerID{peer}
			m.Config.Limits.BookPeers = max(shared.Limits.BookPeers, c.Clients) // it knows them all
		} else {
			clients = append(clients, peer)
			m.Config.Targets = targets
			if m.Config.Options, err = c.ClientOptions(name, i-1); err != nil {
				return nil, err
			}
		}
		m.Config.Program, m.Config.Self = programs[m.Place], peer
		out[i] = m
	}
	slices.Sort(clients)
	out[0].Config.Targets = map[string][]wire.PeerID{job.ClientsPlace: clients} // it hears of their samples when they join
	return out, nil
}

// ClientOptions are the settings of the components of a client that are its own: its number, which says which part of the data
// it holds, and its name for people.
func (c Config) ClientOptions(name string, part int) (map[string][]byte, error) {
	mine, err := json.Marshal(data.Options{Partition: &part})
	if err != nil {
		return nil, err
	}
	called, err := json.Marshal(registry.Options{Name: name})
	return map[string][]byte{"data": mine, "registry": called}, err
}
