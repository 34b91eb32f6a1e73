package federated

import (
	"time"

	"github.com/rhizome-ml/rhizome/component/aggregator"
	"github.com/rhizome-ml/rhizome/component/data"
	"github.com/rhizome-ml/rhizome/component/data/digits"
	"github.com/rhizome-ml/rhizome/component/data/synthetic"
	"github.com/rhizome-ml/rhizome/component/model"
	"github.com/rhizome-ml/rhizome/component/model/chunked"
	"github.com/rhizome-ml/rhizome/component/protocol/registry"
	"github.com/rhizome-ml/rhizome/component/protocol/rounds"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/job"
)

// The synthetic set of a federated job, of which each client draws its own samples: so there can be any number of clients.
const (
	syntheticSamples = 64 // of a client
	syntheticNoise   = 0.05
)

// shape is the form of a data set.
type shape struct{ inputs, classes int }

func (c Config) shape() shape {
	if c.Data == job.DataSynthetic {
		return shape{synthetic.FeaturesDefault, 2}
	}
	return shape{digits.Pixels, digits.Classes}
}

// source is the component that holds the job's data.
func (c Config) source(at []graph.Place) graph.Component {
	if c.Data == job.DataSynthetic {
		return graph.Component{Name: "data", Role: synthetic.Role, Kind: synthetic.Kind, Version: synthetic.Version, At: at,
			Methods: synthetic.Methods(), Config: synthetic.Config{Samples: syntheticSamples, Noise: syntheticNoise, Batch: c.Batch, Epochs: c.Epochs}}
	}
	return graph.Component{Name: "data", Role: "data", Kind: data.Kind, Version: data.Version, At: at,
		Methods: data.Methods(), Config: data.Config{Alpha: c.Alpha, Partitions: min(c.clients(), ClientsMax), Batch: c.Batch, Epochs: c.Epochs}}
}

// membership is the settings of the registry: a round begins when as many clients are members as it needs.
func (c Config) membership() registry.Config {
	r := registry.Config{Min: c.Least(), HeartbeatMS: c.Heartbeat.Milliseconds(), Admitted: true}
	if c.Clients > registryMembers {
		r.MaxMembers = c.Clients
	}
	return r
}

// rounds is the settings of the rounds.
func (c Config) rounds() rounds.Config {
	return rounds.Config{
		Quorum: c.Quorum, Cohort: c.Cohort, DeadlineMS: c.Deadline.Milliseconds(), GraceMS: c.Grace.Milliseconds(),
		OnFailed: c.OnFailedRound, Retries: c.Retries, CheckMS: c.checkMS(), Substitute: !c.Exact(), Withdraws: edgeTrain,
	}
}

// checkMS is how often is looked who is there.
func (c Config) checkMS() int64 { return min(c.Heartbeat, 5*time.Second).Milliseconds() }

// chunks is the settings of a model whose parameters travel in chunks.
func (c Config) chunks(net model.Config) chunked.Config {
	return chunked.Config{
		Model: net, Chunk: c.chunkElements(), Window: chunksUnderWay, DeadlineMS: c.Deadline.Milliseconds(),
		Ends: true, Drops: !c.Exact(), CheckMS: c.checkMS(), Withdraws: edgePull,
	}
}

// aggregation is the settings of the aggregator.
func (c Config) aggregation() aggregator.Config {
	return aggregator.Config{
		Model: modelSlot, Figures: true, Weighting: c.Weighting, MaxSamples: int64(c.MaxSamples), Clip: c.Clip, Skips: c.OnFailedRound == rounds.Skip,
	}
}

// registryMembers is how many members a registry takes when nothing is said.
const registryMembers = 16_384

// clientsMax bounds the clients: the digits are dealt among them, the synthetic set is drawn by each.
func (c Config) clientsMax() int {
	if c.Data == job.DataSynthetic {
		return SimulatedMax
	}
	return ClientsMax
}
