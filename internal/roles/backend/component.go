package backend

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Role, Kind and Version name the component in an artifact, in its newest version. The version is the number of the
// rules by which its products are added: an artifact that names version 1 keeps the bits that it was made for.
const (
	Role    = "backend"
	Kind    = "cpu"
	Version = 2
)

// runPrefix stands before a function's name in the method that runs it.
const runPrefix = "Run:"

// Config is the settings of the component.
type Config struct {
	// BytesMax bounds the memory of one run beside its inputs, in bytes; 0 means 1 GiB.
	BytesMax int `json:"bytes_max,omitempty"`
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	var c Config
	if err := config.Decode("cpu config", b, &c); err != nil {
		return c, err
	}
	return c, config.Within("cpu config", "bytes_max", int64(c.BytesMax), 0, 1<<40)
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte {
	b, _ := json.Marshal(c) // an integer: cannot fail
	return b
}

// Component runs the tensor subgraphs of an artifact, as the component kind "cpu". Its ops are named
// Run:<function>: they take and give tensors, in the function's order, and are worked on beside the engine. It is
// thread-unsafe like every component; Work is safe for concurrent use.
type Component struct {
	slot  string
	plans map[string]*Plan // by function; read-only once built
	st    State
}

// State is empty: a subgraph has no memory.
type State struct{}

// NewComponent returns the backend of a slot by some rules, with every tensor subgraph of the artifact compiled.
func NewComponent(slot string, rules kernel.Rules, cfg Config, sealed *onnx.ModelProto) (*Component, error) {
	c := &Component{slot: slot, plans: map[string]*Plan{}}
	for _, f := range sealed.GetFunctions() {
		if f.GetDomain() != artifact.TensorDomain {
			continue
		}
		plan, err := CompileFunction(f, Options{Rules: rules, BytesMax: cfg.BytesMax,
			Inputs: inputTypes(f)})
		if err != nil {
			return nil, fmt.Errorf("%s: function %q: %w", slot, f.GetName(), err)
		}
		c.plans[f.GetName()] = plan
	}
	return c, nil
}

// inputTypes returns what a function's value_info says of its inputs, so that a plan is made before the first run; the
// zero Type stands where it says nothing.
func inputTypes(f *onnx.FunctionProto) []onnxop.Type {
	declared := declaredTypes(f)
	types := make([]onnxop.Type, len(f.GetInput()))
	for i, name := range f.GetInput() {
		types[i] = declared[name]
	}
	return types
}

// Factory builds the components of a version from the settings of their slots; a node's catalogue holds it under Role,
// Kind and the version.
func Factory(version int32) node.Factory {
	return func(env node.Env) (engine.Component, error) {
		cfg, err := ParseConfig(env.Config)
		if err != nil {
			return nil, err
		}
		return NewComponent(env.Slot, kernel.Rules(version), cfg, env.Artifact)
	}
}

// State returns the empty state.
func (c *Component) State() any { return &c.st }

// Restored has nothing to check.
func (c *Component) Restored() error { return nil }

// Invoke checks the inputs of a subgraph and gives it to the workers.
func (c *Component) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	plan, f := c.plan(method)
	if f != nil {
		return nil, f
	}
	if len(in) != len(plan.Inputs()) {
		return nil, c.fail(value.CodeType, "%s takes %d values, not %d", method, len(plan.Inputs()), len(in))
	}
	for i, v := range in {
		if _, ok := v.(value.Tensor); !ok {
			return nil, c.fail(value.CodeType, "input %d (%q) of %s is a %s, want a tensor", i, plan.Inputs()[i].Name,
				method, v.Type())
		}
	}
	ctx.Command(method, in)
	return nil, nil
}

// Work runs a subgraph. It is safe for concurrent use and gives the same bits each time, on every machine.
func (c *Component) Work(method string, in []value.Value) ([]value.Value, error) {
	plan, f := c.plan(method)
	if f != nil {
		return nil, f
	}
	args := make([]*tensor.Tensor, len(in))
	for i, v := range in {
		t, ok := v.(value.Tensor)
		if !ok {
			return nil, c.fail(value.CodeType, "input %d of %s is a %s, want a tensor", i, method, v.Type())
		}
		args[i] = t.Tensor
	}
	results, err := plan.Run(args)
	if err != nil {
		return nil, c.fail(value.CodeError, "%s: %v", method, err)
	}
	out := make([]value.Value, len(results))
	for i, t := range results {
		out[i] = value.Tensor{Tensor: t}
	}
	return out, nil
}

// Recorded returns false: results are large and the same each time, so a replay makes them again.
func (c *Component) Recorded(string) bool { return false }

// plan returns the compiled function that a method names.
func (c *Component) plan(method string) (*Plan, *value.Failure) {
	name, ok := strings.CutPrefix(method, runPrefix)
	if plan := c.plans[name]; ok && plan != nil {
		return plan, nil
	}
	return nil, c.fail(value.CodeError, "no op %q; want %s and one of %q", method, runPrefix,
		slices.Sorted(maps.Keys(c.plans)))
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
