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
func expLess(e *float64, x *float32, m float64, n int)

//go:noescape
func lessBoth(dst, x *float32, m, s float64, n int)

//go:noescape
func quotients4(dst *float32, e *float64, d float64, n int)

// vectorUnary replaces the functions of one number, and what a softmax is made of, by their vector forms.
func (s *Unary) vectorUnary() {
	s.Exp, s.Log = all(expAll), all(logAll)
	s.Tanh, s.Sigmoid, s.Erf = all(tanhAll), all(sigmoidAll), all(erfAll)
	sqrt, over := s.Sqrt, s.Soft.Over
	s.Sqrt = func(dst, x []float32) {
		n := len(x) &^ 7
		if n > 0 {
			sqrt8(&dst[0], &x[0], n)
		}
		sqrt(dst[n:], x[n:])
	}
	s.Soft.Exp = func(e []float64, x []float32, m float64) {
		if len(x) > 0 {
			expLess(&e[0], &x[0], m, len(x))
		}
	}
	s.Soft.Less = func(dst, x []float32, m, log float64) {
		if len(x) > 0 {
			lessBoth(&dst[0], &x[0], m, log, len(x))
		}
	}
	s.Soft.Over = func(dst []float32, e []float64, sum float64) {
		n := len(e) &^ 3
		if n > 0 {
			quotients4(&dst[0], &e[0], sum, n)
		}
		over(dst[n:], e[n:], sum)
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
