package tensor

import (
	"math"
	"slices"
	"strconv"
)

// overhead is what [Tensor.Bytes] charges beside the payload: the tensor's own
// memory, rounded up, the same on every machine.
const overhead = 128

// maxElements keeps the byte count of any tensor within an int.
const maxElements = math.MaxInt / 8

// Tensor is an immutable dense tensor in row-major order, safe for concurrent
// use. The zero value is not a tensor; the From functions and Parse make them.
type Tensor struct {
	dtype DType
	shape []int
	n     int
	data  any // a pointer to the slice of the element type, of length n
}

// DType returns the element type.
func (t *Tensor) DType() DType { return t.dtype }

// Shape returns the dimensions as a view for reading only; a scalar has none.
func (t *Tensor) Shape() []int { return t.shape }

// Rank returns the number of dimensions.
func (t *Tensor) Rank() int { return len(t.shape) }

// Len returns the number of elements: the product of the dimensions, 1 for a
// scalar.
func (t *Tensor) Len() int { return t.n }

// Bytes returns what the tensor is charged against a budget: the payload and
// an overhead of 128 bytes. Tensors that share data are each charged in full.
func (t *Tensor) Bytes() int { return t.n*t.dtype.Size() + overhead }

// String says what the tensor is, without its elements: float32[2,3].
func (t *Tensor) String() string {
	if t == nil || t.data == nil {
		return "no tensor"
	}
	b := append([]byte(t.dtype.String()), '[')
	for i, d := range t.shape {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(d), 10)
	}
	return string(append(b, ']'))
}

// Reshape returns a tensor of the same data in another shape of the same
// length. The data is shared. It fails with a *ShapeError.
func (t *Tensor) Reshape(shape []int) (*Tensor, error) {
	n, err := count(shape)
	if err != nil {
		return nil, err
	}
	if n != t.n {
		return nil, lengthError(shape, t.n)
	}
	r := &reshaped{}
	r.t = Tensor{dtype: t.dtype, shape: r.dims.own(shape), n: n, data: t.data}
	return &r.t, nil
}

// count returns the number of elements of a shape, or a *ShapeError when it
// has too many dimensions, a negative one, or too many elements. A zero
// dimension does not excuse the others: their product must be sound as well.
func count(shape []int) (int, error) {
	if len(shape) > MaxRank {
		return 0, &ShapeError{Shape: slices.Clone(shape[:MaxRank]),
			Reason: "begins a shape of rank " + strconv.Itoa(len(shape)) + "; want at most " + strconv.Itoa(MaxRank)}
	}
	n, empty := 1, false
	for _, d := range shape {
		switch {
		case d < 0:
			return 0, &ShapeError{Shape: slices.Clone(shape), Reason: "negative dimension; want 0 or more"}
		case d == 0:
			empty = true
		case d > maxElements/n:
			return 0, &ShapeError{Shape: slices.Clone(shape),
				Reason: "the dimensions overflow an int; want fewer elements"}
		default:
			n *= d
		}
	}
	if empty {
		return 0, nil
	}
	return n, nil
}

// lengthError says that a shape does not fit n elements.
func lengthError(shape []int, n int) error {
	return &ShapeError{Shape: slices.Clone(shape), Reason: "does not fit " + strconv.Itoa(n) + " elements"}
}

// dims is room for the shape of most tensors.
type dims [2]int

// own copies a shape, so that the caller's slice and the tensor's stay apart.
func (d *dims) own(shape []int) []int { return slices.Clip(append(d[:0:len(d)], shape...)) }

// reshaped is a tensor of another's data and its shape, in one piece of memory.
type reshaped struct {
	t    Tensor
	dims dims
}

// owner is a tensor and all that it points to but its elements, in one piece
// of memory: small tensors come and go with every message.
type owner[E element] struct {
	t    Tensor
	dims dims
	list []E
}
