package backend

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

var softmaxKernels = map[string]kernelDef{
	"Softmax": {inPlace: []int{0},
		bind: onInput(0, byType{tensor.Float32: softmax[float32], tensor.Float64: softmax[float64]})},
	"LogSoftmax": {inPlace: []int{0},
		bind: onInput(0, byType{tensor.Float32: logSoftmax[float32], tensor.Float64: logSoftmax[float64]})},
	"SoftmaxCrossEntropyLoss": {bind: onInput(0, byType{
		tensor.Float32: onInput(1, byType{
			tensor.Int64: loss(kernel.FromScores[float32, int64]),
			tensor.Int32: loss(kernel.FromScores[float32, int32])}),
		tensor.Float64: onInput(1, byType{
			tensor.Int64: loss(kernel.FromScores[float64, int64]),
			tensor.Int32: loss(kernel.FromScores[float64, int32])}),
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
	x, y, s := b.inSlot[0], b.outSlot[0], kernel.SoftOf[T](b.set)
	return func(f *frame) error {
		kernel.Softmax(&s, l, data[T](f, y), data[T](f, x), f.scratch64)
		return nil
	}, nil
}

func logSoftmax[T kernel.Float](b *binding) (run, error) {
	l, err := lanes(b)
	if err != nil {
		return nil, err
	}
	b.scratch64 = l.N
	x, y, s := b.inSlot[0], b.outSlot[0], kernel.SoftOf[T](b.set)
	return func(f *frame) error {
		kernel.LogSoftmax(&s, l, data[T](f, y), data[T](f, x), f.scratch64)
		return nil
	}, nil
}

// lossKernel is a loss of scores and labels.
type lossKernel[T kernel.Float, L int64 | int32] func(soft *kernel.Soft[T], s *kernel.Loss[T], out, logProb, prob,
	scores []T, labels []L, scratch []float64) error

// loss binds a loss. Its second output is the logarithms of the probabilities; the probabilities themselves are the
// last one when a Softmax was fused.
func loss[T kernel.Float, L int64 | int32](of lossKernel[T, L]) binder {
	return func(b *binding) (run, error) {
		s := kernel.Loss[T]{Lanes: kernel.LanesOf(b.in[0].Shape, 1), Reduction: reduction(b.proto)}
		s.Ignore, s.HasIgnore = onnx.GetInt(b.proto, "ignore_index")
		b.scratch64 = s.Lanes.N
		soft := kernel.SoftOf[T](b.set)
		x, labels, weights, out, logProb, prob := b.inSlot[0], b.inSlot[1], -1, b.outSlot, -1, -1
		if b.has(2) {
			weights = b.inSlot[2]
		}
		if b.softmax {
			prob, out = out[len(out)-1], out[:len(out)-1]
		}
		if len(out) > 1 {
			logProb = out[1]
		}
		return func(f *frame) error {
			s := s
			if weights >= 0 {
				s.Weights = data[T](f, weights)
			}
			var lp, p []T
			if logProb >= 0 {
				lp = data[T](f, logProb)
			}
			if prob >= 0 {
				p = data[T](f, prob)
			}
			return of(&soft, &s, data[T](f, out[0]), lp, p, data[T](f, x), data[L](f, labels), f.scratch64)
		}, nil
	}
}

// likelihood binds a loss of logarithms of probabilities.
func likelihood[T kernel.Float, L int64 | int32]() binder {
	return loss(func(_ *kernel.Soft[T], s *kernel.Loss[T], out, _, _, scores []T, labels []L, _ []float64) error {
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
