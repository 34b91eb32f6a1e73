package federated

import (
	"fmt"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/program"
)

func TestChoreographiesCompile(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"default":  func(*Config) {},
		"momentum": func(c *Config) { c.Momentum = 0.5 },
		"cohort":   func(c *Config) { c.Cohort, c.Over, c.Quorum = 4, 2, 3 },
		"one":      func(c *Config) { c.Clients, c.Rounds = 1, 1 },
		"wide":     func(c *Config) { c.Hidden = 2048 },
		"chunks":   func(c *Config) { c.Chunk = 4 },
		"dropping": func(c *Config) { c.Chunk, c.Cohort, c.Over, c.Quorum, c.Deadline = 4, 4, 2, 3, time.Second },
		"large":    func(c *Config) { c.Layers, c.Hidden = 2, 4962 },
	} {
		c := Default()
		change(&c)
		art, err := c.Compile()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, place := range []string{job.ServerPlace, job.ClientsPlace} {
			if _, err := program.Load(art.Model, place); err != nil {
				t.Errorf("%s at %s: %v", name, place, err)
			}
		}
	}
}

// TestDigestKnowsTheSettings changes each setting that shapes the program and expects another digest: nodes of
// different jobs must not talk to each other. Name and seed are no part of the program.
func TestDigestKnowsTheSettings(t *testing.T) {
	seen := map[[32]byte]string{}
	for _, set := range []map[string]string{
		{}, {"rounds": "81"}, {"clients": "9"}, {"alpha": "0.6"}, {"hidden": "33"}, {"epochs": "3"}, {"batch": "17"},
		{"learning_rate": "0.31"}, {"momentum": "0.1"}, {"cohort": "7"}, {"cohort": "7", "over": "1"}, {"quorum": "7"},
		{"deadline": "1s"}, {"heartbeat": "2s"}, {"layers": "2"}, {"chunk": "1"}, {"chunk": "2"},
		{"chunk": "2", "deadline": "1s"},
		{"schedule": "cosine"}, {"schedule": "step every=1 factor=0.5", "mlp": "32"},
	} {
		c, err := Default().With(set)
		if err != nil {
			t.Fatal(err)
		}
		art, err := c.Compile()
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.Compile()
		if err != nil || again.Digest != art.Digest {
			t.Errorf("%v: compiled twice, two digests (%v)", set, err)
		}
		if other, ok := seen[art.Digest]; ok {
			t.Errorf("%v has the digest of %s", set, other)
		}
		seen[art.Digest] = fmt.Sprint(set)
	}
}
