package backend

import (
	"sync"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
)

// Shared returns a Factory of a version whose components share their plans as long as they are of one artifact with one
// setting: plans depend on nothing else, and the thousands of nodes of a simulation would each hold a copy. It is safe
// for concurrent use.
func Shared(version int32) node.Factory {
	s := sharing{rules: kernel.Rules(version)}
	return s.factory
}

// sharing keeps the plans of the newest artifact.
type sharing struct {
	rules    kernel.Rules
	mu       sync.Mutex // also held while plans are made: who waits needs the same ones
	artifact *onnx.ModelProto
	cfg      Config
	plans    map[string]*Plan
}

func (s *sharing) factory(env node.Env) (engine.Component, error) {
	cfg, err := ParseConfig(env.Config)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plans == nil || s.artifact != env.Artifact || s.cfg != cfg {
		c, err := NewComponent(env.Slot, s.rules, cfg, env.Artifact)
		if err != nil {
			return nil, err
		}
		s.artifact, s.cfg, s.plans = env.Artifact, cfg, c.plans
	}
	return &Component{slot: env.Slot, plans: s.plans}, nil
}
