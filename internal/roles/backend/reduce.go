package backend

import (
	"math"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

var reduceKernels = map[string]kernelDef{
	"ReduceMax": {bind: onInput(0, byType{
		tensor.Float32: foldSame(kernel.MaxOf(float32(math.Inf(-1)))),
		tensor.Float64: foldSame(kernel.MaxOf(math.Inf(-1))),
		tensor.Int64:   foldSame(kernel.MaxOf[int64](math.MinInt64)),
		tensor.Int32:   foldSame(kernel.MaxOf[int32](math.MinInt32)),
		tensor.Uint8:   foldSame(kernel.MaxOf[uint8](0)), tensor.Int8: foldSame(kernel.MaxOf[int8](math.MinInt8)),
		tensor.Int16:  foldSame(kernel.MaxOf[int16](math.MinInt16)),
		tensor.Uint16: foldSame(kernel.MaxOf[uint16](0)),
		tensor.Uint32: foldSame(kernel.MaxOf[uint32](0)),
		tensor.Uint64: foldSame(kernel.MaxOf[uint64](0)),
		tensor.Bool:   foldSame(kernel.Any()),
	})},
	"ReduceMin": {bind: onInput(0, byType{
		tensor.Float32: foldSame(kernel.MinOf(float32(math.Inf(1)))),
		tensor.Float64: foldSame(kernel.MinOf(math.Inf(1))),
		tensor.Int64:   foldSame(kernel.MinOf[int64](math.MaxInt64)),
		tensor.Int32:   foldSame(kernel.MinOf[int32](math.MaxInt32)),
		tensor.Uint8:   foldSame(kernel.MinOf[uint8](math.MaxUint8)),
		tensor.Int8:    foldSame(kernel.MinOf[int8](math.MaxInt8)),
		tensor.Int16:   foldSame(kernel.MinOf[int16](math.MaxInt16)),
		tensor.Uint16:  foldSame(kernel.MinOf[uint16](math.MaxUint16)),
		tensor.Uint32:  foldSame(kernel.MinOf[uint32](math.MaxUint32)),
		tensor.Uint64:  foldSame(kernel.MinOf[uint64](math.MaxUint64)),
		tensor.Bool:    foldSame(kernel.Every()),
	})},
	"ReduceSum": {bind: onInput(0, byType{
		tensor.Float32: sum32(false),
		tensor.Float64: foldWide(kernel.Sum[float64, float64](), false),
		tensor.Int64:   foldSame(kernel.Sum[int64, int64]()), tensor.Int32: foldSame(kernel.Sum[int32, int32]()),
		tensor.Uint8: foldSame(kernel.Sum[uint8, uint8]()), tensor.Int8: foldSame(kernel.Sum[int8, int8]()),
		tensor.Int16:  foldSame(kernel.Sum[int16, int16]()),
		tensor.Uint16: foldSame(kernel.Sum[uint16, uint16]()),
		tensor.Uint32: foldSame(kernel.Sum[uint32, uint32]()),
		tensor.Uint64: foldSame(kernel.Sum[uint64, uint64]()),
	})},
	"ReduceSumSquare": {bind: onInput(0, byType{
		tensor.Float32: foldWide(kernel.SumSquare[float32, float64](), false),
		tensor.Float64: foldWide(kernel.SumSquare[float64, float64](), false),
		tensor.Int64:   foldSame(kernel.SumSquare[int64, int64]()),
		tensor.Int32:   foldSame(kernel.SumSquare[int32, int32]()),
		tensor.Uint8:   foldSame(kernel.SumSquare[uint8, uint8]()),
		tensor.Int8:    foldSame(kernel.SumSquare[int8, int8]()),
		tensor.Int16:   foldSame(kernel.SumSquare[int16, int16]()),
		tensor.Uint16:  foldSame(kernel.SumSquare[uint16, uint16]()),
		tensor.Uint32:  foldSame(kernel.SumSquare[uint32, uint32]()),
		tensor.Uint64:  foldSame(kernel.SumSquare[uint64, uint64]()),
	})},
	"ReduceProd": {bind: onInput(0, byType{
		tensor.Float32: foldWide(kernel.Prod[float32, float64](), false),
		tensor.Float64: foldWide(kernel.Prod[float64, float64](), false),
		tensor.Int64:   foldSame(kernel.Prod[int64, int64]()), tensor.Int32: foldSame(kernel.Prod[int32, int32]()),
		tensor.Uint8: foldSame(kernel.Prod[uint8, uint8]()), tensor.Int8: foldSame(kernel.Prod[int8, int8]()),
		tensor.Int16:  foldSame(kernel.Prod[int16, int16]()),
		tensor.Uint16: foldSame(kernel.Prod[uint16, uint16]()),
		tensor.Uint32: foldSame(kernel.Prod[uint32, uint32]()),
		tensor.Uint64: foldSame(kernel.Prod[uint64, uint64]()),
	})},
	"ReduceMean": {bind: onInput(0, byType{
		tensor.Float32: sum32(true),
		tensor.Float64: foldWide(kernel.Sum[float64, float64](), true),
	})},
	"ArgMax": {bind: argReduce(false)},
	"ArgMin": {bind: argReduce(true)},
}

// foldSame binds a reduction that accumulates in the element type.
func foldSame[T kernel.Elem](fold kernel.Fold[T, T]) binder {
	return func(b *binding) (run, error) {
		w, _, err := reduceWalk(b)
		if err != nil {
			return nil, err
		}
		x, y := b.inSlot[0], b.outSlot[0]
		return func(f *frame) error {
			fold.Reduce(&w, data[T](f, y), data[T](f, x))
			return nil
		}, nil
	}
}

// sum32 binds a sum of float32, or their mean, by the loops of the set.
func sum32(mean bool) binder {
	return func(b *binding) (run, error) { return foldWide(b.set.Sum, mean)(b) }
}

// foldWide binds a reduction of floats that accumulates in float64, and divides by the number of terms for a mean.
func foldWide[T kernel.Float](fold kernel.Fold[T, float64], mean bool) binder {
	return func(b *binding) (run, error) {
		w, terms, err := reduceWalk(b)
		if err != nil {
			return nil, err
		}
		if !mean {
			terms = 1
		}
		x, y, n := b.inSlot[0], b.outSlot[0], b.out[0].Elements()
		b.scratch64 = n
		return func(f *frame) error {
			acc := f.scratch64[:n]
			fold.Reduce(&w, acc, data[T](f, x))
			kernel.Round(data[T](f, y), acc, terms)
			return nil
		}, nil
	}
}

// reduceWalk returns the way over the input of a reduction, and the number of terms of each result.
func reduceWalk(b *binding) (kernel.Walk, int, error) {
	set, err := onnxop.Reduced(b.proto, b.in)
	if err != nil {
		return kernel.Walk{}, 0, err
	}
	terms := 1
	for i, reduced := range set {
		if reduced {
			terms *= b.in[0].Shape[i]
		}
	}
	return kernel.ReduceWalk(b.in[0].Shape, set), terms, nil
}

// argReduce binds an ArgMax or an ArgMin.
func argReduce(least bool) binder {
	return onInput(0, byType{
		tensor.Float32: arg[float32](least), tensor.Float64: arg[float64](least), tensor.Int64: arg[int64](least),
		tensor.Int32: arg[int32](least), tensor.Uint8: arg[uint8](least), tensor.Int8: arg[int8](least),
		tensor.Int16:  arg[int16](least),
		tensor.Uint16: arg[uint16](least),
		tensor.Uint32: arg[uint32](least),
		tensor.Uint64: arg[uint64](least),
	})
}

func arg[T kernel.Number](least bool) binder {
	return func(b *binding) (run, error) {
		l, err := lanes(b)
		if err != nil {
			return nil, err
		}
		last := onnxop.Int(b.proto, "select_last_index") != 0
		x, y := b.inSlot[0], b.outSlot[0]
		return func(f *frame) error {
			kernel.Arg(l, data[int64](f, y), data[T](f, x), least, last)
			return nil
		}, nil
	}
}

// lanes are those of the first input along the axis attribute.
func lanes(b *binding) (kernel.Lanes, error) {
	axis, err := onnxop.Axis(onnxop.Int(b.proto, "axis"), len(b.in[0].Shape))
	if err != nil {
		return kernel.Lanes{}, err
	}
	return kernel.LanesOf(b.in[0].Shape, axis), nil
}
