// Package samples says on which data sets of package dataset jobs with a server can run, and which component holds them
// at a node.
package samples

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The synthetic set of a job, of which each client draws its own samples: so there can be any number of clients.
const (
	syntheticSamples = 64 // of a client
	syntheticNoise   = 0.05

	leastSamples = 16 // of each client, where samples are dealt
)

// Sets returns the names of the data sets that a job can name, sorted.
func Sets() []string {
	return slices.DeleteFunc(dataset.Kinds(), func(name string) bool {
		_, err := usable(name)
		return err != nil
	})
}

// Schema returns what the samples of a data set are, or a *job.ConfigError where a job cannot run on them.
func Schema(name string) (dataset.Schema, error) {
	s, err := usable(name)
	if err == nil {
		return s, nil
	}
	want := quoted(Sets())
	if !errors.As(err, new(*dataset.UnknownError)) {
		want += ": " + err.Error()
	}
	return s, &job.ConfigError{Key: "data", Value: fmt.Sprintf("%q", name), Want: want}
}

// usable returns what samples of a kind are, or why a job cannot run on them: it wants samples that every node has of
// itself, numbers in one row, and classes.
func usable(name string) (dataset.Schema, error) {
	kind, err := dataset.Find(name)
	if err != nil {
		return dataset.Schema{}, err
	}
	if kind.Open == nil {
		return dataset.Schema{}, fmt.Errorf("%s reads files, and a job names none", name)
	}
	source, err := kind.Open(dataset.Env{})
	if err != nil {
		return dataset.Schema{}, err
	}
	s := source.Schema()
	if s.Features != tensor.Float32 || len(s.Shape) != 1 || len(s.Classes) == 0 {
		return s, fmt.Errorf("samples of %s are %v of %v with %d classes, and a job trains on float32 of one "+
			"dimension with classes",
			name, s.Shape, s.Features, len(s.Classes))
	}
	return s, nil
}

// quoted lists names as a sentence does.
func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strconv.Quote(n)
	}
	return strings.Join(out, " or ")
}

// Drawn says whether each client draws samples of its own of a data set; those of others are dealt.
func Drawn(name string) bool {
	kind, err := dataset.Find(name)
	return err == nil && kind.Each
}

// mainSetting is what a bare number behind the name of a partitioner is.
var mainSetting = map[string]string{"dirichlet": "alpha", "classes": "each", "shards": "each", "quantity": "alpha",
	"natural": "column"}

// Partition returns the partitioner that a text names, "dirichlet alpha=0.5" or "dirichlet 0.5", with its settings;
// empty, it is dirichlet with alpha where samples have classes, and iid where they have none. Errors are
// *job.ConfigError.
func Partition(text string, alpha float64, classes bool) (name string, settings json.RawMessage, err error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		if !classes {
			return "iid", nil, nil
		}
		settings, err = json.Marshal(dataset.Dirichlet{Alpha: alpha})
		return "dirichlet", settings, err
	}
	name = words[0]
	set := map[string]any{}
	for _, w := range words[1:] {
		key, v, ok := strings.Cut(w, "=")
		if !ok {
			key, v = mainSetting[name], w
		}
		set[key] = v
		if json.Valid([]byte(v)) {
			set[key] = json.RawMessage(v)
		}
	}
	if len(set) > 0 {
		settings, err = json.Marshal(set)
	}
	if err == nil {
		_, err = dataset.OpenPartitioner(name, settings)
	}
	if err != nil {
		err = &job.ConfigError{Key: "partition", Value: strconv.Quote(text), Want: "a partitioner (" +
			strings.Join(dataset.Partitioners(), ", ") + ") and its settings: " + err.Error()}
	}
	return name, settings, err
}

// Use is how a job uses a data set that Schema has seen.
type Use struct {
	Data          string
	Alpha         float64 // the concentration of the Dirichlet distribution that the classes are dealt by
	Parts         int
	Batch, Epochs int
	Each          int // what each node holds back of its part of the digits, in millionths
	Root          data.Root
}

// Component is what holds the samples at the nodes of places, as the slot "data".
func (u Use) Component(at []graph.Place) graph.Component {
	c := graph.Component{Name: "data", Role: data.Role, Version: data.Version, At: at, Methods: data.Methods()}
	switch u.Data {
	case job.DataSynthetic:
		c.Kind = data.KindSynthetic
		c.Config = data.SyntheticConfig{
			SyntheticConfig: dataset.SyntheticConfig{Samples: syntheticSamples, Noise: syntheticNoise}, Batch: u.Batch,
			Epochs: u.Epochs,
		}
	case job.DataDigits:
		c.Kind, c.Config = data.Kind, data.Config{Alpha: u.Alpha, Partitions: u.Parts, Batch: u.Batch, Epochs: u.Epochs,
			Each: u.Each, Root: u.Root}
	default:
		s := dataset.Use{Source: u.Data, Batch: u.Batch, Epochs: u.Epochs}
		if !Drawn(u.Data) {
			s.Partitions, s.Least, s.Partitioner = u.Parts, leastSamples, "dirichlet"
			s.Partition, _ = json.Marshal(dataset.Dirichlet{Alpha: u.Alpha}) // a number
		}
		c.Kind, c.Config = data.KindSource, s
	}
	return c
}
