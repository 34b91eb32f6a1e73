package local

import (
	"strconv"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// TestDigitsLearn trains the built-in job as it is, with several seeds: each model knows at least 95 % of the digits
// that it never saw.
func TestDigitsLearn(t *testing.T) {
	for seed := range uint64(3) {
		c := federated.Default()
		c.Seed = seed + 1
		res := run(t, Options{Dir: "run", FS: vfs.NewMem(), Job: &c})
		if res.Accuracy < 0.95 || res.Loss > 0.25 || res.Contributions != uint64(c.Rounds*c.Clients) {
			t.Errorf("seed %d: accuracy %v, loss %v, %d contributions", c.Seed, res.Accuracy, res.Loss,
				res.Contributions)
		}
	}
}

// TestOtherSettings runs jobs that take part of the clients, close rounds early, or descend with momentum. Where each
// round waits for its whole cohort, the model is the same the second time.
func TestOtherSettings(t *testing.T) {
	for name, change := range map[string]func(*federated.Config){
		"cohort":   func(c *federated.Config) { c.Cohort = 2 },
		"over":     func(c *federated.Config) { c.Cohort, c.Over = 2, 1 },
		"quorum":   func(c *federated.Config) { c.Quorum = 2 },
		"deadline": func(c *federated.Config) { c.Deadline = 30 * time.Second },
		"momentum": func(c *federated.Config) { c.Momentum, c.LearningRate = 0.9, 0.05 },
		"one":      func(c *federated.Config) { c.Clients, c.Rounds, c.Batch = 1, 1, 1024 },
		"many":     func(c *federated.Config) { c.Clients, c.Rounds = 40, 2 },
	} {
		t.Run(name, func(t *testing.T) {
			c := jobtest.Short()
			change(c)
			first := run(t, Options{Dir: "run", FS: vfs.NewMem(), Job: c})
			if first.Rounds != c.Rounds || first.Contributions < uint64(c.Rounds) {
				t.Errorf("%+v", first)
			}
			if again := run(t, Options{Dir: "run", FS: vfs.NewMem(), Job: c}); c.Exact() &&
				again.ModelSHA256 != first.ModelSHA256 {
				t.Errorf("two runs, two models")
			}
		})
	}
}

// TestStoredSettings holds what a directory remembers: settings that are not given later are as they were, others must
// be the same.
func TestStoredSettings(t *testing.T) {
	mem := vfs.NewMem()
	c := jobtest.Short()
	first := run(t, Options{Dir: "run", FS: mem, Job: c, Set: map[string]string{"rounds": "4"}})
	for _, o := range []Options{
		{}, {Job: c}, {Set: map[string]string{"rounds": "4"}},
		{Job: c, Set: map[string]string{"seed": strconv.FormatUint(c.Seed, 10)}},
	} {
		o.Dir, o.FS = "run", mem
		if res := run(t, o); !res.Kept || res.Rounds != 4 || res.ModelSHA256 != first.ModelSHA256 {
			t.Errorf("%+v: %+v", o, res)
		}
	}
	for _, set := range []map[string]string{{"rounds": "6"}, {"seed": "1"}, {"clients": "2"}} {
		if _, err := Open(Options{Dir: "run", FS: mem, Job: c, Set: set}); err == nil {
			t.Errorf("%v went on with a run of other settings", set)
		}
	}
	if res := run(t, Options{Dir: "run", FS: mem, Job: c, Fresh: true}); res.Rounds != c.Rounds || res.Resumed {
		t.Errorf("started over: %+v", res)
	}
}
