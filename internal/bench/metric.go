package bench

import (
	"slices"
	"time"
)

// Metric is one measured figure, in the form that all benches of the command print as JSON.
type Metric struct {
	Bench       string   `json:"bench"`
	Metric      string   `json:"metric"`
	Value       float64  `json:"value"`
	Unit        string   `json:"unit"`
	Denominator float64  `json:"denominator"` // what the ratio is taken against, in the same unit
	Ratio       float64  `json:"ratio"`       // value ÷ denominator
	Better      string   `json:"better"`      // "lower" or "higher": which way is better, for value and ratio
	Aim         *float64 `json:"aim"`         // what the project aims at; null where none is set
	// "value" or "ratio": which of them the aim is for; empty where none is set
	AimOf string `json:"aim_of"`

	What string `json:"-"` // the denominator in words, for people
}

func metric(bench, name string, value float64, unit string, denominator float64, what string) Metric {
	m := Metric{Bench: bench, Metric: name, Value: value, Unit: unit, Denominator: denominator, What: what,
		Better: "lower"}
	if denominator != 0 {
		m.Ratio = value / denominator
	}
	return m
}

// aim sets what the value is to be.
func (m Metric) aim(x float64) Metric {
	m.Aim, m.AimOf = &x, "value"
	return m
}

// aimRatio sets what the ratio is to be.
func (m Metric) aimRatio(x float64) Metric {
	m.Aim, m.AimOf = &x, "ratio"
	return m
}

// higher says that more is better; without it, less is.
func (m Metric) higher() Metric {
	m.Better = "higher"
	return m
}

// samples is how often a figure is measured; the median counts.
const samples = 7

// perCall returns the median nanoseconds of one call of f, which is called often enough for the clock.
func perCall(f func()) float64 {
	n := 1
	for {
		start := time.Now()
		for range n {
			f()
		}
		if d := time.Since(start); d > 20*time.Millisecond || n > 1<<24 {
			break
		}
		n *= 2
	}
	return median(func() float64 {
		start := time.Now()
		for range n {
			f()
		}
		return float64(time.Since(start).Nanoseconds()) / float64(n)
	})
}

// median calls measure several times and returns the middle figure.
func median(measure func() float64) float64 {
	all := make([]float64, samples)
	for i := range all {
		all[i] = measure()
	}
	slices.Sort(all)
	return all[samples/2]
}

// once returns the nanoseconds of one call of f.
func once(f func()) float64 {
	start := time.Now()
	f()
	return float64(time.Since(start).Nanoseconds())
}
