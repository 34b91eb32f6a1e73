package federated

import (
	"fmt"
	"strconv"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
)

// What is trained may be kept and sent in floats of 16 bits: the server's component holds them so, and they travel so
// in both directions. Whoever computes widens them first, which is exact, and rounds what it made once. A client does
// so once in a round: between its steps the parameters are float32, for a step that is smaller than half a place of 16
// bits would be lost, again and again. Running statistics are few and touchy, and stay float32; so do strategies'
// velocities.

// halves says whether parameters are kept in floats of 16 bits.
func (c Config) halves() bool {
	d, ok := half.Of(c.Precision)
	return ok && half.Is(d)
}

// validatePrecision checks what says in which type parameters are kept.
func (c Config) validatePrecision() error {
	if _, ok := half.Of(c.Precision); !ok && c.Precision != "" {
		return &job.ConfigError{Key: "precision", Value: strconv.Quote(c.Precision),
			Want: "a float type that parameters are stored in: f32, bf16 or f16"}
	}
	return nil
}

// checkHolds refuses a model of which a parameter is a number that the type does not hold.
func (c Config) checkHolds(m *model.Graph) error {
	d, ok := half.Of(c.Precision)
	if !ok {
		return nil // Validate says so, where it is not empty
	}
	if name, x, beyond := m.Beyond(d); beyond {
		return &job.ConfigError{Key: "precision", Value: c.Precision, Want: fmt.Sprintf("f32 or bf16 for %s: its "+
			"parameter %.80q has %g, and the greatest number of %s is %g", c.Model, name, x, c.Precision, half.Most(d))}
	}
	return nil
}

// store knows the types in which parameters are kept.
func (j *fedavg) store() {
	j.stored = j.params
	d, ok := half.Of(j.c.Precision)
	if !ok || !half.Is(d) {
		return
	}
	var items []types.Type
	for i, s := range j.net.Shapes() {
		of := tensor.Float32
		if i < j.net.Trained() {
			of = d
		}
		items = append(items, types.Tensors(of, s...))
	}
	j.stored = types.ListOf(items...)
}

// tensors records the parameters in a list, as they are kept, one by one in float32.
func (j *fedavg) tensors(g *graph.Graph, list graph.Value) []graph.Value {
	out := g.Unbundle(g.Typed(list, j.stored), len(j.stored.Items))
	for i := range out {
		out[i] = j.widened(g, i, out[i])
	}
	return out
}

// widened records parameter i, as it is kept, in float32.
func (j *fedavg) widened(g *graph.Graph, i int, v graph.Value) graph.Value {
	v = g.Typed(v, j.stored.Items[i])
	if j.stored.Items[i].Tensor.DType == tensor.Float32 {
		return v
	}
	return g.Tensor("Cast", graph.Attrs{"to": int(tensor.Float32)}, v)
}

// bundle records the list of parameters as they are kept, of all of them in float32. What stands behind them stays so.
func (j *fedavg) bundle(g *graph.Graph, params []graph.Value) graph.Value {
	out := make([]graph.Value, len(params))
	for i, v := range params {
		out[i] = v
		if i >= len(j.stored.Items) {
			continue
		}
		if d := j.stored.Items[i].Tensor.DType; d != tensor.Float32 {
			out[i] = g.Tensor("Cast", graph.Attrs{"to": int(d)}, g.Typed(v, j.params.Items[i]))
		}
	}
	return g.Bundle(out...)
}
