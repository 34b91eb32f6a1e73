package strategy

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

func init() {
	register(Strategy{
		Name:   "fedadam",
		Family: "server optimizer",
		Doc: "The server steps by Adam: along the mean of what rounds changed, by the root of the mean of its " +
			"squares.",
		Paper:    reddi,
		Settings: adaptiveSettings(0.01, 0.9, 0.99),
		Kept:     2,
		Server: func(s *Server) ([]graph.Value, [][]graph.Value) {
			rate := s.Setting("rate")
			if s.Chosen.Get("flwr") == 1 {
				rate = corrected(s)
			}
			return adaptive(s, rate, adamSquares)
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

// corrected is the rate by which flwr 1.42.0 corrects the moments' beginning as zeros. Its power is the round's number,
// from 1, and one more:
//
//	rate·√(1 − beta2^(round + 1)) / (1 − beta1^(round + 1))
func corrected(s *Server) graph.Value {
	power := s.Tensor("Cast", graph.Attrs{"to": int(tensor.Float64)}, s.Add(s.Round(), s.Number(1)))
	whole := func(beta string) graph.Value {
		return s.Sub(s.double(1), s.Tensor("Pow", nil, s.double(s.Chosen.Get(beta)), power))
	}
	by := s.Tensor("Div", nil, s.Tensor("Sqrt", nil, whole("beta2")), whole("beta1"))
	return s.Tensor("Cast", graph.Attrs{"to": int(tensor.Float32)}, s.Mul(s.double(s.Chosen.Get("rate")), by))
}

// double records a scalar of float64.
func (s *Server) double(x float64) graph.Value {
	t, err := tensor.FromFloat64(nil, []float64{x})
	if err != nil {
		panic("strategy: " + err.Error()) // one element always makes a scalar
	}
	return s.Constant(value.Tensor{Tensor: t})
}
