package fmath

import "math"

// Log returns the natural logarithm of x: -Inf for 0, +Inf for +Inf, NaN for
// NaN and below 0.
//
// With x = 2^k·(1+f) and 1+f within sqrt(1/2) to sqrt(2), it is k·ln 2 +
// log(1+f), and log(1+f) = 2·atanh(s) for s = f/(2+f), whose series in s² is
// taken to s^21. As 2s = f - s·f, the leading f stays exact, which keeps the
// error below an ulp also near x = 1.
func Log(x float64) float64 {
	switch {
	case x != x || x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	case x > math.MaxFloat64:
		return x
	}
	k := 0
	if x < 0x1p-1022 {
		x, k = float64(x*0x1p54), -54
	}
	u := math.Float64bits(x)
	k += int(u>>52) - 1023
	m := math.Float64frombits(u&(1<<52-1) | 1023<<52) // within 1 to 2
	if m > math.Sqrt2 {
		m, k = float64(m*0.5), k+1
	}
	f := m - 1
	s := f / (2 + f)
	h := float64(0.5 * float64(f*f))
	// log(1+f) = f - (h - s·(h + tail))
	rest := float64(s * (h + atanhTail(float64(s*s))))
	if k == 0 {
		return f - (h - rest)
	}
	kf := float64(k)
	low := rest + float64(kf*ln2Lo)
	return float64(kf*ln2Hi) - ((h - low) - f)
}

// atanhTail returns 2·atanh(s)/s - 2 given z = s², by pairs.
func atanhTail(z float64) float64 {
	p0 := 2.0/3 + float64(z*(2.0/5))
	p1 := 2.0/7 + float64(z*(2.0/9))
	p2 := 2.0/11 + float64(z*(2.0/13))
	p3 := 2.0/15 + float64(z*(2.0/17))
	p4 := 2.0/19 + float64(z*(2.0/21))
	z2 := float64(z * z)
	z4 := float64(z2 * z2)
	q0 := p0 + float64(z2*p1)
	q1 := p2 + float64(z2*p3)
	return float64(z * (q0 + float64(z4*(q1+float64(z4*p4)))))
}
