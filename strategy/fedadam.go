package strategy

import "github.com/rhizome-ml/rhizome/graph"

func init() {
	register(Strategy{
		Name:   "fedadam",
		Family: "server optimizer",
		Doc: "The server steps by Adam: along the mean of what rounds changed, by the root of the mean of its " +
			"squares.",
		Paper:    reddi,
		Settings: adaptiveSettings(0.01, 0.9, 0.99)[:4],
		Kept:     2,
		Server: func(s *Server) ([]graph.Value, [][]graph.Value) {
			return adaptive(s, adamSquares)
		},
	})
}

// adamSquares is v ← beta2·v + (1 − beta2)·d²; of w, that is w ← beta2·w + (1 − beta2)·(d² − tau²).
func adamSquares(o *fedopt, w, dd graph.Value) graph.Value {
	if !o.flwr {
		dd = o.Sub(dd, o.first)
	}
	return o.Add(o.Mul(w, o.Setting("beta2")), o.Mul(dd, o.rest("beta2")))
}
