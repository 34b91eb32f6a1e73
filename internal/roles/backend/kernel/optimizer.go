package kernel

import "math"

// The optimizers of ai.onnx.preview.training, in the order of operations of its specification, each product rounded to
// the element type. Outputs may be the very slices of the inputs of the same meaning.

// Adagrad updates x and the accumulated square h.
func Adagrad[T Float](xOut, hOut, x, g, h []T, rate, decay, norm, epsilon T, step int64) {
	r := rate / (1 + T(T(step)*decay))
	for i := range x {
		gr := T(norm*x[i]) + g[i]
		hn := h[i] + T(gr*gr)
		xOut[i] = x[i] - T(r*gr)/(Sqrt(hn)+epsilon)
		hOut[i] = hn
	}
}

// AdamParams are the attributes of Adam.
type AdamParams[T Float] struct{ Alpha, Beta, Norm, NormPost, Epsilon T }

// Adam updates x, the momentum v and the accumulated square h. From the second update on the rate is corrected for the
// bias of the first steps; powers are products taken in float64.
func Adam[T Float](p AdamParams[T], xOut, vOut, hOut, x, g, v, h []T, rate T, step int64) {
	r := rate
	if step > 0 {
		a := 1 - powInt(float64(p.Alpha), uint64(step))
		b := 1 - powInt(float64(p.Beta), uint64(step))
		r = T(float64(float64(rate)*math.Sqrt(b)) / a)
	}
	for i := range x {
		gr := T(p.Norm*x[i]) + g[i]
		vn := T(p.Alpha*v[i]) + T(T(1-p.Alpha)*gr)
		hn := T(p.Beta*h[i]) + T(T(T(1-p.Beta)*gr)*gr)
		xn := x[i] - T(r*vn)/(Sqrt(hn)+p.Epsilon)
		xOut[i] = T(T(1-p.NormPost) * xn)
		vOut[i], hOut[i] = vn, hn
	}
}

// Momentum updates x and the momentum v, in Nesterov's form when nesterov is set.
func Momentum[T Float](xOut, vOut, x, g, v []T, rate, alpha, beta, norm T, nesterov bool, step int64) {
	if step <= 0 {
		beta = 1
	}
	for i := range x {
		gr := T(norm*x[i]) + g[i]
		vn := T(alpha*v[i]) + T(beta*gr)
		d := vn
		if nesterov {
			d = gr + T(alpha*vn)
		}
		xOut[i] = x[i] - T(rate*d)
		vOut[i] = vn
	}
}
