// Package judge says how good a model is on samples: a model file, without a node and without a job.
package judge

import (
	"fmt"
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/forward"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Evaluation is how good a model is on samples.
type Evaluation struct {
	Samples   int        `json:"samples"`
	Accuracy  job.Number `json:"accuracy"` // NaN where the label is a quantity
	Loss      job.Number `json:"loss"`     // mean cross entropy, or mean squared error
	Absolute  job.Number `json:"mean_absolute_error,omitempty"`
	Explained job.Number `json:"r2,omitempty"` // share of the variance of a quantity
	Classes   []string   `json:"classes,omitempty"`
	Confusion [][]int64  `json:"confusion,omitempty"` // [true class][class found]
	PerClass  []Class    `json:"per_class,omitempty"`
}

// Class is how well one class is told.
type Class struct {
	Name      string     `json:"name"`
	Samples   int64      `json:"samples"`
	Recall    job.Number `json:"recall"`    // share of its samples that are found
	Precision job.Number `json:"precision"` // share of what is found that is of it
}

// Event is what programs are told an Evaluation as.
const Event = "evaluation"

// confusionMost bounds the classes of which a confusion matrix is told.
const confusionMost = 64

// evaluationBatch is how many samples are run at once.
const evaluationBatch = 64

// Evaluate runs a model file over samples. Errors are *importer.RefusedError and those of reading.
func Evaluate(file node.Given, source dataset.Source) (*Evaluation, error) {
	im, err := model.ReadFile(file, importer.Options{Evaluate: true})
	if err != nil {
		return nil, err
	}
	n := source.Len()
	if n == 0 {
		return nil, fmt.Errorf("there are no samples")
	}
	batch := min(evaluationBatch, n)
	run, err := runner(im, source.Schema(), batch)
	if err != nil {
		return nil, err
	}
	schema := source.Schema()
	e := &judge{ends: im.Report().Ends, classes: len(schema.Classes), confusion: make([][]int64, len(schema.Classes))}
	for i := range e.confusion {
		e.confusion[i] = make([]int64, len(schema.Classes))
	}
	rows := make([]int, batch)
	for at := 0; at < n; at += batch {
		for i := range rows {
			rows[i] = (at + i) % n
		}
		b := schema.Batch(batch)
		if err := source.Read(rows, b); err != nil {
			return nil, err
		}
		out, err := run(b.Features)
		if err != nil {
			return nil, err
		}
		if err := e.take(out, b.Labels, batch, min(batch, n-at)); err != nil {
			return nil, err
		}
	}
	return e.result(schema, n), nil
}

// runner returns what runs a model on a batch of samples, and gives its output as numbers.
func runner(im *importer.Model, s dataset.Schema, batch int) (func(dataset.Column) ([]float32, error), error) {
	at, err := im.At(batch)
	if err != nil {
		return nil, err
	}
	if len(at.Inputs) != 1 {
		return nil, fmt.Errorf("the model has %d inputs; want one", len(at.Inputs))
	}
	in, out := at.Inputs[0], at.Outputs[0]
	dims := make([]int64, len(in.Shape))
	for i, d := range in.Shape {
		dims[i] = int64(d)
	}
	f, err := forward.FitOf(s, onnx.ValueInfo(in.Name, in.DType, dims...), batch)
	if err != nil {
		return nil, fmt.Errorf("the samples want %w", err)
	}
	shape := append([]int{batch}, s.Shape...)
	g := &onnx.GraphProto{Name: "evaluation of samples", Output: []*onnx.ValueInfoProto{{Name: out.Name}}}
	wide := make([]int64, len(shape))
	for i, d := range shape {
		wide[i] = int64(d)
	}
	const samples = "rhizome.samples"
	g.Input = []*onnx.ValueInfoProto{onnx.ValueInfo(samples, s.Features, wide...)}
	if g.Node, err = f.Nodes(samples, in.Name); err != nil {
		return nil, err
	}
	g.Node = append(g.Node, at.Nodes...)
	for _, p := range at.Params {
		g.Initializer = append(g.Initializer, p.Value.Proto(p.Name))
	}
	for _, c := range at.Constants {
		g.Initializer = append(g.Initializer, c.Value.Proto(c.Name))
	}
	plan, err := backend.Compile(g, backend.Options{})
	if err != nil {
		return nil, err
	}
	return func(c dataset.Column) ([]float32, error) {
		var x *tensor.Tensor
		var err error
		if s.Features == tensor.Int64 {
			x, err = tensor.FromInt64(shape, c.Int64)
		} else {
			x, err = tensor.FromFloat32(shape, c.Float32)
		}
		if err != nil {
			return nil, err
		}
		got, err := plan.Run([]*tensor.Tensor{x})
		if err != nil {
			return nil, err
		}
		if got[0].DType() != tensor.Float32 {
			return nil, fmt.Errorf("the model gives %v; want float32", got[0].DType())
		}
		return got[0].Float32(), nil
	}, nil
}

// judge adds up what a model finds.
type judge struct {
	ends      string
	classes   int
	confusion [][]int64

	loss, absolute, sum, squares float64
}

// take judges the first n samples of a batch.
func (e *judge) take(out []float32, labels dataset.Column, batch, n int) error {
	width := len(out) / batch
	if len(out)%batch != 0 || width == 0 {
		return fmt.Errorf("the model gives %d numbers for %d samples", len(out), batch)
	}
	for i := range n {
		row := out[i*width : (i+1)*width]
		if e.classes == 0 {
			if width != 1 {
				return fmt.Errorf("the model gives %d numbers for a sample; want one, as the label is a quantity",
					width)
			}
			y := float64(labels.Float32[i])
			d := float64(row[0]) - y
			e.loss += d * d
			e.absolute += math.Abs(d)
			e.sum += y
			e.squares += y * y
			continue
		}
		y := int(labels.Int64[i])
		if width != e.classes && !(width == 1 && e.classes == 2) {
			return fmt.Errorf("the model gives %d numbers for a sample, and the data has %d classes", width, e.classes)
		}
		p := e.probabilities(row)
		found := 0
		for k := range p {
			if p[k] > p[found] {
				found = k
			}
		}
		e.confusion[y][found]++
		e.loss -= math.Log(max(p[y], math.SmallestNonzeroFloat64))
	}
	return nil
}

// probabilities makes those of the classes of what a model gives.
func (e *judge) probabilities(row []float32) []float64 {
	if len(row) == 1 {
		yes := float64(row[0])
		if e.ends != "sigmoid" {
			yes = 1 / (1 + math.Exp(-yes))
		}
		return []float64{1 - yes, yes}
	}
	p := make([]float64, len(row))
	if e.ends == "softmax" {
		for k, v := range row {
			p[k] = float64(v)
		}
		return p
	}
	most, all := float64(slices.Max(row)), 0.0
	for k, v := range row {
		p[k] = math.Exp(float64(v) - most)
		all += p[k]
	}
	for k := range p {
		p[k] /= all
	}
	return p
}

// result is what was found of n samples.
func (e *judge) result(s dataset.Schema, n int) *Evaluation {
	count := float64(n)
	r := &Evaluation{Samples: n, Loss: job.Number(e.loss / count), Accuracy: job.Number(math.NaN())}
	if e.classes == 0 {
		r.Absolute = job.Number(e.absolute / count)
		if spread := e.squares - e.sum*e.sum/count; spread > 0 {
			r.Explained = job.Number(1 - e.loss/spread)
		}
		return r
	}
	right := int64(0)
	for k, row := range e.confusion {
		right += row[k]
		all, found := int64(0), int64(0)
		for i := range row {
			all, found = all+row[i], found+e.confusion[i][k]
		}
		r.PerClass = append(r.PerClass, Class{s.Classes[k], all, share(row[k], all), share(row[k], found)})
	}
	r.Accuracy, r.Classes = job.Number(float64(right)/count), s.Classes
	if e.classes <= confusionMost {
		r.Confusion = e.confusion
	}
	return r
}

func share(of, all int64) job.Number {
	if all == 0 {
		return job.Number(math.NaN())
	}
	return job.Number(float64(of) / float64(all))
}
