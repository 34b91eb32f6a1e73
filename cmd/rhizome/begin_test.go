package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job/kinds"
)

// TestNamesOfJobs: files with numbers make jobs of other names, and so of other directories.
func TestNamesOfJobs(t *testing.T) {
	for file, want := range map[string]string{"my job.yaml": "my-job", "a/t2.yaml": "t2", "run_1-2_.yml": "run_1-2",
		"2026-11.yaml": "mine", "Grün 7.yaml": "gr-n-7"} {
		if got := nameOf(file); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

// TestJobSchema: the schema has every key of every kind with what it says, and no other.
func TestJobSchema(t *testing.T) {
	for _, k := range kinds.All() {
		got := rhizome(t, "job", "schema", k.Name())
		var s struct {
			Properties map[string]struct{ Description string }
		}
		if err := json.Unmarshal([]byte(got.Out), &s); err != nil || got.Code != 0 {
			t.Fatalf("%s: %v, %s", k.Name(), err, got.Err)
		}
		for _, key := range k.Keys() {
			p, there := s.Properties[key.Name]
			if there == key.Brought {
				t.Errorf("%s: %s is in the schema: %v", k.Name(), key.Name, there)
			}
			if group := strings.Split(key.In, ".")[0]; !key.Brought && p.Description == "" && group != key.Name {
				t.Errorf("%s: %s says nothing", k.Name(), key.Name)
			}
		}
	}
}
