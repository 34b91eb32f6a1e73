package strategy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/strategy"
)

// as reads a strategy as another platform has it.
func as(text, platform string) (strategy.Chosen, error) {
	c, err := strategy.Parse(text)
	if err != nil {
		return c, err
	}
	return c.As(platform)
}

// TestAsFlwrHasThem: the one word gives what flwr 1.42.0 gives, for each strategy that it defines otherwise, and what a
// job says itself stays as it says; each other one is refused with the reason.
func TestAsFlwrHasThem(t *testing.T) {
	for text, want := range map[string]string{
		"fedadam":                "fedadam rate=0.1 beta1=0.9 beta2=0.99 tau=1e-09 flwr=1",
		"fedadam rate=0.03":      "fedadam rate=0.03 beta1=0.9 beta2=0.99 tau=1e-09 flwr=1",
		"fedadam flwr=0":         "fedadam rate=0.1 beta1=0.9 beta2=0.99 tau=1e-09 flwr=0",
		"fedyogi":                "fedyogi rate=0.01 beta1=0.9 beta2=0.99 tau=0.001 flwr=1",
		"fedadagrad":             "fedadagrad rate=0.1 beta1=0 tau=1e-09 flwr=1",
		"fedavgm":                "fedavgm momentum=0 rate=1",
		"fedavgm  momentum=0.5":  "fedavgm momentum=0.5 rate=1",
		"multi-krum f=2":         "multi-krum f=2 keep=1 flwr=1",
		"multi-krum f=1\tkeep=3": "multi-krum f=1 keep=3 flwr=1",
	} {
		c, err := as(text, "flwr")
		if err != nil || c.String() != want {
			t.Errorf("%q is %s, %v; want %s", text, c, err, want)
		}
	}
	const has = "want one that flwr 1.42.0 defines otherwise (fedadagrad, fedadam, fedavgm, fedyogi, multi-krum): "
	for _, name := range strategy.Names() {
		if strings.Contains(has, name+",") || strings.Contains(has, name+")") {
			continue
		}
		reason := map[string]string{"fedavg": "the same", "median": "the same",
			"fedprox": "the loop that its users write", "trimmed-mean": "0.29 of 100", "krum": "2f+3",
			"bulyan": "the same", "qfedavg": "one loss"}[name]
		if reason == "" {
			reason = "none that is called so"
		}
		_, err := as(name, "flwr")
		if err == nil || !strings.Contains(err.Error(), has) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v; want %q", name, err, reason)
		}
	}
	for text, platform := range map[string]string{"fedadam": "other", "nothing": "flwr",
		"fedadam rate=-1": "flwr"} {
		if _, err := as(text, platform); err == nil {
			t.Errorf("%s as %s is taken", text, platform)
		}
	}
}

// TestFlwrOfOneWord: rounds of what the word gives are those that flwr 1.42.0 computed.
func TestFlwrOfOneWord(t *testing.T) {
	for _, c := range peerCases(t) {
		for _, name := range []string{"fedadam", "fedyogi", "fedadagrad"} {
			s, err := as(name, "flwr")
			if err != nil {
				t.Fatal(err)
			}
			if off := c.off(t, s.String(), nil, behindRound3(t, c.Name, name)); !(off <= 1e-6) {
				t.Errorf("case %s: %s is off by %g", c.Name, s, off)
			}
		}
		// momentum is 0 where it is not given: the mean
		mean, err := as("fedavgm", "flwr")
		if err != nil {
			t.Fatal(err)
		}
		var want [][]float32
		for _, p := range c.Result["fedavg"] {
			want = append(want, flat(t, p))
		}
		if off := c.off(t, mean.String(), nil, want); !(off <= 1e-6) {
			t.Errorf("case %s: %s is off by %g", c.Name, mean, off)
		}
	}
}

// TestFlwrKeepsOne: of several updates the one that is kept is that of Krum, and more of them are weighted by samples
// (see TestRobustAsThePeer, by which they are what flwr gives).
func TestFlwrKeepsOne(t *testing.T) {
	s, err := as("multi-krum f=1", "flwr")
	if err != nil {
		t.Fatal(err)
	}
	krum, err := strategy.Parse("krum f=1")
	if err != nil {
		t.Fatal(err)
	}
	j := strategy.Judged{Weights: []int64{3, 1, 4, 1, 5}}
	at := []float64{0, 1, 1.5, 2.5, 9, 3} // points on a line, and the parameters before
	for _, a := range at {
		var row []float64
		for _, b := range at {
			row = append(row, (a-b)*(a-b))
		}
		j.Squares = append(j.Squares, row)
	}
	got, err := s.Weigh(j)
	want, err2 := krum.Weigh(j)
	if err != nil || err2 != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("it weighs %v, %v; want %v, %v", got, err, want, err2)
	}
}
