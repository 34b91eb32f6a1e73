package federated

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/model/cell"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/value"
)

// held returns what a node's cell has, one number behind the other; nil where it has none yet.
func (v *virtual) held(node int, slot string) (out []float32) {
	c := v.w.Nodes()[node].Node().Component(slot).(*cell.Component)
	for _, x := range c.State().(*cell.State).Now {
		out = append(out, x.(value.Tensor).Float32()...)
	}
	return out
}

// startOf returns the parameters that a job begins with, one number behind the other.
func startOf(t *testing.T, c Config) (out []float32) {
	t.Helper()
	net, err := c.Net()
	if err != nil {
		t.Fatal(err)
	}
	of, err := model.Config{MLP: c.widths()}.First(net, c.Seed, modelSlot)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range of {
		out = append(out, p.Float32()...)
	}
	return out
}

func (v *virtual) flat() (out []float32) {
	for _, p := range v.params() {
		out = append(out, p.Float32()...)
	}
	return out
}

// TestScaffoldInAJob: in the first round clients step as in FedAvg, and the server as FedAvg's mean says; what each
// keeps is the mean of its gradients, and what the server keeps the mean of that, by the share of the clients that the
// round had. Of one client the control variates are one and the same, and it learns what FedAvg learns.
func TestScaffoldInAJob(t *testing.T) {
	fedavg, err := strategy.Parse("fedavg")
	if err != nil {
		t.Fatal(err)
	}
	for _, cohort := range []int{0, 2} {
		c := small()
		c.Rounds, c.Clients, c.Cohort, c.Weighting = 1, 4, cohort, "uniform"
		x, mean := startOf(t, c), ran(t, c).flat()
		c.Strategy = "scaffold rate=0.5"
		v := ran(t, c)
		for i, got := range v.flat() {
			if want := x[i] + float32((mean[i]-x[i])*0.5); math.Float32bits(got) != math.Float32bits(want) {
				t.Fatalf("a cohort of %d: parameter %d is %v, want %v", cohort, i, got, want)
			}
		}
		var parts [][]float32
		var weights []int64
		for client := range c.Clients {
			if own := v.held(1+client, "kept"); own != nil {
				parts, weights = append(parts, own), append(weights, 1)
			}
		}
		want := make([]float32, len(x))
		if err := fedavg.Fold(want, parts, weights); err != nil || len(parts) != c.cohort() {
			t.Fatalf("%d clients keep something, %v; want %d", len(parts), err, c.cohort())
		}
		moved := 0
		for i, got := range v.held(0, "told") {
			if want := want[i] * float32(len(parts)) / 4; got != want {
				t.Fatalf("a cohort of %d: the server keeps %v of parameter %d, want %v", cohort, got, i, want)
			} else if got != 0 {
				moved++
			}
		}
		if moved < len(x)/2 {
			t.Errorf("the server keeps %d of %d control variates that are not 0", moved, len(x))
		}
	}
	c := small()
	c.Clients = 1
	alone := ran(t, c).flat()
	c.Strategy = "scaffold"
	for i, got := range ran(t, c).flat() {
		if math.Abs(float64(got-alone[i])) > 1e-4 {
			t.Fatalf("one client: parameter %d is %v, and %v of FedAvg", i, got, alone[i])
		}
	}
}

// TestTheServerKeepsTheMeanOfWhatClientsKeep: after some rounds of two of four clients, of which each has another
// number of samples, what the server keeps is the mean of what all clients keep, weighted as their updates are.
func TestTheServerKeepsTheMeanOfWhatClientsKeep(t *testing.T) {
	for _, most := range []int{0, 100} {
		c := small()
		c.Rounds, c.Clients, c.Cohort, c.Alpha, c.MaxSamples, c.Strategy = 6, 4, 2, 0.3, most, "scaffold"
		v := ran(t, c)
		told := v.held(0, "told")
		want, all, seen := make([]float64, len(told)), 0.0, map[int64]bool{}
		for i := range c.Clients {
			n, of := v.samples(1 + i)
			seen[n] = true
			if most > 0 {
				n = min(n, int64(most))
			}
			all += float64(n)
			for k, x := range of {
				want[k] += float64(n) * float64(x)
			}
		}
		if len(seen) < c.Clients {
			t.Fatalf("clients of %v samples: some of as many", seen)
		}
		far, norm := 0.0, 0.0
		for k, x := range told {
			far += math.Pow(float64(x)-want[k]/all, 2)
			norm += math.Pow(want[k]/all, 2)
		}
		if math.Sqrt(far) > 1e-5*math.Sqrt(norm) {
			t.Errorf("max_samples %d: what the server keeps is %g from the mean of what clients keep, which is %g long",
				most, math.Sqrt(far), math.Sqrt(norm))
		}
	}
}

// samples returns how many samples a client has told, and what it keeps; nil where that is nothing.
func (v *virtual) samples(node int) (int64, []float32) {
	members := v.w.Nodes()[0].Node().Component("registry").(*registry.Component)
	n, known := members.Samples(v.w.Nodes()[node].Node().Config().Self)
	if !known {
		v.t.Fatalf("client %d is no member", node)
	}
	return n, v.held(node, "kept")
}

// TestWhatAClientKeepsCounts: the second round has what was kept in the first, so it is not that of FedAvg; by sgd and
// by learning_rate it is the same job; and in 16 bits it is one, whole and in chunks.
func TestWhatAClientKeepsCounts(t *testing.T) {
	c := small()
	c.Rounds = 2
	plain := ran(t, c).model()
	c.Strategy = "scaffold"
	want := ran(t, c)
	if want.model() == plain {
		t.Error("scaffold learns in two rounds what fedavg learns")
	}
	c.Optimizer = fmt.Sprintf("sgd rate=%g", c.LearningRate)
	by := ran(t, c).flat()
	for i, got := range want.flat() {
		if math.Abs(float64(got-by[i])) > 1e-5 {
			t.Fatalf("by an optimizer parameter %d is %v, by learning_rate %v", i, by[i], got)
		}
	}
	c.Optimizer, c.Precision, c.ClientMetrics = "", half.NameBF16, true
	stored := ran(t, c)
	stored.holds(half.NameBF16)
	c.Chunk = 1
	if ran(t, c).model() != stored.model() {
		t.Error("stored in 16 bits, and in chunks, another model")
	}
}

// TestWhatAStrategyRefuses: settings that make nothing of a strategy's formula are refused beside it, in words.
func TestWhatAStrategyRefuses(t *testing.T) {
	for want, set := range map[string]map[string]string{
		"momentum is 0.9; want 0 beside strategy scaffold":  {"momentum": "0.9"},
		"want sgd without momentum and decay beside":        {"optimizer": "adam"},
		"want sgd without momentum and decay beside strate": {"optimizer": "sgd rate=0.1 momentum=0.5"},
		"clip_gradient is 1; want 0 beside":                 {"clip_gradient": "1"},
		"clip is 1; want 0 beside strategy scaffold":        {"clip": "1"},
		`on_failed_round is "skip"; want stop beside`:       {"on_failed_round": "skip"},
		`on_failed_round is "retry"; want stop beside`:      {"on_failed_round": "retry"},
		"clients is 0; want a number beside":                {"clients": "0"},
		"over is 1; want 0 beside":                          {"cohort": "2", "over": "1"},
		"quorum is 2; want 0, which is the whole":           {"quorum": "2"},
		"deadline is 1s; want 0s beside":                    {"deadline": "1s"},
		"min_available is 2; want 0, or all 3 clients":      {"min_available": "2"},
		"clip is 1; want 0 beside strategy feddyn":          {"strategy": "feddyn", "clip": "1"},
		`precision is "bf16"; want f32 beside`:              {"strategy": "feddyn", "precision": "bf16"},
		`precision is "f16"; want f32 beside`:               {"strategy": "feddyn", "precision": "f16"},
		"beside strategy feddyn, whose server keeps":        {"strategy": "feddyn", "deadline": "1s"},
	} {
		if set["strategy"] == "" {
			set["strategy"] = "scaffold"
		}
		_, err := small().With(set)
		if e := new(job.ConfigError); !errors.As(err, &e) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v: %v; want %q", set, err, want)
		}
	}
	for _, set := range []map[string]string{
		{"quorum": "3", "min_available": "3"}, {"cohort": "2", "quorum": "2"}, {"fraction": "0.5"},
		{"precision": "bf16"},
	} {
		set["strategy"] = "scaffold"
		if _, err := small().With(set); err != nil {
			t.Errorf("%v: %v", set, err)
		}
	}
	c := small()
	// Parameters of less than 1 MiB travel whole, but not with as much beside them.
	c.Strategy, c.Hidden = "scaffold", 3000
	if c.large() || !c.chunked() {
		t.Errorf("%d parameters: large is %v, chunked %v", c.parameters(), c.large(), c.chunked())
	}
}

// TestAJobWhoseStatesAreOfTwoMoments: a client that is asked for an earlier round than its last, because the server
// went back, and one that went back itself, end the job in words that name it.
func TestAJobWhoseStatesAreOfTwoMoments(t *testing.T) {
	for _, last := range []int64{9, 0} {
		c := small()
		c.Strategy = "scaffold"
		v := newVirtual(t, c, 0, sim.Network{})
		v.lenient = true
		if err := v.w.Run(time.Hour, func() bool { return len(v.members) > 1 }); err != nil {
			t.Fatal(err)
		}
		v.w.Nodes()[1].Node().Component(keptSlot).(*cell.Component).State().(*cell.State).Round = last
		if err := v.w.Run(time.Hour, func() bool { return v.file != nil || v.failed != "" }); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(v.failed, cell.WentBack) || !strings.Contains(v.failed, "client-00") {
			t.Errorf("the last round of a client is %d: the job says %q", last+1, v.failed)
		}
		if way := c.WayOn("dir", 3, v.failed); !strings.Contains(way, "restore the server and all clients") {
			t.Errorf("the way on is %q", way)
		}
	}
}
