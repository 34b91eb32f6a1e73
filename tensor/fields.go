package tensor

import (
	"fmt"
	"math"
	"slices"
)

// fields is a TensorProto's content that matters, however it was spelled:
// either raw or the one typed list that the data type calls for.
type fields struct {
	shape    []int
	dtype    DType
	raw      []byte // aliases the input
	float32s []float32
	float64s []float64
	int32s   []int32
	int64s   []int64
	uint64s  []uint64
}

// The names of the payload fields.
const (
	rawData    = "raw_data"
	floatData  = "float_data"
	doubleData = "double_data"
	int32Data  = "int32_data"
	int64Data  = "int64_data"
	uint64Data = "uint64_data"
)

// home returns the typed field in which the standard puts a data type.
func home(d DType) string {
	switch d {
	case Float32:
		return floatData
	case Float64:
		return doubleData
	case Int64:
		return int64Data
	case Uint32, Uint64:
		return uint64Data
	}
	return int32Data
}

// checkType returns a data_type as a DType if it is a supported one.
func checkType(v int64) (DType, error) {
	if v < 0 || v > math.MaxUint8 || !DType(v).Valid() {
		return 0, &FormatError{Offset: -1, Field: "data_type",
			Reason: fmt.Sprintf(
				"%d is not supported; want 1 to 7 (float32, uint8, int8, uint16, int16, int32, int64), 9 (bool), 10 to "+
					"13 (float16, float64, uint32, uint64) or 16 (bfloat16)", v)}
	}
	return DType(v), nil
}

// checkDim returns a dimension as an int.
func checkDim(v int64) (int, error) {
	if v < 0 || v > maxElements {
		return 0, &FormatError{Offset: -1, Field: "dims", Reason: fmt.Sprintf("dimension %d; want 0 to %d", v,
			maxElements)}
	}
	return int(v), nil
}

// checkRank refuses a rank above the limits.
func checkRank(rank int, lim Limits) error {
	if m := min(lim.Rank, MaxRank); rank > m {
		return &LimitError{What: "Rank", Got: rank, Max: m}
	}
	return nil
}

// payload is how many entries each payload field has; raw is in bytes.
type payload struct {
	raw, float32s, float64s, int32s, int64s, uint64s int
	other                                            string // a field in use that no supported type has
}

// check holds the payload against shape, type and limits: exactly one spelling,
// of exactly the length that the shape asks for. Nothing was allocated so far
// that grows with the input.
func (p payload) check(shape []int, d DType, lim Limits) error {
	n, err := count(shape)
	if err != nil {
		return err
	}
	if err := lim.admit(n, d); err != nil {
		return err
	}
	if p.other != "" {
		return &FormatError{Offset: -1, Field: p.other,
			Reason: "holds no " + d.String() + "; want raw_data or " + home(d)}
	}
	lists := []struct {
		name string
		n    int
	}{{floatData, p.float32s}, {doubleData, p.float64s}, {int32Data, p.int32s}, {int64Data, p.int64s},
		{uint64Data, p.uint64s}}
	listed := false
	for _, l := range lists {
		switch {
		case l.n == 0:
		case l.name != home(d):
			return &FormatError{Offset: -1, Field: l.name,
				Reason: "holds no " + d.String() + "; want raw_data or " + home(d)}
		case p.raw > 0:
			return &FormatError{Offset: -1, Field: l.name, Reason: "given beside raw_data; want one of them"}
		case l.n != n:
			return &FormatError{Offset: -1, Field: l.name, Reason: fmt.Sprintf("%d elements; want %d for shape %v", l.n,
				n, shape)}
		default:
			listed = true
		}
	}
	if listed {
		return nil
	}
	if want := n * d.Size(); p.raw != want {
		return &FormatError{Offset: -1, Field: rawData, Reason: fmt.Sprintf("%d bytes; want %d for shape %v of %v",
			p.raw, want, shape, d)}
	}
	return nil
}

// build makes the tensor of fields that passed check. It takes the typed lists
// over and copies raw.
func (f *fields) build() (*Tensor, error) {
	switch {
	case f.float32s != nil:
		return FromFloat32(f.shape, f.float32s)
	case f.float64s != nil:
		return FromFloat64(f.shape, f.float64s)
	case f.int64s != nil:
		return FromInt64(f.shape, f.int64s)
	case f.uint64s != nil && f.dtype == Uint64:
		return FromUint64(f.shape, f.uint64s)
	case f.uint64s != nil:
		return f.short()
	case f.int32s == nil:
		return fromRaw(f.dtype, f.shape, f.raw)
	case f.dtype == Int32:
		return FromInt32(f.shape, f.int32s)
	}
	return f.narrow()
}

// short makes a tensor of uint32 from uint64_data and refuses values that do not fit.
func (f *fields) short() (*Tensor, error) {
	out := make([]uint32, len(f.uint64s))
	for i, x := range f.uint64s {
		if out[i] = uint32(x); uint64(out[i]) != x {
			return nil, &FormatError{Offset: -1, Field: uint64Data,
				Reason: fmt.Sprintf("%v element %d is %d; want at most %d", f.dtype, i, x, uint32(math.MaxUint32))}
		}
	}
	return FromUint32(f.shape, out)
}

// narrow makes a tensor of a type of one or two bytes from int32_data and refuses values that do not fit. A float of
// two bytes stands there as its bits.
func (f *fields) narrow() (*Tensor, error) {
	lo, hi := int32(0), int32(math.MaxUint8)
	switch f.dtype {
	case Int8:
		lo, hi = math.MinInt8, math.MaxInt8
	case Bool:
		hi = 1
	case Int16:
		lo, hi = math.MinInt16, math.MaxInt16
	case Float16, BFloat16, Uint16:
		hi = math.MaxUint16
	}
	if i := slices.IndexFunc(f.int32s, func(x int32) bool { return x < lo || x > hi }); i >= 0 {
		return nil, &FormatError{Offset: -1, Field: int32Data,
			Reason: fmt.Sprintf("%v element %d is %d; want %d to %d", f.dtype, i, f.int32s[i], lo, hi)}
	}
	size := f.dtype.Size()
	raw := make([]byte, 0, size*len(f.int32s))
	for _, x := range f.int32s {
		raw = append(raw, byte(x), byte(x>>8))[:len(raw)+size]
	}
	return fromRaw(f.dtype, f.shape, raw)
}
