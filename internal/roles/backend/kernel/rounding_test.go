package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fmath"
)

// near is how close, in last places of float64, a value must be to where the rounding to float32 turns for the exact
// value to be asked; it is many times the bounds of package fmath.
const near = 16

// rounded says of a function what its float32 results are beside the exact ones: bound is that of its float64 value in
// last places, wrong how many of all inputs do not give the nearest float32, because the float64 value fell on the
// other side of where the rounding turns, or on it.
type rounded struct {
	f     func(float64) float64
	exact func(x, y float64) *big.Float // y is what f gave
	bound float64
	wrong int
}

func roundedFunctions() map[string]rounded {
	return map[string]rounded{
		"exp":     {fmath.Exp, func(x, _ float64) *big.Float { return exactExp(number(x)) }, 1, 0},
		"log":     {fmath.Log, exactLog, 1, 5},
		"tanh":    {fmath.Tanh, exactTanh, 2, 0},
		"sigmoid": {fmath.Sigmoid, exactSigmoid, 3, 78},
		"erf":     {fmath.Erf, exactErf, 1, 0},
		"sqrt":    {Sqrt[float64], func(x, _ float64) *big.Float { return number(0).Sqrt(number(x)) }, 0.51, 0},
	}
}

// Each function on both sets of loops gives the bits of the scalar one; these are the float32 nearest to the exact
// value but where the table says, and there they are beyond half a last place by less than 2^-25 of one. With
// RHIZOME_EXHAUSTIVE=1 that is asked of all 2^32 inputs, some minutes for each function, else of some of each binade.
func TestElementaryRounding(t *testing.T) {
	all := os.Getenv("RHIZOME_EXHAUSTIVE") != ""
	for name, f := range roundedFunctions() {
		t.Run(name, func(t *testing.T) {
			c := rounding{t: t, rounded: f, loop: elementary(Best(Rounded))[name], got: make([]float32, 1<<16)}
			if !all {
				c.check(strata(rand.New(rand.NewPCG(13, 6)), 40), 16)
			} else {
				x := make([]float32, 1<<16)
				for high := range uint32(1 << 16) {
					for low := range x {
						x[low] = math.Float32frombits(high<<16 | uint32(low))
					}
					if c.check(x, 1<<14); high%(1<<12) == 1<<12-1 {
						t.Logf("%d inputs: %v", c.seen, c.result)
					}
				}
			}
			if t.Logf("%d inputs: %+v", c.seen, c.result); all && c.off != f.wrong || c.off > f.wrong {
				t.Errorf("%d results are not the nearest; want %d", c.off, f.wrong)
			}
			if c.worst64 >= f.bound || c.worst32 > 0.5+0x1p-25 {
				t.Errorf("off by %g last places in float64 and by %g in float32", c.worst64, c.worst32)
			}
		})
	}
}

// rounding is one function on its way through inputs.
type rounding struct {
	t *testing.T
	rounded
	loop func(dst, x []float32)
	got  []float32
	result
}

// result is what was found: the inputs, how many were asked of the exact value because they are near where the rounding
// turns, how many results are not the nearest, and the greatest errors that were seen.
type result struct {
	seen, asked, off int
	worst64, worst32 float64
}

// check holds the loop to the scalar function, and the results to exact ones: where they are near a turn, and for each
// every-th input anyway.
func (c *rounding) check(x []float32, every int) {
	for len(x) > len(c.got) {
		c.check(x[:len(c.got)], every)
		x = x[len(c.got):]
	}
	c.loop(c.got, x)
	for i, v := range x {
		y := c.f(float64(v))
		r := float32(y)
		if math.Float32bits(r) != math.Float32bits(c.got[i]) {
			c.t.Fatalf("of %g (%08x): %g and %g", v, math.Float32bits(v), r, c.got[i])
		}
		bits := math.Float64bits(y)
		turns := math.Float32bits(float32(math.Float64frombits(bits-near))) !=
			math.Float32bits(float32(math.Float64frombits(bits+near)))
		if (turns || i%every == 0) && y == y && y != 0 && math.Abs(y) <= math.MaxFloat64 {
			c.ask(v, y, turns)
		}
	}
	c.seen += len(x)
}

// ask compares y and its float32 with the exact value.
func (c *rounding) ask(x float32, y float64, turns bool) {
	want := c.exact(float64(x), y)
	off, _ := new(big.Float).Sub(number(y), want).Float64()
	if math.Abs(y) >= 0x1p-1022 {
		c.worst64 = max(c.worst64, math.Abs(off)/(math.Nextafter(math.Abs(y), math.Inf(1))-math.Abs(y)))
	}
	if turns {
		c.asked++
	}
	r := float32(y)
	if nearest, _ := want.Float32(); nearest == r {
		return
	}
	c.off++
	size := math.Abs(float64(r))
	off, _ = new(big.Float).Sub(number(float64(r)), want).Float64()
	c.worst32 = max(c.worst32, math.Abs(off)/(float64(math.Nextafter32(float32(size), math.MaxFloat32))-size))
	c.t.Logf("of %g (%08x): %g, and the nearest is %g", x, math.Float32bits(x), r, nearest32(want))
}

func nearest32(x *big.Float) float32 {
	y, _ := x.Float32()
	return y
}

// number is x with 320 bits.
func number(x float64) *big.Float { return new(big.Float).SetPrec(320).SetFloat64(x) }

// exactExp is the Taylor series of e^x after x was halved 24 times.
func exactExp(x *big.Float) *big.Float {
	r := number(0).SetMantExp(x, -24)
	sum, term := number(1), number(1)
	for i := 1.0; i < 30; i++ {
		term.Mul(term, r).Quo(term, number(i))
		sum.Add(sum, term)
	}
	for range 24 {
		sum.Mul(sum, sum)
	}
	return sum
}

// exactLog improves y = log(x), to the third order in its error, by 2·(x - e^y)/(x + e^y).
func exactLog(x, y float64) *big.Float {
	e := exactExp(number(y))
	d := number(0).Sub(number(x), e)
	d.Quo(d.Mul(d, number(2)), e.Add(e, number(x)))
	return d.Add(d, number(y))
}

// exactTanh is 1 to 140 bits beyond 50.
func exactTanh(x, y float64) *big.Float {
	if math.Abs(x) > 50 {
		return number(y)
	}
	e := exactExp(number(2 * x))
	d := number(0).Sub(e, number(1))
	return d.Quo(d, e.Add(e, number(1)))
}

// exactSigmoid is 1 to 140 bits beyond 100.
func exactSigmoid(x, y float64) *big.Float {
	if x > 100 {
		return number(y)
	}
	e := exactExp(number(-x))
	return e.Quo(number(1), e.Add(e, number(1)))
}

// exactErf is the series Σ (-1)^n·x^(2n+1)/(n!·(2n+1)) times 2/√π. Beyond 7 it is 1 to 70 bits.
func exactErf(x, y float64) *big.Float {
	if math.Abs(x) > 7 {
		return number(y)
	}
	z := number(0).Mul(number(x), number(-x))
	sum, term := number(0), number(x)
	for n := 0.0; n < 300; n++ {
		part := number(0).Quo(term, number(2*n+1))
		sum.Add(sum, part)
		term.Mul(term, z).Quo(term, number(n+1))
		if part.Sign() == 0 || part.MantExp(nil) < sum.MantExp(nil)-200 {
			break
		}
	}
	return sum.Mul(sum, number(0).Quo(number(2), number(0).Sqrt(pi())))
}

// pi is 16·atan(1/5) - 4·atan(1/239).
func pi() *big.Float {
	atan := func(d float64) *big.Float {
		sum, term := number(0), number(0).Quo(number(1), number(d))
		for n := 0.0; n < 80; n++ {
			part := number(0).Quo(term, number(2*n+1))
			sum.Add(sum, part)
			term.Quo(term, number(-d*d))
		}
		return sum
	}
	a := number(0).Mul(number(16), atan(5))
	return a.Sub(a, number(0).Mul(number(4), atan(239)))
}
