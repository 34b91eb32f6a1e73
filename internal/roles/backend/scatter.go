package backend

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// scatterKernels take elements from places that a tensor of indices names, or put them there.
var scatterKernels = map[string]kernelDef{
	"GatherElements": {bind: onInput(0,
		byType{tensor.Float32: byIndex(gatherElements[float32, int64], gatherElements[float32, int32]),
			tensor.Float64: byIndex(gatherElements[float64, int64], gatherElements[float64, int32]),
			tensor.Int64:   byIndex(gatherElements[int64, int64], gatherElements[int64, int32]),
			tensor.Int32:   byIndex(gatherElements[int32, int64], gatherElements[int32, int32]),
			tensor.Int16:   byIndex(gatherElements[int16, int64], gatherElements[int16, int32]),
			tensor.Int8:    byIndex(gatherElements[int8, int64], gatherElements[int8, int32]),
			tensor.Uint64:  byIndex(gatherElements[uint64, int64], gatherElements[uint64, int32]),
			tensor.Uint32:  byIndex(gatherElements[uint32, int64], gatherElements[uint32, int32]),
			tensor.Uint16:  byIndex(gatherElements[uint16, int64], gatherElements[uint16, int32]),
			tensor.Uint8:   byIndex(gatherElements[uint8, int64], gatherElements[uint8, int32]),
			tensor.Bool:    byIndex(gatherElements[bool, int64], gatherElements[bool, int32])})},
	"GatherND": {bind: onInput(0, byType{tensor.Float32: gatherND[float32], tensor.Float64: gatherND[float64],
		tensor.Int64: gatherND[int64], tensor.Int32: gatherND[int32], tensor.Int16: gatherND[int16],
		tensor.Int8: gatherND[int8], tensor.Uint64: gatherND[uint64], tensor.Uint32: gatherND[uint32],
		tensor.Uint16: gatherND[uint16], tensor.Uint8: gatherND[uint8], tensor.Bool: gatherND[bool]})},
	"ScatterElements": {inPlace: []int{0},
		bind: onInput(0, byType{tensor.Float32: byIndex(scatterElements[float32, int64](kernel.Combine[float32]),
			scatterElements[float32, int32](kernel.Combine[float32])),
			tensor.Float64: byIndex(scatterElements[float64, int64](kernel.Combine[float64]),
				scatterElements[float64, int32](kernel.Combine[float64])),
			tensor.Int64: byIndex(scatterElements[int64, int64](kernel.Combine[int64]),
				scatterElements[int64, int32](kernel.Combine[int64])),
			tensor.Int32: byIndex(scatterElements[int32, int64](kernel.Combine[int32]),
				scatterElements[int32, int32](kernel.Combine[int32])),
			tensor.Int16: byIndex(scatterElements[int16, int64](kernel.Combine[int16]),
				scatterElements[int16, int32](kernel.Combine[int16])),
			tensor.Int8: byIndex(scatterElements[int8, int64](kernel.Combine[int8]),
				scatterElements[int8, int32](kernel.Combine[int8])),
			tensor.Uint64: byIndex(scatterElements[uint64, int64](kernel.Combine[uint64]),
				scatterElements[uint64, int32](kernel.Combine[uint64])),
			tensor.Uint32: byIndex(scatterElements[uint32, int64](kernel.Combine[uint32]),
				scatterElements[uint32, int32](kernel.Combine[uint32])),
			tensor.Uint16: byIndex(scatterElements[uint16, int64](kernel.Combine[uint16]),
				scatterElements[uint16, int32](kernel.Combine[uint16])),
			tensor.Uint8: byIndex(scatterElements[uint8, int64](kernel.Combine[uint8]),
				scatterElements[uint8, int32](kernel.Combine[uint8])),
			tensor.Bool: byIndex(scatterElements[bool, int64](nil), scatterElements[bool, int32](nil))})},
	"ScatterND": {bind: onInput(0, byType{tensor.Float32: scatterND(kernel.Combine[float32]),
		tensor.Float64: scatterND(kernel.Combine[float64]), tensor.Int64: scatterND(kernel.Combine[int64]),
		tensor.Int32: scatterND(kernel.Combine[int32]), tensor.Int16: scatterND(kernel.Combine[int16]),
		tensor.Int8: scatterND(kernel.Combine[int8]), tensor.Uint64: scatterND(kernel.Combine[uint64]),
		tensor.Uint32: scatterND(kernel.Combine[uint32]), tensor.Uint16: scatterND(kernel.Combine[uint16]),
		tensor.Uint8: scatterND(kernel.Combine[uint8]), tensor.Bool: scatterND[bool](nil)})},
	"TopK": {bind: onInput(0, byType{tensor.Float32: topK[float32], tensor.Float64: topK[float64],
		tensor.Int64: topK[int64], tensor.Int32: topK[int32], tensor.Int16: topK[int16], tensor.Int8: topK[int8],
		tensor.Uint64: topK[uint64], tensor.Uint32: topK[uint32], tensor.Uint16: topK[uint16],
		tensor.Uint8: topK[uint8]})},
	"Compress": {bind: onInput(0, byType{tensor.Float32: compress[float32], tensor.Float64: compress[float64],
		tensor.Int64: compress[int64], tensor.Int32: compress[int32], tensor.Int16: compress[int16],
		tensor.Int8: compress[int8], tensor.Uint64: compress[uint64], tensor.Uint32: compress[uint32],
		tensor.Uint16: compress[uint16], tensor.Uint8: compress[uint8], tensor.Bool: compress[bool]})},
	"NonZero": {bind: nonZero},
	"ReverseSequence": {bind: onInput(0, byType{tensor.Float32: reverseSequence[float32],
		tensor.Float64: reverseSequence[float64], tensor.Int64: reverseSequence[int64],
		tensor.Int32: reverseSequence[int32], tensor.Int16: reverseSequence[int16], tensor.Int8: reverseSequence[int8],
		tensor.Uint64: reverseSequence[uint64], tensor.Uint32: reverseSequence[uint32],
		tensor.Uint16: reverseSequence[uint16], tensor.Uint8: reverseSequence[uint8],
		tensor.Bool: reverseSequence[bool]})},
}

// byIndex chooses by the element type of the indices, the second input.
func byIndex(i64, i32 binder) binder { return onInput(1, byType{tensor.Int64: i64, tensor.Int32: i32}) }

func (b *binding) axis() (int, error) {
	return onnxop.Axis(onnxop.Int(b.proto, "axis"), len(b.in[0].Shape))
}

func gatherElements[T kernel.Elem, I int64 | int32](b *binding) (run, error) {
	axis, err := b.axis()
	if err != nil {
		return nil, err
	}
	a := kernel.NewAlong(b.in[1].Shape, b.in[0].Shape, axis)
	x, indices, y := b.inSlot[0], b.inSlot[1], b.outSlot[0]
	return func(f *frame) error {
		return kernel.GatherElements(&a, data[T](f, y), data[T](f, x), data[I](f, indices))
	}, nil
}

// combiner returns how a reduction of that name joins two elements.
type combiner[T kernel.Elem] func(reduction string) func(old, update T) T

func (c combiner[T]) of(b *binding) func(old, update T) T {
	if c == nil {
		return nil
	}
	return c(onnxop.String(b.proto, "reduction"))
}

func scatterElements[T kernel.Elem, I int64 | int32](c combiner[T]) binder {
	return func(b *binding) (run, error) {
		axis, err := b.axis()
		if err != nil {
			return nil, err
		}
		a, combine := kernel.NewAlong(b.in[1].Shape, b.in[0].Shape, axis), c.of(b)
		x, indices, updates, y := b.inSlot[0], b.inSlot[1], b.inSlot[2], b.outSlot[0]
		return func(f *frame) error {
			return kernel.ScatterElements(&a, data[T](f, y), data[T](f, x), data[T](f, updates), data[I](f, indices),
				combine)
		}, nil
	}
}

func gatherND[T kernel.Elem](b *binding) (run, error) {
	t := kernel.TuplesOf(b.in[1].Shape, b.in[0].Shape, int(onnxop.Int(b.proto, "batch_dims")))
	x, indices, y := b.inSlot[0], b.inSlot[1], b.outSlot[0]
	return func(f *frame) error {
		return kernel.GatherND(&t, data[T](f, y), data[T](f, x), data[int64](f, indices))
	}, nil
}

func scatterND[T kernel.Elem](c combiner[T]) binder {
	return func(b *binding) (run, error) {
		t, combine := kernel.TuplesOf(b.in[1].Shape, b.in[0].Shape, 0), c.of(b)
		x, indices, updates, y := b.inSlot[0], b.inSlot[1], b.inSlot[2], b.outSlot[0]
		return func(f *frame) error {
			return kernel.ScatterND(&t, data[T](f, y), data[T](f, x), data[T](f, updates), data[int64](f, indices),
				combine)
		}, nil
	}
}

func topK[T kernel.Number](b *binding) (run, error) {
	axis, err := b.axis()
	if err != nil {
		return nil, err
	}
	l, k, least := kernel.LanesOf(b.in[0].Shape, axis), b.out[0].Shape[axis], onnxop.Int(b.proto, "largest") == 0
	b.scratch64 = l.N
	x, y, places := b.inSlot[0], b.outSlot[0], -1
	if len(b.outSlot) > 1 {
		places = b.outSlot[1]
	}
	return func(f *frame) error {
		var at []int64
		if places >= 0 {
			at = data[int64](f, places)
		}
		kernel.TopK(l, k, least, data[T](f, y), at, data[T](f, x), f.scratch64)
		return nil
	}, nil
}

func compress[T kernel.Elem](b *binding) (run, error) {
	if err := b.known(1); err != nil {
		return nil, err
	}
	chosen := onnxop.Chosen(b.in)
	l := kernel.Lanes{Outer: 1, N: b.in[0].Elements(), Inner: 1}
	if _, ok := onnx.GetInt(b.proto, "axis"); ok {
		axis, err := b.axis()
		if err != nil {
			return nil, err
		}
		l = kernel.LanesOf(b.in[0].Shape, axis)
	}
	places := make([]int64, len(chosen))
	for i, p := range chosen {
		places[i] = int64(p)
	}
	x, y := b.inSlot[0], b.outSlot[0]
	return func(f *frame) error { return kernel.Gather(l, data[T](f, y), data[T](f, x), places) }, nil
}

// nonZero binds a NonZero, whose input is known.
func nonZero(b *binding) (run, error) {
	if err := b.known(0); err != nil {
		return nil, err
	}
	places, shape, y := onnxop.NotZero(b.in[0].Value), b.in[0].Shape, b.outSlot[0]
	return func(f *frame) error {
		dst := data[int64](f, y)
		for i, p := range places {
			for j := len(shape) - 1; j >= 0; j-- {
				dst[j*len(places)+i] = int64(p % shape[j])
				p /= shape[j]
			}
		}
		return nil
	}, nil
}

func reverseSequence[T kernel.Elem](b *binding) (run, error) {
	s := b.in[0].Shape
	first := onnxop.Int(b.proto, "batch_axis") == 0
	n, inner := s[0], 1
	for _, d := range s[2:] {
		inner *= d
	}
	x, lens, y := b.inSlot[0], b.inSlot[1], b.outSlot[0]
	return func(f *frame) error {
		return kernel.ReverseSequence(data[T](f, y), data[T](f, x), data[int64](f, lens), n, s[1], inner, first)
	}, nil
}
