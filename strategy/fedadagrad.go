package strategy

import "github.com/rhizome-ml/rhizome/graph"

func init() {
	register(Strategy{
		Name:   "fedadagrad",
		Family: "server optimizer",
		Doc: "The server steps by Adagrad: along what rounds changed, by the root of the sum of all squares, so that " +
			"steps become shorter.",
		Paper:    reddi,
		Settings: adaptiveSettings(0.1, 0, 0),
		Kept:     2,
		Server: func(s *Server) ([]graph.Value, [][]graph.Value) {
			return adaptive(s, s.Setting("rate"), func(o *fedopt, w, dd graph.Value) graph.Value {
				return o.Add(w, dd)
			})
		},
	})
}
