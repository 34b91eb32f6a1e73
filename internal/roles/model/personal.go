package model

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Some of what is trained may stay at each node that trains it. To all others such a personal parameter is none: it is
// not in the lists that the component gives and takes, and its value at the server is the one that it began with, which
// those begin with who have none of their own yet.

// Apart returns the graph without some of what is trained among its parameters: those stand before the running
// statistics of Local then. It must not have been made for a batch.
func (g *Graph) Apart(personal []string) (*Graph, error) {
	if len(personal) == 0 {
		return g, nil
	}
	out := *g
	out.params, out.local, out.personal, out.index, out.variances = nil, nil, len(personal), nil, nil
	for i, p := range g.params {
		switch {
		case i < g.Trained() && slices.Contains(personal, p.Name):
			out.local = append(out.local, p)
			continue
		case slices.Contains(g.variances, i):
			out.variances = append(out.variances, len(out.params))
		}
		if g.index != nil {
			out.index = append(out.index, g.index[i])
		}
		out.params = append(out.params, p)
	}
	if len(out.local) != len(personal) || out.Trained() == 0 {
		return nil, fmt.Errorf("model: %d of %d names are of what is trained, and %d parameters are left", len(out.local),
			len(personal), out.Trained())
	}
	out.local = append(out.local, g.local...)
	return &out, nil
}

// Personal returns how many of Local are trained: the first ones.
func (g *Graph) Personal() int { return g.personal }

// Averaged returns the names of the running statistics that are parameters.
func (g *Graph) Averaged() []string {
	var out []string
	for _, p := range g.params[g.Trained():] {
		out = append(out, p.Name)
	}
	return out
}

// Layer is where a parameter stands in the model.
type Layer struct {
	Name   string
	Number int  // from 0, in the order in which the model runs
	Norm   bool // the scale or shift of a BatchNormalization
}

// Layers returns the layer of each parameter that is trained, in their order. Parameters whose names are alike up to
// the last dot are of one layer; so are those that one node reads, and what is added to a product of them.
func (g *Graph) Layers() []Layer {
	out := make([]Layer, g.Trained())
	at := map[string]int{} // by the name of a parameter, or of what only passes it on
	for i, p := range g.params[:g.Trained()] {
		out[i], at[p.Name] = Layer{Name: p.Name, Number: -1}, i
	}
	nodes := g.nodes()
	stems, made, next := map[string]int{}, map[string]int{}, 0 // layers by stem, and by the value that they make
	for _, n := range nodes {
		layer := -1
		var read []int
		for k, in := range n.GetInput() {
			if i, ok := at[in]; ok {
				read = append(read, i)
				out[i].Norm = out[i].Norm || n.GetOpType() == "BatchNormalization" && (k == 1 || k == 2)
			} else if l, ok := made[in]; ok && n.GetOpType() == "Add" {
				layer = l
			}
		}
		if len(read) == 1 && len(n.GetOutput()) == 1 && passes(n) { // read by another name
			at[n.GetOutput()[0]] = read[0]
			continue
		}
		if len(read) == 0 {
			continue
		}
		for _, i := range read {
			if l, ok := stems[stem(out[i].Name)]; ok {
				layer = l
			} else if out[i].Number >= 0 {
				layer = out[i].Number
			}
		}
		if layer < 0 {
			layer, next = next, next+1
		}
		for _, i := range read {
			if out[i].Number < 0 {
				out[i].Number = layer
			}
			if s := stem(out[i].Name); s != "" {
				stems[s] = layer
			}
		}
		for _, v := range n.GetOutput() {
			made[v] = layer
		}
	}
	return out
}

// passes says whether a node gives on what it reads.
func passes(n *onnx.NodeProto) bool {
	return slices.Contains([]string{"Identity", "Transpose", "Reshape", "Cast", "Unsqueeze", "Squeeze"}, n.GetOpType())
}

// stem is a name up to its last dot, "" where it has none.
func stem(name string) string {
	i := strings.LastIndexByte(name, '.')
	return name[:max(i, 0)]
}

// nodes are the nodes as they stand in the file, for those who look at how values are used.
func (g *Graph) nodes() []*onnx.NodeProto {
	if g.imported != nil {
		return g.imported.Nodes()
	}
	return g.proto.Graph.Node
}

// first parts what a model begins with into the parameters and what is personal.
func (c *Component) first(whole *Graph, seed uint64) (params []*tensor.Tensor, err error) {
	all, err := whole.initial(seed, c.slot, c.cfg.Init, func(i int) tensor.DType {
		if slices.Contains(c.cfg.Personal, whole.params[i].Name) {
			return tensor.Float32
		}
		return c.cfg.stored(whole, i)
	})
	if err != nil {
		return nil, err
	}
	for i, p := range whole.params {
		if slices.Contains(c.cfg.Personal, p.Name) {
			c.personal = append(c.personal, all[i])
			continue
		}
		params = append(params, all[i])
	}
	return params, nil
}

// joined returns all parameters of a whole graph, of those of the component and what is personal.
func (c *Component) joined(whole *Graph, params, own []*tensor.Tensor) []*tensor.Tensor {
	if len(own) == 0 {
		return params
	}
	var out []*tensor.Tensor
	for _, p := range whole.params {
		if slices.Contains(c.cfg.Personal, p.Name) {
			out, own = append(out, own[0]), own[1:]
			continue
		}
		out, params = append(out, params[0]), params[1:]
	}
	return out
}

// FileWith returns the model, with the parameters of the component, as whoever has these values of Graph.Local has it.
func (c *Component) FileWith(own []*tensor.Tensor) (io.WriterTo, error) {
	of := c.graph.Local()
	if len(own) != len(of) {
		return nil, c.fail(value.CodeError, "%d tensors; want %d of what is no parameter", len(own), len(of))
	}
	statistics := map[string]*tensor.Tensor{}
	for i, t := range own {
		if t.DType() != tensor.Float32 || !slices.Equal(t.Shape(), of[i].Shape) {
			return nil, c.fail(value.CodeType, "%s is %s %v; want float32 %v", quote(of[i].Name), t.DType(), t.Shape(),
				of[i].Shape)
		}
		if i >= c.graph.personal {
			statistics[of[i].Name] = t
		}
	}
	params, err := c.Params()
	if err != nil {
		return nil, err
	}
	whole, err := c.whole()
	if err != nil {
		return nil, err
	}
	f, err := whole.fileWith(c.joined(whole, params, own[:c.graph.personal]), statistics)
	if err == nil {
		err = c.noted(f)
	}
	return f, err
}

// fileWith is File with values of running statistics that are no parameters.
func (g *Graph) fileWith(params []*tensor.Tensor, statistics map[string]*tensor.Tensor) (*File, error) {
	if len(statistics) == 0 {
		return g.File(params)
	}
	if err := g.Check(params); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	m, err := g.imported.Export(params[:g.Trained()], statistics)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return pieces(m)
}

// begins gives what is personal as it was at first.
func (c *Component) begins() []value.Value {
	return []value.Value{value.NewList(values(c.personal)...)}
}
