package optimizer

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
)

func setting(name, doc string, def, least, most float64) strategy.Setting {
	return strategy.Setting{Name: name, Doc: doc, Default: def, Least: least, Most: most}
}

func rated(def float64, more ...strategy.Setting) []strategy.Setting {
	return append([]strategy.Setting{setting("rate", "How far a step goes.", def, 1e-12, 10)}, more...)
}

func decay(def float64, doc string) strategy.Setting { return setting("decay", doc, def, 0, 10) }

func epsilon(def float64) strategy.Setting {
	return setting("epsilon", "What is added to what is divided by.", def, 1e-30, 1)
}

func betas() []strategy.Setting {
	return []strategy.Setting{
		setting("beta1", "The share of earlier gradients in their mean.", 0.9, 0, 0.999999),
		setting("beta2", "The share of earlier squares of gradients in their mean.", 0.999, 0, 0.999999)}
}

const (
	inGradient = "How strongly parameters are drawn to 0: the loss grows by half of it times their square."
	apart      = "Which part of the parameters is lost in a step, times its rate."
)

var kinds = []kind{
	{name: "sgd", doc: "Gradient descent, with momentum where that is above 0 (Sutskever and others, On the " +
		"importance of initialization and momentum in deep learning, 2013).",
		settings: rated(0.01, setting("momentum", "The share of the last step that is added to the next.", 0, 0,
			0.999999), setting("nesterov", "1 looks ahead by the momentum, 0 does not.", 0, 0, 1),
			decay(0, inGradient)),
		kept: func(o Optimizer) int {
			if o.Get("momentum") > 0 {
				return 1
			}
			return 0
		}, step: sgd},
	{name: "adam", doc: "Steps by the means of gradients and of their squares (Kingma and Ba, Adam, 2015).",
		settings: rated(1e-3, append(betas(), epsilon(1e-8), decay(0, inGradient))...), kept: always(2), counts: true,
		step: adam},
	{name: "adamw",
		doc: "Adam whose decay is apart from its gradients (Loshchilov and Hutter, Decoupled Weight Decay " +
			"Regularization, 2019).",
		settings: rated(1e-3, append(betas(), epsilon(1e-8), decay(0.01, apart))...), kept: always(2), counts: true,
		step: adam},
	{name: "adagrad", doc: "Steps by the sum of the squares of all gradients (Duchi, Hazan and Singer, Adaptive " +
		"Subgradient Methods, 2011).",
		settings: rated(0.01, epsilon(1e-10), decay(0, inGradient)), kept: always(1), step: adagrad},
	{name: "rmsprop", doc: "Steps by the mean of the squares of gradients (Tieleman and Hinton, Lecture 6.5, 2012; " +
		"centered by Graves, 2013).",
		settings: rated(0.01, setting("alpha", "The share of earlier squares in their mean.", 0.99, 0, 0.999999),
			epsilon(1e-8), setting("momentum", "The share of the last step that is added to the next.", 0, 0, 0.999999),
			setting("centered", "1 takes the square of the mean from the mean of squares, 0 does not.", 0, 0, 1),
			decay(0, inGradient)),
		kept: func(o Optimizer) int {
			n := 1
			if o.Get("centered") == 1 {
				n++
			}
			if o.Get("momentum") > 0 {
				n++
			}
			return n
		}, step: rmsprop},
	{name: "lamb", doc: "Adam with decay apart, whose step is as long as its parameter by its rate (You and others, " +
		"Large Batch Optimization for Deep Learning, 2020).",
		settings: rated(1e-3, append(betas(), epsilon(1e-6), decay(0.01, apart))...), kept: always(2), counts: true,
		step: lamb},
}

func always(n int) func(Optimizer) int { return func(Optimizer) int { return n } }

// decayed records the decay that is in the gradients.
func (s *step) decayed() {
	if s.Get("decay") == 0 {
		return
	}
	by := s.setting("decay")
	for i, p := range s.params {
		s.grads[i] = s.Add(s.grads[i], s.by(p, by))
	}
}

// down records the next parameters: rate times the steps below these.
func (s *step) down(steps []graph.Value) {
	rate := s.rate(s.Graph)
	for i, p := range s.params {
		s.next = append(s.next, s.Sub(p, s.by(steps[i], rate)))
	}
}

// sgd: v ← momentum·v + g, p ← p - rate·v; with nesterov p ← p - rate·(g + momentum·v).
func sgd(s *step) {
	s.decayed()
	if s.Get("momentum") == 0 {
		s.down(s.grads)
		return
	}
	share := s.setting("momentum")
	steps := make([]graph.Value, len(s.params))
	for i, g := range s.grads {
		steps[i] = s.Add(s.by(s.was(0, i), share), g)
	}
	s.keep = [][]graph.Value{steps}
	if s.Get("nesterov") == 1 {
		ahead := make([]graph.Value, len(steps))
		for i, v := range steps {
			ahead[i] = s.Add(s.grads[i], s.by(v, share))
		}
		steps = ahead
	}
	s.down(steps)
}

// mix records of·share + more·(1 - share).
func (s *step) mix(of, share, more, rest graph.Value) graph.Value {
	return s.Add(s.by(of, share), s.by(more, rest))
}

// moments records the means of gradients and of their squares, which are kept, and Adam's step of each parameter: the
// mean by the root of the mean of squares, each made whole for the steps that there were not.
func (s *step) moments() (steps []graph.Value) {
	b1, r1, b2, r2 := s.setting("beta1"), s.rest("beta1"), s.setting("beta2"), s.rest("beta2")
	whole := func(beta string) graph.Value {
		power := s.Tensor("Pow", nil, wide(s.Graph, s.Get(beta)), s.count)
		return s.Sub(wide(s.Graph, 1), power)
	}
	narrow := func(v graph.Value) graph.Value {
		return s.Tensor("Cast", graph.Attrs{"to": int(tensor.Float32)}, s.Tensor("Reciprocal", nil, v))
	}
	w1, w2 := narrow(whole("beta1")), narrow(s.sqrt(whole("beta2")))
	eps := s.setting("epsilon")
	var mean, squares []graph.Value
	for i, g := range s.grads {
		m := s.mix(s.was(0, i), b1, g, r1)
		v := s.mix(s.was(1, i), b2, s.square(g), r2)
		mean, squares = append(mean, m), append(squares, v)
		steps = append(steps, s.div(s.by(m, w1), s.plus(s.by(s.sqrt(v), w2), eps)))
	}
	s.keep = [][]graph.Value{mean, squares}
	return steps
}

// adam: p ← p - rate·step; adamw: p ← p - rate·decay·p - rate·step.
func adam(s *step) {
	if s.name == "adam" {
		s.decayed()
		s.down(s.moments())
		return
	}
	steps := s.moments()
	s.drawn(steps)
	s.down(steps)
}

// drawn adds the decay that is apart from the gradients to steps.
func (s *step) drawn(steps []graph.Value) {
	if s.Get("decay") == 0 {
		return
	}
	by := s.setting("decay")
	for i, p := range s.params {
		steps[i] = s.Add(steps[i], s.by(p, by))
	}
}

// lamb: the step of adamw, by the ratio of the norms of parameter and step; where one of them is 0 the ratio is 1.
func lamb(s *step) {
	steps := s.moments()
	s.drawn(steps)
	zero, one := number(s.Graph, 0), number(s.Graph, 1)
	for i, p := range s.params {
		of, by := s.norm(p), s.norm(steps[i])
		zero, one := like(s.Graph, zero, p), like(s.Graph, one, p)
		none := s.Tensor("Or", nil, s.Tensor("Equal", nil, of, zero), s.Tensor("Equal", nil, by, zero))
		ratio := s.Tensor("Where", nil, none, one, s.div(of, s.Tensor("Where", nil, none, one, by)))
		steps[i] = s.Mul(steps[i], ratio)
	}
	s.down(steps)
}

func (s *step) norm(v graph.Value) graph.Value { return s.sqrt(squares(s.Graph, v)) }

// squares records the sum of the squares of a value.
func squares(b *graph.Graph, v graph.Value) graph.Value {
	return b.Tensor("ReduceSumSquare", graph.Attrs{"keepdims": 0}, v)
}

// adagrad: n ← n + g², p ← p - rate·g/(√n + epsilon).
func adagrad(s *step) {
	s.decayed()
	eps := s.setting("epsilon")
	var sum, steps []graph.Value
	for i, g := range s.grads {
		n := s.Add(s.was(0, i), s.square(g))
		sum = append(sum, n)
		steps = append(steps, s.div(g, s.plus(s.sqrt(n), eps)))
	}
	s.keep = [][]graph.Value{sum}
	s.down(steps)
}

// rmsprop: v ← alpha·v + (1 - alpha)·g², step = g/(√v + epsilon); centered takes the square of the mean of gradients
// from v; with momentum b ← momentum·b + step is the step.
func rmsprop(s *step) {
	s.decayed()
	alpha, rest, eps := s.setting("alpha"), s.rest("alpha"), s.setting("epsilon")
	centered, share := s.Get("centered") == 1, s.Get("momentum")
	keep := make([][]graph.Value, s.kept(s.Optimizer))
	var steps []graph.Value
	for i, g := range s.grads {
		v := s.mix(s.was(0, i), alpha, s.square(g), rest)
		keep[0] = append(keep[0], v)
		if centered {
			m := s.mix(s.was(1, i), alpha, g, rest)
			keep[1] = append(keep[1], m)
			// Rounding may bring it below 0, where the squares are all alike.
			v = s.Tensor("Max", nil, s.Sub(v, s.square(m)), like(s.Graph, number(s.Graph, 0), v))
		}
		d := s.div(g, s.plus(s.sqrt(v), eps))
		if share > 0 {
			last := len(keep) - 1
			d = s.Add(s.by(s.was(last, i), s.setting("momentum")), d)
			keep[last] = append(keep[last], d)
		}
		steps = append(steps, d)
	}
	s.keep = keep
	s.down(steps)
}
