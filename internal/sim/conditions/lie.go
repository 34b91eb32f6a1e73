package conditions

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// lies returns what liars do to their packets: every float32 tensor in them is turned into its negative, or into as
// many times what it is as their entry says, which is well formed and wrong. A liar tells everybody the same; one that
// equivocates tells the lie only to every second peer.
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
			if lie, ok := multiplied(n, raw, float32(g.Times)); ok {
				what := "the negative of its tensors"
				if g.Times != -1 {
					what = fmt.Sprintf("its tensors times %g", g.Times)
				}
				w.Note(g.Kind, n, "sends "+to.Name+" "+what)
				return lie
			}
		}
		return raw
	}
}

// multiplied returns a packet with every float32 tensor multiplied; false where it has none.
func multiplied(n *sim.Node, raw []byte, by float32) ([]byte, bool) {
	cfg := n.Node().Config()
	e, err := wire.Decode(raw, cfg.Values, cfg.Limits.Wire)
	if err != nil {
		return nil, false
	}
	lied := false
	for i := range e.Fills {
		v, ok := times(e.Fills[i].Value, by)
		e.Fills[i].Value, lied = v, lied || ok
	}
	if !lied {
		return nil, false
	}
	out, err := wire.Append(nil, cfg.Values, e)
	return out, err == nil
}

// times returns a value with every float32 tensor in it multiplied, and whether there is one.
func times(v value.Value, by float32) (value.Value, bool) {
	switch x := v.(type) {
	case *value.List:
		items, any := slices.Clone(x.Items()), false
		for i := range items {
			item, ok := times(items[i], by)
			items[i], any = item, any || ok
		}
		return value.NewList(items...), any
	case value.Tensor:
		if x.DType() != tensor.Float32 {
			return v, false
		}
		data := slices.Clone(x.Float32())
		for i := range data {
			data[i] = product(data[i], by)
		}
		if t, err := tensor.FromFloat32(x.Shape(), data); err == nil {
			return value.Tensor{Tensor: t}, true
		}
	}
	return v, false
}

// product is x·by, with the same bits on every machine: of what is no number they differ.
func product(x, by float32) float32 {
	switch {
	case by == -1:
		return -x
	case by == 0:
		return 0
	case x != x:
		return x
	}
	return x * by
}
