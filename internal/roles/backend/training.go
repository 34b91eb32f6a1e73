package backend

import (
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// trainingKernels are the optimizers. Their inputs are the rate, the count of updates, and then groups with one tensor
// for each parameter: the parameters, their gradients, and the state; outputs are the groups that change.
var trainingKernels = map[string]kernelDef{
	"Adagrad":  {bind: onInput(2, byType{tensor.Float32: adagrad[float32], tensor.Float64: adagrad[float64]})},
	"Adam":     {bind: onInput(2, byType{tensor.Float32: adam[float32], tensor.Float64: adam[float64]})},
	"Momentum": {bind: onInput(2, byType{tensor.Float32: momentum[float32], tensor.Float64: momentum[float64]})},
}

// update is what an optimizer does to parameter i.
type update[T kernel.Float] func(f *frame, rate T, step int64, i int)

// optimizer binds an optimizer of n parameters.
func optimizer[T kernel.Float](b *binding, n int, u update[T]) (run, error) {
	step := b.inSlot[1]
	rate, _, err := asFloat64(b, 0)
	if err != nil {
		return nil, err
	}
	return func(f *frame) error {
		var r [1]float64
		rate(f, r[:])
		for i := range n {
			u(f, T(r[0]), data[int64](f, step)[0], i)
		}
		return nil
	}, nil
}

func attr[T kernel.Float](b *binding, name string) T { return T(onnxop.Float(b.proto, name)) }

func adagrad[T kernel.Float](b *binding) (run, error) {
	decay, norm, eps := attr[T](b, "decay_factor"), attr[T](b, "norm_coefficient"), attr[T](b, "epsilon")
	in, out, set := b.inSlot[2:], b.outSlot, kernel.OptimizersOf[T](b.set)
	n := len(in) / 3
	return optimizer(b, n, func(f *frame, rate T, step int64, i int) {
		c := kernel.AdagradAt(rate, decay, norm, eps, step)
		set.Adagrad(&c, data[T](f, out[i]), data[T](f, out[n+i]), data[T](f, in[i]), data[T](f, in[n+i]),
			data[T](f, in[2*n+i]))
	})
}

func adam[T kernel.Float](b *binding) (run, error) {
	p := kernel.AdamParams[T]{
		Alpha: attr[T](b, "alpha"), Beta: attr[T](b, "beta"), Epsilon: attr[T](b, "epsilon"),
		Norm: attr[T](b, "norm_coefficient"), NormPost: attr[T](b, "norm_coefficient_post"),
	}
	in, out, set := b.inSlot[2:], b.outSlot, kernel.OptimizersOf[T](b.set)
	n := len(in) / 4
	return optimizer(b, n, func(f *frame, rate T, step int64, i int) {
		c := p.At(rate, step)
		set.Adam(&c, data[T](f, out[i]), data[T](f, out[n+i]), data[T](f, out[2*n+i]),
			data[T](f, in[i]), data[T](f, in[n+i]), data[T](f, in[2*n+i]), data[T](f, in[3*n+i]))
	})
}

func momentum[T kernel.Float](b *binding) (run, error) {
	alpha, beta, norm := attr[T](b, "alpha"), attr[T](b, "beta"), attr[T](b, "norm_coefficient")
	nesterov := onnxop.String(b.proto, "mode") == "nesterov"
	in, out, set := b.inSlot[2:], b.outSlot, kernel.OptimizersOf[T](b.set)
	n := len(in) / 3
	return optimizer(b, n, func(f *frame, rate T, step int64, i int) {
		c := kernel.MomentumAt(rate, alpha, beta, norm, step)
		set.Momentum(&c, nesterov, data[T](f, out[i]), data[T](f, out[n+i]), data[T](f, in[i]), data[T](f, in[n+i]),
			data[T](f, in[2*n+i]))
	})
}
