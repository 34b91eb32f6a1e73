package evaluation_test

import (
	"context"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/evaluation"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// run runs a job in one process to its end.
func run(t *testing.T, fsys vfs.FS, dir string, j job.Served) (*job.Result, []job.Round) {
	t.Helper()
	var rounds []job.Round
	l, err := local.Open(local.Options{Dir: dir, FS: fsys, Job: j,
		OnRound: func(r job.Round) { rounds = append(rounds, r) }})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	res, err := l.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return res, rounds
}

// TestTheTotalIsExact: what the server tells is the sum over all samples of all clients, each once, however they are
// dealt; each round finds the same, and the clients' figures add up to it.
func TestTheTotalIsExact(t *testing.T) {
	var first *job.Result
	for _, clients := range []int{1, 3, 8} {
		c := evaluation.Default()
		c.Clients, c.Rounds, c.Hidden = clients, 2, 4
		res, rounds := run(t, vfs.NewMem(), "run", c)
		if len(rounds) != 2 || len(res.Clients) != clients || rounds[0].Accuracy != rounds[1].Accuracy ||
			rounds[0].Loss != rounds[1].Loss ||
			!reflect.DeepEqual(rounds[0].Clients, rounds[1].Clients) || !reflect.DeepEqual(res.Clients,
			rounds[1].Clients) {
			t.Fatalf("%d clients: %+v, rounds %+v", clients, res, rounds)
		}
		var right, samples, counted, diagonal int64
		loss := 0.0
		for _, x := range res.Clients {
			right, samples, loss = right+x.Right, samples+x.Samples, loss+float64(x.Loss)*float64(x.Samples)
		}
		for i, row := range res.Confusion {
			for k, n := range row {
				if counted += n; i == k {
					diagonal += n
				}
			}
		}
		if counted != samples || diagonal != right || res.Accuracy != job.Number(float64(right)/float64(samples)) ||
			math.Abs(loss/float64(samples)-float64(res.Loss)) > 1e-5 {
			t.Errorf("%d clients: %d of %d right, counts of %d with %d on the diagonal, told %v and %v", clients, right,
				samples, counted, diagonal, res.Accuracy, res.Loss)
		}
		if first == nil {
			first = res
		}
		if !reflect.DeepEqual(res.Confusion, first.Confusion) || res.Accuracy != first.Accuracy ||
			math.Abs(float64(res.Loss-first.Loss)) > 1e-5 {
			t.Errorf("dealt to %d clients it is %v, and whole %v", clients, res, first)
		}
	}
}

// TestAModelThatWasTrained: the model that a run has left is judged, to the same bits each time; a file that is none,
// or too large, is refused with its name.
func TestAModelThatWasTrained(t *testing.T) {
	dir := t.TempDir()
	trained := federated.Default()
	trained.Rounds, trained.Clients = 8, 3
	left, _ := run(t, vfs.OS(), filepath.Join(dir, "trained"), trained)
	c := evaluation.Default()
	c.Clients, c.Model = 3, left.Model
	res, _ := run(t, vfs.NewMem(), "run", c)
	if math.Abs(float64(res.Accuracy-left.Accuracy)) > 0.1 || res.Accuracy < 0.5 {
		t.Errorf("on the held-out samples it has %v, on those of its clients %v", left.Accuracy, res.Accuracy)
	}
	if again, _ := run(t, vfs.NewMem(), "run", c); !reflect.DeepEqual(again.Clients, res.Clients) ||
		again.ModelSHA256 != res.ModelSHA256 {
		t.Errorf("%+v, and again %+v", res, again)
	}
	art, err := job.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	if res.Artifact != hex.EncodeToString(art.Digest[:]) {
		t.Error("the model is no part of the program")
	}
	bad := filepath.Join(dir, "bad.onnx")
	if err := os.WriteFile(bad, []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Model = bad
	var wrong *job.ConfigError
	if _, err := job.Compile(c); !errors.As(err, &wrong) || wrong.Key != "model" || wrong.Value != bad {
		t.Errorf("a file that is no model: %v", err)
	}
	c.Model = filepath.Join(dir, "none.onnx")
	if _, err := job.Compile(c); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	c.Model, c.Hidden, c.Layers = "", 1024, 3
	if err := c.Validate(); !errors.As(err, &wrong) || wrong.Key != "hidden" {
		t.Errorf("a model of more than a message: %v", err)
	}
}
