package job

import (
	"github.com/rhizome-ml/rhizome/compile"
	"github.com/rhizome-ml/rhizome/program"
	"testing"
)

func TestChoreographyIsRecorded(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"default":  func(*Config) {},
		"momentum": func(c *Config) { c.Momentum = 0.5 },
		"cohort":   func(c *Config) { c.Cohort, c.Over, c.Quorum = 4, 2, 3 },
	} {
		c := Default()
		change(&c)
		if _, err := c.Choreography(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestX(t *testing.T) {
	c := Default()
	m, err := c.Choreography()
	if err != nil {
		t.Fatal(err)
	}
	art, rep, err := compile.Compile(m, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range rep.Passes {
		t.Log(p.Pass)
		for _, d := range p.Did {
			t.Log("   ", d)
		}
	}
	for _, pl := range []string{"server", "clients"} {
		p, err := program.Load(art.Model, pl)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(pl, len(p.Funcs))
	}
}
