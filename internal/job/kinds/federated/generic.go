package federated

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/loss"
	"github.com/rhizome-ml/rhizome/internal/job/optimizer"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
)

// form is what the samples of a job are, as Validate has seen them.
func (c Config) form() dataset.Schema {
	s, _ := c.Schema()
	return s
}

// batch types what the data gives: samples and their labels.
func (j *fedavg) batch(b *graph.Graph, given []graph.Value) (x, y graph.Value) {
	s, n := j.c.form(), j.c.Batch
	label := s.Label
	if label == 0 {
		label = tensor.Int64
	}
	x = j.scaled(b, b.Typed(given[0], types.Tensors(s.Features, append([]int{n}, s.Shape...)...)))
	return x, b.Typed(given[1], types.Tensors(label, append([]int{n}, s.LabelShape...)...))
}

// measure records the test of a model at the server, batch by batch, so that it takes no more memory than training
// does.
func (j *fedavg) measure(b *graph.Graph, mean, loaded graph.Value) measured {
	j.scale = j.constants(b, loaded)
	tests, personal := b.Invoke(j.slots.data, "Tests", loaded), j.beginners(b, loaded)
	return j.measureOn(b, mean, tests, personal)
}

// measureOn records the test of a model on the samples that are held out where it is recorded: how many, and in how
// many batches.
func (j *fedavg) measureOn(b *graph.Graph, mean graph.Value, tests, personal []graph.Value) measured {
	classes := j.c.shape().classes
	list := b.Unbundle(b.Typed(mean, j.stored), len(j.stored.Items))
	shown := j.c.shown()
	scalarType, matrix := types.Tensors(tensor.Float32), types.Tensors(tensor.Float32, shown, shown)
	nought := b.Constant(scalar(0))
	sums := b.Named("tests").Loop(tests[1], []graph.Value{nought, nought, nought, b.Constant(zeros(shown, shown))},
		func(b *graph.Graph, step graph.Value, carried []graph.Value) []graph.Value {
			given := b.Invoke(j.slots.data, "TestBatch", step)
			x, y := j.batch(b, given)
			w := j.weights(b, b.Typed(given[2], types.Tensors(tensor.Float32, j.c.Batch)))
			params := make([]graph.Value, len(list))
			for i := range list {
				params[i] = j.widened(b, i, list[i])
			}
			out := j.net.output(b, batch{x, y}, slices.Concat(params, personal))
			y = j.labels(b, y)
			total := func(of graph.Value) graph.Value {
				return b.Tensor("ReduceSum", graph.Attrs{"keepdims": 0}, b.Mul(of, w))
			}
			loss, right := j.judged(b, out, y)
			confusion := b.Typed(carried[3], matrix)
			if shown > 0 {
				found := j.found(b, out)
				weighed := b.Mul(oneHot(b, y, classes), b.Tensor("Reshape", nil, w,
					b.Constant(integers(int64(j.c.judgedNumbers()), 1))))
				confusion = b.Add(confusion, b.MatMul(b.Tensor("Transpose", graph.Attrs{"perm": []int{1, 0}}, weighed),
					oneHot(b, found, classes)))
			}
			return []graph.Value{
				b.Add(b.Typed(carried[0], scalarType), total(right)), b.Add(b.Typed(carried[1], scalarType),
					total(loss)),
				b.Add(b.Typed(carried[2], scalarType), b.Tensor("ReduceSum", graph.Attrs{"keepdims": 0}, w)), confusion,
			}
		})
	count := b.Typed(sums[2], scalarType)
	return measured{accuracy: b.Tensor("Div", nil, b.Typed(sums[0], scalarType), count),
		loss: b.Tensor("Div", nil, b.Typed(sums[1], scalarType),
			count), confusion: sums[3]}
}

// confusionMost bounds the classes of which a round tells a confusion matrix.
const confusionMost = 64

// shown is how many rows the confusion matrix has that a round tells: none where it would be large, or where there are
// no classes.
func (c Config) shown() int {
	if n := c.shape().classes; n <= confusionMost && !c.given() {
		return n
	}
	return 0
}

// judged records the loss of each sample of a batch, and 1 for each that is classed right; a quantity is no number of
// that kind.
func (j *fedavg) judged(b *graph.Graph, out, y graph.Value) (loss, right graph.Value) {
	if j.c.given() {
		loss = j.lossOfEach(b, out)
		return loss, b.Mul(loss, b.Constant(scalar(math.NaN())))
	}
	loss, err := j.loss.RecordEach(b, out, y)
	if err != nil {
		j.fail(err)
		return out, out
	}
	if j.c.yesNo() {
		y = b.Tensor("Cast", graph.Attrs{"to": int(tensor.Int64)}, b.Tensor("Greater", nil, y, b.Constant(scalar(0.5))))
	} else if j.c.shape().classes == 0 {
		return loss, b.Mul(loss, b.Constant(scalar(math.NaN())))
	}
	return loss, b.Tensor("Cast", graph.Attrs{"to": int(tensor.Float32)}, b.Tensor("Equal", nil, j.found(b, out), y))
}

// found records the class that a network finds of each sample.
func (j *fedavg) found(b *graph.Graph, out graph.Value) graph.Value {
	if j.c.outputs() > 1 {
		return b.Tensor("ArgMax", graph.Attrs{"axis": 1, "keepdims": 0}, out)
	}
	yes := b.Tensor("Greater", nil, b.Tensor("Reshape", nil, out, b.Constant(integers(int64(j.c.judgedNumbers())))),
		b.Constant(scalar(0)))
	return b.Tensor("Cast", graph.Attrs{"to": int(tensor.Int64)}, yes)
}

// oneHot returns a matrix with a row for each label and a 1 in the label's column.
func oneHot(b *graph.Graph, labels graph.Value, classes int) graph.Value {
	return b.Tensor("OneHot", graph.Attrs{"axis": 1}, labels, b.Constant(integers(int64(classes))),
		b.Constant(floats(0, 1)))
}

// lossOf records the mean loss of a batch.
func (j *fedavg) lossOf(b *graph.Graph, out, y graph.Value) graph.Value {
	l, err := j.loss.Record(b, out, y)
	if err != nil {
		j.fail(err)
		return out
	}
	return l
}

// fail keeps the first reason why the choreography cannot be recorded.
func (j *fedavg) fail(err error) {
	if j.err == nil {
		j.err = &job.ConfigError{Key: "loss", Value: j.loss.String(), Want: "a loss that fits: " + err.Error()}
	}
}

// lossName is the loss by which the job trains.
func (c Config) lossName() string {
	switch {
	case c.Loss != "":
		return c.Loss
	case c.shape().classes > 0:
		return loss.CrossEntropy
	}
	return loss.MSE
}

// optimizer returns how a client steps, nil where it descends by learning_rate and momentum.
func (c Config) optimizer() (*optimizer.Optimizer, optimizer.Schedule, error) {
	schedule, err := optimizer.ParseSchedule(cmp.Or(c.Schedule, "constant"))
	if err != nil {
		return nil, schedule, &job.ConfigError{Key: "schedule", Value: strconv.Quote(c.Schedule), Want: err.Error()}
	}
	text := c.Optimizer
	if text == "" {
		if schedule.Constant() {
			return nil, schedule, nil
		}
		text = fmt.Sprintf("sgd rate=%g momentum=%g", c.LearningRate, c.Momentum)
	}
	o, err := optimizer.Parse(text)
	if err != nil {
		return nil, schedule, &job.ConfigError{Key: "optimizer", Value: strconv.Quote(c.Optimizer), Want: err.Error()}
	}
	return &o, schedule, nil
}

// validateTraining checks what says how a client trains.
func (c Config) validateTraining() error {
	o, _, err := c.optimizer()
	if err != nil {
		return err
	}
	if c.Optimizer != "" && c.Momentum != 0 {
		return &job.ConfigError{Key: "momentum", Value: fmt.Sprint(c.Momentum),
			Want: "0 beside optimizer " + o.Name() + ", which has settings of its own"}
	}
	if !(c.ClipGradient >= 0 && c.ClipGradient <= 1e6) {
		return &job.ConfigError{Key: "clip_gradient", Value: fmt.Sprint(c.ClipGradient), Want: "0 to 1e6"}
	}
	if c.Loss == "" {
		return nil
	}
	l, err := loss.Of(c.Loss)
	if err == nil && !c.Brings() {
		err = errors.New("none where neither model nor data is the job's own")
	}
	if err == nil && l.Name() == loss.Given && c.Model == "" {
		err = errors.New("another where the job brings no model: the one that is given is an output of it")
	}
	if err != nil {
		want := err.Error()
		if e := (*loss.Error)(nil); errors.As(err, &e) {
			want = e.Want
		}
		return &job.ConfigError{Key: "loss", Value: strconv.Quote(c.Loss), Want: want}
	}
	return nil
}

// stepBy records one step of an optimizer, and returns what it changes: the parameters, and behind them what it keeps.
func (j *fedavg) stepBy(b *graph.Graph, of span, params, gradients, kept []graph.Value, turn graph.Value) (next,
	keep []graph.Value) {
	if j.c.ClipGradient > 0 {
		gradients = optimizer.ClipNorm(b, gradients, j.c.ClipGradient)
	}
	var rate optimizer.Rate
	if !j.schedule.Constant() {
		rate = j.schedule.Rate(j.optimizer.Get("rate"), turn, j.c.Rounds)
	}
	const many = 1 << 10 // beside which a count is nothing
	for i := range j.optimizer.Kept(many) / many * len(params) {
		kept[i] = b.Typed(kept[i], j.learns[of.from+i%len(params)])
	}
	return j.optimizer.Step(b, rate, params, gradients, kept)
}
