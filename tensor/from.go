package tensor

// element is any type that a tensor holds.
type element interface {
	float32 | float64 | int64 | int32 | uint8 | int8 | bool | F16 | BF16 | int16 | uint16 | uint32 | uint64
}

// from makes a tensor that owns data.
func from[E element](d DType, shape []int, data []E) (*Tensor, error) {
	n, err := count(shape)
	if err != nil {
		return nil, err
	}
	if n != len(data) {
		return nil, lengthError(shape, len(data))
	}
	o := &owner[E]{list: data[:n:n]}
	o.t = Tensor{dtype: d, shape: o.dims.own(shape), n: n, data: &o.list}
	return &o.t, nil
}

// FromFloat32 makes a tensor and takes ownership of data, which the caller
// must not touch again; shape is copied. It fails with a *ShapeError when the
// shape is unsound or does not fit the data.
func FromFloat32(shape []int, data []float32) (*Tensor, error) { return from(Float32, shape, data) }

// smallMax is how many elements a tensor has room for in itself.
const smallMax = 64

// small is a tensor of few elements in one piece of memory.
type small struct {
	owner[float32]
	room [smallMax]float32
}

// NewFloat32 makes a tensor of zeros, and returns its elements beside it: the
// caller may fill them until somebody else has the tensor, and must not touch
// them afterwards. A small tensor is one piece of memory. It fails with a
// *ShapeError when the shape is unsound.
func NewFloat32(shape []int) (*Tensor, []float32, error) {
	n, err := count(shape)
	if err != nil {
		return nil, nil, err
	}
	if n > smallMax {
		data := make([]float32, n)
		t, err := from(Float32, shape, data)
		return t, data, err
	}
	s := &small{}
	s.list = s.room[:n:n]
	s.t = Tensor{dtype: Float32, shape: s.dims.own(shape), n: n, data: &s.list}
	return &s.t, s.list, nil
}

// FromFloat64 is [FromFloat32] for float64.
func FromFloat64(shape []int, data []float64) (*Tensor, error) { return from(Float64, shape, data) }

// FromInt64 is [FromFloat32] for int64.
func FromInt64(shape []int, data []int64) (*Tensor, error) { return from(Int64, shape, data) }

// FromInt32 is [FromFloat32] for int32.
func FromInt32(shape []int, data []int32) (*Tensor, error) { return from(Int32, shape, data) }

// FromUint8 is [FromFloat32] for uint8.
func FromUint8(shape []int, data []uint8) (*Tensor, error) { return from(Uint8, shape, data) }

// FromInt8 is [FromFloat32] for int8.
func FromInt8(shape []int, data []int8) (*Tensor, error) { return from(Int8, shape, data) }

// FromFloat16 is [FromFloat32] for F16.
func FromFloat16(shape []int, data []F16) (*Tensor, error) { return from(Float16, shape, data) }

// FromBFloat16 is [FromFloat32] for BF16.
func FromBFloat16(shape []int, data []BF16) (*Tensor, error) { return from(BFloat16, shape, data) }

// FromInt16 is [FromFloat32] for int16.
func FromInt16(shape []int, data []int16) (*Tensor, error) { return from(Int16, shape, data) }

// FromUint16 is [FromFloat32] for uint16.
func FromUint16(shape []int, data []uint16) (*Tensor, error) { return from(Uint16, shape, data) }

// FromUint32 is [FromFloat32] for uint32.
func FromUint32(shape []int, data []uint32) (*Tensor, error) { return from(Uint32, shape, data) }

// FromUint64 is [FromFloat32] for uint64.
func FromUint64(shape []int, data []uint64) (*Tensor, error) { return from(Uint64, shape, data) }

// FromBool is [FromFloat32] for bool.
func FromBool(shape []int, data []bool) (*Tensor, error) { return from(Bool, shape, data) }

// view returns the data if it has that element type, else nil.
func view[E element](t *Tensor) []E {
	if v, ok := t.data.(*[]E); ok {
		return *v
	}
	return nil
}

// Float32 returns the elements as a view for reading only, or nil when the
// tensor has another type.
func (t *Tensor) Float32() []float32 { return view[float32](t) }

// Float64 is [Tensor.Float32] for float64.
func (t *Tensor) Float64() []float64 { return view[float64](t) }

// Int64 is [Tensor.Float32] for int64.
func (t *Tensor) Int64() []int64 { return view[int64](t) }

// Int32 is [Tensor.Float32] for int32.
func (t *Tensor) Int32() []int32 { return view[int32](t) }

// Uint8 is [Tensor.Float32] for uint8.
func (t *Tensor) Uint8() []uint8 { return view[uint8](t) }

// Int8 is [Tensor.Float32] for int8.
func (t *Tensor) Int8() []int8 { return view[int8](t) }

// Float16 is [Tensor.Float32] for F16.
func (t *Tensor) Float16() []F16 { return view[F16](t) }

// BFloat16 is [Tensor.Float32] for BF16.
func (t *Tensor) BFloat16() []BF16 { return view[BF16](t) }

// Int16 is [Tensor.Float32] for int16.
func (t *Tensor) Int16() []int16 { return view[int16](t) }

// Uint16 is [Tensor.Float32] for uint16.
func (t *Tensor) Uint16() []uint16 { return view[uint16](t) }

// Uint32 is [Tensor.Float32] for uint32.
func (t *Tensor) Uint32() []uint32 { return view[uint32](t) }

// Uint64 is [Tensor.Float32] for uint64.
func (t *Tensor) Uint64() []uint64 { return view[uint64](t) }

// Bool is [Tensor.Float32] for bool.
func (t *Tensor) Bool() []bool { return view[bool](t) }
