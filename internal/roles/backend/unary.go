package backend

import (
	"math"

	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

var unaryKernels = map[string]kernelDef{
	"Abs": {inPlace: []int{0}, bind: onInput(0, byType{
		tensor.Float32: each1(kernel.Map(kernel.Abs[float32])), tensor.Float64: each1(kernel.Map(kernel.Abs[float64])),
		tensor.Int64: each1(kernel.Map(kernel.Abs[int64])), tensor.Int32: each1(kernel.Map(kernel.Abs[int32])),
		tensor.Uint8: each1(kernel.Map(kernel.Abs[uint8])), tensor.Int8: each1(kernel.Map(kernel.Abs[int8])),
	})},
	"Sign": {inPlace: []int{0}, bind: onInput(0, byType{
		tensor.Float32: each1(kernel.Map(kernel.Sign[float32])),
		tensor.Float64: each1(kernel.Map(kernel.Sign[float64])),
		tensor.Int64:   each1(kernel.Map(kernel.Sign[int64])), tensor.Int32: each1(kernel.Map(kernel.Sign[int32])),
		tensor.Uint8: each1(kernel.Map(kernel.Sign[uint8])), tensor.Int8: each1(kernel.Map(kernel.Sign[int8])),
	})},
	"Neg": {inPlace: []int{0}, bind: onInput(0, byType{
		tensor.Float32: each1(kernel.Neg[float32]), tensor.Float64: each1(kernel.Neg[float64]),
		tensor.Int64: each1(kernel.Neg[int64]), tensor.Int32: each1(kernel.Neg[int32]),
		tensor.Int8: each1(kernel.Neg[int8]),
	})},
	"Relu": {inPlace: []int{0}, bind: onInput(0, byType{
		tensor.Float32: relu32, tensor.Float64: each1(kernel.Relu[float64]),
		tensor.Int64: each1(kernel.Relu[int64]), tensor.Int32: each1(kernel.Relu[int32]),
		tensor.Int8: each1(kernel.Relu[int8]),
	})},
	"LeakyRelu": {inPlace: []int{0},
		bind: onInput(0, byType{tensor.Float32: leakyRelu[float32], tensor.Float64: leakyRelu[float64]})},
	"Ceil":       onFloats(kernel.Ceil[float32], kernel.Ceil[float64]),
	"Exp":        onFloats(kernel.Exp[float32], kernel.Exp[float64]),
	"Floor":      onFloats(kernel.Floor[float32], kernel.Floor[float64]),
	"Log":        onFloats(kernel.Log[float32], kernel.Log[float64]),
	"Reciprocal": onFloats(kernel.Reciprocal[float32], kernel.Reciprocal[float64]),
	"Sigmoid":    onFloats(kernel.Sigmoid[float32], kernel.Sigmoid[float64]),
	"Sqrt":       onFloats(kernel.Sqrt[float32], kernel.Sqrt[float64]),
	"Tanh":       onFloats(kernel.Tanh[float32], kernel.Tanh[float64]),
	"Not":        {inPlace: []int{0}, bind: each1(kernel.Map(func(x bool) bool { return !x }))},
	"Clip": {inPlace: []int{0}, bind: onInput(0, byType{
		tensor.Float32: clip(float32(math.Inf(-1)), float32(math.Inf(1))),
		tensor.Float64: clip(math.Inf(-1), math.Inf(1)),
		tensor.Int64:   clip[int64](math.MinInt64, math.MaxInt64), tensor.Int32: clip[int32](math.MinInt32,
			math.MaxInt32),
		tensor.Uint8: clip[uint8](0, math.MaxUint8), tensor.Int8: clip[int8](math.MinInt8, math.MaxInt8),
	})},
	"Cast": {bind: onInput(0, byType{
		tensor.Float32: castFrom[float32](), tensor.Float64: castFrom[float64](), tensor.Int64: castFrom[int64](),
		tensor.Int32: castFrom[int32](), tensor.Uint8: castFrom[uint8](), tensor.Int8: castFrom[int8](),
		tensor.Bool: castFromBool(),
	})},
}

// onFloats is the entry of a function of one float.
func onFloats(f32 func(float32) float32, f64 func(float64) float64) kernelDef {
	return kernelDef{inPlace: []int{0}, bind: onInput(0, byType{
		tensor.Float32: each1(kernel.Map(f32)), tensor.Float64: each1(kernel.Map(f64)),
	})}
}

// each1 binds a loop over the elements of one input.
func each1[T, R kernel.Elem](loop func(dst []R, x []T)) binder {
	return func(b *binding) (run, error) {
		x, y := b.inSlot[0], b.outSlot[0]
		return func(f *frame) error {
			loop(data[R](f, y), data[T](f, x))
			return nil
		}, nil
	}
}

func relu32(b *binding) (run, error) { return each1(b.set.Relu)(b) }

func leakyRelu[T kernel.Float](b *binding) (run, error) {
	return each1(kernel.Map(kernel.LeakyRelu(attr[T](b, "alpha"))))(b)
}

// clip binds a Clip; lo and hi are the bounds where an input does not give them.
func clip[T kernel.Number](lo, hi T) binder {
	return func(b *binding) (run, error) {
		x, y, l, h := b.inSlot[0], b.outSlot[0], -1, -1
		if b.has(1) {
			l = b.inSlot[1]
		}
		if b.has(2) {
			h = b.inSlot[2]
		}
		return func(f *frame) error {
			lo, hi := lo, hi
			if l >= 0 {
				lo = data[T](f, l)[0]
			}
			if h >= 0 {
				hi = data[T](f, h)[0]
			}
			dst := data[T](f, y)
			for i, v := range data[T](f, x) {
				dst[i] = min(max(v, lo), hi)
			}
			return nil
		}, nil
	}
}

func castFrom[S kernel.Number]() binder {
	return onOutput(byType{
		tensor.Float32: each1(kernel.Convert[float32, S]), tensor.Float64: each1(kernel.Convert[float64, S]),
		tensor.Int64: each1(kernel.Convert[int64, S]), tensor.Int32: each1(kernel.Convert[int32, S]),
		tensor.Uint8: each1(kernel.Convert[uint8, S]), tensor.Int8: each1(kernel.Convert[int8, S]),
		tensor.Bool: each1(kernel.ToBool[S]),
	})
}

func castFromBool() binder {
	return onOutput(byType{
		tensor.Float32: each1(kernel.FromBool[float32]), tensor.Float64: each1(kernel.FromBool[float64]),
		tensor.Int64: each1(kernel.FromBool[int64]), tensor.Int32: each1(kernel.FromBool[int32]),
		tensor.Uint8: each1(kernel.FromBool[uint8]), tensor.Int8: each1(kernel.FromBool[int8]),
		tensor.Bool: each1(func(dst, x []bool) { copy(dst, x) }),
	})
}
