package backend

import (
	"errors"

	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// ErrDivision is the cause of a RunError when an integer is divided by zero.
var ErrDivision = errors.New("an integer is divided by zero")

var binaryKernels = map[string]kernelDef{
	"Add": {inPlace: []int{0, 1}, bind: onInput(0, byType{
		tensor.Float32: rows32(func(s *kernel.Set) *kernel.Rows[float32, float32] { return &s.Add }),
		tensor.Float64: rows(kernel.Add[float64]()),
		tensor.Int64:   rows(kernel.Add[int64]()),
		tensor.Int32:   rows(kernel.Add[int32]()),
		tensor.Uint8:   rows(kernel.Add[uint8]()),
		tensor.Int8:    rows(kernel.Add[int8]()),
		tensor.Int16:   rows(kernel.Add[int16]()),
		tensor.Uint16:  rows(kernel.Add[uint16]()),
		tensor.Uint32:  rows(kernel.Add[uint32]()),
		tensor.Uint64:  rows(kernel.Add[uint64]()),
	})},
	"Sub": {inPlace: []int{0, 1}, bind: onInput(0, byType{
		tensor.Float32: rows32(func(s *kernel.Set) *kernel.Rows[float32, float32] { return &s.Sub }),
		tensor.Float64: rows(kernel.Sub[float64]()),
		tensor.Int64:   rows(kernel.Sub[int64]()),
		tensor.Int32:   rows(kernel.Sub[int32]()),
		tensor.Uint8:   rows(kernel.Sub[uint8]()),
		tensor.Int8:    rows(kernel.Sub[int8]()),
		tensor.Int16:   rows(kernel.Sub[int16]()),
		tensor.Uint16:  rows(kernel.Sub[uint16]()),
		tensor.Uint32:  rows(kernel.Sub[uint32]()),
		tensor.Uint64:  rows(kernel.Sub[uint64]()),
	})},
	"Mul": {inPlace: []int{0, 1}, bind: onInput(0, byType{
		tensor.Float32: rows32(func(s *kernel.Set) *kernel.Rows[float32, float32] { return &s.Mul }),
		tensor.Float64: rows(kernel.Mul[float64]()),
		tensor.Int64:   rows(kernel.Mul[int64]()),
		tensor.Int32:   rows(kernel.Mul[int32]()),
		tensor.Uint8:   rows(kernel.Mul[uint8]()),
		tensor.Int8:    rows(kernel.Mul[int8]()),
		tensor.Int16:   rows(kernel.Mul[int16]()),
		tensor.Uint16:  rows(kernel.Mul[uint16]()),
		tensor.Uint32:  rows(kernel.Mul[uint32]()),
		tensor.Uint64:  rows(kernel.Mul[uint64]()),
	})},
	"Div": {inPlace: []int{0, 1}, bind: onInput(0, byType{
		tensor.Float32: rows32(func(s *kernel.Set) *kernel.Rows[float32, float32] { return &s.Div }),
		tensor.Float64: rows(kernel.Div[float64]()), tensor.Int64: divide[int64], tensor.Int32: divide[int32],
		tensor.Uint8: divide[uint8], tensor.Int8: divide[int8],
		tensor.Int16:  divide[int16],
		tensor.Uint16: divide[uint16],
		tensor.Uint32: divide[uint32],
		tensor.Uint64: divide[uint64],
	})},
	"Max": {bind: onInput(0, byType{
		tensor.Float32: many(kernel.Max[float32]()), tensor.Float64: many(kernel.Max[float64]()),
		tensor.Int64: many(kernel.Max[int64]()),
		tensor.Int32: many(kernel.Max[int32]()), tensor.Uint8: many(kernel.Max[uint8]()),
		tensor.Int8:   many(kernel.Max[int8]()),
		tensor.Int16:  many(kernel.Max[int16]()),
		tensor.Uint16: many(kernel.Max[uint16]()),
		tensor.Uint32: many(kernel.Max[uint32]()),
		tensor.Uint64: many(kernel.Max[uint64]()),
	})},
	"Min": {bind: onInput(0, byType{
		tensor.Float32: many(kernel.Min[float32]()), tensor.Float64: many(kernel.Min[float64]()),
		tensor.Int64: many(kernel.Min[int64]()),
		tensor.Int32: many(kernel.Min[int32]()), tensor.Uint8: many(kernel.Min[uint8]()),
		tensor.Int8:   many(kernel.Min[int8]()),
		tensor.Int16:  many(kernel.Min[int16]()),
		tensor.Uint16: many(kernel.Min[uint16]()),
		tensor.Uint32: many(kernel.Min[uint32]()),
		tensor.Uint64: many(kernel.Min[uint64]()),
	})},
	"Sum": {bind: onInput(0, byType{tensor.Float32: many(kernel.Add[float32]()),
		tensor.Float64: many(kernel.Add[float64]())})},
	"Mean": {bind: onInput(0, byType{tensor.Float32: mean[float32], tensor.Float64: mean[float64]})},
	"Pow": {inPlace: []int{0}, bind: onInput(0, byType{
		tensor.Float32: power[float32], tensor.Float64: power[float64], tensor.Int64: power[int64],
		tensor.Int32: power[int32],
	})},

	"And": {inPlace: []int{0, 1}, bind: rows(kernel.Lift(func(a, b bool) bool { return a && b }))},
	"Or":  {inPlace: []int{0, 1}, bind: rows(kernel.Lift(func(a, b bool) bool { return a || b }))},
	"Xor": {inPlace: []int{0, 1}, bind: rows(kernel.Lift(func(a, b bool) bool { return a != b }))},
	"Equal": {bind: onInput(0, byType{
		tensor.Float32: rows(kernel.Equal[float32]()), tensor.Float64: rows(kernel.Equal[float64]()),
		tensor.Int64: rows(kernel.Equal[int64]()),
		tensor.Int32: rows(kernel.Equal[int32]()), tensor.Uint8: rows(kernel.Equal[uint8]()),
		tensor.Int8:   rows(kernel.Equal[int8]()),
		tensor.Int16:  rows(kernel.Equal[int16]()),
		tensor.Uint16: rows(kernel.Equal[uint16]()),
		tensor.Uint32: rows(kernel.Equal[uint32]()),
		tensor.Uint64: rows(kernel.Equal[uint64]()),
		tensor.Bool:   rows(kernel.Equal[bool]()),
	})},
	"Greater": {bind: onInput(0, byType{
		tensor.Float32: rows(kernel.Greater[float32]()),
		tensor.Float64: rows(kernel.Greater[float64]()),
		tensor.Int64:   rows(kernel.Greater[int64]()),
		tensor.Int32:   rows(kernel.Greater[int32]()),
		tensor.Uint8:   rows(kernel.Greater[uint8]()),
		tensor.Int8:    rows(kernel.Greater[int8]()),
		tensor.Int16:   rows(kernel.Greater[int16]()),
		tensor.Uint16:  rows(kernel.Greater[uint16]()),
		tensor.Uint32:  rows(kernel.Greater[uint32]()),
		tensor.Uint64:  rows(kernel.Greater[uint64]()),
	})},
	"GreaterOrEqual": {bind: onInput(0, byType{
		tensor.Float32: rows(kernel.GreaterOrEqual[float32]()),
		tensor.Float64: rows(kernel.GreaterOrEqual[float64]()),
		tensor.Int64:   rows(kernel.GreaterOrEqual[int64]()),
		tensor.Int32:   rows(kernel.GreaterOrEqual[int32]()),
		tensor.Uint8:   rows(kernel.GreaterOrEqual[uint8]()),
		tensor.Int8:    rows(kernel.GreaterOrEqual[int8]()),
		tensor.Int16:   rows(kernel.GreaterOrEqual[int16]()),
		tensor.Uint16:  rows(kernel.GreaterOrEqual[uint16]()),
		tensor.Uint32:  rows(kernel.GreaterOrEqual[uint32]()),
		tensor.Uint64:  rows(kernel.GreaterOrEqual[uint64]()),
	})},
	"Less": {bind: onInput(0, byType{
		tensor.Float32: rows(kernel.Less[float32]()),
		tensor.Float64: rows(kernel.Less[float64]()),
		tensor.Int64:   rows(kernel.Less[int64]()),
		tensor.Int32:   rows(kernel.Less[int32]()),
		tensor.Uint8:   rows(kernel.Less[uint8]()),
		tensor.Int8:    rows(kernel.Less[int8]()),
		tensor.Int16:   rows(kernel.Less[int16]()),
		tensor.Uint16:  rows(kernel.Less[uint16]()),
		tensor.Uint32:  rows(kernel.Less[uint32]()),
		tensor.Uint64:  rows(kernel.Less[uint64]()),
	})},
	"LessOrEqual": {bind: onInput(0, byType{
		tensor.Float32: rows(kernel.LessOrEqual[float32]()),
		tensor.Float64: rows(kernel.LessOrEqual[float64]()),
		tensor.Int64:   rows(kernel.LessOrEqual[int64]()),
		tensor.Int32:   rows(kernel.LessOrEqual[int32]()),
		tensor.Uint8:   rows(kernel.LessOrEqual[uint8]()),
		tensor.Int8:    rows(kernel.LessOrEqual[int8]()),
		tensor.Int16:   rows(kernel.LessOrEqual[int16]()),
		tensor.Uint16:  rows(kernel.LessOrEqual[uint16]()),
		tensor.Uint32:  rows(kernel.LessOrEqual[uint32]()),
		tensor.Uint64:  rows(kernel.LessOrEqual[uint64]()),
	})},
	"Where": {halves: true, inPlace: []int{1, 2}, bind: onInput(1, byType{
		tensor.Float32: where[float32], tensor.Float64: where[float64], tensor.Int64: where[int64],
		tensor.Int32: where[int32],
		tensor.Uint8: where[uint8], tensor.Int8: where[int8],
		tensor.Int16:  where[int16],
		tensor.Uint16: where[uint16],
		tensor.Uint32: where[uint32],
		tensor.Uint64: where[uint64], tensor.Bool: where[bool],
		tensor.Float16:  where[tensor.F16],
		tensor.BFloat16: where[tensor.BF16],
	})},
}

// rows32 binds an operator on float32 that the set of kernels has.
func rows32(of func(*kernel.Set) *kernel.Rows[float32, float32]) binder {
	return func(b *binding) (run, error) { return rows(*of(b.set))(b) }
}

// rows binds an elementwise operator of two inputs, which broadcast.
func rows[T, R kernel.Elem](op kernel.Rows[T, R]) binder {
	return func(b *binding) (run, error) {
		w := kernel.Broadcast(b.out[0].Shape, b.in[0].Shape, b.in[1].Shape)
		x0, x1, y := b.inSlot[0], b.inSlot[1], b.outSlot[0]
		return func(f *frame) error {
			kernel.Binary(&w, &op, data[R](f, y), data[T](f, x0), data[T](f, x1))
			return nil
		}, nil
	}
}

// many binds an elementwise operator of any number of inputs, which broadcast: the result so far is combined with one
// input after another. Nothing is overwritten in place, because a later input may be an earlier one again.
func many[T kernel.Elem](op kernel.Rows[T, T]) binder {
	return func(b *binding) (run, error) {
		ins, y := b.inSlot, b.outSlot[0]
		walks := make([]kernel.Walk, len(ins))
		walks[0] = kernel.Broadcast(b.out[0].Shape, b.in[0].Shape)
		for i, t := range b.in[1:] {
			walks[i+1] = kernel.Broadcast(b.out[0].Shape, b.out[0].Shape, t.Shape)
		}
		return func(f *frame) error {
			dst := data[T](f, y)
			kernel.Copy(&walks[0], dst, data[T](f, ins[0]), 0)
			for i := 1; i < len(ins); i++ {
				kernel.Binary(&walks[i], &op, dst, dst, data[T](f, ins[i]))
			}
			return nil
		}, nil
	}
}

// mean binds the sum of the inputs divided by their number.
func mean[T kernel.Float](b *binding) (run, error) {
	sum, err := many(kernel.Add[T]())(b)
	if err != nil {
		return nil, err
	}
	div, n, y := kernel.Div[T](), T(len(b.in)), b.outSlot[0]
	return func(f *frame) error {
		if err := sum(f); err != nil {
			return err
		}
		dst := data[T](f, y)
		div.VS(dst, dst, n)
		return nil
	}, nil
}

// divide binds a division of integers.
func divide[T kernel.Int](b *binding) (run, error) { return guarded(b, kernel.Div[T]()) }

// guarded binds an operator on integers whose second one must not be zero.
func guarded[T kernel.Int](b *binding, op kernel.Rows[T, T]) (run, error) {
	div, err := rows(op)(b)
	if err != nil {
		return nil, err
	}
	divisor := b.inSlot[1]
	return func(f *frame) error {
		if kernel.HasZero(data[T](f, divisor)) {
			return ErrDivision
		}
		return div(f)
	}, nil
}

// power binds a Pow; the exponent may be of any number type and is taken as float64.
func power[T float32 | float64 | int64 | int32](b *binding) (run, error) {
	exponent, n, err := asFloat64(b, 1)
	if err != nil {
		return nil, err
	}
	b.scratch64 = n
	w := kernel.Broadcast(b.out[0].Shape, b.in[0].Shape, b.in[1].Shape)
	x, y := b.inSlot[0], b.outSlot[0]
	return func(f *frame) error {
		e := f.scratch64[:n]
		exponent(f, e)
		kernel.Pow(&w, data[T](f, y), data[T](f, x), e)
		return nil
	}, nil
}

// asFloat64 returns a function that writes input i as float64, and its length.
func asFloat64(b *binding, i int) (func(f *frame, dst []float64), int, error) {
	slot, n := b.inSlot[i], b.in[i].Elements()
	switch b.in[i].DType {
	case tensor.Float32:
		return func(f *frame, dst []float64) { kernel.Convert(dst, data[float32](f, slot)) }, n, nil
	case tensor.Float64:
		return func(f *frame, dst []float64) { copy(dst, data[float64](f, slot)) }, n, nil
	case tensor.Int64:
		return func(f *frame, dst []float64) { kernel.Convert(dst, data[int64](f, slot)) }, n, nil
	case tensor.Int32:
		return func(f *frame, dst []float64) { kernel.Convert(dst, data[int32](f, slot)) }, n, nil
	case tensor.Uint8:
		return func(f *frame, dst []float64) { kernel.Convert(dst, data[uint8](f, slot)) }, n, nil
	case tensor.Int8:
		return func(f *frame, dst []float64) { kernel.Convert(dst, data[int8](f, slot)) }, n, nil
	case tensor.Int16:
		return func(f *frame, dst []float64) { kernel.Convert(dst, data[int16](f, slot)) }, n, nil
	case tensor.Uint16:
		return func(f *frame, dst []float64) { kernel.Convert(dst, data[uint16](f, slot)) }, n, nil
	case tensor.Uint32:
		return func(f *frame, dst []float64) { kernel.Convert(dst, data[uint32](f, slot)) }, n, nil
	case tensor.Uint64:
		return func(f *frame, dst []float64) { kernel.Convert(dst, data[uint64](f, slot)) }, n, nil
	}
	return nil, 0, b.unsupported(b.in[i].DType)
}

// where binds a Where.
func where[T kernel.Elem](b *binding) (run, error) {
	w := kernel.Broadcast(b.out[0].Shape, b.in[0].Shape, b.in[1].Shape, b.in[2].Shape)
	c, x0, x1, y := b.inSlot[0], b.inSlot[1], b.inSlot[2], b.outSlot[0]
	return func(f *frame) error {
		kernel.Where(&w, data[T](f, y), data[bool](f, c), data[T](f, x0), data[T](f, x1))
		return nil
	}, nil
}
