package samples_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/evaluation"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/samples"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

// TestSets: each data set of which every node has samples of itself can be named by both kinds of job that run on
// samples, and no other.
func TestSets(t *testing.T) {
	for _, name := range dataset.Kinds() {
		f, e := federated.Default(), evaluation.Default()
		f.Data, e.Data = name, name
		_, want := samples.Schema(name)
		kind, err := dataset.Find(name)
		usable := slices.Contains(samples.Sets(), name)
		if err != nil || usable != (want == nil) || (kind.Open == nil) == usable {
			t.Errorf("%s can be used: %v, %v", name, usable, want)
		}
		for _, err := range []error{f.Validate(), e.Validate()} {
			var bad *job.ConfigError
			if (err == nil) != (want == nil) || err != nil && (!errors.As(err, &bad) || bad.Key != "data" ||
				!strings.Contains(bad.Want, `"digits" or `)) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
	}
	if _, err := samples.Schema("mine"); !errors.As(err, new(*job.ConfigError)) {
		t.Error(err)
	}
}

// TestAnySourceIsDealt: a source that has no component of its own is dealt as the digits are.
func TestAnySourceIsDealt(t *testing.T) {
	c := samples.Use{Data: "another", Alpha: 0.5, Parts: 3, Batch: 1, Epochs: 2}.Component(nil)
	u, ok := c.Config.(dataset.Use)
	if !ok || c.Kind != data.KindSource || u.Source != "another" || u.Partitions != 3 || u.Least != 16 ||
		u.Partitioner != "dirichlet" || u.Batch != 1 || u.Epochs != 2 {
		t.Errorf("%+v", c)
	}
}
