package job

import (
	"github.com/rhizome-ml/rhizome/component/data"
	"github.com/rhizome-ml/rhizome/component/data/digits"
	"github.com/rhizome-ml/rhizome/component/data/synthetic"
	"github.com/rhizome-ml/rhizome/component/protocol/registry"
	"github.com/rhizome-ml/rhizome/graph"
)

// The synthetic set of a federated job, of which each client draws its own samples: so there can be any number of clients.
const (
	syntheticSamples = 64 // of a client
	syntheticNoise   = 0.05
)

// shape is the form of a data set.
type shape struct{ inputs, classes int }

func (c Config) shape() shape {
	if c.Data == DataSynthetic {
		return shape{synthetic.FeaturesDefault, 2}
	}
	return shape{digits.Pixels, digits.Classes}
}

// source is the component that holds the job's data.
func (c Config) source(at []graph.Place) graph.Component {
	if c.Data == DataSynthetic {
		return graph.Component{Name: "data", Role: synthetic.Role, Kind: synthetic.Kind, Version: synthetic.Version, At: at,
			Config: synthetic.Config{Samples: syntheticSamples, Noise: syntheticNoise, Batch: c.Batch, Epochs: c.Epochs}}
	}
	return graph.Component{Name: "data", Role: "data", Kind: data.Kind, Version: data.Version, At: at,
		Config: data.Config{Alpha: c.Alpha, Partitions: c.Clients, Batch: c.Batch, Epochs: c.Epochs}}
}

// membership is the settings of the registry: a round begins when all clients are members.
func (c Config) membership() registry.Config {
	r := registry.Config{Min: c.Clients, HeartbeatMS: c.Heartbeat.Milliseconds()}
	if c.Clients > registryMembers {
		r.MaxMembers = c.Clients
	}
	return r
}

// registryMembers is how many members a registry takes when nothing is said.
const registryMembers = 16_384

// clientsMax bounds the clients: the digits are dealt among them, the synthetic set is drawn by each.
func (c Config) clientsMax() int {
	if c.Data == DataSynthetic {
		return SimulatedMax
	}
	return ClientsMax
}
