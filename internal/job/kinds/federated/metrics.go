package federated

import (
	"slices"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// measured is what the server finds of a model on the held-out samples: scalars and a matrix, as tensors.
type measured struct {
	accuracy  graph.Value // share of the samples that are classed right
	loss      graph.Value // mean cross entropy
	confusion graph.Value // [true class, class found], counts
	clients   graph.Value // what clients found, where they are asked
}

// evaluate records the test of a model at the server.
func (j *fedavg) evaluate(b *graph.Graph, mean, loaded graph.Value) measured {
	if j.c.Brings() {
		return j.measure(b, mean, loaded)
	}
	test := b.Invoke(j.slots.data, "Test", loaded)
	x := b.Typed(test[0], types.Tensors(tensor.Float32, -1, j.c.shape().inputs))
	y := b.Typed(test[1], types.Tensors(tensor.Int64, -1))
	logits := j.net.output(b, batch{x, y}, slices.Concat(j.tensors(b, mean), j.beginners(b, loaded)))
	found := b.Tensor("ArgMax", graph.Attrs{"axis": 1, "keepdims": 0}, logits)
	right := b.Tensor("Cast", graph.Attrs{"to": int(tensor.Float32)}, b.Tensor("Equal", nil, found, y))
	return measured{
		accuracy: b.Tensor("ReduceMean", graph.Attrs{"keepdims": 0}, right),
		loss:     b.CrossEntropy(logits, y),
		confusion: b.MatMul(b.Tensor("Transpose", graph.Attrs{"perm": []int{1, 0}}, oneHot(b, y, j.c.shape().classes)),
			oneHot(b, found, j.c.shape().classes)),
	}
}

func integers(x ...int64) value.Value {
	t, err := tensor.FromInt64([]int{len(x)}, x)
	if err != nil {
		panic("job: " + err.Error()) // a vector of as many elements as there are
	}
	return value.Tensor{Tensor: t}
}

func floats(x ...float32) value.Value {
	t, err := tensor.FromFloat32([]int{len(x)}, x)
	if err != nil {
		panic("job: " + err.Error()) // a vector of as many elements as there are
	}
	return value.Tensor{Tensor: t}
}
