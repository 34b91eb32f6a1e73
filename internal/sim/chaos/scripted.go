package chaos

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// script is a selector that asks just those that it is told to.
type script struct {
	state struct{}
	asks  map[int64][]wire.PeerID
}

func (s *script) State() any      { return &s.state }
func (s *script) Restored() error { return nil }

func (s *script) Invoke(_ *engine.Context, _ string, in []value.Value) ([]value.Value, error) {
	round, ok := in[len(in)-1].(value.Int)
	if !ok {
		return nil, fmt.Errorf("script: want the round as an Int")
	}
	var out []value.Value
	for _, p := range s.asks[int64(round)] {
		out = append(out, value.Peer(p))
	}
	return []value.Value{value.NewList(out...)}, nil
}

// scripted returns the components of a federated job with a script in place of its selector.
func scripted(asks map[int64][]wire.PeerID) (*node.Catalogue, error) {
	c := node.NewCatalogue()
	for _, k := range []struct {
		role, kind string
		version    int32
		factory    node.Factory
	}{
		{aggregator.Role, aggregator.Kind, aggregator.Version, aggregator.Factory},
		{backend.Role, backend.Kind, backend.Version, backend.Factory(backend.Version)},
		{data.Role, data.Kind, data.Version, data.Factory},
		{model.Role, model.Kind, model.Version, model.Factory},
		{registry.Role, registry.Kind, registry.Version, registry.Factory},
		{rounds.Role, rounds.Kind, rounds.Version, rounds.Factory},
		{selector.Role, selector.Kind, selector.Version,
			func(node.Env) (engine.Component, error) { return &script{asks: asks}, nil }},
	} {
		if err := c.Register(k.role, k.kind, k.version, k.factory); err != nil {
			return nil, err
		}
	}
	return c, nil
}
