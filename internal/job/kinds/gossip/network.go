package gossip

import (
	"bytes"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/mix"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/types"
)

// network records gossip learning of any model: in each period a node trains on its own samples, and then sends its
// model to a neighbour, or asks it for its own. What comes is merged as it comes.
func (c Config) network() (*onnx.ModelProto, error) {
	g := graph.New(c.Name)
	peers := g.Place(PeersPlace)
	l, err := c.learn().Learner(g, peers)
	if err != nil {
		return nil, here(err)
	}
	selector := c.selector(g, peers)
	mixer := g.Component(graph.Component{Name: "mix", Role: mix.Role, Kind: mix.Kind, Version: mix.Version,
		At: []graph.Place{peers}, Methods: mix.Methods(), Deps: []*graph.Slot{l.Model},
		Config: mix.Config{Alone: c.Alone, AgeStep: ageStep}})

	tick := g.SpreadInterval(peers, c.Period)
	to := g.Invoke(selector, "Next", tick)[0]
	begun := g.Invoke(mixer, "Begin", to)
	made := g.Named("training").Loop(begun[3], begun[:1], func(b *graph.Graph, _ graph.Value,
		carried []graph.Value) []graph.Value {
		return []graph.Value{l.Train(b, b.Typed(carried[0], l.Params), begun[2])}
	})
	stepped, failure := g.Catch(g.Invoke(mixer, "Step", begun[1], begun[0], made[0])[0])
	g.Invoke(mixer, "Failed", failure)
	c.exchanged(g, peers, mixer, l.Params, to, stepped)

	c.evaluated(g, peers, mixer, l)
	if l.Err() != nil {
		return nil, here(l.Err())
	}
	return g.Model()
}

// evaluated records what a node does that is asked how good its model is.
func (c Config) evaluated(g *graph.Graph, peers graph.Place, mixer *graph.Slot, l *federated.Learner) {
	asked := g.Input(peers, InputEvaluate, types.Int())[0]
	now := g.Invoke(mixer, "Share", asked)
	accuracy, loss := l.Test(g, g.Typed(now[0], l.Params), now[1])
	g.AppEmit(EventEvaluation, g.Bundle(asked, accuracy, loss))
}

// file returns the model of a node that trains a network, and ok where it does.
func file(n *node.Node) (b []byte, ok bool, err error) {
	m, ok := n.Component("model").(*model.Component)
	if !ok {
		return nil, false, nil
	}
	f, err := m.File()
	if err != nil {
		return nil, true, err
	}
	var out bytes.Buffer
	_, err = f.WriteTo(&out)
	return out.Bytes(), true, err
}
