package data

import (
	"bytes"
	"sync"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// Factory builds the component of a slot that serves the digits; a node's catalogue holds it under Role, Kind and
// Version.
func Factory(env node.Env) (engine.Component, error) { return component(env, Kind, nil) }

// SyntheticFactory builds the component of a slot that serves the synthetic source, as KindSynthetic.
func SyntheticFactory(env node.Env) (engine.Component, error) {
	return component(env, KindSynthetic, nil)
}

// SharedSynthetic returns a SyntheticFactory whose nodes share what their settings come to, so that very many of them
// take less memory. It is safe for concurrent use.
func SharedSynthetic() node.Factory {
	var mu sync.Mutex
	var config []byte // of the last node
	var of *plan
	return func(env node.Env) (engine.Component, error) {
		mu.Lock()
		if of == nil || !bytes.Equal(config, env.Config) {
			p, err := planOf(KindSynthetic, env.Config, nil)
			if err != nil {
				mu.Unlock()
				return nil, err
			}
			config, of = bytes.Clone(env.Config), p
		}
		p := of
		mu.Unlock()
		c, err := planned(env, p)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
}

// SourceFactory builds the component of a slot whose settings name the source, as KindSource.
func SourceFactory(env node.Env) (engine.Component, error) { return component(env, KindSource, nil) }

// Serve returns what builds a component that serves a source of a program's own, with the settings of dataset.Use.
func Serve(kind dataset.Kind) node.Factory {
	return func(env node.Env) (engine.Component, error) { return component(env, KindSource, &kind) }
}

// Open returns the component of a slot, by its kind in an artifact.
func Open(kind string, env node.Env) (*Component, error) {
	if kind == KindSamples {
		return openSamples(env, new(sharing))
	}
	return open(env, kind, nil)
}

func component(env node.Env, kind string, own *dataset.Kind) (engine.Component, error) {
	c, err := open(env, kind, own)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func open(env node.Env, kind string, own *dataset.Kind) (*Component, error) {
	p, err := planOf(kind, env.Config, own)
	if err != nil {
		return nil, err
	}
	return planned(env, p)
}

// planned builds the component of a slot whose settings are known.
func planned(env node.Env, p *plan) (*Component, error) {
	opts, err := ParseOptions(env.Options)
	if err != nil {
		return nil, err
	}
	return p.open(env.Slot, env.Seed, string(env.Self), opts, env.Data)
}

// planOf returns what the settings of a kind come to. A source of the program's own is served by KindSource.
func planOf(kind string, settings []byte, own *dataset.Kind) (*plan, error) {
	switch kind {
	case Kind:
		c, err := ParseConfig(settings)
		if err != nil {
			return nil, err
		}
		return c.plan()
	case KindSynthetic:
		c, err := ParseSyntheticConfig(settings)
		if err != nil {
			return nil, err
		}
		return c.plan()
	case KindSource:
		return planOfUse(settings, own)
	}
	return nil, config.Errorf("data", "no kind %.64q; want %s, %s or %s", kind, Kind, KindSynthetic, KindSource)
}

// SourceOf returns the kind of source that a component of an artifact serves, by the component's kind and settings, and
// what it is opened with there; false where it serves none that is known here.
func SourceOf(kind string, settings []byte) (*dataset.Kind, dataset.Env, bool) {
	p, err := planOf(kind, settings, nil)
	if err != nil {
		return nil, dataset.Env{}, false
	}
	return p.kind, dataset.Env{Settings: p.settings}, true
}
