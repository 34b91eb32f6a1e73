package data

import (
	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/moments"
	"github.com/rhizome-ml/rhizome/value"
)

var _ engine.Worker = (*Component)(nil)

// summing is what the sums of the own samples are made of. It is not changed, and safe for concurrent use.
type summing struct {
	file node.Given
	of   SamplesConfig
	rows []int // nil: all of the file
}

// methodMoments is the one command of the component.
const methodMoments = "Moments"

// measure has the own samples summed up beside the engine: the file may be larger than memory.
func (c *Component) measure(ctx *engine.Context) ([]value.Value, error) {
	if c.sums == nil || c.train.source == nil {
		return nil, c.fail(value.CodeError, "this node holds no file of samples to sum up")
	}
	ctx.Command(methodMoments, nil)
	return nil, nil
}

// Work sums up the own samples, over a source of its own.
func (c *Component) Work(method string, _ []value.Value) ([]value.Value, error) {
	if method != methodMoments || c.sums == nil {
		return nil, c.fail(value.CodeError, "no work %q", method)
	}
	m, err := c.sums.run()
	if err != nil {
		return nil, c.fail(value.CodeError, "%v", err)
	}
	return moments.Values(m)
}

// Recorded returns true: the sums are small, and to make them again is to read the whole file.
func (c *Component) Recorded(string) bool { return true }

func (s *summing) run() (*dataset.Moments, error) {
	source, err := s.of.source(s.file)
	if err != nil {
		return nil, err
	}
	if f, ok := source.(*dataset.FileSource); ok {
		defer f.Close()
	}
	return dataset.MomentsOf(source, s.rows)
}
