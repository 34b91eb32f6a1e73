package draw

import (
	"math"

	"github.com/rhizome-ml/rhizome/internal/fmath"
)

// Normal returns a number of the standard normal distribution, by the polar method (Marsaglia and Bray, 1964). Each
// call makes a new pair and drops the second, so that the stream has no memory but its position.
func (s *Stream) Normal() float64 {
	for {
		u := float64(2*s.Float()) - 1
		v := float64(2*s.Float()) - 1
		q := float64(u*u) + float64(v*v)
		if q >= 1 || q == 0 {
			continue
		}
		return float64(u * math.Sqrt(float64(-2*fmath.Log(q))/q))
	}
}

// Gamma returns a number of the gamma distribution with the shape alpha > 0 and scale 1 (Marsaglia and Tsang, "A Simple
// Method for Generating Gamma Variables", 2000; a shape below 1 by their section 6). It can be 0 where the true value
// is below the smallest float64.
func (s *Stream) Gamma(alpha float64) float64 {
	if alpha < 1 {
		g := s.Gamma(alpha + 1)
		u := 1 - s.Float() // in (0, 1], so that its logarithm is finite
		return float64(g * fmath.Exp(float64(fmath.Log(u)/alpha)))
	}
	d := alpha - 1.0/3.0
	c := 1 / math.Sqrt(float64(9*d))
	for {
		x := s.Normal()
		t := 1 + float64(c*x)
		if t <= 0 {
			continue
		}
		v := float64(float64(t*t) * t)
		u := 1 - s.Float()
		// log(u) < x²/2 + d(1 - v + log v)
		bound := float64(float64(x*x)/2) + float64(d*(1-v+fmath.Log(v)))
		if fmath.Log(u) < bound {
			return float64(d * v)
		}
	}
}

// Dirichlet returns n proportions that sum to 1, up to rounding, of the symmetric Dirichlet distribution with the
// concentration alpha > 0: the smaller alpha is, the more of the whole falls to one. Where all draws vanish, the whole
// falls to a uniformly drawn one.
func (s *Stream) Dirichlet(n int, alpha float64) []float64 {
	p, sum := make([]float64, n), 0.0
	for i := range p {
		p[i] = s.Gamma(alpha)
		sum += p[i]
	}
	if sum == 0 {
		p[s.Below(n)] = 1
		return p
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}
