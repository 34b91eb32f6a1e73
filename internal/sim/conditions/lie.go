package conditions

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// lies returns what liars do to their packets: every float32 tensor in them is turned into its negative, which is well
// formed and wrong. A liar tells everybody the same; one that equivocates tells the lie only to every second peer.
func lies(w *sim.World, liars []*gust) func(n, to *sim.Node, raw []byte) []byte {
	who := make([][]bool, len(liars)) // by node
	for i, g := range liars {
		who[i] = make([]bool, len(w.Nodes()))
		for _, n := range g.some() {
			who[i][n.ID()] = true
		}
	}
	return func(n, to *sim.Node, raw []byte) []byte {
		for i, g := range liars {
			if at := w.Now(); at < g.From || g.Until != 0 && at > g.Until || !who[i][n.ID()] {
				continue
			}
			if g.Kind == sim.Equivocate && to.ID()%2 == 0 || !g.c.Hit(g.Rate) {
				continue
			}
			if lie, ok := negated(n, raw); ok {
				w.Note(g.Kind, n, "sends "+to.Name+" the negative of its tensors")
				return lie
			}
		}
		return raw
	}
}

// negated returns a packet with every float32 tensor negated; false where it has none.
func negated(n *sim.Node, raw []byte) ([]byte, bool) {
	cfg := n.Node().Config()
	e, err := wire.Decode(raw, cfg.Values, cfg.Limits.Wire)
	if err != nil {
		return nil, false
	}
	lied := false
	for i := range e.Fills {
		v, ok := negative(e.Fills[i].Value)
		e.Fills[i].Value, lied = v, lied || ok
	}
	if !lied {
		return nil, false
	}
	out, err := wire.Append(nil, cfg.Values, e)
	return out, err == nil
}

// negative returns a value with every float32 tensor in it negated, and whether there is one.
func negative(v value.Value) (value.Value, bool) {
	switch x := v.(type) {
	case *value.List:
		items, any := slices.Clone(x.Items()), false
		for i := range items {
			item, ok := negative(items[i])
			items[i], any = item, any || ok
		}
		return value.NewList(items...), any
	case value.Tensor:
		if x.DType() != tensor.Float32 {
			return v, false
		}
		data := slices.Clone(x.Float32())
		for i := range data {
			data[i] = -data[i]
		}
		if t, err := tensor.FromFloat32(x.Shape(), data); err == nil {
			return value.Tensor{Tensor: t}, true
		}
	}
	return v, false
}
