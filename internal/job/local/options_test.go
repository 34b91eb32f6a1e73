package local

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/install"
)

// TestOptionsAreValidated: options of a run that cannot be are refused by their name; zeros are defaults.
func TestOptionsAreValidated(t *testing.T) {
	if err := (Options{}).Validate(); err != nil {
		t.Error(err)
	}
	for key, all := range map[string][]Options{
		"chaos": {{Chaos: -1}, {Chaos: 1.5}, {Chaos: math.NaN()}}, "keep": {{Keep: -1}, {Keep: install.KeepMax + 1}},
		"keep_age": {{KeepAge: -time.Second}},
	} {
		for _, o := range all {
			var no *job.ConfigError
			if err := o.Validate(); !errors.As(err, &no) || no.Key != key || no.Want == "" {
				t.Errorf("%s: %v", key, err)
			}
			if l, err := Open(o); err == nil {
				l.Close()
				t.Errorf("%s: a run is opened", key)
			}
		}
	}
}
