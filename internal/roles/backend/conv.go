package backend

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

var convKernels = map[string]kernelDef{
	"Conv":          {bind: onInput(0, byType{tensor.Float32: conv[float32], tensor.Float64: conv[float64]})},
	"ConvTranspose": {bind: onInput(0, byType{tensor.Float32: convT[float32], tensor.Float64: convT[float64]})},
}

// ownKernels are the operators of the domain onnxop.Own.
var ownKernels = map[string]kernelDef{
	"ConvWeights":  {bind: onInput(0, byType{tensor.Float32: convW[float32], tensor.Float64: convW[float64]})},
	"SumPool":      {bind: onInput(0, byType{tensor.Float32: sumPool[float32], tensor.Float64: sumPool[float64]})},
	"PoolGradient": {bind: onInput(0, byType{tensor.Float32: poolGrad[float32], tensor.Float64: poolGrad[float64]})},
	onnxop.Uniform: {bind: uniform},
	"ScatterAdd": {bind: onInput(0, byType{tensor.Float32: scatterAdd[float32],
		tensor.Float64: scatterAdd[float64]})},
}

// three are three numbers: those of a list, behind as many of fill as it lacks.
func three(v []int, fill int) (out [3]int) {
	out = [3]int{fill, fill, fill}
	copy(out[3-len(v):], v)
	return out
}

// convolution is the shape of the convolution that joins a tensor of images of the larger side with one of the smaller.
func convolution(b *binding, large, small []int) (*kernel.Conv, error) {
	w, err := onnxop.WindowOf(b.proto, b.in)
	if err != nil {
		return nil, err
	}
	if err := w.Known(); err != nil {
		return nil, err
	}
	return &kernel.Conv{
		N: large[0], C: large[1], M: small[1], Groups: int(onnxop.Int(b.proto, "group")),
		In: three(large[2:], 1), Out: three(small[2:], 1), Kernel: three(w.Kernel, 1),
		Stride: three(w.Stride, 1), Dilation: three(w.Dilation, 1), Begin: three(w.Begin, 0),
	}, nil
}

// scratchFor notes what a step needs of scratch memory of an element type, and returns what gives it.
func scratchFor[T kernel.Float](b *binding, n int64) (func(f *frame) []T, error) {
	const most = 1 << 28
	if n > most {
		return nil, &LimitError{What: "values of scratch memory of a run", Got: int(min(n, 1<<31-1)), Max: most}
	}
	var z T
	if _, ok := any(z).(float32); ok {
		b.scratch32 = max(b.scratch32, int(n))
		return func(f *frame) []T { return any(f.scratch32).([]T) }, nil
	}
	b.scratch64 = max(b.scratch64, int(n))
	return func(f *frame) []T { return any(f.scratch64).([]T) }, nil
}

// fusedConv binds one of the products of a convolution by the rules Fused.
func fusedConv[T kernel.Float](b *binding, c *kernel.Conv, way kernel.Way) (run, error) {
	f, need, loops := c.Fuse(way), kernel.FusedScratch, kernel.RunFused[T]
	if s, ok := any(&loops).(*func(c *kernel.FusedConv, way kernel.Way, out, p, q, bias, scratch []float32)); ok {
		*s, need = b.set.Conv, b.set.ConvScratch
	}
	n := int64(math.MaxInt64) // padding without end
	if f != nil {
		n = need(f, way)
	}
	scratch, err := scratchFor[T](b, n)
	if err != nil {
		return nil, err
	}
	p, q, out, bias := b.inSlot[0], b.inSlot[1], b.outSlot[0], biased[T](b)
	return func(fr *frame) error {
		loops(f, way, data[T](fr, out), data[T](fr, p), data[T](fr, q), bias(fr), scratch(fr))
		return nil
	}, nil
}

// biased returns what gives the third input, nil where it is not given.
func biased[T kernel.Float](b *binding) func(f *frame) []T {
	if !b.has(2) {
		return func(*frame) []T { return nil }
	}
	slot := b.inSlot[2]
	return func(f *frame) []T { return data[T](f, slot) }
}

func conv[T kernel.Float](b *binding) (run, error) {
	c, err := convolution(b, b.in[0].Shape, b.out[0].Shape)
	if err != nil {
		return nil, err
	}
	if b.set.Rules == kernel.Fused {
		return fusedConv[T](b, c, kernel.ForwardWay)
	}
	p := kernel.Products[T](b.set)
	scratch, err := scratchFor[T](b, kernel.ForwardScratch(c, p))
	if err != nil {
		return nil, err
	}
	x, w, y, bias := b.inSlot[0], b.inSlot[1], b.outSlot[0], biased[T](b)
	return func(f *frame) error {
		kernel.Forward(c, p, data[T](f, y), data[T](f, x), data[T](f, w), bias(f), scratch(f))
		return nil
	}, nil
}

func convT[T kernel.Float](b *binding) (run, error) {
	c, err := convolution(b, b.out[0].Shape, b.in[0].Shape)
	if err != nil {
		return nil, err
	}
	if b.set.Rules == kernel.Fused {
		return fusedConv[T](b, c, kernel.AdjointWay)
	}
	p := kernel.Products[T](b.set)
	scratch, err := scratchFor[T](b, kernel.AdjointScratch(c, p))
	if err != nil {
		return nil, err
	}
	x, w, y, bias := b.inSlot[0], b.inSlot[1], b.outSlot[0], biased[T](b)
	return func(f *frame) error {
		kernel.Adjoint(c, p, data[T](f, y), data[T](f, x), data[T](f, w), bias(f), scratch(f))
		return nil
	}, nil
}

func convW[T kernel.Float](b *binding) (run, error) {
	c, err := convolution(b, b.in[0].Shape, b.in[1].Shape)
	if err != nil {
		return nil, err
	}
	if b.set.Rules == kernel.Fused {
		return fusedConv[T](b, c, kernel.WeightsWay)
	}
	p := kernel.Products[T](b.set)
	scratch, err := scratchFor[T](b, kernel.WeightsScratch(c, p))
	if err != nil {
		return nil, err
	}
	x, d, y := b.inSlot[0], b.inSlot[1], b.outSlot[0]
	return func(f *frame) error {
		kernel.Weights(c, p, data[T](f, y), data[T](f, x), data[T](f, d), scratch(f))
		return nil
	}, nil
}

// poolKernels take one number of what a window covers.
var poolKernels = map[string]kernelDef{
	"MaxPool": {bind: onInput(0, byType{tensor.Float32: maxPool[float32], tensor.Float64: maxPool[float64],
		tensor.Uint8: maxPool[uint8], tensor.Int8: maxPool[int8]})},
	"AveragePool": {bind: onInput(0, byType{tensor.Float32: averagePool[float32],
		tensor.Float64: averagePool[float64]})},
}

// pooling is the shape of a pool from a tensor of the larger side.
func pooling(b *binding, large onnxop.Type) (*kernel.Pool, error) {
	w, err := onnxop.WindowOf(b.proto, []onnxop.Type{large})
	if err != nil {
		return nil, err
	}
	if err := w.Known(); err != nil {
		return nil, err
	}
	return &kernel.Pool{
		Planes: large.Shape[0] * large.Shape[1],
		In:     three(w.Large, 1), Out: three(w.Small, 1), Kernel: three(w.Kernel, 1), Stride: three(w.Stride, 1),
		Dilation: three(w.Dilation, 1), Begin: three(w.Begin, 0), End: three(w.End, 0),
	}, nil
}

func maxPool[T kernel.Number](b *binding) (run, error) {
	p, err := pooling(b, b.in[0])
	if err != nil {
		return nil, err
	}
	p.Columns = onnxop.Int(b.proto, "storage_order") != 0
	if p.Quarters() && b.in[0].DType == tensor.Float32 {
		return quartersKernel(p, false).bind(b)
	}
	x, out := b.inSlot[0], slices.Clone(b.outSlot)
	return func(f *frame) error {
		var at []int64
		if len(out) > 1 {
			at = data[int64](f, out[1])
		}
		kernel.MaxPool(p, data[T](f, out[0]), at, data[T](f, x))
		return nil
	}, nil
}

// division is what the attributes of an average divide by.
func division(b *binding) kernel.Division {
	if onnxop.Int(b.proto, "count_include_pad") != 0 {
		return kernel.ByWindow
	}
	return kernel.ByElements
}

func averagePool[T kernel.Float](b *binding) (run, error) { return pooled[T](b, division(b)) }

func sumPool[T kernel.Float](b *binding) (run, error) { return pooled[T](b, kernel.ByOne) }

func pooled[T kernel.Float](b *binding, by kernel.Division) (run, error) {
	p, err := pooling(b, b.in[0])
	if err != nil {
		return nil, err
	}
	x, y := b.inSlot[0], b.outSlot[0]
	return func(f *frame) error {
		kernel.SumPool(p, data[T](f, y), data[T](f, x), by)
		return nil
	}, nil
}

func poolGrad[T kernel.Float](b *binding) (run, error) {
	p, err := pooling(b, b.out[0])
	if err != nil {
		return nil, err
	}
	by := kernel.ByOne
	if onnxop.Int(b.proto, "divide") != 0 {
		by = division(b)
	}
	x, y := b.inSlot[0], b.outSlot[0]
	return func(f *frame) error {
		kernel.PoolGradient(p, data[T](f, y), data[T](f, x), by)
		return nil
	}, nil
}

func scatterAdd[T kernel.Float](b *binding) (run, error) {
	x, at, y := b.inSlot[0], b.inSlot[1], b.outSlot[0]
	return func(f *frame) error {
		return kernel.ScatterAdd(data[T](f, y), data[T](f, x), data[int64](f, at))
	}, nil
}
