package federated

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/value"
)

// eventHeard tells the parameters that a round began with, and behind them the mean of its updates.
const eventHeard = "heard"

// overheard runs a job whose server also tells what its strategy sees of each round.
func overheard(t *testing.T, c Config) *virtual {
	t.Helper()
	j, err := c.newFedavg()
	if err != nil {
		t.Fatal(err)
	}
	server := j.strategy.Server
	j.strategy.Server = func(s *strategy.Server) ([]graph.Value, [][]graph.Value) {
		s.AppEmit(eventHeard, s.Bundle(slices.Concat(s.Global, s.Mean)...))
		return server(s)
	}
	choreography, err := j.record()
	if err != nil {
		t.Fatal(err)
	}
	art, _, err := compile.Compile(choreography, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := newVirtualOf(t, c, art, 0, sim.Network{})
	v.run()
	return v
}

// stepper is the server's step of one parameter in float64: it takes the parameter and the mean of a round, counted
// from 1, and returns the next parameter. What it keeps is its own.
type stepper func(round int, global, mean float64) float64

// fedoptOf is algorithm 2 of Reddi and others, with v beginning as tau².
func fedoptOf(rate, beta1, tau float64, squares func(v, dd float64) float64) func() stepper {
	return func() stepper {
		m, v := 0.0, tau*tau
		return func(_ int, global, mean float64) float64 {
			d := mean - global
			m = float64(beta1*m) + float64((1-beta1)*d)
			v = squares(v, d*d)
			return global + float64(rate*m)/(math.Sqrt(v)+tau)
		}
	}
}

// TestServerOptimizersAreTheirFormulas: five rounds of each in a job, every one computed again in plain Go from the
// mean that the server saw. The first settings are those at which v is much smaller than tau², the second much larger.
func TestServerOptimizersAreTheirFormulas(t *testing.T) {
	adam := func(v, dd float64) float64 { return float64(0.9*v) + float64(0.1*dd) }
	yogi := func(v, dd float64) float64 {
		switch {
		case v > dd:
			return v - float64(0.1*dd)
		case v < dd:
			return v + float64(0.1*dd)
		}
		return v
	}
	adagrad := func(v, dd float64) float64 { return v + dd }
	for text, begin := range map[string]func() stepper{
		"fedadam rate=1 beta1=0.8 beta2=0.9 tau=1":       fedoptOf(1, 0.8, 1, adam),
		"fedadam rate=0.05 beta1=0.8 beta2=0.9 tau=1e-3": fedoptOf(0.05, 0.8, 1e-3, adam),
		"fedadam rate=0.05 beta1=0.8 beta2=0.9 flwr=1": func() stepper {
			m, v := 0.0, 0.0
			return func(round int, global, mean float64) float64 {
				d, power := mean-global, float64(round+1)
				m = float64(0.8*m) + float64(0.2*d)
				v = adam(v, d*d)
				rate := 0.05 * math.Sqrt(1-math.Pow(0.9, power)) / (1 - math.Pow(0.8, power))
				return global + float64(rate*m)/(math.Sqrt(v)+1e-3)
			}
		},
		"fedyogi rate=1 beta1=0.8 beta2=0.9 tau=1":       fedoptOf(1, 0.8, 1, yogi),
		"fedyogi rate=0.05 beta1=0.8 beta2=0.9 tau=1e-3": fedoptOf(0.05, 0.8, 1e-3, yogi),
		"fedadagrad rate=1 beta1=0.2 tau=1":              fedoptOf(1, 0.2, 1, adagrad),
		"fedadagrad rate=0.05 tau=1e-3":                  fedoptOf(0.05, 0, 1e-3, adagrad),
		"diloco rate=0.7 momentum=0.8": func() stepper {
			v := 0.0
			return func(_ int, global, mean float64) float64 {
				d := mean - global
				v = float64(0.8*v) + d
				return global + float64(0.7*(d+float64(0.8*v)))
			}
		},
	} {
		c := small()
		c.Rounds, c.Strategy = 5, text
		v := overheard(t, c)
		if len(v.heard) != c.Rounds {
			t.Fatalf("%s: %d rounds were heard", text, len(v.heard))
		}
		var last []value.Value
		for _, p := range v.params() {
			last = append(last, value.Tensor{Tensor: p})
		}
		worst := 0.0
		for i := range last {
			of := func(round, at int) []float32 {
				if round == c.Rounds {
					return last[i].(value.Tensor).Float32()
				}
				return v.heard[round][at].(value.Tensor).Float32()
			}
			for k := range of(0, i) {
				step := begin()
				for r := range c.Rounds {
					want := step(r+1, float64(of(r, i)[k]), float64(of(r, i+len(last))[k]))
					off := math.Abs(float64(of(r+1, i)[k]) - want)
					if worst = max(worst, off); off > 1e-6 || math.IsNaN(off) {
						t.Fatalf("%s: parameter %d, element %d behind round %d is %v, want %v", text, i, k, r+1,
							of(r+1, i)[k], want)
					}
				}
			}
		}
		t.Logf("%s: off by %.1e at most", text, worst)
	}
}

// TestCompatible: the word has a job's strategy do what flwr does, to the bit as its settings do; where there is
// nothing that it could say it is refused with the reason.
func TestCompatible(t *testing.T) {
	c := small()
	c.Rounds, c.Strategy = 2, "fedadam rate=0.05"
	plain := ran(t, c).model()
	c.Compatible = "flwr"
	theirs := ran(t, c).model()
	c.Compatible, c.Strategy = "", "fedadam rate=0.05 tau=1e-9 flwr=1"
	if settings := ran(t, c).model(); theirs == plain || theirs != settings {
		t.Errorf("compatible: flwr gives %.8s, its settings %.8s, and without it %.8s", theirs, settings, plain)
	}
	for _, x := range [][3]string{
		{"fedavg", "flwr", `compatible is "flwr"; want nothing beside strategy fedavg, or one that flwr`},
		{"fedbuff", "flwr", "it has none that is called so"},
		{"krum f=0", "flwr", "2f+3"},
		{"fedadam", "other", `compatible is "other"; want flwr, or nothing`},
		{"fedadam rate=-1", "flwr", `strategy is "rate=-1"`},
		{"multi-krum f=0 keep=2", "flwr", ""},
	} {
		_, err := small().With(map[string]string{"strategy": x[0], "compatible": x[1]})
		if (err == nil) != (x[2] == "") || err != nil && !strings.Contains(err.Error(), x[2]) {
			t.Errorf("%s, compatible %s: %v; want %q", x[0], x[1], err, x[2])
		}
	}
}
