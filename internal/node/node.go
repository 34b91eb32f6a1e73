package node

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Config says which part of which artifact a node plays, and as whom. It is read-only once a node was installed.
type Config struct {
	Program   *program.Program // the part; shared by all nodes of the process that play it
	Artifact  *onnx.ModelProto // the whole artifact; shared, read-only
	Catalogue *Catalogue
	Values    *value.Registry
	Self      wire.PeerID
	Seed      uint64            // of the job
	Options   map[string][]byte // this node's JSON settings by component slot
	// what the host gives to slots beside them, such as rows to train on; the options vouch for it
	Data    map[string][]byte
	Files   map[string]map[string]Given // by slot and name
	Targets map[string][]wire.PeerID    // peers known from the start, by place
	Anyone  []string                    // places that any admitted peer plays; see engine.Config
	Limits  engine.Limits
	Scratch *engine.Scratch // shared by the nodes of a thread; nil for one of its own
	Unasked bool            // no peer asks the same again; see engine.Config
	Trace   bool

	// AfterOp and FailRestore are hooks of the engine for tests; see engine.Config.
	AfterOp     func()
	FailRestore func(part string) error

	// BeforeWork, if set, is called within Work before the component is asked; what it returns, or panics with, becomes
	// the command's failure: a simulation's way to a worker that fails.
	BeforeWork func(engine.Command) error
}

// Node is one node of a job: a program, its components and an engine. It is thread-unsafe, but Work and Recorded may be
// called from any thread.
type Node struct {
	eng   *engine.Engine
	comps []engine.Component
	cfg   Config

	shop atomic.Pointer[shop] // of the commands; apart, since Restore may put others in its place while a worker runs
}

// shop is what runs commands: nothing in it changes.
type shop struct {
	comps  []engine.Component
	prog   *program.Program
	before func(engine.Command) error
}

// made returns the node of its parts.
func made(cfg *Config, eng *engine.Engine, comps []engine.Component) *Node {
	n := &Node{cfg: *cfg, eng: eng, comps: comps}
	n.open()
	return n
}

// open has commands run by the components that are there now.
func (n *Node) open() { n.shop.Store(&shop{n.comps, n.cfg.Program, n.cfg.BeforeWork}) }

// Install builds a new node in its first state.
func Install(cfg Config) (*Node, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	comps, err := build(&cfg)
	if err != nil {
		return nil, err
	}
	eng, err := engine.New(engineConfig(&cfg, comps))
	if err != nil {
		return nil, err
	}
	return made(&cfg, eng, comps), nil
}

// ConfigError says that a configuration cannot be.
type ConfigError struct {
	Field string
	Want  string // what would be right
}

// Error names the field and what would be right.
func (e *ConfigError) Error() string {
	return "node: config: " + e.Field + " is missing, want " + e.Want
}

// fill puts defaults in the place of zeros: a registry of the built-in types, a catalogue without kinds. What has none
// is a *ConfigError; what the engine wants is an *engine.ConfigError.
func (c *Config) fill() error {
	if c.Program == nil {
		return &ConfigError{"Program", "the part of an artifact that the node plays"}
	}
	if c.Values == nil {
		c.Values = value.NewRegistry()
	}
	if c.Catalogue == nil {
		c.Catalogue = NewCatalogue()
	}
	return nil
}

// build makes a fresh instance of every component of the place.
func build(cfg *Config) ([]engine.Component, error) {
	p := cfg.Program
	comps := make([]engine.Component, len(p.Components))
	for i := range p.Components {
		c := &p.Components[i]
		if !c.At(p.Place) {
			continue
		}
		f, ok := cfg.Catalogue.kinds[kindKey(c.Role, c.Kind, c.Version)]
		if !ok {
			return nil, &UnknownKindError{Slot: c.Name, Kind: kindKey(c.Role, c.Kind, c.Version),
				Known: cfg.Catalogue.Kinds()}
		}
		for _, dep := range c.Deps {
			if d := p.ComponentOf(dep); d == program.None || !p.Components[d].At(p.Place) {
				return nil, fmt.Errorf("node: slot %q depends on slot %q, which is not at %q", c.Name, dep, p.Place)
			}
		}
		comp, err := f(Env{
			Slot: c.Name, Place: p.Place, Self: cfg.Self, Seed: cfg.Seed, Config: c.Config,
			Options:  cfg.Options[c.Name],
			Artifact: cfg.Artifact, Values: cfg.Values, Data: cfg.Data[c.Name], Files: cfg.Files[c.Name],
		})
		if err != nil {
			return nil, fmt.Errorf("node: slot %q: %w", c.Name, err)
		}
		comps[i] = comp
	}
	return comps, nil
}

func engineConfig(cfg *Config, comps []engine.Component) engine.Config {
	return engine.Config{
		Program: cfg.Program, Components: comps, Registry: cfg.Values, Self: cfg.Self, Seed: cfg.Seed,
		Targets: cfg.Targets, Anyone: cfg.Anyone, Limits: cfg.Limits, Scratch: cfg.Scratch,
		Unasked: cfg.Unasked, Trace: cfg.Trace, AfterOp: cfg.AfterOp, FailRestore: cfg.FailRestore,
	}
}

// Deliver accepts an input or refuses it; see engine.Engine.Deliver.
func (n *Node) Deliver(ev *engine.Event) error { return n.eng.Deliver(ev) }

// Poll runs the node; see engine.Engine.Poll.
func (n *Node) Poll(now int64) *engine.Output { return n.eng.Poll(now) }

// Engine returns the engine, for reading: counters, records, time.
func (n *Node) Engine() *engine.Engine { return n.eng }

// Component returns the component in the named slot, or nil.
func (n *Node) Component(slot string) engine.Component {
	if i := n.cfg.Program.ComponentOf(slot); i != program.None {
		return n.comps[i]
	}
	return nil
}

// Config returns what the node was installed with.
func (n *Node) Config() Config { return n.cfg }

// Values returns the registry of types that the node was installed with.
func (n *Node) Values() *value.Registry { return n.cfg.Values }

// Work runs a command and returns its results; a panic of the component is an error. It is safe for concurrent use.
func (n *Node) Work(c engine.Command) (out []value.Value, err error) {
	s := n.shop.Load()
	slot := s.prog.Components[c.Component].Name
	w, ok := s.comps[c.Component].(engine.Worker)
	if !ok {
		return nil, fmt.Errorf("node: slot %q gave a command and runs none", slot)
	}
	defer func() {
		if p := recover(); p != nil {
			err = value.Fail(value.CodeError, slot, fmt.Sprintf("panic in %s: %v", c.Method, p))
		}
	}()
	if s.before != nil {
		if err := s.before(c); err != nil {
			return nil, err
		}
	}
	out, err = w.Work(c.Method, c.Inputs)
	if err == nil && slices.Contains(out, nil) {
		err = fmt.Errorf("node: slot %q: a result of %s is missing", slot, c.Method)
	}
	return out, err
}

// Recorded says whether the journal keeps the command's results, or only their digest. It is safe for concurrent use.
func (n *Node) Recorded(c engine.Command) bool {
	w, ok := n.shop.Load().comps[c.Component].(engine.Worker)
	return !ok || w.Recorded(c.Method)
}
