package tensor

import (
	"fmt"
	"slices"
)

// Part returns the elements from lo to hi, in row-major order, as a vector in memory of its own.
func (t *Tensor) Part(lo, hi int) *Tensor {
	switch v := t.data.(type) {
	case *[]float32:
		return part(t.dtype, (*v)[lo:hi])
	case *[]float64:
		return part(t.dtype, (*v)[lo:hi])
	case *[]int64:
		return part(t.dtype, (*v)[lo:hi])
	case *[]int32:
		return part(t.dtype, (*v)[lo:hi])
	case *[]uint8:
		return part(t.dtype, (*v)[lo:hi])
	case *[]int8:
		return part(t.dtype, (*v)[lo:hi])
	case *[]F16:
		return part(t.dtype, (*v)[lo:hi])
	case *[]BF16:
		return part(t.dtype, (*v)[lo:hi])
	case *[]int16:
		return part(t.dtype, (*v)[lo:hi])
	case *[]uint16:
		return part(t.dtype, (*v)[lo:hi])
	case *[]uint32:
		return part(t.dtype, (*v)[lo:hi])
	case *[]uint64:
		return part(t.dtype, (*v)[lo:hi])
	case *[]bool:
		return part(t.dtype, (*v)[lo:hi])
	}
	panic("tensor: no elements of a known type") // no From function makes such a tensor
}

func part[E element](d DType, v []E) *Tensor { return vector(d, slices.Clone(v)) }

// vector makes a tensor of rank 1 that owns v.
func vector[E element](d DType, v []E) *Tensor {
	t, err := from(d, []int{len(v)}, v)
	if err != nil {
		panic("tensor: " + err.Error()) // as many elements as the shape has
	}
	return t
}

// Blank is the memory of a tensor that is put together from parts. Each element is written once, before anybody can
// read it, so the parts that Put returns and the whole share it and are as immutable as every tensor. It is
// thread-unsafe.
type Blank struct{ t *Tensor }

// NewBlank returns the memory of a tensor of a type and a shape. It fails with a *ShapeError when the shape is unsound,
// and for a type that there is not.
func NewBlank(d DType, shape []int) (*Blank, error) {
	n, err := count(shape)
	if err != nil {
		return nil, err
	}
	var t *Tensor
	switch d {
	case Float32:
		t, err = FromFloat32(shape, make([]float32, n))
	case Float64:
		t, err = FromFloat64(shape, make([]float64, n))
	case Int64:
		t, err = FromInt64(shape, make([]int64, n))
	case Int32:
		t, err = FromInt32(shape, make([]int32, n))
	case Uint8:
		t, err = FromUint8(shape, make([]uint8, n))
	case Int8:
		t, err = FromInt8(shape, make([]int8, n))
	case Float16:
		t, err = FromFloat16(shape, make([]F16, n))
	case BFloat16:
		t, err = FromBFloat16(shape, make([]BF16, n))
	case Int16:
		t, err = FromInt16(shape, make([]int16, n))
	case Uint16:
		t, err = FromUint16(shape, make([]uint16, n))
	case Uint32:
		t, err = FromUint32(shape, make([]uint32, n))
	case Uint64:
		t, err = FromUint64(shape, make([]uint64, n))
	case Bool:
		t, err = FromBool(shape, make([]bool, n))
	default:
		return nil, fmt.Errorf("tensor: no element type %d", d)
	}
	if err != nil {
		return nil, err
	}
	return &Blank{t}, nil
}

// Whole returns the tensor. It must not be read before all of it was put.
func (b *Blank) Whole() *Tensor { return b.t }

// Put writes the elements of x, whatever its shape, from element lo on, and returns them as a vector in the memory of
// the whole. x must have the whole's type and fit in.
func (b *Blank) Put(lo int, x *Tensor) *Tensor {
	switch v := b.t.data.(type) {
	case *[]float32:
		return put(b.t.dtype, *v, lo, x)
	case *[]float64:
		return put(b.t.dtype, *v, lo, x)
	case *[]int64:
		return put(b.t.dtype, *v, lo, x)
	case *[]int32:
		return put(b.t.dtype, *v, lo, x)
	case *[]uint8:
		return put(b.t.dtype, *v, lo, x)
	case *[]int8:
		return put(b.t.dtype, *v, lo, x)
	case *[]F16:
		return put(b.t.dtype, *v, lo, x)
	case *[]BF16:
		return put(b.t.dtype, *v, lo, x)
	case *[]int16:
		return put(b.t.dtype, *v, lo, x)
	case *[]uint16:
		return put(b.t.dtype, *v, lo, x)
	case *[]uint32:
		return put(b.t.dtype, *v, lo, x)
	case *[]uint64:
		return put(b.t.dtype, *v, lo, x)
	case *[]bool:
		return put(b.t.dtype, *v, lo, x)
	}
	panic("tensor: no elements of a known type")
}

func put[E element](d DType, whole []E, lo int, x *Tensor) *Tensor {
	hi := lo + x.n
	copy(whole[lo:hi], view[E](x))
	return vector(d, whole[lo:hi:hi])
}
