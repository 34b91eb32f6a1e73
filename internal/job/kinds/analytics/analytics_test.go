package analytics_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// people writes a file of ages, some of them missing, and cities, and returns what is in it.
func people(t *testing.T) (file string, ages []float64, cities map[string]int64, rows int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("age,city\n")
	cities, rows = map[string]int64{}, 240
	for i := range rows {
		city := []string{"Rome", "Oslo", "Lima"}[i*i%3]
		cities[city]++
		if i%11 == 3 {
			fmt.Fprintf(&b, ",%s\n", city)
			continue
		}
		age := float64(i*37%101) + 0.1*float64(i%7)
		ages = append(ages, age)
		fmt.Fprintf(&b, "%v,%s\n", age, city)
	}
	file = filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, ages, cities, rows
}

// asking returns the job of a file's text.
func asking(t *testing.T, data string, queries ...string) job.Served {
	t.Helper()
	text := "kind: analytics\nname: people\nclients: 3\nleast: 2\nrounds: 6\nheartbeat: 100ms\nseed: 5\ndata: {file: " +
		data + "}\nqueries:\n"
	for i, q := range queries {
		text += fmt.Sprintf("  q%d: %s\n", i, q)
	}
	j, err := kinds.Parse("people.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if j, err = job.Bring(j); err != nil {
		t.Fatal(err)
	}
	return j.(job.Served)
}

// ran runs a job in one process to its end.
func ran(t *testing.T, j job.Served) *job.Result {
	t.Helper()
	l, err := local.Open(local.Options{Dir: filepath.Join(t.TempDir(), "run"), FS: vfs.OS(), Job: j})
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

// TestARunAnswers: what a run tells of a file that it deals among its clients is what plain arithmetic gives over the
// whole file, and answers.json says it.
func TestARunAnswers(t *testing.T) {
	file, ages, cities, rows := people(t)
	res := ran(t, asking(t, file, "count", "count age", "sum age", "mean age", "missing age", "quantile age at=0.5",
		"categories city"))
	sum := 0.0
	for _, x := range ages {
		sum += x
	}
	slices.Sort(ages)
	n := float64(len(ages))
	for i, want := range []float64{float64(rows), n, sum, sum / n, float64(rows) - n} {
		if a := res.Answers[i]; a.Value == nil || math.Abs(*a.Value-want) > 1e-9*want || a.Clients != 3 {
			t.Errorf("%s is %+v, want %v", a.Asked, a, want)
		}
	}
	if q := res.Answers[5].Quantiles; len(q) != 1 || q[0].Value == nil || *q[0].Value != ages[(len(ages)+1)/2-1] {
		t.Errorf("the median is %+v, want %v", q, ages[(len(ages)+1)/2-1])
	}
	for _, c := range res.Answers[6].Counts {
		if *c.Count != cities[*c.Text] {
			t.Errorf("%s is there %d times, want %d", *c.Text, *c.Count, cities[*c.Text])
		}
	}
	if len(res.Answers[6].Counts) != len(cities) {
		t.Errorf("cities are %+v", res.Answers[6])
	}
	b, err := os.ReadFile(res.Model)
	var told struct{ Answers []json.RawMessage }
	if err != nil || filepath.Base(res.Model) != "answers.json" || json.Unmarshal(b, &told) != nil ||
		len(told.Answers) != 7 {
		t.Errorf("%s: %v, %.80s", res.Model, err, b)
	}
}

// virtual runs a job in virtual time, where do is called before it begins, and returns the file that it ends with.
func virtual(t *testing.T, j job.Served, seed uint64, net sim.Network, do func(*sim.World)) []byte {
	t.Helper()
	art, err := job.Compile(j)
	if err != nil {
		t.Fatal(err)
	}
	members, err := j.Members(art)
	if err != nil {
		t.Fatal(err)
	}
	var done *sim.Node
	var file bytes.Buffer
	w := sim.New(sim.Options{Seed: seed, Network: net, Work: sim.Latency{Min: time.Millisecond},
		Restart: sim.Latency{Min: time.Millisecond},
		Disk:    sim.Disk{Sync: sim.Latency{Min: 200 * time.Microsecond}, Publish: sim.Latency{Min: time.Millisecond}},
		OnApp: func(n *sim.Node, ev engine.AppEvent) error {
			switch ev.Name {
			case engine.FailureEvent:
				if f, harmless := job.Harmless(ev.Value); !harmless {
					return fmt.Errorf("%s: %v", n.Name, f)
				}
			case job.EventDone:
				done = n
			}
			return nil
		}})
	for _, m := range members {
		s := sim.Spec{Name: m.Name, Config: m.Config, Durable: true}
		s.Store.SegmentBytes, s.Store.SnapshotBytes = 64<<10, 150<<10
		w.Add(s, 0)
	}
	if do != nil {
		do(w)
	}
	if err := w.Run(time.Hour, func() bool { return done != nil && done.Node() != nil }); err != nil || done == nil {
		t.Fatalf("no end after %v: %v", w.Now(), err)
	}
	out := j.Outcome(done.Node())
	if out == nil || out.Err != nil {
		t.Fatalf("told %+v", out)
	}
	if _, err := out.Model.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// TestTheSameAnswersWhateverHappens: a run, a simulation, and one in which the power of every node fails again and
// again on a network that loses, doubles and reorders, end with the same bytes: each client counts once in each round.
func TestTheSameAnswersWhateverHappens(t *testing.T) {
	file, _, _, _ := people(t)
	j := asking(t, file, "count", "sum age", "variance age", "quantile age at=0.1,0.9",
		"histogram age from=0 to=100 bins=4", "categories city", "heavy city rows=10")
	res := ran(t, j)
	want, err := os.ReadFile(res.Model)
	if err != nil {
		t.Fatal(err)
	}
	if got := virtual(t, j, 1, sim.Network{}, nil); !bytes.Equal(got, want) {
		t.Fatalf("simulated:\n%s\nrun:\n%s", got, want)
	}
	crashes := 0
	for seed := range uint64(2) {
		got := virtual(t, j, seed, sim.Network{
			Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 100 * time.Millisecond}, Loss: 0.05,
			Duplicate: 0.2, Reorder: 0.2,
		}, func(w *sim.World) {
			c := sim.NewChance(seed, 9)
			var next func()
			next = func() {
				crashes++
				w.PowerOff(w.Nodes()[c.Below(len(w.Nodes()))])
				w.At(w.Now()+c.Between(time.Millisecond, 60*time.Millisecond), next)
			}
			w.At(c.Between(0, 30*time.Millisecond), next)
		})
		if !bytes.Equal(got, want) {
			t.Errorf("seed %d, power failures: other answers\n%s\nwant\n%s", seed, got, want)
		}
	}
	if crashes < 10 {
		t.Errorf("only %d power failures", crashes)
	}
}

// many are quantiles that are counted by more numbers than a message takes.
func many() string {
	var all []string
	for i := range 10 {
		all = append(all, fmt.Sprintf("q%d: \"quantile age at=0,.1,.2,.3,.4,.5,.6,.7,.8,.9,.95,.96,.97,.98,.99,1\"", i))
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// TestWhatCannotBeAsked: a wrong query, column, file or setting is refused before anything runs, by its key.
func TestWhatCannotBeAsked(t *testing.T) {
	file, _, _, _ := people(t)
	for _, of := range []struct{ set, want, key string }{
		{`data: {file: ` + file + `}` + "\nqueries: {a: mean height}", "want one of the columns", "queries"},
		{`data: {file: ` + file + `}` + "\nqueries: {a: mean city}", "numbers", "queries"},
		{`data: {file: ` + file + `}` + "\nqueries: {a: median age}", "want one of count", "queries"},
		{`data: {file: ` + file + `}` + "\nqueries: " + many(), "counts in one round", "queries"},
		{`data: {file: ` + file + `, label: age}` + "\nqueries: {a: count}", "no more than", "reader"},
		{`data: {file: ` + file + `}` + "\nqueries: {a: count}\nleast: 9", "1 to 8", "least"},
		{`data: {file: ` + file + `}` + "\nqueries: {a: heavy city rows=5}\nrounds: 2", "5 or more", "rounds"},
		{"data: ./none.csv\nqueries: {a: count}", "a file of columns", "data"},
		{"data: digits\nqueries: {a: mean age}", "pixel0", "queries"},
		{`data: ""` + "\nqueries: {a: mean age}", "bring", "data"},
		{"data: digits\nqueries: {}", "; want {NAME: QUERY, …}", "queries"},
	} {
		j, err := kinds.Parse("x.yaml", []byte("kind: analytics\nname: x\n"+of.set+"\n"))
		if err == nil {
			j, err = job.Bring(j)
		}
		if err == nil {
			err = j.(job.Served).Local()
		}
		var bad *job.ConfigError
		var at *job.FileError
		if err == nil || !strings.Contains(err.Error(), of.want) {
			t.Errorf("%s\nis taken, or refused by %v", of.set, err)
		} else if !(errors.As(err, &bad) && bad.Key == of.key || errors.As(err, &at) && at.Key == of.key) {
			t.Errorf("%s\n%T %v; want one of the key %s", of.set, err, err, of.key)
		}
	}
}
