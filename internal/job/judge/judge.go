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
	"github.com/rhizome-ml/rhizome/internal/job/loss"
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
	Each      []int      `json:"label_shape,omitempty"` // of labels that are more than one number: all is of each
	Given     bool       `json:"given,omitempty"`       // the loss is the model's own, and nothing else is known
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

// Evaluate runs a model file over samples. By is the loss of the job, "" where there is none: with loss.Given the
// model's output is its loss, and nothing else is told; with loss.BCE labels that are numbers say yes or no. Errors
// are *importer.RefusedError and those of reading.
func Evaluate(file node.Given, source dataset.Source, by string) (*Evaluation, error) {
	im, err := model.ReadFile(file, importer.Options{Evaluate: true})
	if err != nil {
		return nil, err
	}
	return evaluate(im, source, by)
}

// EvaluateModel is Evaluate of a model that is in memory.
func EvaluateModel(m *onnx.ModelProto, source dataset.Source, by string) (*Evaluation, error) {
	im, err := importer.Import(m, importer.Options{Evaluate: true})
	if err != nil {
		return nil, err
	}
	return evaluate(im, source, by)
}

func evaluate(im *importer.Model, source dataset.Source, by string) (*Evaluation, error) {
	n := source.Len()
	if n == 0 {
		return nil, fmt.Errorf("there are no samples")
	}
	schema := source.Schema()
	batch := min(evaluationBatch, n)
	e := &judge{ends: im.Report().Ends, classes: len(schema.Classes), each: schema.LabelWidth(),
		given: by == loss.Given}
	if by == loss.BCE && e.classes == 0 && schema.Label == tensor.Float32 {
		e.classes, e.yes, schema.Classes = 2, true, []string{"no", "yes"}
	}
	run, err := e.runner(im, schema, batch)
	if err != nil {
		return nil, err
	}
	if e.classes > 0 {
		e.confusion = make([][]int64, e.classes)
	}
	for i := range e.confusion {
		e.confusion[i] = make([]int64, e.classes)
	}
	e.sums = make([]sums, e.each)
	rows := make([]int, batch)
	for at := 0; at < n; at += batch {
		for i := range rows {
			rows[i] = (at + i) % n
		}
		b := schema.Batch(batch)
		if err := source.Read(rows, b); err != nil {
			return nil, err
		}
		out, err := run(b)
		if err != nil {
			return nil, err
		}
		if err := e.take(out, b.Labels, batch, min(batch, n-at)); err != nil {
			return nil, err
		}
	}
	return e.result(schema, n), nil
}

// InputsOf returns what a model file takes, for one sample, as settings of a reader, by the name of each input.
func InputsOf(file node.Given) (map[string]dataset.FileInput, error) {
	im, err := model.ReadFile(file, importer.Options{Evaluate: true})
	if err != nil {
		return nil, err
	}
	at, err := im.At(1)
	if err != nil {
		return nil, err
	}
	out := map[string]dataset.FileInput{}
	for _, in := range at.Inputs {
		out[in.Name] = forward.InputOf(in.DType, in.Shape)
	}
	return out, nil
}

// The values that the graph of an evaluation takes.
const (
	samplesName = "rhizome.samples"
	labelsName  = "rhizome.labels"
	resultName  = "rhizome.result"
)

// runner returns what runs a model on a batch of samples, and gives its output as numbers, the scores of each number of
// a label behind each other.
func (e *judge) runner(im *importer.Model, s dataset.Schema, batch int) (func(dataset.Batch) ([]float32, error),
	error) {
	at, err := im.At(batch)
	if err != nil {
		return nil, err
	}
	declared := func(name string, t tensor.DType, shape []int) *onnx.ValueInfoProto {
		wide := make([]int64, len(shape))
		for i, d := range shape {
			wide[i] = int64(d)
		}
		return onnx.ValueInfo(name, t, wide...)
	}
	var inputs []*onnx.ValueInfoProto
	for _, in := range at.Inputs {
		inputs = append(inputs, declared(in.Name, in.DType, in.Shape))
	}
	f, err := forward.FitOf(s, inputs, batch)
	if err != nil {
		return nil, fmt.Errorf("the samples want %w", err)
	}
	out := at.Outputs[0]
	shape, labels := append([]int{batch}, s.Shape...), append([]int{batch}, s.LabelShape...)
	g := &onnx.GraphProto{Name: "evaluation of samples", Output: []*onnx.ValueInfoProto{{Name: resultName}}}
	g.Input = []*onnx.ValueInfoProto{declared(samplesName, s.Features, shape)}
	if f.Labels() {
		g.Input = append(g.Input, declared(labelsName, s.Label, labels))
	}
	if g.Node, err = f.Nodes(samplesName, labelsName); err != nil {
		return nil, err
	}
	g.Node = append(g.Node, at.Nodes...)
	perm, err := e.layout(out.Shape, batch, s)
	if err != nil {
		return nil, err
	}
	last := onnx.Node("", "Identity", "", []string{out.Name}, []string{resultName})
	if perm != nil {
		last = onnx.Node("", "Transpose", "", []string{out.Name}, []string{resultName}, onnx.AttrInts("perm", perm...))
	}
	g.Node = append(g.Node, last)
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
	return func(b dataset.Batch) ([]float32, error) {
		x, err := tensorOf(shape, b.Features)
		if err != nil {
			return nil, err
		}
		in := []*tensor.Tensor{x}
		if f.Labels() {
			y, err := tensorOf(labels, b.Labels)
			if err != nil {
				return nil, err
			}
			in = append(in, y)
		}
		got, err := plan.Run(in)
		if err != nil {
			return nil, err
		}
		if got[0].DType() != tensor.Float32 {
			return nil, fmt.Errorf("the model gives %v; want float32", got[0].DType())
		}
		return got[0].Float32(), nil
	}, nil
}

func tensorOf(shape []int, c dataset.Column) (*tensor.Tensor, error) {
	if c.Int64 != nil {
		return tensor.FromInt64(shape, c.Int64)
	}
	return tensor.FromFloat32(shape, c.Float32)
}

// layout says how the output stands for the labels.
func (e *judge) layout(output []int, batch int, s dataset.Schema) ([]int64, error) {
	if e.given {
		return nil, nil
	}
	scores := max(1, e.classes)
	if one := batch * e.each; e.classes == 2 && (dataset.Schema{Shape: output}).Width() == one {
		scores = 1 // of yes
	}
	perm, err := forward.Layout(output, batch, s.LabelShape, scores)
	if err != nil {
		return nil, fmt.Errorf("the samples want %w", err)
	}
	var wide []int64
	for _, d := range perm {
		wide = append(wide, int64(d))
	}
	return wide, nil
}

// judge adds up what a model finds.
type judge struct {
	ends      string
	classes   int
	each      int // numbers of a label
	given     bool
	yes       bool // labels are numbers, and those above a half say yes
	confusion [][]int64
	sums      []sums // of each number of a label that is a quantity
	loss      float64
}

// sums are those of a quantity.
type sums struct{ loss, absolute, sum, squares float64 }

// take judges the first n samples of a batch.
func (e *judge) take(out []float32, labels dataset.Column, batch, n int) error {
	if e.given {
		return e.losses(out, batch, n)
	}
	width := len(out) / (batch * e.each)
	if len(out)%(batch*e.each) != 0 || width == 0 {
		return fmt.Errorf("the model gives %d numbers for %d samples", len(out), batch)
	}
	for i := range n * e.each {
		row := out[i*width : (i+1)*width]
		if e.classes == 0 {
			if width != 1 {
				return fmt.Errorf("the model gives %d numbers for a sample; want one, as the label is a quantity",
					width)
			}
			y := float64(labels.Float32[i])
			d := float64(row[0]) - y
			s := &e.sums[i%e.each]
			s.loss += d * d
			s.absolute += math.Abs(d)
			s.sum += y
			s.squares += y * y
			continue
		}
		y := 0
		switch {
		case !e.yes:
			y = int(labels.Int64[i])
		case labels.Float32[i] > 0.5:
			y = 1
		}
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

// losses adds up what a model says of its loss: of each sample, or of the batch as one number.
func (e *judge) losses(out []float32, batch, n int) error {
	if len(out) == 0 {
		return fmt.Errorf("the model gives no loss")
	}
	from := out
	if len(out)%batch == 0 {
		from = out[:len(out)/batch*n] // without what the batch was filled up with
	}
	sum := 0.0
	for _, v := range from {
		sum += float64(v)
	}
	e.loss += sum / float64(len(from)) * float64(n)
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
	count := float64(n * e.each)
	r := &Evaluation{Samples: n, Accuracy: job.Number(math.NaN()), Each: s.LabelShape}
	if e.given {
		r.Each, r.Given, r.Loss = nil, true, job.Number(e.loss/float64(n))
		return r
	}
	if e.classes == 0 {
		e.quantities(r, n)
		return r
	}
	r.Loss = job.Number(e.loss / count)
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

// quantities tells errors: over all numbers of the labels, and r2 as the mean of those of each.
func (e *judge) quantities(r *Evaluation, n int) {
	var loss, absolute, explained float64
	spreads := 0
	for _, s := range e.sums {
		loss, absolute = loss+s.loss, absolute+s.absolute
		if spread := s.squares - s.sum*s.sum/float64(n); spread > 0 {
			explained += 1 - s.loss/spread
			spreads++
		}
	}
	count := float64(n * e.each)
	r.Loss, r.Absolute = job.Number(loss/count), job.Number(absolute/count)
	if spreads > 0 {
		r.Explained = job.Number(explained / float64(spreads))
	}
}

func share(of, all int64) job.Number {
	if all == 0 {
		return job.Number(math.NaN())
	}
	return job.Number(float64(of) / float64(all))
}
