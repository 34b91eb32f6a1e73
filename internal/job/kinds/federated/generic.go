package federated

import (
	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
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
	x = b.Typed(given[0], types.Tensors(s.Features, append([]int{n}, s.Shape...)...))
	return x, b.Typed(given[1], types.Tensors(label, n))
}

// measure records the test of a model at the server, batch by batch, so that it takes no more memory than training
// does.
func (j *fedavg) measure(b *graph.Graph, mean, loaded graph.Value) measured {
	classes := j.c.shape().classes
	tests := b.Invoke(j.slots.data, "Tests", loaded)
	list := b.Unbundle(b.Typed(mean, j.params), len(j.params.Items))
	shown := j.c.shown()
	scalarType, matrix := types.Tensors(tensor.Float32), types.Tensors(tensor.Float32, shown, shown)
	nought := b.Constant(scalar(0))
	sums := b.Named("tests").Loop(tests[1], []graph.Value{nought, nought, nought, b.Constant(zeros(shown, shown))},
		func(b *graph.Graph, step graph.Value, carried []graph.Value) []graph.Value {
			given := b.Invoke(j.slots.data, "TestBatch", step)
			x, y := j.batch(b, given)
			w := b.Typed(given[2], types.Tensors(tensor.Float32, j.c.Batch))
			params := make([]graph.Value, len(list))
			for i := range list {
				params[i] = b.Typed(list[i], j.params.Items[i])
			}
			out := j.net.output(b, x, params)
			total := func(of graph.Value) graph.Value {
				return b.Tensor("ReduceSum", graph.Attrs{"keepdims": 0}, b.Mul(of, w))
			}
			loss, right := j.judged(b, out, y)
			confusion := b.Typed(carried[3], matrix)
			if shown > 0 {
				found := b.Tensor("ArgMax", graph.Attrs{"axis": 1, "keepdims": 0}, out)
				weighed := b.Mul(oneHot(b, y, classes), b.Tensor("Reshape", nil, w,
					b.Constant(integers(int64(j.c.Batch), 1))))
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
	if n := c.shape().classes; n <= confusionMost {
		return n
	}
	return 0
}

// judged records the loss of each sample of a batch, and 1 for each that is classed right; of a quantity, 0.
func (j *fedavg) judged(b *graph.Graph, out, y graph.Value) (loss, right graph.Value) {
	n := j.c.Batch
	if j.c.shape().classes == 0 {
		d := b.Sub(b.Tensor("Reshape", nil, out, b.Constant(integers(int64(n)))), y)
		square := b.Mul(d, d)
		return square, b.Mul(square, b.Constant(scalar(0)))
	}
	most := b.Tensor("ReduceMax", graph.Attrs{"axes": []int{1}, "keepdims": 1}, out)
	all := b.Tensor("ReduceSum", graph.Attrs{"keepdims": 0}, b.Tensor("Exp", nil, b.Sub(out, most)),
		b.Constant(integers(1)))
	own := b.Tensor("ReduceSum", graph.Attrs{"keepdims": 0}, b.Mul(oneHot(b, y, j.c.shape().classes),
		b.Sub(out, most)), b.Constant(integers(1)))
	loss = b.Sub(b.Tensor("Log", nil, all), own)
	found := b.Tensor("ArgMax", graph.Attrs{"axis": 1, "keepdims": 0}, out)
	return loss, b.Tensor("Cast", graph.Attrs{"to": int(tensor.Float32)}, b.Tensor("Equal", nil, found, y))
}

// oneHot returns a matrix with a row for each label and a 1 in the label's column.
func oneHot(b *graph.Graph, labels graph.Value, classes int) graph.Value {
	return b.Tensor("OneHot", graph.Attrs{"axis": 1}, labels, b.Constant(integers(int64(classes))),
		b.Constant(floats(0, 1)))
}

// lossOf records the mean loss of a batch.
func (j *fedavg) lossOf(b *graph.Graph, out, y graph.Value) graph.Value {
	if j.c.shape().classes > 0 {
		return b.CrossEntropy(out, y)
	}
	d := b.Sub(b.Tensor("Reshape", nil, out, b.Constant(integers(int64(j.c.Batch)))), y)
	return b.Tensor("ReduceMean", graph.Attrs{"keepdims": 0}, b.Mul(d, d))
}
