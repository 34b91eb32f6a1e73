package install

import (
	"encoding/json"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Members returns the nodes of a job with a server in one process, the server first, without running any. A run of the
// job, for real or simulated, is made of them. Part i of the data is of client i.
func Members(art *compile.Artifact, catalogue *node.Catalogue, seed uint64, clients int, c job.Served) ([]job.Member,
	error) {
	shared := node.Config{Artifact: art.Model, Catalogue: catalogue, Values: value.NewRegistry(), Seed: seed,
		Limits: engine.DefaultLimits()}
	programs := map[string]*program.Program{}
	for _, place := range []string{job.ServerPlace, job.ClientsPlace} {
		p, err := program.Load(art.Model, place)
		if err != nil {
			return nil, err
		}
		programs[place] = p
	}
	out := make([]job.Member, clients+1)
	peers := make([]wire.PeerID, clients)
	for i, name := range job.NodeNames(clients) {
		peer, err := job.LocalPeer(seed, name)
		if err != nil {
			return nil, err
		}
		m := job.Member{Name: name, Peer: peer, Place: job.ClientsPlace, Config: shared}
		if i == 0 {
			m.Place = job.ServerPlace
			m.Config.Limits.BookPeers = max(shared.Limits.BookPeers, clients) // it knows them all
		} else {
			peers[i-1] = peer
			m.Config.Targets = map[string][]wire.PeerID{job.ServerPlace: {out[0].Peer}}
			if m.Config.Options, err = c.ClientOptions(name, c.Part(i-1)); err != nil {
				return nil, err
			}
		}
		m.Config.Program, m.Config.Self = programs[m.Place], peer
		out[i] = m
	}
	slices.Sort(peers)
	// it hears of their samples when they join
	out[0].Config.Targets = map[string][]wire.PeerID{job.ClientsPlace: peers}
	return out, nil
}

// ClientOptions are the settings of the components of a client that are its own: its number, which says which part of
// the data it holds, and its name for people.
func ClientOptions(name string, part int) (map[string][]byte, error) {
	mine, err := json.Marshal(data.Options{Partition: &part})
	if err != nil {
		return nil, err
	}
	called, err := json.Marshal(registry.Options{Name: name})
	return map[string][]byte{"data": mine, "registry": called}, err
}
