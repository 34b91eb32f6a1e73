package federated

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// heights writes a table of quantities, or of classes, and returns a small job of it.
func heights(t *testing.T, classes bool) Config {
	t.Helper()
	var b strings.Builder
	b.WriteString("a,b,y\n")
	for i := range 150 {
		x, z := float64(i%13)/13, float64(i*7%17)/17
		y := fmt.Sprintf("%.3f", 2*x-z+0.5)
		if classes {
			y = []string{"low", "high"}[min(1, int(2*x))]
		}
		fmt.Fprintf(&b, "%.3f,%.3f,%s\n", x, z, y)
	}
	file := filepath.Join(t.TempDir(), "heights.csv")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := job.Parse(Kind{}, "heights.yaml", []byte("name: heights\nrounds: 4\nclients: 3\nheartbeat: 100ms\n"+
		"hidden: 4\nbatch: 8\ndata: {train: "+file+", label: y}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return j.(Config)
}

// changed returns a job with some settings changed, and with the files that it names.
func changed(t *testing.T, c Config, set map[string]string) Config {
	t.Helper()
	var j job.Job = c
	for key, text := range set {
		var err error
		if j, err = j.Change(key, text); err != nil {
			t.Fatal(err)
		}
	}
	c = j.(Config)
	j, err := c.Bring()
	if err == nil {
		err = j.Validate()
	}
	if err != nil {
		t.Fatal(err)
	}
	return j.(Config)
}

// TestClientsTestTheModel: each client tests a round's model on what it holds back, and the round tells the weighted
// mean and each of them; beside the server's own figures where both test, and in their place where clients alone do,
// when they say when the job stops and which model is best. Power failures change nothing of it.
func TestClientsTestTheModel(t *testing.T) {
	for name, c := range map[string]Config{
		"both":    changed(t, small(), map[string]string{"evaluate": "both", "rounds": "4"}),
		"clients": changed(t, small(), map[string]string{"evaluate": "clients", "rounds": "4", "best": "loss"}),
		"stop":    changed(t, small(), map[string]string{"evaluate": "clients", "stop": "loss patience=1 min_delta=9"}),
		"chunks":  changed(t, small(), map[string]string{"evaluate": "clients", "chunk": "1", "evaluate_every": "2"}),
		"file":    changed(t, heights(t, true), map[string]string{"evaluate": "both"}),
		"quantity": changed(t, heights(t, false), map[string]string{"evaluate": "clients", "normalize": "federated",
			"reader": `{"label_kind":"quantity"}`}),
	} {
		whole := ran(t, c)
		o, best := toldBy(t, whole)
		cut := newVirtual(t, c, 5, sim.Network{Latency: sim.Latency{Kind: "uniform", Min: 1e6, Max: 50e6}, Loss: 0.05})
		cut.powerFailures(5)
		cut.run()
		again, bestAgain := toldBy(t, cut)
		if cut.model() != whole.model() || string(best) != string(bestAgain) || again.Stopped != o.Stopped ||
			fmt.Sprint(again.Last.Clients) != fmt.Sprint(o.Last.Clients) ||
			fmt.Sprint(again.History) != fmt.Sprint(o.History) {
			t.Errorf("%s: power failures make of %+v\n%+v", name, o, again)
		}
		last := o.Last
		if len(last.Clients) != c.Clients || (last.AtClients != nil) != (c.Evaluate == "both") {
			t.Fatalf("%s: %+v", name, last)
		}
		var right, samples int64
		loss := 0.0
		for _, s := range last.Clients {
			right, samples, loss = right+s.Right, samples+s.Samples, loss+float64(s.Loss)*float64(s.Samples)
		}
		got := job.Found{Accuracy: last.Accuracy, Loss: last.Loss}
		if last.AtClients != nil {
			got = *last.AtClients
		}
		if math.Abs(float64(got.Loss)-loss/float64(samples)) > 1e-5*loss ||
			name != "quantity" && math.Abs(float64(got.Accuracy)-float64(right)/float64(samples)) > 1e-5 {
			t.Errorf("%s: %+v of %d right of %d", name, got, right, samples)
		}
		for _, p := range o.History {
			if tested := name != "chunks" || p.Round%2 == 0; math.IsNaN(float64(p.Loss)) == tested {
				t.Errorf("%s: round %d has the loss %v", name, p.Round, p.Loss)
			}
		}
		if name == "stop" && (o.Stopped == "" || last.Number >= c.Rounds) || name == "clients" && o.Best == nil {
			t.Errorf("%s: %+v", name, o)
		}
		if name == "quantity" && !math.IsNaN(float64(last.Accuracy)) {
			t.Errorf("a quantity has the accuracy %v", last.Accuracy)
		}
	}
}

// TestEvaluateThatCannotBe: each setting is refused by its name, with what it wants.
func TestEvaluateThatCannotBe(t *testing.T) {
	for _, bad := range []struct{ key, want string }{
		{"evaluate: everywhere", "server, clients or both"}, {"evaluate: clients\ndata: synthetic", "server beside"},
		{"evaluate: both\non_failed_round: skip", "stop or retry"},
		{"evaluate: both\nstrategy: fedper", "stays at clients"},
		{"evaluate: both\nedges: 2", "behind which"}, {"evaluate: clients\nstrategy: fedasync", "no rounds"},
		{"evaluate: clients\ndata: {train: ./x.csv, test: ./y.csv, label: y}", "a share"},
	} {
		_, err := job.Parse(Kind{}, "mine.yaml", []byte("name: mine\n"+bad.key+"\n"))
		if e := (*job.FileError)(nil); !errors.As(err, &e) && err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v", bad.key, err)
		}
	}
}

// TestWhatClientsHoldBackIsTheirOwn: a client that tests trains on the rest of its samples alone, and a file of the
// rows that it was dealt is divided like them.
func TestWhatClientsHoldBackIsTheirOwn(t *testing.T) {
	plain, tests := small(), changed(t, small(), map[string]string{"evaluate": "clients"})
	before, _, _, err := plain.Shares()
	if err != nil {
		t.Fatal(err)
	}
	after, _, _, err := tests.Shares()
	if err != nil {
		t.Fatal(err)
	}
	for i := range before {
		all, train := 0, 0
		for k := range before[i] {
			all, train = all+before[i][k], train+after[i][k]
		}
		if held := all - train; held != int(float64(all)*0.2+0.5) {
			t.Errorf("client %d trains on %d of %d samples", i, train, all)
		}
		was, n, err := plain.PartText(i)
		text, m, err2 := tests.PartText(i)
		if err != nil || err2 != nil || string(was) != string(text) || n != int64(all) || m != int64(train) {
			t.Errorf("client %d brings other rows: %d and %d, %v, %v", i, n, m, err, err2)
		}
	}
}
