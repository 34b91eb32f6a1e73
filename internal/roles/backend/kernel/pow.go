package kernel

import (
	"math"

	"github.com/rhizome-ml/rhizome/internal/fmath"
)

// Pow writes x to the power of y along the way of the two broadcast operands. Floats are computed in float64 and
// rounded once; integers with a whole exponent of at least 0 wrap as multiplication does, others are computed in
// float64 and rounded towards zero. dst may be the very slice of x when that has as many elements as the result.
func Pow[T float32 | float64 | int64 | int32](w *Walk, dst, x []T, y []float64) {
	var z T
	whole := false
	switch any(z).(type) {
	case int64, int32:
		whole = true
	}
	sx, sy := w.Step[0], w.Step[1]
	w.Runs(func(at int, off [operandsMax]int) {
		ix, iy := off[0], off[1]
		d := dst[at : at+w.N]
		for i := range d {
			switch e := y[iy]; {
			case whole && e >= 0 && e < 1<<62 && e == math.Floor(e):
				d[i] = powInt(x[ix], uint64(e))
			case whole:
				d[i] = T(truncate(pow(float64(x[ix]), e), -1<<63, math.MaxInt64))
			default:
				d[i] = T(pow(float64(x[ix]), e))
			}
			ix, iy = ix+sx, iy+sy
		}
	})
}

// powInt is x multiplied n times, by squaring.
func powInt[T Number](x T, n uint64) T {
	r := T(1)
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			r = T(r * x)
		}
		x = T(x * x)
	}
	return r
}

// pow is x to the power of y, with the special cases of IEEE 754. Whole exponents of up to 64 are products, one half is
// the square root, and all others are exp(y·log x).
func pow(x, y float64) float64 {
	whole := y == math.Floor(y)
	odd := whole && math.Abs(y) < 1<<53 && int64(y)&1 != 0
	switch {
	case y == 0 || x == 1:
		return 1
	case x != x || y != y:
		return math.NaN()
	case math.IsInf(y, 0):
		switch a := math.Abs(x); {
		case a == 1:
			return 1
		case (a > 1) == (y > 0):
			return math.Inf(1)
		}
		return 0
	case x == 0 || math.IsInf(x, 0):
		r := 0.0
		if (x == 0) == (y < 0) {
			r = math.Inf(1)
		}
		if odd {
			r = math.Copysign(r, x)
		}
		return r
	case x < 0 && !whole:
		return math.NaN()
	case y == 0.5:
		return math.Sqrt(x)
	case whole && math.Abs(y) <= 64:
		r := powInt(x, uint64(math.Abs(y)))
		if y < 0 {
			return 1 / r
		}
		return r
	}
	r := fmath.Exp(float64(y * fmath.Log(math.Abs(x))))
	if odd {
		r = math.Copysign(r, x)
	}
	return r
}
