package dataset

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Source is numbered samples. It is immutable once it is open, and thread-unsafe: a node reads it from one thread. One
// that is larger than memory may have a method Block() int, which says how many samples that follow each other are best
// read together: a node then goes through them in an order that keeps such blocks together.
type Source interface {
	// Schema says what a sample is.
	Schema() Schema
	// Len returns how many samples there are.
	Len() int
	// Read puts the samples of these numbers, each from 0 to below Len, into a batch, one behind the other. A column
	// without memory is not wanted. The same numbers give the same bits on every machine. A number of no sample is an
	// error.
	Read(rows []int, into Batch) error
}

// Tested is a Source that brings samples of its own for the test. From others, some are held out.
type Tested interface {
	Source
	// Test returns the samples of the test: the same at every node.
	Test() Source
}

// Schema says what a sample is: the features that a model sees, and what it is to learn.
type Schema struct {
	// Shape is that of one sample's features, such as [64] or [1 28 28].
	Shape []int
	// Features is their type: Float32 or Int64.
	Features tensor.DType
	// Label is that of the label: Int64 for the number of a class, Float32 for a quantity, 0 where samples have none.
	Label tensor.DType
	// Classes are the names of the classes, by number; nil where the label is none.
	Classes []string
	// Names are those of the features, where Shape has one dimension and they have names.
	Names []string
	// Parts are what the inputs of a model take of a sample, which is then one row of numbers, in its order; nil where
	// a model takes it whole.
	Parts []Part
	// LabelShape is the shape of a sample's label; nil where it is one number. Labels are the names of its columns,
	// where it is several.
	LabelShape []int
	Labels     []string
}

// The bounds of a schema.
const (
	widthMax   = 1 << 24 // features of one sample
	classesMax = 1 << 16
)

// Width returns how many numbers the features of one sample are.
func (s Schema) Width() int {
	n := 1
	for _, d := range s.Shape {
		n *= d
	}
	return n
}

// LabelWidth returns how many numbers the label of one sample is.
func (s Schema) LabelWidth() int {
	n := 1
	for _, d := range s.LabelShape {
		n *= d
	}
	return n
}

// Classed says whether each sample is of one class.
func (s Schema) Classed() bool { return len(s.Classes) > 0 && len(s.LabelShape) == 0 }

// Check says what is wrong with a schema, as a *config.Error.
func (s Schema) Check() error {
	const of = "schema"
	n := 1
	for _, d := range s.Shape {
		if d < 1 || d > widthMax/n {
			return config.Errorf(of, "a sample has the shape %v; want dimensions above 0 and at most %d numbers",
				s.Shape, widthMax)
		}
		n *= d
	}
	switch {
	case s.Features != tensor.Float32 && s.Features != tensor.Int64:
		return config.Errorf(of, "features are %v; want float32 or int64", s.Features)
	case s.Label != 0 && s.Label != tensor.Float32 && s.Label != tensor.Int64:
		return config.Errorf(of, "labels are %v; want int64, float32 or none", s.Label)
	case len(s.Classes) > 0 && s.Label != tensor.Int64:
		return config.Errorf(of, "there are %d classes, and labels are %v; want int64", len(s.Classes), s.Label)
	case len(s.Classes) > classesMax:
		return config.Errorf(of, "there are %d classes; want at most %d", len(s.Classes), classesMax)
	case len(s.Names) > 0 && (len(s.Shape) != 1 || len(s.Names) != s.Shape[0]):
		return config.Errorf(of, "there are %d names for features of the shape %v; want one for each, or none",
			len(s.Names), s.Shape)
	}
	return s.checkParts()
}

// checkParts says what is wrong with the parts and the label of a schema.
func (s Schema) checkParts() error {
	const of = "schema"
	n := 1
	for _, d := range s.LabelShape {
		if d < 1 || d > widthMax/n {
			return config.Errorf(of, "a label has the shape %v; want dimensions above 0 and at most %d numbers",
				s.LabelShape, widthMax)
		}
		n *= d
	}
	switch {
	case len(s.LabelShape) > 0 && s.Label == 0:
		return config.Errorf(of, "a label has the shape %v, and samples have none", s.LabelShape)
	case len(s.Labels) > 0 && len(s.Labels) != n:
		return config.Errorf(of, "there are %d names for a label of the shape %v", len(s.Labels), s.LabelShape)
	case len(s.Parts) > inputsMax:
		return config.Errorf(of, "there are %d parts; want at most %d", len(s.Parts), inputsMax)
	case len(s.Parts) == 0:
		return nil
	}
	width, seen := 0, map[string]bool{}
	for _, p := range s.Parts {
		if seen[p.Name] || p.Name == "" || p.Type != tensor.Float32 && p.Type != tensor.Int64 {
			return config.Errorf(of, "there is the part %.40q of %v; want each name once, and float32 or int64", p.Name,
				p.Type)
		}
		seen[p.Name] = true
		if p.Label {
			continue
		}
		w := 1
		for _, d := range p.Shape {
			if d < 1 || d > widthMax/w {
				return config.Errorf(of, "the part %.40q has the shape %v; want dimensions above 0", p.Name, p.Shape)
			}
			w *= d
		}
		if width += w; width > widthMax {
			break
		}
	}
	if len(s.Shape) != 1 || width != s.Shape[0] {
		return config.Errorf(of, "a sample has the shape %v, and its parts have %d numbers; want them in one row",
			s.Shape, width)
	}
	return nil
}

// Column is memory for numbers of one type: one of the two slices, or none.
type Column struct {
	Float32 []float32
	Int64   []int64
}

// Batch is memory for samples: their features one sample behind the other, and their labels.
type Batch struct{ Features, Labels Column }

// Batch returns memory for n samples of a schema.
func (s Schema) Batch(n int) Batch {
	return Batch{columnOf(s.Features, n*s.Width()), columnOf(s.Label, n*s.LabelWidth())}
}

func columnOf(t tensor.DType, n int) Column {
	switch t {
	case tensor.Float32:
		return Column{Float32: make([]float32, n)}
	case tensor.Int64:
		return Column{Int64: make([]int64, n)}
	}
	return Column{}
}

// Labels returns the labels of all samples of a classification, by number.
func Labels(s Source) ([]int64, error) {
	schema := s.Schema()
	if schema.Label != tensor.Int64 || !schema.Classed() {
		return nil, config.Errorf("source", "its samples have no classes")
	}
	y := make([]int64, s.Len())
	if err := s.Read(all(s.Len()), Batch{Labels: Column{Int64: y}}); err != nil {
		return nil, err
	}
	for i, c := range y {
		if c < 0 || c >= int64(len(schema.Classes)) {
			return nil, config.Errorf("source", "sample %d has the label %d; want 0 to %d", i, c, len(schema.Classes)-1)
		}
	}
	return y, nil
}

// memory is samples in memory.
type memory struct {
	schema Schema
	all    Batch
	n      int
}

// InMemory returns samples that are in memory already, which must not be changed from then on.
func InMemory(schema Schema, all Batch) (Source, error) {
	if err := schema.Check(); err != nil {
		return nil, err
	}
	n := max(len(all.Features.Float32), len(all.Features.Int64)) / schema.Width()
	want := schema.Batch(0)
	for _, c := range []struct {
		name      string
		got, like Column
		len       int
	}{{"features", all.Features, want.Features, n * schema.Width()},
		{"labels", all.Labels, want.Labels, n * schema.LabelWidth()}} {
		if (c.like.Float32 != nil && len(c.got.Float32) != c.len) ||
			(c.like.Int64 != nil && len(c.got.Int64) != c.len) ||
			(c.like.Float32 == nil && c.got.Float32 != nil) || (c.like.Int64 == nil && c.got.Int64 != nil) {
			return nil, config.Errorf("source", "%s: %d float32 and %d int64; want those of %d samples, of the type "+
				"in the schema",
				c.name, len(c.got.Float32), len(c.got.Int64), n)
		}
	}
	return &memory{schema, all, n}, nil
}

// Schema says what a sample is.
func (m *memory) Schema() Schema { return m.schema }

// Len returns how many samples there are.
func (m *memory) Len() int { return m.n }

// Read copies samples.
func (m *memory) Read(rows []int, into Batch) error {
	w, lw := m.schema.Width(), m.schema.LabelWidth()
	for i, r := range rows {
		if r < 0 || r >= m.n {
			return fmt.Errorf("dataset: no sample %d; there are %d", r, m.n)
		}
		gather(into.Features.Float32, m.all.Features.Float32, i, r, w)
		gather(into.Features.Int64, m.all.Features.Int64, i, r, w)
		gather(into.Labels.Float32, m.all.Labels.Float32, i, r, lw)
		gather(into.Labels.Int64, m.all.Labels.Int64, i, r, lw)
	}
	return nil
}

// gather copies sample r of from to place i of into, where both are there.
func gather[T any](into, from []T, i, r, width int) {
	if into != nil && from != nil {
		copy(into[i*width:(i+1)*width], from[r*width:(r+1)*width])
	}
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
