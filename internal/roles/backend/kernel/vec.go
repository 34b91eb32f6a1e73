//go:build (amd64 || arm64) && !purego

package kernel

import "math"

// The vector loops take n values, n a multiple of 8 and not 0.

//go:noescape
func addVV8(dst, a, b *float32, n int)

//go:noescape
func subVV8(dst, a, b *float32, n int)

//go:noescape
func mulVV8(dst, a, b *float32, n int)

//go:noescape
func divVV8(dst, a, b *float32, n int)

//go:noescape
func addVS8(dst, a *float32, b float32, n int)

//go:noescape
func subVS8(dst, a *float32, b float32, n int)

//go:noescape
func mulVS8(dst, a *float32, b float32, n int)

//go:noescape
func divVS8(dst, a *float32, b float32, n int)

//go:noescape
func subSV8(dst *float32, a float32, b *float32, n int)

//go:noescape
func divSV8(dst *float32, a float32, b *float32, n int)

//go:noescape
func relu8(dst, x *float32, n int)

//go:noescape
func reluGrad8(dst, x, dy *float32, n int)

//go:noescape
func canonical8(x *float32, nan float32, n int)

// elementwise replaces the loops from element to element by their vector forms.
func (s *Set) elementwise() {
	s.Add.vv(addVV8).vs(addVS8).commutes()
	s.Sub.vv(subVV8).vs(subVS8).sv(subSV8)
	s.Mul.vv(mulVV8).vs(mulVS8).commutes()
	s.Div.vv(divVV8).vs(divVS8).sv(divSV8)
	relu, reluGrad, canonical := s.Relu, s.ReluGrad, s.CanonicalNaN
	s.Relu = func(dst, x []float32) {
		n := len(x) &^ 7
		if n > 0 {
			relu8(&dst[0], &x[0], n)
		}
		relu(dst[n:], x[n:])
	}
	s.ReluGrad = func(dst, x, dy []float32) {
		n := len(dst) &^ 7
		if n > 0 {
			reluGrad8(&dst[0], &x[0], &dy[0], n)
		}
		reluGrad(dst[n:], x[n:], dy[n:])
	}
	s.CanonicalNaN = func(x []float32) {
		n := len(x) &^ 7
		if n > 0 {
			canonical8(&x[0], math.Float32frombits(nan32), n)
		}
		canonical(x[n:])
	}
}

// products makes the products of a set those of some tiles.
func (s *Set) products(t *tiles) {
	s.Gemm, s.GemmScratch = t.gemm, t.scratch
	if s.Rules == Fused {
		s.Conv, s.ConvScratch = t.conv, t.convScratch
	}
}

// vv replaces a loop by a vector loop that has the scalar one for its tail; vs and sv do the same for theirs.
func (r *Rows[T, R]) vv(f func(dst *R, a, b *T, n int)) *Rows[T, R] {
	tail := r.VV
	r.VV = func(dst []R, a, b []T) {
		n := len(a) &^ 7
		if n > 0 {
			f(&dst[0], &a[0], &b[0], n)
		}
		tail(dst[n:], a[n:], b[n:])
	}
	return r
}

func (r *Rows[T, R]) vs(f func(dst *R, a *T, b T, n int)) *Rows[T, R] {
	tail := r.VS
	r.VS = func(dst []R, a []T, b T) {
		n := len(a) &^ 7
		if n > 0 {
			f(&dst[0], &a[0], b, n)
		}
		tail(dst[n:], a[n:], b)
	}
	return r
}

func (r *Rows[T, R]) sv(f func(dst *R, a T, b *T, n int)) *Rows[T, R] {
	tail := r.SV
	r.SV = func(dst []R, a T, b []T) {
		n := len(b) &^ 7
		if n > 0 {
			f(&dst[0], a, &b[0], n)
		}
		tail(dst[n:], a, b[n:])
	}
	return r
}

// commutes says that the operands may be exchanged.
func (r *Rows[T, R]) commutes() {
	vs := r.VS
	r.SV = func(dst []R, a T, b []T) { vs(dst, b, a) }
}
