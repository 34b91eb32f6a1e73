package backend

import (
	"math"

	"github.com/rhizome-ml/rhizome/internal/fmath"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// scanKernels work along one dimension, or make tensors of few numbers.
var scanKernels = map[string]kernelDef{
	"CumProd": {bind: onInput(0, byType{tensor.Float32: cumProd[float32, float64],
		tensor.Float64: cumProd[float64, float64], tensor.Int64: cumProd[int64, int64],
		tensor.Int32: cumProd[int32, int32], tensor.Int16: cumProd[int16, int16], tensor.Int8: cumProd[int8, int8],
		tensor.Uint64: cumProd[uint64, uint64], tensor.Uint32: cumProd[uint32, uint32],
		tensor.Uint16: cumProd[uint16, uint16], tensor.Uint8: cumProd[uint8, uint8]})},
	"CumSum": {bind: onInput(0, byType{tensor.Float32: cumSum[float32, float64],
		tensor.Float64: cumSum[float64, float64], tensor.Int64: cumSum[int64, int64],
		tensor.Int32: cumSum[int32, int32], tensor.Int16: cumSum[int16, int16], tensor.Int8: cumSum[int8, int8],
		tensor.Uint64: cumSum[uint64, uint64], tensor.Uint32: cumSum[uint32, uint32],
		tensor.Uint16: cumSum[uint16, uint16], tensor.Uint8: cumSum[uint8, uint8]})},
	"Det": {bind: onInput(0, byType{tensor.Float32: det[float32], tensor.Float64: det[float64]})},
	"EyeLike": {bind: onOutput(byType{tensor.Float32: eye[float32](1), tensor.Float64: eye[float64](1),
		tensor.Int64: eye[int64](1), tensor.Int32: eye[int32](1), tensor.Int16: eye[int16](1),
		tensor.Int8: eye[int8](1), tensor.Uint64: eye[uint64](1), tensor.Uint32: eye[uint32](1),
		tensor.Uint16: eye[uint16](1), tensor.Uint8: eye[uint8](1), tensor.Bool: eye(true)})},
	"Hardmax": {bind: onInput(0, byType{tensor.Float32: hardmax[float32], tensor.Float64: hardmax[float64]})},
	"Range": {bind: onInput(0, byType{tensor.Float32: rangeOf[float32], tensor.Float64: rangeOf[float64],
		tensor.Int64: rangeOf[int64], tensor.Int32: rangeOf[int32], tensor.Int16: rangeOf[int16],
		tensor.Int8: rangeOf[int8], tensor.Uint64: rangeOf[uint64], tensor.Uint32: rangeOf[uint32],
		tensor.Uint16: rangeOf[uint16], tensor.Uint8: rangeOf[uint8]})},
	"Tile": {bind: onInput(0, byType{tensor.Float32: tiled[float32], tensor.Float64: tiled[float64],
		tensor.Int64: tiled[int64], tensor.Int32: tiled[int32], tensor.Int16: tiled[int16], tensor.Int8: tiled[int8],
		tensor.Uint64: tiled[uint64], tensor.Uint32: tiled[uint32], tensor.Uint16: tiled[uint16],
		tensor.Uint8: tiled[uint8], tensor.Bool: tiled[bool]})},
	"Trilu": {inPlace: []int{0},
		bind: onInput(0, byType{tensor.Float32: trilu[float32], tensor.Float64: trilu[float64],
			tensor.Int64: trilu[int64], tensor.Int32: trilu[int32], tensor.Int16: trilu[int16],
			tensor.Int8: trilu[int8], tensor.Uint64: trilu[uint64], tensor.Uint32: trilu[uint32],
			tensor.Uint16: trilu[uint16], tensor.Uint8: trilu[uint8], tensor.Bool: trilu[bool]})},
	"ReduceL1": {bind: onInput(0, byType{tensor.Float32: foldWide(kernel.SumAbs[float32, float64](), false),
		tensor.Float64: foldWide(kernel.SumAbs[float64, float64](), false),
		tensor.Int64:   foldSame(kernel.SumAbs[int64, int64]()), tensor.Int32: foldSame(kernel.SumAbs[int32, int32]()),
		tensor.Int16: foldSame(kernel.SumAbs[int16, int16]()), tensor.Int8: foldSame(kernel.SumAbs[int8, int8]()),
		tensor.Uint64: foldSame(kernel.SumAbs[uint64, uint64]()),
		tensor.Uint32: foldSame(kernel.SumAbs[uint32, uint32]()),
		tensor.Uint16: foldSame(kernel.SumAbs[uint16, uint16]()),
		tensor.Uint8:  foldSame(kernel.SumAbs[uint8, uint8]())})},
	"ReduceL2": {bind: onInput(0, byType{tensor.Float32: foldThen(kernel.SumSquare[float32, float64](),
		math.Sqrt), tensor.Float64: foldThen(kernel.SumSquare[float64, float64](), math.Sqrt)})},
	"ReduceLogSum": {bind: onInput(0, byType{tensor.Float32: foldThen(kernel.Sum[float32, float64](), fmath.Log),
		tensor.Float64: foldThen(kernel.Sum[float64, float64](), fmath.Log)})},
	"ReduceLogSumExp": {bind: onInput(0, byType{tensor.Float32: logSumExp[float32],
		tensor.Float64: logSumExp[float64]})},
}

// foldThen binds a reduction of floats that accumulates in float64, of which a function is taken.
func foldThen[T kernel.Float](fold kernel.Fold[T, float64], then func(float64) float64) binder {
	return func(b *binding) (run, error) {
		w, _, err := reduceWalk(b)
		if err != nil {
			return nil, err
		}
		x, y, n := b.inSlot[0], b.outSlot[0], b.out[0].Elements()
		b.scratch64 = n
		return func(f *frame) error {
			fold.Reduce(&w, f.scratch64[:n], data[T](f, x))
			kernel.Finish(data[T](f, y), f.scratch64[:n], then)
			return nil
		}, nil
	}
}

func logSumExp[T kernel.Float](b *binding) (run, error) {
	w, _, err := reduceWalk(b)
	if err != nil {
		return nil, err
	}
	x, y, n := b.inSlot[0], b.outSlot[0], b.out[0].Elements()
	b.scratch64 = 2*n + w.N
	s := kernel.SoftOf[T](b.set)
	return func(f *frame) error {
		kernel.LogSumExp(&s, &w, data[T](f, y), data[T](f, x), f.scratch64[:n], f.scratch64[n:2*n], f.scratch64[2*n:])
		return nil
	}, nil
}

func cumSum[T, A kernel.Number](b *binding) (run, error) {
	return scan[T](b, 0, func(a, x A) A { return a + x })
}

func cumProd[T, A kernel.Number](b *binding) (run, error) {
	return scan[T](b, 1, func(a, x A) A { return A(a * x) })
}

// scan binds a fold along an axis that keeps each result.
func scan[T, A kernel.Number](b *binding, first A, fold func(A, A) A) (run, error) {
	if err := b.known(1); err != nil {
		return nil, err
	}
	axis, err := onnxop.ScanAxis(b.in)
	if err != nil {
		return nil, err
	}
	l := kernel.LanesOf(b.in[0].Shape, axis)
	exclusive, reverse := onnxop.Int(b.proto, "exclusive") != 0, onnxop.Int(b.proto, "reverse") != 0
	x, y := b.inSlot[0], b.outSlot[0]
	return func(f *frame) error {
		kernel.Scan(l, data[T](f, y), data[T](f, x), first, fold, exclusive, reverse)
		return nil
	}, nil
}

func det[T kernel.Float](b *binding) (run, error) {
	n := b.in[0].Shape[len(b.in[0].Shape)-1]
	x, y := b.inSlot[0], b.outSlot[0]
	b.scratch64 = n * n
	return func(f *frame) error {
		src, dst, m := data[T](f, x), data[T](f, y), f.scratch64[:n*n]
		for i := range dst {
			kernel.Convert(m, src[i*n*n:(i+1)*n*n])
			dst[i] = T(kernel.Det(m, n))
		}
		return nil
	}, nil
}

func eye[T kernel.Elem](one T) binder {
	return func(b *binding) (run, error) {
		rows, cols, k, y := b.out[0].Shape[0], b.out[0].Shape[1], onnxop.Int(b.proto, "k"), b.outSlot[0]
		return func(f *frame) error {
			dst := data[T](f, y)
			clear(dst)
			for i := range rows {
				if j := int64(i) + k; j >= 0 && j < int64(cols) {
					dst[i*cols+int(j)] = one
				}
			}
			return nil
		}, nil
	}
}

func hardmax[T kernel.Float](b *binding) (run, error) {
	l, err := lanes(b)
	if err != nil {
		return nil, err
	}
	x, y := b.inSlot[0], b.outSlot[0]
	return func(f *frame) error {
		kernel.Hardmax(l, data[T](f, y), data[T](f, x))
		return nil
	}, nil
}

func rangeOf[T kernel.Number](b *binding) (run, error) {
	start, step, y := b.inSlot[0], b.inSlot[2], b.outSlot[0]
	return func(f *frame) error {
		from, by := data[T](f, start)[0], data[T](f, step)[0]
		dst := data[T](f, y)
		for i := range dst {
			dst[i] = from + T(T(i)*by)
		}
		return nil
	}, nil
}

func tiled[T kernel.Elem](b *binding) (run, error) {
	in, out := b.in[0].Shape, b.out[0].Shape
	x, y := b.inSlot[0], b.outSlot[0]
	return func(f *frame) error {
		kernel.Tile(data[T](f, y), data[T](f, x), out, in)
		return nil
	}, nil
}

func trilu[T kernel.Elem](b *binding) (run, error) {
	s, k, upper := b.in[0].Shape, int64(0), onnxop.Int(b.proto, "upper") != 0
	if b.has(1) {
		if err := b.known(1); err != nil {
			return nil, err
		}
		k = b.in[1].Value.Int64()[0]
	}
	rows, cols, x, y := s[len(s)-2], s[len(s)-1], b.inSlot[0], b.outSlot[0]
	return func(f *frame) error {
		kernel.Triangle(data[T](f, y), data[T](f, x), rows, cols, k, upper)
		return nil
	}, nil
}
