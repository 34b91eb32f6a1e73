package federated

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
)

// params returns the parameters of the model that a job has come to.
func (v *virtual) params() []*tensor.Tensor {
	v.t.Helper()
	p, err := v.w.Nodes()[0].Node().Component(modelSlot).(*model.Component).Params()
	if err != nil {
		v.t.Fatal(err)
	}
	return p
}

func ran(t *testing.T, c Config) *virtual {
	t.Helper()
	v := newVirtual(t, c, 0, sim.Network{})
	v.run()
	return v
}

// names are those of the strategies that have a server.
func names() []string {
	return slices.DeleteFunc(strategy.Names(), func(name string) bool {
		s, err := strategy.Parse(name)
		return err == nil && s.Family == "decentralised"
	})
}

// TestStrategyInAJob: the built-in job file names every strategy, and a job that names none, or settings that it does
// not take, is refused with what would be right.
func TestStrategyInAJob(t *testing.T) {
	text, err := builtinFiles.ReadFile("builtin/digits.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names() {
		if !strings.Contains(string(text), name) {
			t.Errorf("the built-in job does not name %s", name)
		}
	}
	for text, want := range map[string]string{
		"nothing":       `strategy is "nothing"; want one of ` + strings.Join(strategy.Names(), ", "),
		"d-psgd":        `strategy is "d-psgd"; want one of a job with a server`,
		"fedprox nu=1":  `strategy is "nu=1"; want fedprox with any of mu=0.01, each once`,
		"fedprox mu=-1": `strategy is "mu=-1"; want mu=NUMBER from 0 to 100`,
	} {
		_, err := small().With(map[string]string{"strategy": text})
		if e := new(job.ConfigError); !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
	_, err = small().With(map[string]string{"strategy": "fedavgm", "on_failed_round": "skip"})
	if err == nil || !strings.Contains(err.Error(), "stop or retry beside strategy fedavgm") {
		t.Errorf("fedavgm that skips a round: %v", err)
	}
}

// TestAnyStrategyAnySizeAnyFault: each strategy gives the same bits whether its parameters travel whole or in chunks,
// and through power failures anywhere on a network that loses, doubles and reorders.
func TestAnyStrategyAnySizeAnyFault(t *testing.T) {
	seen := map[string]string{}
	for _, name := range names() {
		c := small()
		c.Rounds, c.Strategy = 3, name
		if s, err := strategy.Parse(name); err != nil {
			t.Fatal(err)
		} else if s.Stale != nil {
			continue // what it learns is a matter of timing: see TestVersionsAreTheirReplay
		} else if s.Statistics {
			c = normed(t, c)
		} else if s.Needs != nil {
			c.Clients = max(c.Clients, s.Least()+1) // one more: Krum of as few as it needs is a draw of lots
		}
		want := ran(t, c).model()
		if other, there := seen[want]; there {
			t.Errorf("%s learns what %s learns", name, other)
		}
		if name != "ditto" { // its one model of all is that of fedavg
			seen[want] = name
		}
		c.Chunk = 1
		if got := ran(t, c).model(); got != want {
			t.Errorf("%s in chunks: another model", name)
		}
		for _, chunk := range []int{0, 1} {
			c.Chunk = chunk
			v := newVirtual(t, c, 3, sim.Network{
				Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 100 * time.Millisecond}, Loss: 0.05,
				Duplicate: 0.2, Reorder: 0.2,
			})
			v.powerFailures(3)
			v.run()
			if got := v.model(); got != want || v.crashes() == 0 {
				t.Errorf("%s in chunks of %d: after %d power failures another model", name, chunk, v.crashes())
			}
		}
	}
}

// TestFedAvgMIsItsFormula: a round of it, computed again from what FedAvg gives: the velocity is what the mean changes,
// and a share of the one before, which is zero.
func TestFedAvgMIsItsFormula(t *testing.T) {
	c := small()
	c.Rounds = 1
	net, err := c.Net()
	if err != nil {
		t.Fatal(err)
	}
	first, err := model.Config{MLP: c.widths()}.First(net, c.Seed, modelSlot)
	if err != nil {
		t.Fatal(err)
	}
	mean := ran(t, c).params()
	c.Strategy = "fedavgm momentum=0.5 rate=0.25"
	got := ran(t, c).params()
	for i := range got {
		for k, x := range got[i].Float32() {
			g := first[i].Float32()[k]
			v := float32(0*g)*0.5 + (mean[i].Float32()[k] - g)
			if want := g + float32(v*0.25); math.Float32bits(x) != math.Float32bits(want) {
				t.Fatalf("parameter %d, element %d: %v, want %v", i, k, x, want)
			}
		}
	}
}

// TestFedProxWithoutPullIsFedAvg: with mu=0 nothing draws a client back; with a strong pull it stays near where it
// began.
func TestFedProxWithoutPullIsFedAvg(t *testing.T) {
	c := small()
	c.Rounds = 2
	plain := ran(t, c)
	c.Strategy = "fedprox mu=0"
	if ran(t, c).model() != plain.model() {
		t.Error("mu=0 gives another model than fedavg")
	}
	net, err := c.Net()
	if err != nil {
		t.Fatal(err)
	}
	first, err := model.Config{MLP: c.widths()}.First(net, c.Seed, modelSlot)
	if err != nil {
		t.Fatal(err)
	}
	distance := func(v *virtual) (d float64) {
		for i, p := range v.params() {
			for k, x := range p.Float32() {
				d += math.Pow(float64(x-first[i].Float32()[k]), 2)
			}
		}
		return math.Sqrt(d)
	}
	c.Strategy = "fedprox mu=5"
	if far, near := distance(plain), distance(ran(t, c)); near > 0.8*far {
		t.Errorf("drawn back, it goes %.3f; not drawn back, %.3f", near, far)
	}
}
