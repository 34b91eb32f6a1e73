package backend

import (
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// element is what a frame does with storages of one element type.
type element struct {
	reserve func(f *frame, n int)
	attach  func(f *frame, s *storage)
	provide func(f *frame, s *storage, in *tensor.Tensor)
	release func(f *frame, s *storage)
	window  func(f *frame, from, to, lo, hi int)
	lend    func(f, to *frame, slot int)
	own     func(f *frame, slot, at, n int)
	widen   func(f, like *frame)
	forget  func(f *frame, slot int)
	empty   func(shape []int) (*tensor.Tensor, error)
	finish  func(f *frame, set *kernel.Set, s *storage) // sees an output before it leaves
	tensor  func(f *frame, s *storage, shape []int) (*tensor.Tensor, error)
	alias   func(a, b *tensor.Tensor) bool // both begin at the same element
}

var (
	float32s  = elementOf(tensor.FromFloat32, func(set *kernel.Set, x []float32) { set.CanonicalNaN(x) })
	float64s  = elementOf(tensor.FromFloat64, func(_ *kernel.Set, x []float64) { kernel.CanonicalNaN(x) })
	int64s    = elementOf(tensor.FromInt64, nil)
	int32s    = elementOf(tensor.FromInt32, nil)
	uint8s    = elementOf(tensor.FromUint8, nil)
	int8s     = elementOf(tensor.FromInt8, nil)
	bools     = elementOf(tensor.FromBool, nil)
	float16s  = elementOf(tensor.FromFloat16, func(_ *kernel.Set, x []tensor.F16) { kernel.CanonicalF16(x) })
	bfloat16s = elementOf(tensor.FromBFloat16, func(_ *kernel.Set, x []tensor.BF16) { kernel.CanonicalBF16(x) })
	int16s    = elementOf(tensor.FromInt16, nil)
	uint16s   = elementOf(tensor.FromUint16, nil)
	uint32s   = elementOf(tensor.FromUint32, nil)
	uint64s   = elementOf(tensor.FromUint64, nil)
)

// elementOf makes the entry of one element type; finish, where there is one, sees every output before it leaves.
func elementOf[T kernel.Elem](make func([]int, []T) (*tensor.Tensor, error), finish func(*kernel.Set, []T)) *element {
	if finish == nil {
		finish = func(*kernel.Set, []T) {}
	}
	return &element{
		reserve: reserve[T],
		attach:  attach[T],
		provide: provide[T],
		release: release[T],
		window:  window[T],
		lend:    lend[T],
		own:     own[T],
		widen:   widen[T],
		forget:  forget[T],
		empty:   func(shape []int) (*tensor.Tensor, error) { return make(shape, nil) },
		finish:  func(f *frame, set *kernel.Set, s *storage) { finish(set, data[T](f, s.slot)) },
		tensor: func(f *frame, s *storage, shape []int) (*tensor.Tensor, error) {
			return make(shape, data[T](f, s.slot))
		},
		alias: func(a, b *tensor.Tensor) bool {
			return a.DType() == b.DType() && a.Len() > 0 && b.Len() > 0 && &view[T](a)[0] == &view[T](b)[0]
		},
	}
}

// each returns the entry of an element type that a tensor can have.
func each(d tensor.DType) *element {
	switch d {
	case tensor.Float32:
		return float32s
	case tensor.Float64:
		return float64s
	case tensor.Int64:
		return int64s
	case tensor.Int32:
		return int32s
	case tensor.Uint8:
		return uint8s
	case tensor.Int8:
		return int8s
	case tensor.Float16:
		return float16s
	case tensor.BFloat16:
		return bfloat16s
	case tensor.Int16:
		return int16s
	case tensor.Uint16:
		return uint16s
	case tensor.Uint32:
		return uint32s
	case tensor.Uint64:
		return uint64s
	}
	return bools
}
