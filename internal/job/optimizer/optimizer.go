// Package optimizer has what a client makes of the gradients of a step: the next parameters, and what it keeps for the
// steps behind. It records this in a choreography. Names and defaults of settings are those of PyTorch, and so is what
// they mean.
package optimizer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// Optimizer is an optimizer with its settings, as Parse returns it. It is immutable.
type Optimizer struct {
	kind
	set strategy.Chosen
}

// kind is an optimizer without settings.
type kind struct {
	name, doc string
	settings  []strategy.Setting
	kept      func(o Optimizer) int // values of each parameter's shape that are kept
	counts    bool                  // and how many steps there were
	step      func(s *step)
}

// Error says that a text names no optimizer or schedule, or one with settings that it does not take.
type Error struct {
	What string // optimizer or schedule
	Got  string
	Want string
}

// Error says what stands there and what would be right.
func (e *Error) Error() string { return fmt.Sprintf("%s %q; want %s", e.What, e.Got, e.Want) }

// Names returns the names of the optimizers, the simplest first.
func Names() []string {
	var out []string
	for _, k := range kinds {
		out = append(out, k.name)
	}
	return out
}

// Parse reads the name of an optimizer and, behind it, its settings: "sgd rate=0.1 momentum=0.9". Errors are *Error.
func Parse(text string) (Optimizer, error) {
	name, settings, _ := strings.Cut(strings.TrimSpace(text), " ")
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return Optimizer{}, &Error{"optimizer", name[:min(len(name), 64)], "one of " + strings.Join(Names(), ", ") +
			", with settings behind it"}
	}
	set, err := choose("optimizer", name, kinds[i].settings, settings)
	if err != nil {
		return Optimizer{}, err
	}
	for _, x := range kinds[i].settings {
		if v := set.Get(x.Name); (x.Name == "nesterov" || x.Name == "centered") && v != 0 && v != 1 {
			return Optimizer{}, &Error{"optimizer", fmt.Sprintf("%s=%g", x.Name, v), x.Name + "=0 or " + x.Name + "=1"}
		}
	}
	return Optimizer{kinds[i], set}, nil
}

// choose reads settings.
func choose(what, name string, of []strategy.Setting, text string) (strategy.Chosen, error) {
	set, err := strategy.Strategy{Name: name, Settings: of}.With(text)
	var wrong *strategy.ParseError
	if errors.As(err, &wrong) {
		return set, &Error{what, wrong.Got, wrong.Want}
	}
	return set, err
}

// Name returns the name of the optimizer.
func (o Optimizer) Name() string { return o.name }

// Doc says in a sentence what the optimizer does, and where it is from.
func (o Optimizer) Doc() string { return o.doc }

// Get returns a setting; a name that the optimizer does not have is a mistake of the caller, which panics.
func (o Optimizer) Get(setting string) float64 { return o.set.Get(setting) }

// String returns the text that Parse reads, with every setting.
func (o Optimizer) String() string { return o.set.String() }

// Kept is how many values Begin gives for so many parameters: those of a parameter's shape, and a count of steps.
func (o Optimizer) Kept(params int) int {
	n := o.kept(o) * params
	if o.counts {
		n++
	}
	return n
}

// Begin records what is kept before the first step.
func (o Optimizer) Begin(b *graph.Graph, params []graph.Value) []graph.Value {
	var kept []graph.Value
	for range o.kept(o) {
		for _, p := range params {
			kept = append(kept, b.Mul(p, like(b, number(b, 0), p)))
		}
	}
	if o.counts {
		kept = append(kept, wide(b, 0))
	}
	return kept
}

// A Rate records the rate of a step: a scalar of float32.
type Rate func(b *graph.Graph) graph.Value

// Fixed is the rate that is always the same.
func Fixed(rate float64) Rate {
	return func(b *graph.Graph) graph.Value { return number(b, rate) }
}

// Step records one step: of the parameters, whose types say their shapes, their gradients, and what was kept. rate is
// nil where the optimizer's own setting is meant. It returns the next parameters and what is kept then.
func (o Optimizer) Step(b *graph.Graph, rate Rate, params, gradients, kept []graph.Value) (next,
	keep []graph.Value) {
	if len(gradients) != len(params) || len(kept) != o.Kept(len(params)) {
		panic(fmt.Sprintf("optimizer: %d parameters, %d gradients and %d kept values; want as many gradients, and %d",
			len(params), len(gradients), len(kept), o.Kept(len(params))))
	}
	if rate == nil {
		rate = Fixed(o.Get("rate"))
	}
	s := &step{Graph: b, Optimizer: o, rate: rate, params: params, grads: slices.Clone(gradients), had: kept}
	if o.counts {
		s.count = b.Add(b.Typed(kept[len(kept)-1], types.Tensors(tensor.Float64)), wide(b, 1))
	}
	o.step(s)
	for _, of := range s.keep {
		keep = append(keep, of...)
	}
	if o.counts {
		keep = append(keep, s.count)
	}
	return s.next, keep
}

// step is one step while it is recorded.
type step struct {
	*graph.Graph
	Optimizer
	rate          Rate
	params, grads []graph.Value
	had           []graph.Value // what was kept
	count         graph.Value   // steps with this one, a scalar of float64

	next []graph.Value
	keep [][]graph.Value
}

// was records what was kept of a parameter.
func (s *step) was(k, i int) graph.Value {
	return s.Typed(s.had[k*len(s.params)+i], s.params[i].Type())
}

// setting records a setting.
func (s *step) setting(name string) graph.Value { return number(s.Graph, s.Get(name)) }

// rest records 1 minus a setting.
func (s *step) rest(name string) graph.Value { return number(s.Graph, 1-s.Get(name)) }

// by records x·y, y a scalar of float32.
func (s *step) by(x, y graph.Value) graph.Value { return s.Mul(x, like(s.Graph, y, x)) }

// plus records x + y, y a scalar of float32.
func (s *step) plus(x, y graph.Value) graph.Value { return s.Add(x, like(s.Graph, y, x)) }

// like records a scalar of float32 in the element type of another value.
func like(b *graph.Graph, y, x graph.Value) graph.Value {
	d := x.Type().Tensor.DType
	if d == tensor.Float32 || d == 0 {
		return y
	}
	return b.Tensor("Cast", graph.Attrs{"to": int(d)}, y)
}

func (s *step) div(x, y graph.Value) graph.Value { return s.Tensor("Div", nil, x, y) }

func (s *step) sqrt(x graph.Value) graph.Value { return s.Tensor("Sqrt", nil, x) }

func (s *step) square(x graph.Value) graph.Value { return s.Mul(x, x) }

// number records a scalar of float32.
func number(b *graph.Graph, x float64) graph.Value {
	t, err := tensor.FromFloat32(nil, []float32{float32(x)})
	if err != nil {
		panic("optimizer: " + err.Error()) // one element always makes a scalar
	}
	return b.Constant(value.Tensor{Tensor: t})
}

// wide records a scalar of float64.
func wide(b *graph.Graph, x float64) graph.Value {
	t, err := tensor.FromFloat64(nil, []float64{x})
	if err != nil {
		panic("optimizer: " + err.Error()) // one element always makes a scalar
	}
	return b.Constant(value.Tensor{Tensor: t})
}
