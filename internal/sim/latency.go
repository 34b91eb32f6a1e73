package sim

import (
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/fmath"
)

// Latency is a distribution of times. The zero value is no time at all.
type Latency struct {
	Kind string        // constant, uniform, exponential, lognormal, pareto; "" is constant
	Min  time.Duration // the least; of constant: the value
	Mean time.Duration // of exponential and lognormal: of what comes on top of Min; of pareto: the scale
	Max  time.Duration // of uniform: the most; of the others a bound, 0 for none
	Tail float64       // of lognormal: the standard deviation of the logarithm; of pareto: the exponent
}

// LatencyError says which part of a distribution is not possible.
type LatencyError struct{ What, Want string }

// Error names the part and what would be right.
func (e *LatencyError) Error() string { return fmt.Sprintf("latency: %s; want %s", e.What, e.Want) }

// Validate returns nil or a *LatencyError.
func (l Latency) Validate() error {
	if l.Min < 0 || l.Mean < 0 || l.Max < 0 || l.Tail < 0 || l.Max != 0 && l.Max < l.Min {
		return &LatencyError{"a negative part, or a most below the least", "0 <= min <= max, mean >= 0, tail >= 0"}
	}
	switch l.Kind {
	case "", "constant", "exponential":
	case "uniform":
		if l.Max < l.Min {
			return &LatencyError{fmt.Sprintf("max is %v", l.Max), "a max of at least min"}
		}
	case "lognormal":
		if l.Tail > 4 {
			return &LatencyError{fmt.Sprintf("tail is %v", l.Tail), "0 to 4"}
		}
	case "pareto":
		if l.Tail <= 0 || l.Mean == 0 {
			return &LatencyError{"pareto without mean and tail", "a scale (mean) and an exponent (tail) above 0"}
		}
	default:
		return &LatencyError{fmt.Sprintf("kind is %q", l.Kind), "constant, uniform, exponential, lognormal or pareto"}
	}
	return nil
}

// draw returns a time in nanoseconds.
func (l *Latency) draw(c *Chance) int64 {
	t := int64(l.Min)
	switch l.Kind {
	case "", "constant":
		return t
	case "uniform":
		return t + int64(float64(c.Float()*float64(l.Max-l.Min)))
	case "exponential":
		t += int64(float64(-fmath.Log(1-c.Float()) * float64(l.Mean)))
	case "lognormal":
		sd := l.Tail
		t += int64(float64(fmath.Exp(float64(sd*c.normal())-float64(sd*sd)/2) * float64(l.Mean)))
	case "pareto":
		t += int64(float64(fmath.Exp(-fmath.Log(1-c.Float())/l.Tail) * float64(l.Mean)))
	}
	if l.Max != 0 {
		t = min(t, int64(l.Max))
	}
	return min(max(t, 0), int64(24*time.Hour))
}

// Draw returns a time.
func (l Latency) Draw(c *Chance) time.Duration { return time.Duration(l.draw(c)) }

// spread is the mean of the times that the distribution gives beyond its least, roughly: how far a packet may fall
// behind.
func (l *Latency) spread() int64 {
	if l.Kind == "uniform" {
		return int64(l.Max-l.Min) / 2
	}
	return int64(l.Mean)
}
