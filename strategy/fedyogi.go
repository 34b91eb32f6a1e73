package strategy

import "github.com/rhizome-ml/rhizome/graph"

func init() {
	register(Strategy{
		Name:   "fedyogi",
		Family: "server optimizer",
		Doc: "The server steps by Yogi: as Adam, but what it divides by grows and falls by no more than a share of " +
			"a round's square.",
		Paper:    reddi,
		Settings: adaptiveSettings(0.01, 0.9, 0.99),
		Kept:     2,
		Server: func(s *Server) ([]graph.Value, [][]graph.Value) {
			return adaptive(s, s.Setting("rate"), yogiSquares)
		},
	})
}

// yogiSquares is v ← v − (1 − beta2)·d²·sign(v − d²).
func yogiSquares(o *fedopt, w, dd graph.Value) graph.Value {
	sign := o.Tensor("Sign", nil, o.Sub(o.Add(w, o.first), dd))
	return o.Sub(w, o.Mul(o.Mul(dd, o.rest("beta2")), sign))
}
