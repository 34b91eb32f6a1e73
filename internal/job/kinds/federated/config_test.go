package federated

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/job"
)

// TestFieldsAreComplete holds the table of settings against the struct: a new field fails here until it has a key.
func TestFieldsAreComplete(t *testing.T) {
	var c Config
	v := reflect.ValueOf(&c).Elem()
	found := map[any]bool{}
	for _, f := range fields {
		found[f.At(&c)] = true
	}
	for i := range v.NumField() {
		if !found[v.Field(i).Addr().Interface()] {
			t.Errorf("field %s has no key", v.Type().Field(i).Name)
		}
	}
	if len(found) != v.NumField() || len(fields) != v.NumField() {
		t.Errorf("%d keys for %d fields", len(fields), v.NumField())
	}
}

// TestSettingsRoundTrip writes a job as text and reads it back.
func TestSettingsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Default()
		c.Rounds = rapid.IntRange(1, 100_000).Draw(t, "rounds")
		c.Seed = rapid.Uint64().Draw(t, "seed")
		c.Alpha = rapid.Float64Range(1e-9, 1e6).Draw(t, "alpha")
		c.Deadline = time.Duration(rapid.IntRange(0, 1e6).Draw(t, "deadline")) * time.Millisecond
		got, err := job.Restored(Kind{}, c.Settings())
		if err != nil || got != c {
			t.Fatalf("%+v became %+v (%v)", c, got, err)
		}
		var text strings.Builder
		for _, key := range Keys() {
			if v := c.Get(key); v != "" {
				text.WriteString(key + ": " + v + "\n")
			}
		}
		if got, err = job.Parse(Kind{}, "mine.yaml", []byte(text.String())); err != nil || got != c {
			t.Fatalf("%s became %+v (%v)", text.String(), got, err)
		}
	})
}

// TestOverWithoutACohort: how many more are asked is said of a cohort, and where there is none the message says so.
func TestOverWithoutACohort(t *testing.T) {
	_, err := Default().With(map[string]string{"over": "1"})
	if err == nil || !strings.Contains(err.Error(), "over is 1; want 0 without a cohort") {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	for _, bad := range []struct{ key, value string }{
		{"name", "Mine"}, {"name", ""}, {"name", "1st"}, {"name", strings.Repeat("a", 65)}, {"name", "../x"},
		{"loss", "givn"}, {"loss", "given"}, {"data", "faces"}, {"data", "csv"},
		{"rounds", "0"}, {"rounds", "100001"}, {"clients", "-1"}, {"clients", "65"}, {"alpha", "0"}, {"alpha", "NaN"},
		{"alpha", "Inf"},
		{"hidden", "0"}, {"hidden", "8193"}, {"epochs", "0"}, {"batch", "1025"}, {"learning_rate", "0"},
		{"learning_rate", "NaN"},
		{"momentum", "1"}, {"momentum", "-0.1"}, {"cohort", "9"}, {"cohort", "-1"}, {"over", "1"}, {"quorum", "9"},
		{"min_available", "9"}, {"fraction", "1.1"}, {"fraction", "NaN"}, {"grace", "1s"}, {"on_failed_round", "pray"},
		{"retries", "0"},
		{"weighting", "loud"}, {"max_samples", "16777216"}, {"clip", "-1"}, {"clip", "NaN"},
		{"deadline", "-1s"}, {"deadline", "1ns"}, {"heartbeat", "1ms"}, {"heartbeat", "2h"},
	} {
		_, err := Default().With(map[string]string{bad.key: bad.value})
		var e *job.ConfigError
		if !errors.As(err, &e) || e.Key != bad.key || e.Want == "" ||
			strings.Contains(e.Want, "want") {
			t.Errorf("%s: %s: %v", bad.key, bad.value, err)
		}
	}
}
