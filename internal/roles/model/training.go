package model

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Pass is a forward pass of a graph as nodes. It must not be changed.
type Pass struct {
	Nodes     []*onnx.NodeProto // in the order in which they can run
	Constants []*onnx.TensorProto
	Input     string
	Output    string
	Values    []string        // what it is given beside its input: the parameters, and those of Local behind them
	Renewed   []string        // in training, the value that each of those statistics has after the pass
	Masks     []importer.Mask // in training, the chance that it is given as well
}

// Trained returns how many parameters are trained: the first ones. Those behind them are running statistics, which no
// gradient changes and training does.
func (g *Graph) Trained() int { return len(g.params) - g.averaged }

// Local returns what whoever trains the model keeps: what is personal of what is trained (Apart), and running
// statistics, with their values in the file. None of them is a parameter.
func (g *Graph) Local() []Param { return g.local }

// Variances returns the places of the parameters that are running variances.
func (g *Graph) Variances() []int { return slices.Clone(g.variances) }

// statistics takes what becomes of the running statistics of an imported model.
func (g *Graph) statistics(m *importer.Model) {
	for _, b := range m.Live() {
		p := Param{Name: b.Name, Shape: slices.Clone(b.Shape), Given: b.Value}
		if m.Options().Buffers == importer.BuffersLocal {
			g.local = append(g.local, p)
			continue
		}
		if b.Role == importer.RoleVariance {
			g.variances = append(g.variances, len(g.params))
		}
		g.params, g.averaged = append(g.params, p), g.averaged+1
	}
}

// modes makes the passes of an imported graph that are not the one of Forward.
func (g *Graph) modes(batch int) (err error) {
	o := g.imported.Options()
	if len(g.local) > g.personal {
		if g.own, err = g.imported.For(importer.Inference, batch); err != nil {
			return err
		}
	}
	if o.Buffers != "" || o.Dropout {
		g.train, err = g.imported.For(importer.Training, batch)
	}
	return err
}

// mode is what Forward is for: where the statistics are elsewhere, it goes by those of the batch.
func (g *Graph) mode() importer.Mode {
	if len(g.local) > g.personal {
		return importer.Adapted
	}
	return importer.Inference
}

// Inference returns the pass of Forward. Its values are the parameters, and behind them what is personal.
func (g *Graph) Inference() Pass {
	nodes, in, out, params := g.Forward()
	p := Pass{Nodes: nodes, Constants: g.Constants(), Input: in, Output: out}
	for _, x := range slices.Concat(params, g.local[:g.personal]) {
		p.Values = append(p.Values, x.Name)
	}
	return p
}

// Own returns the pass of a node that trains, when it does not train: its values are the parameters, and what it keeps.
func (g *Graph) Own() Pass {
	if g.own == nil {
		return g.Inference()
	}
	return g.passOf(g.own)
}

// Training returns the pass for a step of training, of which the gradient is taken: its values are those of Own.
func (g *Graph) Training() Pass {
	if g.train == nil {
		return g.Own()
	}
	return g.passOf(g.train)
}

func (g *Graph) passOf(at *importer.Graph) Pass {
	p := Pass{Nodes: copies(at.Nodes), Constants: initializers(at), Input: g.input, Output: at.Outputs[0].Name,
		Renewed: at.Renewed, Masks: at.Masks}
	for _, x := range append(slices.Clone(g.params), g.local...) {
		p.Values = append(p.Values, x.Name)
	}
	return p
}

// named returns the values of running statistics by name, of a list of parameters.
func (g *Graph) named(params []*tensor.Tensor) map[string]*tensor.Tensor {
	out := map[string]*tensor.Tensor{}
	for i := g.Trained(); i < len(params); i++ {
		out[g.params[i].Name] = params[i]
	}
	return out
}
