package kinds_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
)

// short returns a job of a kind that ends soon.
func short(t *testing.T, k job.Kind) job.Job {
	t.Helper()
	set := map[string]string{"name": "short", "rounds": "3", k.Size(): "3", "seed": "7"}
	for key, text := range map[string]string{"degree": "2", "epochs": "1", "hidden": "4"} {
		if slices.Contains(job.KeysOf(k), key) {
			set[key] = text
		}
	}
	j, err := job.With(k.Default(), set)
	if err != nil {
		t.Fatalf("%s: %v", k.Name(), err)
	}
	return j
}

// TestComponentsOfKindsStandTogether: the processes of a server have the components of all kinds in one catalogue, so
// no two bring one of the same name.
func TestComponentsOfKindsStandTogether(t *testing.T) {
	if _, err := kinds.Catalogue(); err != nil {
		t.Error(err)
	}
}

// TestKindsKeepWhatTheyPromise holds each kind on the list to what everybody who takes a kind relies on.
func TestKindsKeepWhatTheyPromise(t *testing.T) {
	for _, k := range kinds.All() {
		t.Run(k.Name(), func(t *testing.T) {
			j := short(t, k)
			keys := job.KeysOf(k)
			for _, key := range []string{"name", "rounds", "seed", k.Size()} {
				if !slices.Contains(keys, key) {
					t.Errorf("there is no setting %s", key)
				}
			}
			for key := range k.Added() {
				if !slices.Contains(keys, key) {
					t.Errorf("%s was added, and is no setting", key)
				}
			}
			if all := j.About(); all.Name != "short" || all.Rounds != 3 || all.Seed != 7 || all.Nodes < 3 {
				t.Errorf("it says of itself %+v", all)
			}
			back, err := kinds.Stored(k.Name(), job.Settings(j))
			if err != nil || back != j || job.Diff(back, j) != "" || job.Diff(back, k.Default()) != "name" {
				t.Errorf("written down and read back: %+v, %v", back, err)
			}
			if _, err := j.Change("rounds", "many"); !errors.As(err, new(*job.ConfigError)) {
				t.Errorf("rounds: many: %v", err)
			}
			if _, err := job.With(j, map[string]string{"rounds": "-1"}); !errors.As(err, new(*job.ConfigError)) {
				t.Errorf("rounds: -1: %v", err)
			}
			_, served := j.(job.Served)
			if _, peered := j.(job.Peered); served == peered {
				t.Errorf("a server: %v; all nodes alike: %v; want one of both", served, peered)
			}
			simulated(t, j)
			if s, ok := j.(job.Served); ok {
				ran(t, s)
			}
		})
	}
}

// simulated runs a job in virtual time, twice.
func simulated(t *testing.T, j job.Job) {
	hash := ""
	for range 2 {
		s, err := study.New(study.Options{
			Job: j, Durable: true, Limit: time.Hour, Sync: sim.Latency{Min: time.Millisecond},
			Work: sim.Latency{Min: time.Millisecond},
			Network: sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond,
				Max: 20 * time.Millisecond}},
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Run(context.Background())
		if err != nil || !r.Done || r.Round != 3 || r.Nodes != j.About().Nodes || r.ModelSHA256 == "" {
			t.Fatalf("simulated: %+v, %v", r, err)
		}
		if hash != "" && r.Hash != hash {
			t.Error("one seed, two runs")
		}
		hash = r.Hash
	}
}

// ran runs a job with a server in one process, stops it after its first round, and lets it go on.
func ran(t *testing.T, j job.Served) {
	art, err := job.Compile(j)
	if err != nil {
		t.Fatal(err)
	}
	members, err := j.Members(art)
	if err != nil || len(members) != j.About().Nodes || members[0].Place != job.ServerPlace {
		t.Fatalf("%d nodes, %v", len(members), err)
	}
	for _, place := range []string{job.ServerPlace, job.ClientsPlace} {
		if _, err := program.Load(art.Model, place); err != nil {
			t.Error(err)
		}
	}
	whole, cut := vfs.NewMem(), vfs.NewMem()
	want, err := try(context.Background(), local.Options{Dir: "run", FS: whole, Job: j})
	if err != nil || want.Rounds != 3 || want.Artifact != hex.EncodeToString(art.Digest[:]) {
		t.Fatalf("%+v, %v", want, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	_, err = try(ctx, local.Options{Dir: "run", FS: cut, Job: j, OnRound: func(job.Round) { stop() }})
	if err != nil && !errors.Is(err, job.ErrInterrupted) {
		t.Fatal(err)
	}
	stored, err := rundir.Stored(cut, "run")
	if err != nil || stored != j {
		t.Errorf("run.json says %+v, %v", stored, err)
	}
	got, err := try(context.Background(), local.Options{Dir: "run", FS: cut})
	if err != nil || got.ModelSHA256 != want.ModelSHA256 ||
		j.Exact() && fmt.Sprint(got.Accuracy) != fmt.Sprint(want.Accuracy) { // both may be no number
		t.Errorf("stopped and gone on: %+v, %v; undisturbed %+v", got, err, want)
	}
}

func try(ctx context.Context, o local.Options) (*job.Result, error) {
	l, err := local.Open(o)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return l.Run(ctx)
}
