package deploy

import (
	"errors"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

// readable returns the kinds of source that read files: those that a job can name before the others.
func readable() (out []dataset.Kind) {
	for _, named := range []bool{true, false} {
		for _, name := range dataset.Kinds() {
			if k, err := dataset.Find(name); err == nil && k.Parse != nil && (k.Open != nil) == named {
				out = append(out, k)
			}
		}
	}
	return out
}

// checkRows checks a file, every line of it, before it is known which kind of source the program has: some kind must
// read it. It returns what the samples are.
func checkRows(path string, b []byte) (*exchange.Schema, error) {
	var first error
	for _, k := range readable() {
		s, err := data.Parse(&k, dataset.Env{}, b)
		if err == nil {
			return schemaOf(s.Schema()), nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, &DataError{path, first}
}

// schemaOf returns what samples are, as peers tell each other.
func schemaOf(s dataset.Schema) *exchange.Schema { return exchange.SchemaOf(s.Names, s.Classes) }

// schemaOfJob returns what the data of a job's clients is, or nil where they bring none.
func schemaOfJob(j job.Served) *exchange.Schema {
	c, ok := j.(job.Sampled)
	if !ok {
		return nil
	}
	kind, err := dataset.Find(j.Get("data"))
	if err != nil || kind.Parse == nil {
		return nil
	}
	s, err := c.Schema()
	if err != nil {
		return nil
	}
	return schemaOf(s)
}

// ErrDeclined says that the operator was asked and did not let the program run. Nothing of it was kept.
var ErrDeclined = errors.New("deploy: declined")
