package federated

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// toldBy returns what the server of a run tells at the end, and the bytes of its best model.
func toldBy(t *testing.T, v *virtual) (*job.Outcome, []byte) {
	t.Helper()
	o := ToldBy(v.w.Nodes()[0].Node())
	if o == nil || o.Err != nil {
		t.Fatalf("the server tells %+v", o)
	}
	var best bytes.Buffer
	if o.Best != nil {
		if _, err := o.BestModel.WriteTo(&best); err != nil {
			t.Fatal(err)
		}
	}
	return o, best.Bytes()
}

// TestProgress: a job that is tested every third round tests those and the last, and trains the same model; one that
// keeps the best has that of a job of so many rounds, to the bit; one that stops early has the model of a job of so
// many rounds, and says why. All of it the same through power failures.
func TestProgress(t *testing.T) {
	c := small()
	c.Rounds, c.LearningRate = 8, 1.5 // too fast, so that the loss rises again
	plain := ran(t, c)
	want, _ := toldBy(t, plain)
	least := 0
	for i, p := range want.History {
		if p.Loss < want.History[least].Loss {
			least = i
		}
	}
	for name, set := range map[string]map[string]string{
		"seldom": {"evaluate_every": "3"}, "best": {"best": "loss"},
		"stop": {"stop": "loss patience=1", "best": "loss"}, "all": {"stop": "loss patience=1 min_delta=0.001",
			"best": "accuracy", "evaluate_every": "2", "chunk": "1", "strategy": "fedavgm"},
	} {
		k, err := c.With(set)
		if err != nil {
			t.Fatal(err)
		}
		whole := ran(t, k)
		o, best := toldBy(t, whole)
		cut := newVirtual(t, k, 5, sim.Network{Latency: sim.Latency{Kind: "uniform", Min: 1e6, Max: 50e6}, Loss: 0.05})
		cut.powerFailures(5)
		cut.run()
		again, bestAgain := toldBy(t, cut)
		if cut.model() != whole.model() || !bytes.Equal(best, bestAgain) || again.Stopped != o.Stopped ||
			o.Best != nil && *again.Best != *o.Best || again.Last.Number != o.Last.Number {
			t.Errorf("%s: power failures make of it %+v", name, again)
		}
		switch name {
		case "seldom":
			if whole.model() != plain.model() || len(o.History) != 8 || o.Stopped != "" || o.Best != nil {
				t.Errorf("seldom tested: another model, or %+v", o)
			}
			for _, p := range o.History {
				tested := p.Round == 3 || p.Round == 6 || p.Round == 8
				if math.IsNaN(float64(p.Loss)) == tested || tested && p.Loss != want.History[p.Round-1].Loss {
					t.Errorf("seldom tested: round %d has the loss %v", p.Round, p.Loss)
				}
			}
		case "best":
			short := c
			short.Rounds = least + 1
			if o.Best.Round != least+1 || o.Best.Metric != "loss" || o.Best.Value != want.History[least].Loss ||
				!bytes.Equal(best, ran(t, short).file) || whole.model() != plain.model() {
				t.Errorf("the best is %+v, want round %d", o.Best, least+1)
			}
		case "stop":
			short := c
			short.Rounds = o.Last.Number
			if o.Last.Number >= 8 || o.Last.Number != o.Best.Round+1 || len(o.History) != o.Last.Number ||
				!strings.Contains(o.Stopped, "the loss has not fallen") || whole.model() != ran(t, short).model() {
				t.Errorf("stopped after round %d of %d: %q, best %+v", o.Last.Number, len(o.History), o.Stopped, o.Best)
			}
		case "all":
			if o.Best == nil || o.Best.Round%2 != 0 {
				t.Errorf("of every second round the best is %+v", o.Best)
			}
		}
	}
}

// TestProgressThatCannotBe: each setting is refused by its name, with what it wants.
func TestProgressThatCannotBe(t *testing.T) {
	for _, bad := range []struct{ key, value, want string }{
		{"evaluate_every", "-1", "1 to 100000"}, {"evaluate_every", "100001", "1 to 100000"},
		{"best", "f1", "loss or accuracy"}, {"stop", "f1 patience=2", "loss or accuracy"},
		{"stop", "loss", "patience=NUMBER"}, {"stop", "loss patience=0", "patience=NUMBER"},
		{"stop", "loss patience=1.5", "patience=NUMBER"}, {"stop", "loss patience=2 patience=3", "patience=NUMBER"},
		{"stop", "loss patience=2 min_delta=-1", "min_delta=NUMBER"}, {"stop", "loss wait=2", "patience=NUMBER"},
		{"stop", "loss patience=2 min_delta=NaN", "min_delta=NUMBER"},
	} {
		_, err := Default().With(map[string]string{bad.key: bad.value})
		var e *job.ConfigError
		if !errors.As(err, &e) || e.Key != bad.key || !strings.Contains(e.Want, bad.want) {
			t.Errorf("%s: %s: %v", bad.key, bad.value, err)
		}
	}
	j, err := job.Parse(Kind{}, "mine.yaml", []byte("name: mine\nstop: {loss: {patience: 5, min_delta: 0.001}}\n"))
	if err != nil || j.Get("stop") != "loss patience=5 min_delta=0.001" {
		t.Errorf("%v, %v", j, err)
	}
}
