//go:build amd64 && !purego

package kernel

// The loops of unary_amd64.s take n > 0 values; those with a number in their name a multiple of it.

//go:noescape
func expAll(dst, x *float32, n int)

//go:noescape
func logAll(dst, x *float32, n int)

//go:noescape
func tanhAll(dst, x *float32, n int)

//go:noescape
func sigmoidAll(dst, x *float32, n int)

//go:noescape
func erfAll(dst, x *float32, n int)

//go:noescape
func sqrt8(dst, x *float32, n int)

//go:noescape
func expLess(e *float64, x *float32, m, s float64, n int) float64

//go:noescape
func top8(x *float32, first float32, n int) float32

//go:noescape
func lessBoth(dst, x *float32, m, s float64, n int)

//go:noescape
func quotients(dst *float32, e *float64, d float64, n int)

// vectorUnary replaces the functions of one number, and what a softmax is made of, by their vector forms.
func (s *Unary) vectorUnary() {
	s.Exp, s.Log = all(expAll), all(logAll)
	s.Tanh, s.Sigmoid, s.Erf = all(tanhAll), all(sigmoidAll), all(erfAll)
	sqrt := s.Sqrt
	s.Sqrt = func(dst, x []float32) {
		n := len(x) &^ 7
		if n > 0 {
			sqrt8(&dst[0], &x[0], n)
		}
		sqrt(dst[n:], x[n:])
	}
	s.Soft.Exp = func(e []float64, x []float32, m, sum float64) float64 {
		if len(x) == 0 {
			return sum
		}
		_ = e[len(x)-1]
		return expLess(&e[0], &x[0], m, sum, len(x))
	}
	s.Soft.Top = func(x []float32, top float32) float32 {
		n := len(x) &^ 7
		if n > 0 {
			top = top8(&x[0], top, n)
		}
		return greater(x[n:], top)
	}
	s.Soft.Less = func(dst, x []float32, m, log float64) {
		if len(x) > 0 {
			_ = dst[len(x)-1]
			lessBoth(&dst[0], &x[0], m, log, len(x))
		}
	}
	s.Soft.Over = func(dst []float32, e []float64, sum float64) {
		if len(e) > 0 {
			_ = dst[len(e)-1]
			quotients(&dst[0], &e[0], sum, len(e))
		}
	}
}

// all is a loop of any length made of one that wants at least one value.
func all(f func(dst, x *float32, n int)) func(dst, x []float32) {
	return func(dst, x []float32) {
		if len(x) > 0 {
			_ = dst[len(x)-1]
			f(&dst[0], &x[0], len(x))
		}
	}
}
