package federated

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/loss"
	"github.com/rhizome-ml/rhizome/internal/job/samples"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
)

// shape is the form of a data set.
type shape struct{ inputs, classes, each int }

// shape returns the form of the job's data, as Validate has seen it.
func (c Config) shape() shape {
	s, _ := c.Schema()
	return shape{s.Width(), len(s.Classes), s.LabelWidth()}
}

// outputs returns how many numbers the network gives for each number of a label: one for each class, or the quantity.
func (c Config) outputs() int {
	n := c.shape().classes
	if l, err := loss.Of(c.Loss); n == 0 || n == 2 && err == nil && l.Name() == loss.BCE {
		return 1
	}
	return n
}

// Schema returns what the samples of the job's data are, or a *job.ConfigError where the job cannot train on them, or
// has not looked at them yet.
func (c Config) Schema() (dataset.Schema, error) {
	if !c.brings() {
		return samples.Schema(c.Data)
	}
	if b := c.data(); b != nil {
		return b.Schema.Schema()
	}
	return dataset.Schema{}, &job.ConfigError{Key: "data", Value: c.Data, Want: "a file that was looked at"}
}

// source is the component that holds the job's data.
func (c Config) source(at []graph.Place) graph.Component {
	if c.brings() {
		return graph.Component{Name: dataSlot, Role: data.Role, Kind: data.KindSamples, Version: data.Version, At: at,
			Methods: data.SamplesMethods(), Config: c.samplesConfig()}
	}
	of := samples.Use{Data: c.Data, Alpha: c.Alpha, Parts: min(c.clients(), ClientsMax), Batch: c.Batch,
		Epochs: c.Epochs, Each: c.heldByClients(), Root: c.root()}.Component(at)
	of.Methods = data.SamplesMethods() // of which an artifact names those that it calls
	return of
}

// membership is the settings of the registry: a round begins when as many clients are members as it needs.
func (c Config) membership() registry.Config {
	r := registry.Config{Min: c.Least(), HeartbeatMS: c.Heartbeat.Milliseconds(), Admitted: true}
	if c.brings() {
		r.MaxSamples = data.SamplesMost
	}
	if c.Clients > registryMembers {
		r.MaxMembers = c.Clients
	}
	if c.Edges > 0 {
		r.Edges = job.EdgesPlace
	}
	if s, err := c.chosen(); err == nil && mirrors(s) && c.Weighting == aggregator.Samples {
		r.Weighs, r.MostWeight = true, int64(c.MaxSamples)
	}
	return r
}

// rounds is the settings of the rounds.
func (c Config) rounds() rounds.Config {
	return rounds.Config{
		Quorum: c.Quorum, Cohort: c.Cohort, DeadlineMS: c.Deadline.Milliseconds(), GraceMS: c.Grace.Milliseconds(),
		OnFailed: c.OnFailedRound, Retries: c.Retries, CheckMS: c.checkMS(), Substitute: !c.Exact(),
		Withdraws: c.asksAlong(), Least: c.judgedLeast(),
	}
}

// checkMS is how often is looked who is there.
func (c Config) checkMS() int64 { return min(c.Heartbeat, 5*time.Second).Milliseconds() }

// aggregation is the settings of the aggregator, of updates that have something of these shapes behind the parameters.
func (c Config) aggregation(beside [][]int) aggregator.Config {
	gather := aggregator.GatherConfig{}
	if c.chunked() {
		gather = aggregator.GatherConfig{DeadlineMS: c.Deadline.Milliseconds(), Drops: !c.Exact(), CheckMS: c.checkMS(),
			Keeps: c.serverStep() || c.judges()}
	}
	return aggregator.Config{
		Gather: gather, Combine: c.combine(), Beside: beside,
		Model: modelSlot, Figures: true, Weighting: c.Weighting, MaxSamples: int64(c.MaxSamples), Clip: c.Clip,
		Skips: c.OnFailedRound == rounds.Skip, Variances: c.variances(), Wide: c.halves() && c.serverStep(),
	}
}

// registryMembers is how many members a registry takes when nothing is said.
const registryMembers = 16_384

// drawn says whether each client draws samples of its own.
func (c Config) drawn() bool { return samples.Drawn(c.Data) }

// clientsMax bounds the clients: samples of one source are dealt among them, or each draws its own.
func (c Config) clientsMax() int {
	if c.drawn() {
		return SimulatedMax
	}
	if c.brings() {
		return DealtMax
	}
	return ClientsMax
}

// parts is how many parts samples of one source are dealt to.
func (c Config) parts() int {
	if c.Clients == 0 {
		return ClientsMax
	}
	return c.Clients
}

// WritableSets returns the names of the data sets of which a part can be written to a file, sorted.
func WritableSets() []string {
	return slices.DeleteFunc(samples.Sets(), func(name string) bool {
		kind, err := dataset.Find(name)
		return err != nil || kind.Text == nil
	})
}

// PartText returns the samples that client i trains on where it brings none of its own, as a file that it could bring,
// and how many they are.
func (c Config) PartText(i int) ([]byte, int64, error) {
	of := c.source(nil)
	cfg, err := json.Marshal(of.Config)
	if err != nil {
		return nil, 0, err
	}
	opts, err := json.Marshal(data.Options{Partition: &i})
	if err != nil {
		return nil, 0, err
	}
	s, err := data.Open(of.Kind, node.Env{Slot: of.Name, Seed: c.Seed, Config: cfg, Options: opts})
	if err != nil {
		return nil, 0, err
	}
	text, err := s.Text()
	return text, s.Samples(), err
}
