package backend

import (
	"github.com/rhizome-ml/rhizome/component/backend/kernel"
	"github.com/rhizome-ml/rhizome/onnx"
	"github.com/rhizome-ml/rhizome/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

var softmaxKernels = map[string]kernelDef{
	"Softmax":    {inPlace: []int{0}, bind: onInput(0, byType{tensor.Float32: softmax[float32], tensor.Float64: softmax[float64]})},
	"LogSoftmax": {inPlace: []int{0}, bind: onInput(0, byType{tensor.Float32: logSoftmax[float32], tensor.Float64: logSoftmax[float64]})},
	"SoftmaxCrossEntropyLoss": {bind: onInput(0, byType{
		tensor.Float32: onInput(1, byType{
			tensor.Int64: loss(kernel.FromScores[float32, int64]), tensor.Int32: loss(kernel.FromScores[float32, int32])}),
		tensor.Float64: onInput(1, byType{
			tensor.Int64: loss(kernel.FromScores[float64, int64]), tensor.Int32: loss(kernel.FromScores[float64, int32])}),
	})},
	"NegativeLogLikelihoodLoss": {bind: onInput(0, byType{
		tensor.Float32: onInput(1, byType{
			tensor.Int64: likelihood[float32, int64](), tensor.Int32: likelihood[float32, int32]()}),
		tensor.Float64: onInput(1, byType{
			tensor.Int64: likelihood[float64, int64](), tensor.Int32: likelihood[float64, int32]()}),
	})},
}

func softmax[T kernel.Float](b *binding) (run, error) {
	l, err := lanes(b)
	if err != nil {
		return nil, err
	}
	b.scratch64 = l.N
	x, y := b.inSlot[0], b.outSlot[0]
	return func(f *frame) error {
		kernel.Softmax(l, data[T](f, y), data[T](f, x), f.scratch64)
		return nil
	}, nil
}

func logSoftmax[T kernel.Float](b *binding) (run, error) {
	l, err := lanes(b)
	if err != nil {
		return nil, err
	}
	x, y := b.inSlot[0], b.outSlot[0]
	return func(f *frame) error {
		kernel.LogSoftmax(l, data[T](f, y), data[T](f, x))
		return nil
	}, nil
}

// loss binds a loss of scores and labels.
func loss[T kernel.Float, L int64 | int32](of func(s *kernel.Loss[T], out, logProb, scores []T, labels []L) error) binder {
	return func(b *binding) (run, error) {
		s := kernel.Loss[T]{Lanes: kernel.LanesOf(b.in[0].Shape, 1), Reduction: reduction(b.proto)}
		s.Ignore, s.HasIgnore = onnx.GetInt(b.proto, "ignore_index")
		x, labels, weights, y, logProb := b.inSlot[0], b.inSlot[1], -1, b.outSlot[0], -1
		if b.has(2) {
			weights = b.inSlot[2]
		}
		if len(b.outSlot) > 1 {
			logProb = b.outSlot[1]
		}
		return func(f *frame) error {
			s := s
			if weights >= 0 {
				s.Weights = data[T](f, weights)
			}
			var lp []T
			if logProb >= 0 {
				lp = data[T](f, logProb)
			}
			return of(&s, data[T](f, y), lp, data[T](f, x), data[L](f, labels))
		}, nil
	}
}

// likelihood binds a loss of logarithms of probabilities.
func likelihood[T kernel.Float, L int64 | int32]() binder {
	return loss(func(s *kernel.Loss[T], out, _, scores []T, labels []L) error {
		return kernel.FromLogProb(s, out, scores, labels)
	})
}

func reduction(n *onnx.NodeProto) kernel.Reduction {
	switch onnxop.String(n, "reduction") {
	case "sum":
		return kernel.ReduceToSum
	case "none":
		return kernel.ReduceToNone
	}
	return kernel.ReduceToMean
}
