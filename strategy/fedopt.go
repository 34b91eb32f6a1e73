package strategy

import "github.com/rhizome-ml/rhizome/graph"

const reddi = "Reddi and others, Adaptive Federated Optimization, 2021"

// fedopt is the server's step of FedAdam, FedYogi and FedAdagrad while it is recorded (algorithm 2 of the paper). With
// d, what the mean of a round changes,
//
//	m ← beta1·m + (1 − beta1)·d
//	v ← what each of the three makes of v and d²
//	params ← global + rate·m / (√v + tau)
//
// v begins as tau². What is kept begins as zeros, so that w = v − tau² is kept in its place.
type fedopt struct {
	*Server
	first graph.Value // what v begins with
	flwr  bool        // as flwr 1.42.0 has it: v begins as 0
}

// adaptive records the step. squares makes the next w of w and d².
func adaptive(s *Server, rate graph.Value, squares func(o *fedopt, w, dd graph.Value) graph.Value) ([]graph.Value,
	[][]graph.Value) {
	o := &fedopt{Server: s, flwr: s.Chosen.Get("flwr") == 1}
	tau := s.Chosen.Get("tau")
	o.first = s.Number(tau * tau)
	if o.flwr {
		o.first = s.Number(0)
	}
	beta, rest, more := s.Setting("beta1"), s.rest("beta1"), s.Setting("tau")
	n := len(s.Mean)
	params, m, w := make([]graph.Value, n), make([]graph.Value, n), make([]graph.Value, n)
	for i := range s.Mean {
		d := s.Sub(s.Mean[i], s.Global[i])
		m[i] = s.Add(s.Mul(s.Kept[0][i], beta), s.Mul(d, rest))
		w[i] = squares(o, s.Kept[1][i], s.Mul(d, d))
		root := s.Tensor("Sqrt", nil, s.Relu(s.Add(w[i], o.first))) // rounding may have brought v below 0
		params[i] = s.Add(s.Global[i], s.Tensor("Div", nil, s.Mul(m[i], rate), s.Add(root, more)))
	}
	return params, [][]graph.Value{m, w}
}

// rest records 1 minus a setting.
func (s *Server) rest(name string) graph.Value { return s.Number(1 - s.Chosen.Get(name)) }

// adaptiveSettings are those of the three; beta2 is 0 where there is none.
func adaptiveSettings(rate, beta1, beta2 float64) []Setting {
	out := []Setting{
		{Name: "rate", Doc: "How far a step of the server goes.", Default: rate, Least: 1e-9, Most: 100},
		{Name: "beta1", Doc: "The share of earlier changes in their mean.", Default: beta1, Least: 0, Most: 0.999999},
	}
	if beta2 > 0 {
		out = append(out, Setting{Name: "beta2", Doc: "The share of earlier squares in their mean.", Default: beta2,
			Least: 0, Most: 0.999999})
	}
	return append(out,
		Setting{Name: "tau", Doc: "What is added to the root that a step is divided by: the larger, the less do steps " +
			"adapt.", Default: 1e-3, Least: 1e-12, Most: 1},
		Setting{Name: "flwr", Doc: "1 does what flwr 1.42.0 does, 0 what the paper says.", Most: 1, Whole: true})
}
