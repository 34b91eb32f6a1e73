package gossip

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
)

// stepJob is a job whose nodes go in step.
func stepJob(t *testing.T, more string) Config {
	t.Helper()
	j, err := job.Parse(Kind{}, "mine.yaml", []byte("name: mine\nkind: gossip\nstrategy: d-psgd\ntopology: ring\n"+
		"data: digits\nmodel: {mlp: [8]}\ntrain: {batch: 64, learning_rate: 0.3}\nnodes: 4\nrounds: 6\n"+more))
	if err != nil {
		t.Fatal(err)
	}
	return j.(Config)
}

// ends returns the models of all nodes, and how many rounds each is through.
func (f *flock) ends(cfg Config) (models [][]byte, rounds []uint64) {
	f.t.Helper()
	for _, n := range f.nodes {
		b, err := cfg.Model(n)
		if err != nil {
			f.t.Fatal(err)
		}
		models, rounds = append(models, b), append(rounds, counter(n, CountMerges))
	}
	return models, rounds
}

// TestInStep: nodes that go in step come to the same models to the bit, whatever is lost and doubled on the way, and
// whichever of them are replaced by what their snapshots say.
func TestInStep(t *testing.T) {
	cfg := stepJob(t, "")
	plain := newFlock(t, cfg)
	plain.run(time.Minute)
	want, rounds := plain.ends(cfg)
	for i, n := range rounds {
		if n != 6 {
			t.Fatalf("node %d is through %d rounds", i, n)
		}
	}
	if bytes.Equal(want[0], want[1]) {
		t.Error("two nodes have the same model: the test sees nothing")
	}
	f, times := newFlock(t, cfg), 0
	f.drop, f.twice = 0.2, 0.2
	f.restore = func(step uint64) bool {
		if step%11 == 0 {
			times++
		}
		return step%11 == 0
	}
	f.run(5 * time.Minute)
	got, _ := f.ends(cfg)
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("node %d has another model after %d restores", i, times)
		}
	}
}

// TestInStepWithoutOne: a node that is gone holds up its neighbours for no longer than the deadline in each round.
func TestInStepWithoutOne(t *testing.T) {
	cfg := stepJob(t, "deadline: 2s\n")
	f := newFlock(t, cfg)
	f.gone = 3
	f.run(40 * time.Second)
	_, rounds := f.ends(cfg)
	for i, n := range rounds {
		if want := uint64(6); i != 3 && n != want {
			t.Errorf("node %d is through %d rounds, want %d", i, n, want)
		}
	}
}

// TestInStepIsRefused: what nodes in step cannot be combined with is refused by its name.
func TestInStepIsRefused(t *testing.T) {
	for text, key := range map[string]string{
		"strategy: fedavg": "strategy", "strategy: d-psgd": "strategy", "deadline: 3s": "deadline",
		"strategy: d-psgd\nmlp: 8\ndiscovery: exchange":        "discovery",
		"strategy: d-psgd\nmlp: 8\nalone: true":                "alone",
		"strategy: d-psgd\nmlp: 8\ndeadline: -1s":              "deadline",
		"strategy: d-psgd\nmlp: 8\ndegree: 1\nnodes: 100":      "degree",
		"strategy: d-psgd rate=1\nmlp: 8":                      "strategy",
		"strategy: d-psgd\nmlp: 8\nnodes: 4000\ndegree: 999":   "degree",
		"strategy: d-psgd\nmlp: 8\ntopology: x":                "topology",
		"strategy: d-psgd\nmlp: 8\nnodes: 100000\ndegree: 100": "nodes",
	} {
		_, err := job.Parse(Kind{}, "mine.yaml", []byte("name: x\nkind: gossip\n"+text))
		var e *job.FileError
		if !errors.As(err, &e) || e.Key != key {
			t.Errorf("%q: %v, want a word on %s", text, err, key)
		}
	}
}

// TestChocoIsRefused: settings of CHOCO-SGD that cannot be together are refused.
func TestChocoIsRefused(t *testing.T) {
	for text, key := range map[string]string{
		"bits=9": "strategy", "bits=8": "strategy", "step=0": "strategy", "share=2": "strategy",
		"step=1\ndeadline: 2s": "deadline", "step=1\nexchange: pull": "exchange",
	} {
		_, err := job.Parse(Kind{}, "mine.yaml", []byte("name: x\nkind: gossip\nmlp: 8\nstrategy: choco-sgd "+text))
		var e *job.FileError
		if !errors.As(err, &e) || e.Key != key {
			t.Errorf("%q: %v, want a word on %s", text, err, key)
		}
	}
}

// TestASettingIsRefusedByItsName: a setting that a strategy does not take is told as such, and what the setting takes.
func TestASettingIsRefusedByItsName(t *testing.T) {
	const others = "a job without a server has no other"
	for text, want := range map[string]string{
		"choco-sgd share=2":   "share=NUMBER from 0.001 to 1",
		"choco-sgd share=0":   "share=NUMBER from 0.001 to 1",
		"choco-sgd step=0":    "step=NUMBER from 0.001 to 1",
		"choco-sgd random=2":  "random=WHOLE NUMBER from 0 to 1",
		"choco-sgd bits=8.5":  "bits=WHOLE NUMBER from 8 to 32",
		"choco-sgd foo=1":     "choco-sgd with any of step=0.6",
		"choco-sgd\tfoo=1":    "choco-sgd with any of step=0.6",
		"d-psgd step=1":       "d-psgd without settings",
		"gossip-learning a=1": "gossip-learning without settings",
		"fedavg":              others,
		"fedavgm momentum=2":  others,
		"choco":               others,
		"":                    others,
	} {
		c := stepJob(t, "")
		c.Strategy = text
		err := c.validateStrategy()
		var e *job.ConfigError
		if !errors.As(err, &e) || e.Key != "strategy" || !strings.Contains(e.Want, want) ||
			want != others && strings.Contains(e.Want, others) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestInStepFailsInASimulation: where the training of a node makes no number, that is why the run ends.
func TestInStepFailsInASimulation(t *testing.T) {
	file, text := filepath.Join(t.TempDir(), "rows.csv"), "a,b,y\n"
	for i := range 100 {
		text += fmt.Sprintf("%d.5,%d,%d.25\n", i%7, i%11, i)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := job.With(Default(), map[string]string{"strategy": "d-psgd", "mlp": "12, 8", "nodes": "4",
		"topology": "ring", "rounds": "3", "learning_rate": "10", "batch": "2", "data": file, "label": "y",
		"reader": `{"label_kind":"quantity"}`})
	if err != nil {
		t.Fatal(err)
	}
	s, err := study.New(study.Options{Job: cfg})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Run(t.Context())
	var failed *job.FailedError
	if !errors.As(err, &failed) || failed.Round != 1 || !strings.Contains(failed.Reason, "what the training made") {
		t.Fatalf("the run ended with %v", err)
	}
}
