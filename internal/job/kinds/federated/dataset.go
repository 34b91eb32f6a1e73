package federated

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The synthetic set of a federated job, of which each client draws its own samples: so there can be any number of clients.
const (
	syntheticSamples = 64 // of a client
	syntheticNoise   = 0.05

	leastSamples = 16 // of each client, where samples are dealt
)

// shape is the form of a data set.
type shape struct{ inputs, classes int }

// shape returns the form of the job's data, as Validate has seen it.
func (c Config) shape() shape {
	s, _ := c.Schema()
	return shape{s.Width(), len(s.Classes)}
}

// Sets returns the names of the data sets that a job can name, sorted.
func Sets() []string {
	return slices.DeleteFunc(dataset.Kinds(), func(name string) bool {
		_, err := trainable(name)
		return err != nil
	})
}

// Schema returns what the samples of the job's data are, or a *job.ConfigError where the job cannot train on them.
func (c Config) Schema() (dataset.Schema, error) {
	s, err := trainable(c.Data)
	if err == nil {
		return s, nil
	}
	want := quoted(Sets())
	if !errors.As(err, new(*dataset.UnknownError)) {
		want += ": " + err.Error()
	}
	return s, &job.ConfigError{Key: "data", Value: fmt.Sprintf("%q", c.Data), Want: want}
}

// trainable returns what samples of a kind are, or why a job cannot train on them: it wants samples that every node has of itself, numbers
// in one row, and classes.
func trainable(name string) (dataset.Schema, error) {
	kind, err := dataset.Find(name)
	if err != nil {
		return dataset.Schema{}, err
	}
	if kind.Open == nil {
		return dataset.Schema{}, fmt.Errorf("%s reads files, and a job names none", name)
	}
	source, err := kind.Open(dataset.Env{})
	if err != nil {
		return dataset.Schema{}, err
	}
	s := source.Schema()
	if s.Features != tensor.Float32 || len(s.Shape) != 1 || len(s.Classes) == 0 {
		return s, fmt.Errorf("samples of %s are %v of %v with %d classes, and a job trains on float32 of one dimension with classes",
			name, s.Shape, s.Features, len(s.Classes))
	}
	return s, nil
}

// quoted lists names as a sentence does.
func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strconv.Quote(n)
	}
	return strings.Join(out, " or ")
}

// source is the component that holds the job's data.
func (c Config) source(at []graph.Place) graph.Component {
	if c.Data == job.DataSynthetic {
		return graph.Component{Name: "data", Role: data.Role, Kind: data.KindSynthetic, Version: data.Version, At: at,
			Methods: data.Methods(), Config: data.SyntheticConfig{SyntheticConfig: dataset.SyntheticConfig{Samples: syntheticSamples, Noise: syntheticNoise}, Batch: c.Batch, Epochs: c.Epochs}}
	}
	parts := min(c.clients(), ClientsMax)
	if c.Data == job.DataDigits {
		return graph.Component{Name: "data", Role: data.Role, Kind: data.Kind, Version: data.Version, At: at,
			Methods: data.Methods(), Config: data.Config{Alpha: c.Alpha, Partitions: parts, Batch: c.Batch, Epochs: c.Epochs}}
	}
	s := dataset.Use{Source: c.Data, Batch: c.Batch, Epochs: c.Epochs}
	if kind, err := dataset.Find(c.Data); err == nil && !kind.Each {
		s.Partitions, s.Least, s.Partitioner = parts, leastSamples, "dirichlet"
		s.Partition, _ = json.Marshal(dataset.Dirichlet{Alpha: c.Alpha}) // a number
	}
	return graph.Component{Name: "data", Role: data.Role, Kind: data.KindSource, Version: data.Version, At: at,
		Methods: data.Methods(), Config: s}
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

// aggregation is the settings of the aggregator.
func (c Config) aggregation() aggregator.Config {
	gather := aggregator.GatherConfig{}
	if c.chunked() {
		gather = aggregator.GatherConfig{DeadlineMS: c.Deadline.Milliseconds(), Drops: !c.Exact(), CheckMS: c.checkMS(), Keeps: c.serverStep()}
	}
	return aggregator.Config{
		Gather: gather, Combine: c.combine(),
		Model: modelSlot, Figures: true, Weighting: c.Weighting, MaxSamples: int64(c.MaxSamples), Clip: c.Clip, Skips: c.OnFailedRound == rounds.Skip,
	}
}

// registryMembers is how many members a registry takes when nothing is said.
const registryMembers = 16_384

// drawn says whether each client draws samples of its own.
func (c Config) drawn() bool {
	kind, err := dataset.Find(c.Data)
	return err == nil && kind.Each
}

// clientsMax bounds the clients: samples of one source are dealt among them, or each draws its own.
func (c Config) clientsMax() int {
	if c.drawn() {
		return SimulatedMax
	}
	return ClientsMax
}

// WritableSets returns the names of the data sets of which a part can be written to a file, sorted.
func WritableSets() []string {
	return slices.DeleteFunc(Sets(), func(name string) bool {
		kind, err := dataset.Find(name)
		return err != nil || kind.Text == nil
	})
}

// PartText returns the samples that client i trains on where it brings none of its own, as a file that it could bring, and how many they
// are.
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
