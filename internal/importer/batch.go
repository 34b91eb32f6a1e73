package importer

import (
	"fmt"
	"slices"
	"strings"
)

// batching is where the batch stands in the inputs.
type batching struct {
	Axes   []int  // of each input; -1 where it has none
	Fixed  int    // the size that the file is fixed to; 0 where it is open
	Symbol string // the name of the dimension, where it has one
}

// batchNames are what exporters call the batch.
var batchNames = []string{"batch", "batch_size", "batchsize", "bs", "n", "b"}

// findBatch finds the batch: a dimension that is called so, else the first one of every input where that is open, else
// where it is fixed to one size.
func (m *Model) findBatch() batching {
	b := batching{Axes: make([]int, len(m.inputs))}
	for i := range b.Axes {
		b.Axes[i] = -1
	}
	found := false
	for i, p := range m.inputs {
		for k, name := range p.Names {
			if p.Dims[k] < 0 && slices.Contains(batchNames, strings.ToLower(name)) {
				b.Axes[i], b.Symbol, found = k, name, true
				break
			}
		}
	}
	if found {
		return b
	}
	for i, p := range m.inputs {
		if len(p.Dims) > 0 && p.Dims[0] < 0 && (!found || p.Names[0] == b.Symbol || p.Names[0] == "" ||
			b.Symbol == "" ||
			strings.HasPrefix(p.Names[0], "unk__")) {
			b.Axes[i], b.Symbol, found = 0, p.Names[0], true
		}
	}
	if found {
		return b
	}
	for i, p := range m.inputs {
		if len(p.Dims) > 0 && (b.Fixed == 0 || p.Dims[0] == b.Fixed) {
			b.Axes[i], b.Fixed = 0, p.Dims[0]
		}
	}
	return b
}

// inputShape is the shape of input i for a batch.
func (m *Model) inputShape(i, batch int) ([]int, error) {
	p := m.inputs[i]
	shape := slices.Clone(p.Dims)
	for k, d := range shape {
		switch {
		case k == m.batch.Axes[i]:
			shape[k] = batch
		case d >= 0:
		case m.o.Dims[p.Names[k]] > 0:
			shape[k] = m.o.Dims[p.Names[k]]
		case p.Names[k] != "" && p.Names[k] == m.batch.Symbol:
			shape[k] = batch
		default:
			name := p.Names[k]
			if name == "" {
				name = fmt.Sprintf("%d", k)
			}
			return nil, &RefusedError{What: "run", Reasons: []Reason{{Node: -1, Name: p.Name, Reason: fmt.Sprintf(
				"dimension %s of the input %s is open; give it a size (dims: {%s: …})", quote(name),
				shapeText(p.Dims), name)}}}
		}
	}
	return shape, nil
}
