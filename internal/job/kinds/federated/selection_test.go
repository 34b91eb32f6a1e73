package federated

import (
	"errors"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// TestSelections: each way to select a cohort is a job of its own that trains, to a model of its own, and to the same
// one whatever power failures strike its nodes; a job that says uniform is that of before.
func TestSelections(t *testing.T) {
	models := map[string]string{}
	for _, selection := range []string{"uniform", "samples", "power-of-choice", "power-of-choice candidates=6"} {
		c := small()
		c.Clients, c.Cohort, c.Rounds, c.Selection, c.ClientMetrics = 6, 2, 6, selection, true
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		whole := newVirtual(t, c, 1, sim.Network{})
		whole.run()
		cut := newVirtual(t, c, 1, sim.Network{})
		cut.lenient = true
		cut.powerFailures(3)
		cut.run()
		if string(whole.file) != string(cut.file) {
			t.Errorf("%s: power failures change the model", selection)
		}
		for other, file := range models {
			if file == string(whole.file) {
				t.Errorf("%s and %s give one model", selection, other)
			}
		}
		models[selection] = string(whole.file)
	}
	plain, said := small(), small()
	plain.Selection, said.Selection = "", "uniform"
	a, err := plain.Compile()
	b, err2 := said.Compile()
	if err != nil || err2 != nil || a.Digest != b.Digest {
		t.Errorf("uniform, said or not, is two jobs: %v, %v", err, err2)
	}
}

// TestSelectionsThatCannotBe: each is refused with what it wants.
func TestSelectionsThatCannotBe(t *testing.T) {
	for set, want := range map[string]string{
		"selection=samples":                         "a cohort or a fraction beside it",
		"selection=luck cohort=2":                   "uniform, samples, or power-of-choice",
		"selection=power-of-choice cohort=2":        "client_metrics: true beside it",
		"selection=samples+candidates=3 cohort=2":   "uniform, samples, or power-of-choice",
		"selection=power-of-choice+d=3 cohort=2":    "with candidates=NUMBER behind it or not",
		"selection=power-of-choice+candidates=many": "candidates=NUMBER from 1 to 65536",
		"selection=power-of-choice+candidates=-4":   "candidates=NUMBER from 1 to 65536",

		"cohort=3 over=1 client_metrics=true selection=power-of-choice+candidates=3": "as are asked, 4",
	} {
		all := map[string]string{}
		for _, w := range strings.Fields(set) {
			key, text, _ := strings.Cut(w, "=")
			all[key] = strings.ReplaceAll(text, "+", " ")
		}
		_, err := Default().With(all)
		var e *job.ConfigError
		if !errors.As(err, &e) || e.Key != "selection" || !strings.Contains(e.Want, want) {
			t.Errorf("%s: %v, want %q", set, err, want)
		}
	}
}
