package gossip

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// digits is a job whose nodes train a network on parts of the digits.
func digits(t *testing.T) Config {
	t.Helper()
	j, err := job.Parse(Kind{}, "mine.yaml", []byte("name: mine\nkind: gossip\ndata: digits\nmodel: {mlp: [12]}\n"+
		"train: {batch: 32, learning_rate: 0.3}\nnodes: 5\ndegree: 2\ndelivery: once\n"))
	if err != nil {
		t.Fatal(err)
	}
	return j.(Config)
}

// score asks node i how good its model is.
func (f *flock) score(i int, at time.Duration) (accuracy, loss float64) {
	f.t.Helper()
	f.told = nil
	f.push(arrival{at: int64(at), node: i,
		ev: &engine.Event{Invoke: &snapshot.InvokeEvent{Name: InputEvaluate, Inputs: []value.Value{value.Int(3)}}}})
	f.run(at + 2*time.Second)
	for _, ev := range f.told {
		if tag, a, l, ok, err := (Config{}).Evaluation(ev); ok {
			if err != nil || tag != 3 {
				f.t.Fatal(tag, err)
			}
			return a, l
		}
	}
	f.t.Fatal("it tells nothing")
	return 0, 0
}

// TestNetworksGossip: nodes that train a network come to know what none has in its own data, and nodes that are
// replaced by what their snapshots say, in the middle of trainings and merges, go on as the plain ones, byte for byte.
func TestNetworksGossip(t *testing.T) {
	cfg := digits(t)
	run := func(restore func(uint64) bool) *flock {
		f := newFlock(t, cfg)
		f.drop, f.twice, f.restore = 0.1, 0.1, restore
		f.run(12 * time.Second)
		return f
	}
	plain, times := run(nil), 0
	restored := run(func(step uint64) bool {
		if step%23 == 0 {
			times++
		}
		return step%23 == 0
	})
	if plain.hash != restored.hash || times < 50 {
		t.Errorf("%x, with %d restores %x", plain.hash, times, restored.hash)
	}
	accuracy, loss := plain.score(0, 12*time.Second)
	if accuracy < 0.7 || !(loss > 0 && loss < 1.2) {
		t.Errorf("accuracy %.3f, loss %.3f", accuracy, loss)
	}
	for i, n := range plain.nodes {
		if counter(n, CountMerges) < 5 {
			t.Errorf("node %d merged %d models", i, counter(n, CountMerges))
		}
		if b, err := cfg.Model(n); err != nil || len(b) < 1000 {
			t.Errorf("node %d: a file of %d bytes (%v)", i, len(b), err)
		}
	}
}

// TestOwnFiles: a file of data is dealt among the nodes, each of which tests on what is held out of all.
func TestOwnFiles(t *testing.T) {
	dir := t.TempDir()
	var text strings.Builder
	text.WriteString("a,b,kind\n")
	for i := range 120 {
		x := i % 3
		fmt.Fprintf(&text, "%d.%d,%d.%d,%s\n", 3*x, i%7, 6-2*x, i%5, []string{"ash", "elm", "oak"}[x])
	}
	jobtest.Write(t, filepath.Join(dir, "trees.csv"), []byte(text.String()))
	j, err := job.Parse(Kind{}, "mine.yaml", []byte("name: mine\nkind: gossip\n"+
		"data: {train: trees.csv, label: kind, normalize: standard, partition: iid}\nmodel: {mlp: [6]}\n"+
		"train: {batch: 8, learning_rate: 0.2, epochs: 2}\nnodes: 3\ndegree: 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	brought, err := job.Bring(j.(Config).Rooted(dir))
	if err != nil {
		t.Fatal(err)
	}
	f := newFlock(t, brought.(Config))
	f.run(10 * time.Second)
	for i := range f.nodes {
		if accuracy, _ := f.score(i, time.Duration(10+3*i)*time.Second); accuracy < 0.95 {
			t.Errorf("node %d: accuracy %.3f", i, accuracy)
		}
	}
}

// TestNetworksAreRefused: what a job says that cannot be is refused by the name of the setting here.
func TestNetworksAreRefused(t *testing.T) {
	for text, key := range map[string]string{
		"data: digits\nnodes: 65":                     "nodes",
		"epochs: 3":                                   "epochs",
		"data: digits\nfeatures: 9":                   "features",
		"nodes: 9\ndata: digits\noptimizer: adamm":    "optimizer",
		"nodes: 9\ndata: digits\nmlp: 4096, 1024":     "model",
		"data: {train: x.csv, normalize: federated}":  "normalize",
		"model: {mlp: [8]}\ndata: digits\nlabel: end": "label",
	} {
		j, err := job.Parse(Kind{}, "mine.yaml", []byte("name: x\nkind: gossip\n"+text))
		var e *job.FileError
		if !errors.As(err, &e) || e.Key != key {
			t.Errorf("%q: %v, %v, want a word on %s", text, j, err, key)
		}
	}
}
