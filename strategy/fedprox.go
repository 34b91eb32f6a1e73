package strategy

import "github.com/rhizome-ml/rhizome/graph"

func init() {
	register(Strategy{
		Name:   "fedprox",
		Family: "averaging",
		Doc: "A client is drawn back to the parameters that its round began with, so that clients of unlike data " +
			"drift less.",
		Paper: "Li and others, Federated Optimization in Heterogeneous Networks, 2020",
		Settings: []Setting{
			{Name: "mu", Doc: "How strongly: the loss grows by mu/2 times the squared distance.", Default: 0.01,
				Least: 0, Most: 100},
		},
		Local: proximal,
	})
}

// proximal adds mu·(params − global) to the gradients: the gradient of the proximal term.
func proximal(l *Local) []graph.Value {
	return pulled(l, l.Setting("mu"))
}

// pulled adds by·(params − global) to the gradients.
func pulled(l *Local, by graph.Value) []graph.Value {
	out := make([]graph.Value, len(l.Gradients))
	for i := range out {
		out[i] = l.Add(l.Gradients[i], l.Mul(l.Sub(l.Params[i], l.Global[i]), by))
	}
	return out
}
