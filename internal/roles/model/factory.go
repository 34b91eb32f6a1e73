package model

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// Factory builds the component of a slot from its settings; a node's catalogue holds it under Role, Kind and Version.
func Factory(env node.Env) (engine.Component, error) {
	cfg, err := ParseConfig(env.Config)
	if err != nil {
		return nil, err
	}
	if slices.Contains(cfg.Away, env.Place) {
		cfg.away = true
	}
	return New(env.Slot, env.Seed, cfg, env.Files)
}
