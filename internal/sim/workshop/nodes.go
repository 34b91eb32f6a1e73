package workshop

import (
	"sync"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Shop is what all nodes of a run share. It is read-only once its nodes run.
type Shop struct {
	Limits engine.Limits

	hub, leaf *program.Program
	cat       *node.Catalogue
	reg       *value.Registry
	seed      uint64
}

var programs = sync.OnceValues(func() (both [2]*program.Program, err error) {
	both[0], both[1], err = parts()
	return both, err
})

// New returns the shop of a seed, with the limits of a server.
func New(seed uint64) (*Shop, error) {
	s := &Shop{cat: node.NewCatalogue(), reg: value.NewRegistry(), seed: seed, Limits: engine.DefaultLimits()}
	both, err := programs()
	if err != nil {
		return nil, err
	}
	s.hub, s.leaf = both[0], both[1]
	for _, k := range []struct {
		role, kind string
		version    int32
		factory    node.Factory
	}{
		{"protocol", "clerk", 1, func(e node.Env) (engine.Component, error) { return &clerk{self: e.Self}, nil }},
		{rounds.Role, rounds.Kind, rounds.Version, rounds.Factory},
		{aggregator.Role, aggregator.Kind, aggregator.Version, aggregator.Factory},
	} {
		if err := s.cat.Register(k.role, k.kind, k.version, k.factory); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Config returns what the node of that name is installed with.
func (s *Shop) Config(name string) node.Config {
	c := node.Config{Program: s.leaf, Catalogue: s.cat, Values: s.reg, Self: wire.PeerID(name), Seed: s.seed,
		Limits: s.Limits, Anyone: s.leaf.Places()}
	if name == Hub {
		c.Program = s.hub
	}
	return c
}

// Invoke is the host's call of an input by a number.
func Invoke(name string, n value.Int) *engine.Event {
	return &engine.Event{Invoke: &snapshot.InvokeEvent{Name: name, Inputs: []value.Value{n}}}
}
