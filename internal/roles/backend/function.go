package backend

import (
	"github.com/rhizome-ml/rhizome/internal/fmath"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// functionKernels are functions of one number, and what works on the bits of integers.
var functionKernels = map[string]kernelDef{
	"Acos":  onFloats(kernel.Of[float32](fmath.Acos), kernel.Of[float64](fmath.Acos)),
	"Acosh": onFloats(kernel.Of[float32](fmath.Acosh), kernel.Of[float64](fmath.Acosh)),
	"Asin":  onFloats(kernel.Of[float32](fmath.Asin), kernel.Of[float64](fmath.Asin)),
	"Asinh": onFloats(kernel.Of[float32](fmath.Asinh), kernel.Of[float64](fmath.Asinh)),
	"Atan":  onFloats(kernel.Of[float32](fmath.Atan), kernel.Of[float64](fmath.Atan)),
	"Atanh": onFloats(kernel.Of[float32](fmath.Atanh), kernel.Of[float64](fmath.Atanh)),
	"Cos":   onFloats(kernel.Of[float32](fmath.Cos), kernel.Of[float64](fmath.Cos)),
	"Cosh":  onFloats(kernel.Of[float32](fmath.Cosh), kernel.Of[float64](fmath.Cosh)),
	"Erf":   inSet(func(s *kernel.Set) loop32 { return s.Erf }, kernel.Of[float64](fmath.Erf)),
	"Sin":   onFloats(kernel.Of[float32](fmath.Sin), kernel.Of[float64](fmath.Sin)),
	"Sinh":  onFloats(kernel.Of[float32](fmath.Sinh), kernel.Of[float64](fmath.Sinh)),
	"Tan":   onFloats(kernel.Of[float32](fmath.Tan), kernel.Of[float64](fmath.Tan)),
	"Round": onFloats(kernel.RoundEven[float32], kernel.RoundEven[float64]),
	"IsNaN": {bind: onInput(0, byType{tensor.Float32: each1(kernel.Map(kernel.IsNaN[float32])),
		tensor.Float64: each1(kernel.Map(kernel.IsNaN[float64]))})},
	"IsInf": {bind: onInput(0, byType{tensor.Float32: isInf[float32], tensor.Float64: isInf[float64]})},
	"BitwiseNot": {inPlace: []int{0}, bind: onInput(0, byType{tensor.Int64: each1(kernel.Map(kernel.NotBits[int64])),
		tensor.Int32: each1(kernel.Map(kernel.NotBits[int32])), tensor.Int16: each1(kernel.Map(kernel.NotBits[int16])),
		tensor.Int8: each1(kernel.Map(kernel.NotBits[int8])), tensor.Uint64: each1(kernel.Map(kernel.NotBits[uint64])),
		tensor.Uint32: each1(kernel.Map(kernel.NotBits[uint32])),
		tensor.Uint16: each1(kernel.Map(kernel.NotBits[uint16])),
		tensor.Uint8:  each1(kernel.Map(kernel.NotBits[uint8]))})},
	"BitwiseAnd": {inPlace: []int{0, 1}, bind: onInput(0, byType{tensor.Int64: rows(kernel.Lift(kernel.AndBits[int64])),
		tensor.Int32: rows(kernel.Lift(kernel.AndBits[int32])), tensor.Int16: rows(kernel.Lift(kernel.AndBits[int16])),
		tensor.Int8: rows(kernel.Lift(kernel.AndBits[int8])), tensor.Uint64: rows(kernel.Lift(kernel.AndBits[uint64])),
		tensor.Uint32: rows(kernel.Lift(kernel.AndBits[uint32])),
		tensor.Uint16: rows(kernel.Lift(kernel.AndBits[uint16])),
		tensor.Uint8:  rows(kernel.Lift(kernel.AndBits[uint8]))})},
	"BitwiseOr": {inPlace: []int{0, 1}, bind: onInput(0, byType{tensor.Int64: rows(kernel.Lift(kernel.OrBits[int64])),
		tensor.Int32: rows(kernel.Lift(kernel.OrBits[int32])), tensor.Int16: rows(kernel.Lift(kernel.OrBits[int16])),
		tensor.Int8: rows(kernel.Lift(kernel.OrBits[int8])), tensor.Uint64: rows(kernel.Lift(kernel.OrBits[uint64])),
		tensor.Uint32: rows(kernel.Lift(kernel.OrBits[uint32])),
		tensor.Uint16: rows(kernel.Lift(kernel.OrBits[uint16])),
		tensor.Uint8:  rows(kernel.Lift(kernel.OrBits[uint8]))})},
	"BitwiseXor": {inPlace: []int{0, 1}, bind: onInput(0, byType{tensor.Int64: rows(kernel.Lift(kernel.XorBits[int64])),
		tensor.Int32: rows(kernel.Lift(kernel.XorBits[int32])), tensor.Int16: rows(kernel.Lift(kernel.XorBits[int16])),
		tensor.Int8: rows(kernel.Lift(kernel.XorBits[int8])), tensor.Uint64: rows(kernel.Lift(kernel.XorBits[uint64])),
		tensor.Uint32: rows(kernel.Lift(kernel.XorBits[uint32])),
		tensor.Uint16: rows(kernel.Lift(kernel.XorBits[uint16])),
		tensor.Uint8:  rows(kernel.Lift(kernel.XorBits[uint8]))})},
	"BitShift": {inPlace: []int{0, 1},
		bind: onInput(0, byType{tensor.Int64: bitShift[int64], tensor.Int32: bitShift[int32],
			tensor.Int16: bitShift[int16], tensor.Int8: bitShift[int8], tensor.Uint64: bitShift[uint64],
			tensor.Uint32: bitShift[uint32], tensor.Uint16: bitShift[uint16], tensor.Uint8: bitShift[uint8]})},
	"BitCast": {halves: true, bind: onInput(0, byType{tensor.Float32: bitsOf[float32](),
		tensor.Float64:  bitsOf[float64](),
		tensor.Int64:    bitsOf[int64](),
		tensor.Int32:    bitsOf[int32](),
		tensor.Int16:    bitsOf[int16](),
		tensor.Int8:     bitsOf[int8](),
		tensor.Uint64:   bitsOf[uint64](),
		tensor.Uint32:   bitsOf[uint32](),
		tensor.Uint16:   bitsOf[uint16](),
		tensor.Uint8:    bitsOf[uint8](),
		tensor.Float16:  bitsOf[tensor.F16](),
		tensor.BFloat16: bitsOf[tensor.BF16]()})},
	"Mod": {inPlace: []int{0, 1},
		bind: onInput(0, byType{tensor.Float32: floatMod[float32], tensor.Float64: floatMod[float64],
			tensor.Int64: intMod[int64], tensor.Int32: intMod[int32], tensor.Int16: intMod[int16],
			tensor.Int8: intMod[int8], tensor.Uint64: intMod[uint64], tensor.Uint32: intMod[uint32],
			tensor.Uint16: intMod[uint16], tensor.Uint8: intMod[uint8]})},
}

func isInf[T kernel.Float](b *binding) (run, error) {
	above, below := onnxop.Int(b.proto, "detect_positive") != 0, onnxop.Int(b.proto, "detect_negative") != 0
	return each1(kernel.Map(kernel.IsInf[T](above, below)))(b)
}

func bitShift[T kernel.Int](b *binding) (run, error) {
	op := kernel.Lift(kernel.Shift[T](onnxop.String(b.proto, "direction") == "LEFT"))
	w := kernel.Broadcast(b.out[0].Shape, b.in[0].Shape, b.in[1].Shape)
	x0, x1, y := b.inSlot[0], b.inSlot[1], b.outSlot[0]
	return func(f *frame) error {
		kernel.Binary(&w, &op, data[T](f, y), data[T](f, x0), data[T](f, x1))
		return nil
	}, nil
}

func floatMod[T kernel.Float](b *binding) (run, error) {
	if onnxop.Int(b.proto, "fmod") != 0 {
		return rows(kernel.Lift(kernel.FMod[T]))(b)
	}
	return rows(kernel.Lift(kernel.FloorMod[T]))(b)
}

func intMod[T kernel.Int](b *binding) (run, error) {
	mod := kernel.Mod[T]
	if onnxop.Int(b.proto, "fmod") != 0 {
		mod = kernel.Remainder[T]
	}
	return guarded[T](b, kernel.Lift(mod))
}

// bitsOf binds a BitCast from an element type.
func bitsOf[S kernel.Elem]() binder {
	return onOutput(byType{
		tensor.Float32:  each1(kernel.Bits[float32, S]),
		tensor.Float64:  each1(kernel.Bits[float64, S]),
		tensor.Int64:    each1(kernel.Bits[int64, S]),
		tensor.Int32:    each1(kernel.Bits[int32, S]),
		tensor.Int16:    each1(kernel.Bits[int16, S]),
		tensor.Int8:     each1(kernel.Bits[int8, S]),
		tensor.Uint64:   each1(kernel.Bits[uint64, S]),
		tensor.Uint32:   each1(kernel.Bits[uint32, S]),
		tensor.Uint16:   each1(kernel.Bits[uint16, S]),
		tensor.Uint8:    each1(kernel.Bits[uint8, S]),
		tensor.Float16:  each1(kernel.Bits[tensor.F16, S]),
		tensor.BFloat16: each1(kernel.Bits[tensor.BF16, S]),
	})
}
