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
		tensor.Int16:  each1(kernel.Map(kernel.Abs[int16])),
		tensor.Uint16: each1(kernel.Map(kernel.Abs[uint16])),
		tensor.Uint32: each1(kernel.Map(kernel.Abs[uint32])),
		tensor.Uint64: each1(kernel.Map(kernel.Abs[uint64])),
	})},
	"Sign": {inPlace: []int{0}, bind: onInput(0, byType{
		tensor.Float32: each1(kernel.Map(kernel.Sign[float32])),
		tensor.Float64: each1(kernel.Map(kernel.Sign[float64])),
		tensor.Int64:   each1(kernel.Map(kernel.Sign[int64])), tensor.Int32: each1(kernel.Map(kernel.Sign[int32])),
		tensor.Uint8: each1(kernel.Map(kernel.Sign[uint8])), tensor.Int8: each1(kernel.Map(kernel.Sign[int8])),
		tensor.Int16:  each1(kernel.Map(kernel.Sign[int16])),
		tensor.Uint16: each1(kernel.Map(kernel.Sign[uint16])),
		tensor.Uint32: each1(kernel.Map(kernel.Sign[uint32])),
		tensor.Uint64: each1(kernel.Map(kernel.Sign[uint64])),
	})},
	"Neg": {inPlace: []int{0}, bind: onInput(0, byType{
		tensor.Float32: each1(kernel.Neg[float32]), tensor.Float64: each1(kernel.Neg[float64]),
		tensor.Int64: each1(kernel.Neg[int64]), tensor.Int32: each1(kernel.Neg[int32]),
		tensor.Int8:  each1(kernel.Neg[int8]),
		tensor.Int16: each1(kernel.Neg[int16]),
	})},
	"Relu": {inPlace: []int{0}, bind: onInput(0, byType{
		tensor.Float32: relu32, tensor.Float64: each1(kernel.Relu[float64]),
		tensor.Int64: each1(kernel.Relu[int64]), tensor.Int32: each1(kernel.Relu[int32]),
		tensor.Int8:  each1(kernel.Relu[int8]),
		tensor.Int16: each1(kernel.Relu[int16]),
	})},
	"LeakyRelu": {inPlace: []int{0},
		bind: onInput(0, byType{tensor.Float32: leakyRelu[float32], tensor.Float64: leakyRelu[float64]})},
	"Ceil":       onFloats(kernel.Ceil[float32], kernel.Ceil[float64]),
	"Exp":        inSet(func(s *kernel.Set) loop32 { return s.Exp }, kernel.Exp[float64]),
	"Floor":      onFloats(kernel.Floor[float32], kernel.Floor[float64]),
	"Log":        inSet(func(s *kernel.Set) loop32 { return s.Log }, kernel.Log[float64]),
	"Reciprocal": inSet(reciprocals, kernel.Reciprocal[float64]),
	"Sigmoid":    inSet(func(s *kernel.Set) loop32 { return s.Sigmoid }, kernel.Sigmoid[float64]),
	"Sqrt":       inSet(func(s *kernel.Set) loop32 { return s.Sqrt }, kernel.Sqrt[float64]),
	"Tanh":       inSet(func(s *kernel.Set) loop32 { return s.Tanh }, kernel.Tanh[float64]),
	"Not":        {inPlace: []int{0}, bind: each1(kernel.Map(func(x bool) bool { return !x }))},
	"Clip": {inPlace: []int{0}, bind: onInput(0, byType{
		tensor.Float32: clip(float32(math.Inf(-1)), float32(math.Inf(1))),
		tensor.Float64: clip(math.Inf(-1), math.Inf(1)),
		tensor.Int64:   clip[int64](math.MinInt64, math.MaxInt64), tensor.Int32: clip[int32](math.MinInt32,
			math.MaxInt32),
		tensor.Uint8: clip[uint8](0, math.MaxUint8), tensor.Int8: clip[int8](math.MinInt8, math.MaxInt8),
		tensor.Int16:  clip[int16](math.MinInt16, math.MaxInt16),
		tensor.Uint16: clip[uint16](0, math.MaxUint16),
		tensor.Uint32: clip[uint32](0, math.MaxUint32),
		tensor.Uint64: clip[uint64](0, math.MaxUint64),
	})},
	"Cast": {halves: true, bind: onInput(0, byType{
		tensor.Float32: castFrom[float32](), tensor.Float64: castFrom[float64](), tensor.Int64: castFrom[int64](),
		tensor.Int32: castFrom[int32](), tensor.Uint8: castFrom[uint8](), tensor.Int8: castFrom[int8](),
		tensor.Int16:  castFrom[int16](),
		tensor.Uint16: castFrom[uint16](),
		tensor.Uint32: castFrom[uint32](),
		tensor.Uint64: castFrom[uint64](),
		tensor.Bool:   castFromBool(), tensor.Float16: castFromHalf(tensor.F16.Float32),
		tensor.BFloat16: castFromHalf(tensor.BF16.Float32),
	})},
}

// onFloats is the entry of a function of one float.
func onFloats(f32 func(float32) float32, f64 func(float64) float64) kernelDef {
	return kernelDef{inPlace: []int{0}, bind: onInput(0, byType{
		tensor.Float32: each1(kernel.Map(f32)), tensor.Float64: each1(kernel.Map(f64)),
	})}
}

// loop32 is a loop of a function of one float32.
type loop32 = func(dst, x []float32)

// inSet is the entry of a function of one float that has its loop of float32 in the set.
func inSet(f32 func(s *kernel.Set) loop32, f64 func(float64) float64) kernelDef {
	return kernelDef{inPlace: []int{0}, bind: onInput(0, byType{
		tensor.Float32: func(b *binding) (run, error) { return each1(f32(b.set))(b) },
		tensor.Float64: each1(kernel.Map(f64)),
	})}
}

func reciprocals(s *kernel.Set) loop32 {
	return func(dst, x []float32) { s.Div.SV(dst, 1, x) }
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
		tensor.Float32: each1(kernel.Convert[float32, S]),
		tensor.Float64: each1(kernel.Convert[float64, S]),
		tensor.Int64:   each1(kernel.Convert[int64, S]),
		tensor.Int32:   each1(kernel.Convert[int32, S]),
		tensor.Uint8:   each1(kernel.Convert[uint8, S]),
		tensor.Int8:    each1(kernel.Convert[int8, S]),
		tensor.Int16:   each1(kernel.Convert[int16, S]),
		tensor.Uint16:  each1(kernel.Convert[uint16, S]),
		tensor.Uint32:  each1(kernel.Convert[uint32, S]),
		tensor.Uint64:  each1(kernel.Convert[uint64, S]),
		tensor.Bool:    each1(kernel.ToBool[S]), tensor.Float16: each1(kernel.ToF16[S]),
		tensor.BFloat16: each1(kernel.ToBF16[S]),
	})
}

func castFromBool() binder {
	return onOutput(byType{
		tensor.Float32:  each1(kernel.FromBool[float32]),
		tensor.Float64:  each1(kernel.FromBool[float64]),
		tensor.Int64:    each1(kernel.FromBool[int64]),
		tensor.Int32:    each1(kernel.FromBool[int32]),
		tensor.Uint8:    each1(kernel.FromBool[uint8]),
		tensor.Int8:     each1(kernel.FromBool[int8]),
		tensor.Int16:    each1(kernel.FromBool[int16]),
		tensor.Uint16:   each1(kernel.FromBool[uint16]),
		tensor.Uint32:   each1(kernel.FromBool[uint32]),
		tensor.Uint64:   each1(kernel.FromBool[uint64]),
		tensor.Bool:     each1(func(dst, x []bool) { copy(dst, x) }),
		tensor.Float16:  each1(kernel.Map(func(x bool) tensor.F16 { return tensor.F16Of(kernel.One(x)) })),
		tensor.BFloat16: each1(kernel.Map(func(x bool) tensor.BF16 { return tensor.BF16Of(kernel.One(x)) })),
	})
}

func castFromHalf[S tensor.F16 | tensor.BF16](wide func(S) float32) binder {
	return onOutput(byType{
		tensor.Float32:  each1(kernel.FromHalf[float32](wide)),
		tensor.Float64:  each1(kernel.FromHalf[float64](wide)),
		tensor.Int64:    each1(kernel.FromHalf[int64](wide)),
		tensor.Int32:    each1(kernel.FromHalf[int32](wide)),
		tensor.Uint8:    each1(kernel.FromHalf[uint8](wide)),
		tensor.Int8:     each1(kernel.FromHalf[int8](wide)),
		tensor.Int16:    each1(kernel.FromHalf[int16](wide)),
		tensor.Uint16:   each1(kernel.FromHalf[uint16](wide)),
		tensor.Uint32:   each1(kernel.FromHalf[uint32](wide)),
		tensor.Uint64:   each1(kernel.FromHalf[uint64](wide)),
		tensor.Bool:     each1(kernel.Map(func(x S) bool { return wide(x) != 0 })),
		tensor.Float16:  each1(kernel.Map(func(x S) tensor.F16 { return tensor.F16Of(float64(wide(x))) })),
		tensor.BFloat16: each1(kernel.Map(func(x S) tensor.BF16 { return tensor.BF16Of(float64(wide(x))) })),
	})
}
