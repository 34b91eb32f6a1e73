package kernel

import "math"

// The optimizers of ai.onnx.preview.training, in the order of operations of its specification, each product rounded to
// the element type, by both rules. Outputs may be the very slices of the inputs of the same meaning.

// Optimizers is the loops of the optimizers over one parameter; all slices of a call have one length.
type Optimizers[T Float] struct {
	Adagrad  func(c *AdagradStep[T], xOut, hOut, x, g, h []T)
	Adam     func(c *AdamStep[T], xOut, vOut, hOut, x, g, v, h []T)
	Momentum func(c *MomentumStep[T], nesterov bool, xOut, vOut, x, g, v []T)
}

// AdagradStep is what one step of Adagrad multiplies and adds.
type AdagradStep[T Float] struct{ Norm, Rate, Epsilon T }

// AdamStep is what one step of Adam multiplies and adds; Alpha1, Beta1 and Post1 are 1 less the value of that name.
type AdamStep[T Float] struct{ Norm, Alpha, Alpha1, Beta, Beta1, Rate, Epsilon, Post1 T }

// MomentumStep is what one step of Momentum multiplies.
type MomentumStep[T Float] struct{ Norm, Alpha, Beta, Rate T }

func scalarOptimizers[T Float]() Optimizers[T] {
	return Optimizers[T]{Adagrad: adagrad[T], Adam: adam[T], Momentum: momentum[T]}
}

// OptimizersOf returns the loops of a set for elements of type T: float64 has the scalar ones alone.
func OptimizersOf[T Float](s *Set) Optimizers[T] {
	if f, ok := any(s.Optimizers).(Optimizers[T]); ok {
		return f
	}
	return scalarOptimizers[T]()
}

// AdagradAt is Adagrad's step of that number.
func AdagradAt[T Float](rate, decay, norm, epsilon T, step int64) AdagradStep[T] {
	return AdagradStep[T]{Norm: norm, Rate: rate / (1 + T(T(step)*decay)), Epsilon: epsilon}
}

// adagrad updates x and the accumulated square h.
func adagrad[T Float](c *AdagradStep[T], xOut, hOut, x, g, h []T) {
	for i := range x {
		gr := T(c.Norm*x[i]) + g[i]
		hn := h[i] + T(gr*gr)
		xOut[i] = x[i] - T(c.Rate*gr)/(Sqrt(hn)+c.Epsilon)
		hOut[i] = hn
	}
}

// AdamParams are the attributes of Adam.
type AdamParams[T Float] struct{ Alpha, Beta, Norm, NormPost, Epsilon T }

// At is Adam's step of that number. From the second update on the rate is corrected for the bias of the first steps;
// powers are products taken in float64.
func (p *AdamParams[T]) At(rate T, step int64) AdamStep[T] {
	r := rate
	if step > 0 {
		a := 1 - powInt(float64(p.Alpha), uint64(step))
		b := 1 - powInt(float64(p.Beta), uint64(step))
		r = T(float64(float64(rate)*math.Sqrt(b)) / a)
	}
	return AdamStep[T]{Norm: p.Norm, Alpha: p.Alpha, Alpha1: 1 - p.Alpha, Beta: p.Beta, Beta1: 1 - p.Beta, Rate: r,
		Epsilon: p.Epsilon, Post1: 1 - p.NormPost}
}

// adam updates x, the momentum v and the accumulated square h.
func adam[T Float](c *AdamStep[T], xOut, vOut, hOut, x, g, v, h []T) {
	for i := range x {
		gr := T(c.Norm*x[i]) + g[i]
		vn := T(c.Alpha*v[i]) + T(c.Alpha1*gr)
		hn := T(c.Beta*h[i]) + T(T(c.Beta1*gr)*gr)
		xn := x[i] - T(c.Rate*vn)/(Sqrt(hn)+c.Epsilon)
		xOut[i] = T(c.Post1 * xn)
		vOut[i], hOut[i] = vn, hn
	}
}

// MomentumAt is Momentum's step of that number: the first takes the gradient whole.
func MomentumAt[T Float](rate, alpha, beta, norm T, step int64) MomentumStep[T] {
	if step <= 0 {
		beta = 1
	}
	return MomentumStep[T]{Norm: norm, Alpha: alpha, Beta: beta, Rate: rate}
}

// momentum updates x and the momentum v, in Nesterov's form when nesterov is set.
func momentum[T Float](c *MomentumStep[T], nesterov bool, xOut, vOut, x, g, v []T) {
	for i := range x {
		gr := T(c.Norm*x[i]) + g[i]
		vn := T(c.Alpha*v[i]) + T(c.Beta*gr)
		d := vn
		if nesterov {
			d = gr + T(c.Alpha*vn)
		}
		xOut[i] = x[i] - T(c.Rate*d)
		vOut[i] = vn
	}
}
