package sim

import (
	"math"
	"math/bits"
	"time"

	"github.com/rhizome-ml/rhizome/internal/fmath"
)

// Chance is a source of random numbers for simulations: small, fast, and a plain value. It is thread-unsafe.
type Chance struct{ state uint64 }

// NewChance returns the source of a purpose: equal seeds and purposes give equal numbers.
func NewChance(seed, purpose uint64) Chance {
	return Chance{mix(seed ^ mix(purpose+0x9e3779b97f4a7c15))}
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Uint64 returns 64 bits. With it, a *Chance is a rand.Source.
func (c *Chance) Uint64() uint64 {
	c.state += 0x9e3779b97f4a7c15
	return mix(c.state)
}

// Below returns a number in [0, n), nearly uniform: the bias is below n/2^64. For n < 1 it returns 0.
func (c *Chance) Below(n int) int {
	if n < 1 {
		return 0
	}
	hi, _ := bits.Mul64(c.Uint64(), uint64(n))
	return int(hi)
}

// Float returns a uniform multiple of 2^-53 in [0, 1).
func (c *Chance) Float() float64 { return float64(c.Uint64()>>11) * (1.0 / (1 << 53)) }

// Hit says yes with probability p. It draws one number, whatever p is.
func (c *Chance) Hit(p float64) bool { return c.Float() < p }

// Between returns a duration evenly drawn from [lo, hi).
func (c *Chance) Between(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	n, _ := bits.Mul64(c.Uint64(), uint64(hi-lo)) // an int has too few bits for it on some machines
	return lo + time.Duration(n)
}

// normal returns a standard normal number by the polar method (Marsaglia, 1964), with the same bits on every machine.
func (c *Chance) normal() float64 {
	for {
		u, v := 2*c.Float()-1, 2*c.Float()-1
		s := float64(u*u) + float64(v*v)
		if s > 0 && s < 1 {
			return u * math.Sqrt(-2*fmath.Log(s)/s)
		}
	}
}
