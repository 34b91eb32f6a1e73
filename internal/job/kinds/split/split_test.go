package split_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/split"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
)

// run runs a job in one process to its end.
func run(t *testing.T, j job.Served) *job.Result {
	t.Helper()
	l, err := local.Open(local.Options{Dir: "run", FS: vfs.NewMem(), Job: j})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	res, err := l.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// with returns the default job of a kind with other settings, and its files read.
func with(t *testing.T, k job.Kind, set map[string]string) job.Served {
	t.Helper()
	j, err := job.With(k.Default(), set)
	if err == nil {
		j, err = job.Bring(j)
	}
	if err != nil {
		t.Fatal(err)
	}
	return j.(job.Served)
}

// normed is a model with BatchNormalization, of the digits: a change of its statistics is a part of a step.
func normed() string {
	return filepath.Join("..", "..", "..", "..", "docs", "strategies", "normed.onnx")
}

// TestOneClientIsTheModelTrainedWhole: a client and a server that have a part each come to the very bits to which one
// node comes that trains the whole model, on the same batches, wherever it is cut, once or twice, and by whatever
// optimizer.
func TestOneClientIsTheModelTrainedWhole(t *testing.T) {
	for _, of := range []struct{ model, cut, back, optimizer, schedule, momentum string }{
		{"", "dense1.out", "", "", "", "0"}, {"", "dense2.sum", "", "", "", "0.5"},
		{"", "dense1.sum", "dense2.out", "", "", "0"}, {"", "dense1.out", "dense2.sum", "adam rate=0.01", "", "0"},
		{normed(), "h", "", "", "", "0"}, {normed(), "n", "", "adamw rate=0.01", "step every=1 factor=0.5", "0"},
	} {
		set := map[string]string{"rounds": "2", "clients": "1", "mlp": "12, 8", "batch": "64", "learning_rate": "0.2",
			"epochs": "1", "alpha": "1", "seed": "5", "momentum": of.momentum, "optimizer": of.optimizer,
			"schedule": of.schedule}
		if of.model != "" {
			set["model"], set["mlp"] = of.model, ""
		}
		want := run(t, with(t, federated.Kind{}, set))
		set["cut"], set["cut_back"] = of.cut, of.back
		got := run(t, with(t, split.Kind{}, set))
		if got.ModelSHA256 != want.ModelSHA256 || got.Accuracy != want.Accuracy || got.Loss != want.Loss {
			t.Errorf("%+v: model %.8s of accuracy %v, trained whole %.8s of %v", of, got.ModelSHA256, got.Accuracy,
				want.ModelSHA256, want.Accuracy)
		}
	}
}

// TestAnyFault: power failures of any node, on a network that loses, doubles and reorders, change no bit of the model;
// nor does it matter where it is cut.
func TestAnyFault(t *testing.T) {
	set := map[string]string{"rounds": "2", "clients": "3", "mlp": "12, 8", "batch": "64"}
	model := ""
	for _, back := range []string{"", "dense2.out"} {
		set["cut_back"] = back
		for seed := range 3 {
			o := study.Options{Job: with(t, split.Kind{}, set), Durable: true, Limit: 10 * time.Hour,
				Sync: sim.Latency{Min: time.Millisecond}, Work: sim.Latency{Min: time.Millisecond},
				Restart: sim.Latency{Min: time.Second}, Network: sim.Network{Latency: sim.Latency{Kind: "uniform",
					Min: time.Millisecond, Max: 20 * time.Millisecond}}}
			kills := 0
			if seed > 0 {
				o.Network.Loss, o.Network.Duplicate, o.Network.Reorder = 0.05, 0.2, 0.2
				o.Unleash = func(w *sim.World, _ *study.Study) {
					for i := range 12 {
						w.At(time.Duration(200+i*(293+seed*101))*time.Millisecond, func() {
							if n := w.Nodes()[(i*seed)%len(w.Nodes())]; n.Up() {
								w.Kill(n)
								kills++
							}
						})
					}
				}
			}
			s, err := study.New(o)
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.Run(context.Background())
			if err != nil || !r.Done || (kills > 5) != (seed > 0) {
				t.Fatalf("seed %d, back %q: %d kills, %+v, %v", seed, back, kills, r, err)
			}
			if model == "" {
				model = r.ModelSHA256
			}
			if r.ModelSHA256 != model {
				t.Errorf("seed %d, back %q: after %d kills another model", seed, back, kills)
			}
		}
	}
}

// TestWhoIsWaitedFor: a server whose client is gone says in which round it waits, and for whom; what each client gave
// is counted in turns.
func TestWhoIsWaitedFor(t *testing.T) {
	o := study.Options{Job: with(t, split.Kind{}, map[string]string{"rounds": "50", "clients": "2", "batch": "64"}),
		Durable: true, Limit: 5 * time.Second, Sync: sim.Latency{Min: time.Millisecond},
		Work: sim.Latency{Min: time.Millisecond}, Restart: sim.Latency{Min: 1000 * time.Hour},
		Network: sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond,
			Max: 20 * time.Millisecond}}}
	var waits *observe.Awaits
	var given, peers int
	o.Unleash = func(w *sim.World, _ *study.Study) {
		w.At(3*time.Second, func() {
			for _, n := range w.Nodes()[1:] {
				w.Kill(n)
			}
		})
		w.At(4*time.Second, func() {
			server := w.Nodes()[0].Node()
			waits = observe.AwaitsOf(server)
			for _, c := range observe.FiguresOf(server) {
				peers, given = peers+1, given+int(c.Contributions)
			}
		})
	}
	s, err := study.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Run(context.Background())
	if err != nil || r.Done {
		t.Fatalf("without its clients it is done: %v", err)
	}
	if waits == nil || waits.What != observe.AwaitsAnswers || waits.Round < 2 || waits.Round > 50 ||
		len(waits.Missing) != 1 || peers != 2 || given < 2*(waits.Round-1) || given > 2*waits.Round {
		t.Errorf("it waits for %+v; %d clients had %d turns", waits, peers, given)
	}
}

// TestDivergedTraining: steps so large that the numbers end end the job, by name, in its round.
func TestDivergedTraining(t *testing.T) {
	file, text := filepath.Join(t.TempDir(), "rows.csv"), "a,b,y\n"
	for i := range 200 {
		text += fmt.Sprintf("%d.5,%d,%d.25\n", i%7, i%11, i)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := local.Open(local.Options{Dir: "run", FS: vfs.NewMem(), Job: with(t, split.Kind{},
		map[string]string{"clients": "2", "learning_rate": "10", "batch": "16", "mlp": "12, 8", "data": file,
			"label": "y", "reader": `{"label_kind":"quantity"}`})})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = l.Run(context.Background())
	if e := (*job.FailedError)(nil); !errors.As(err, &e) || e.Round < 1 ||
		!strings.Contains(e.Reason, "training diverged") || !strings.Contains(e.Way, "smaller rate") {
		t.Errorf("%v", err)
	}
}

// TestWayOn: smaller steps help where training diverged, and nowhere else.
func TestWayOn(t *testing.T) {
	j := with(t, split.Kind{}, map[string]string{"learning_rate": "0.5"})
	if got := j.WayOn("dir", 3, "training diverged at the server"); !strings.Contains(got, "learning_rate=0.05") {
		t.Errorf("of steps that are too large: %s", got)
	}
	if got := j.WayOn("dir", 3, "the label 12 is no class"); strings.Contains(got, "rate") || got == "" {
		t.Errorf("of labels: %s", got)
	}
}

// TestRefusals: what cannot be says what can.
func TestRefusals(t *testing.T) {
	for _, of := range []struct{ set, key, want string }{
		{"cut=dense3.out", "cut", "the model can be cut at dense1.sum, dense1.out, dense2.sum, dense2.out"},
		{"cut=logits", "cut", "nothing is behind"}, {"cut=", "cut", "dense1.out"},
		{"cut=dense1.weight", "cut", "it has no tensor"},
		{"cut=dense2.out cut_back=dense1.out", "cut_back", "is not behind"},
		{"cut_back=dense1.out", "cut_back", "the model can be cut at dense2.sum, dense2.out"},
		{"clients=0", "clients", "at least 1"}, {"clients=1000", "clients", "want 1 to 64"},
		{"batch=0", "batch", "1 to 1024"},
		{"mlp=8192 batch=1024", "batch", "a smaller one, or another cut"},
		{"mlp=8000 cut=dense1.out", "cut", "nearer to the samples"},
	} {
		set := map[string]string{"mlp": "12, 8"}
		for word := range strings.FieldsSeq(of.set) {
			key, text, _ := strings.Cut(word, "=")
			set[key] = text
		}
		_, err := job.With(split.Kind{}.Default(), set)
		if e := (*job.ConfigError)(nil); !errors.As(err, &e) || e.Key != of.key ||
			!strings.Contains(err.Error(), of.want) {
			t.Errorf("%s: %v; want %s: %s", of.set, err, of.key, of.want)
		}
	}
	j, err := job.With(split.Kind{}.Default(), map[string]string{"model": normed(), "cut": "x"})
	if err == nil {
		_, err = job.Bring(j)
	}
	if err == nil || !strings.Contains(err.Error(), "the model can be cut at h, n, a") {
		t.Errorf("a model that was brought: %v", err)
	}
}
