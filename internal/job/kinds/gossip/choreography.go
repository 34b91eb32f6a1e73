package gossip

import (
	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model/logistic"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/discovery"
	"github.com/rhizome-ml/rhizome/internal/roles/selector/neighbour"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
)

// PeersPlace is the one place of a gossip job.
const PeersPlace = "peers"

// The names of what a node of a gossip job takes from its host and tells it.
const (
	InputEvaluate   = "evaluate"   // call with an Int: the node tells EventEvaluation
	EventEvaluation = "evaluation" // list: the Int of the call, accuracy and loss over the held-out samples, as Floats
	CountMerges     = "merges"     // counter of the models that were merged
)

// ageStep is far more than the ages of honest peers differ by: all take about one step in each period.
const ageStep = 256

// Choreography returns the job as one program for all its nodes: gossip learning (Ormándi, Hegedűs and Jelasity, 2013).
func (c Config) Choreography() (*onnx.ModelProto, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.steps() {
		return c.inStep()
	}
	if c.learns() {
		return c.network()
	}
	g := graph.New(c.Name)
	peers := g.Place(PeersPlace)
	at := []graph.Place{peers}
	samples := g.Component(graph.Component{Name: "data", Role: data.Role, Kind: data.KindSynthetic,
		Version: data.Version, At: at,
		Methods: data.Methods(),
		Config: data.SyntheticConfig{SyntheticConfig: dataset.SyntheticConfig{Features: c.Features, Samples: c.Samples,
			Noise: c.Noise}, Batch: c.Batch}})
	model := g.Component(graph.Component{Name: "model", Role: logistic.Role, Kind: logistic.Kind,
		Version: logistic.Version, At: at,
		Methods: logistic.Methods(), Deps: []*graph.Slot{samples}, Config: logistic.Config{Features: c.Features,
			LearningRate: c.LearningRate, Batch: c.Batch, AgeStep: ageStep}})
	selector := c.selector(g, peers)

	tick := g.SpreadInterval(peers, c.Period)
	next := "Peer"
	if c.Discovery == DiscoveryExchange {
		next = "Next" // there may be nobody yet
	}
	to := g.Invoke(selector, next, tick)[0]
	if c.Alone && c.Discovery == DiscoveryExchange {
		g.Invoke(model, "Alone", to)
	}
	c.exchanged(g, peers, model, types.Tensors(tensor.Float32, c.Features+1), to, tick)

	asked := g.Input(peers, InputEvaluate, types.Int())[0]
	g.AppEmit(EventEvaluation, g.Bundle(append([]graph.Value{asked}, g.Invoke(model, "Evaluate", asked)...)...))
	return g.Model()
}

// selector declares what chooses a neighbour.
func (c Config) selector(g *graph.Graph, peers graph.Place) *graph.Slot {
	at := []graph.Place{peers}
	choose := neighbour.Config{Place: PeersPlace}
	var learns []*graph.Slot
	if c.Discovery == DiscoveryExchange {
		choose.From = "discovery"
		learns = append(learns, g.Component(graph.Component{Name: "discovery", Role: discovery.Role,
			Kind: discovery.Kind, Version: discovery.Version,
			At: at, Config: discovery.Config{Mode: discovery.ModeExchange, Place: PeersPlace,
				View:     min(c.Degree, discovery.ViewMax),
				PeriodMS: min(max(c.Period.Milliseconds(), 10), 3600_000)}}))
	}
	return g.Component(graph.Component{Name: "selector", Role: neighbour.Role, Kind: neighbour.Kind,
		Version: neighbour.Version, At: at,
		Methods: neighbour.Methods(), Deps: learns, Config: choose})
}
