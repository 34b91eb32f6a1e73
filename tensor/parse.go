package tensor

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Parse reads a tensor from TensorProto bytes and shares no memory with them.
// It accepts raw_data and the typed data fields, packed or not, and passes over
// names and documentation. It reads the bytes twice: first it measures, and
// only when shape, type, payload and lim agree does it allocate.
// Errors are *FormatError, *ShapeError or *LimitError.
//
// It refuses data types that are not supported, data outside the message,
// partial tensors, groups, and a single field that is given twice.
func Parse(b []byte, lim Limits) (*Tensor, error) {
	if t, err := ParseCanonical(b, lim); err == nil {
		return t, nil // as our own nodes write it: one reading suffices
	}
	m := measure{lim: lim}
	if err := walk(b, m.field); err != nil {
		return nil, err
	}
	d, err := checkType(m.dataType)
	if err != nil {
		return nil, err
	}
	if err := m.use.check(m.shape, d, lim); err != nil {
		return nil, err
	}
	f := fields{shape: m.shape, dtype: d, raw: m.raw}
	if m.use.raw == 0 {
		// The only typed list in use is the type's own: check saw to it.
		if err := f.fill(b, m.use); err != nil {
			return nil, err
		}
	}
	return f.build()
}

// walk calls see for each field of a message, with the field's offset; v is
// the body of a length-delimited field and otherwise the encoded value.
func walk(b []byte, see func(num protowire.Number, typ protowire.Type, v []byte, at int) error) error {
	for at := 0; at < len(b); {
		num, typ, tag := protowire.ConsumeTag(b[at:])
		if tag < 0 {
			return &FormatError{Offset: at, Reason: protowire.ParseError(tag).Error()}
		}
		if typ == protowire.StartGroupType || typ == protowire.EndGroupType {
			return &FormatError{Offset: at, Reason: "group; want no groups"}
		}
		n := protowire.ConsumeFieldValue(num, typ, b[at+tag:])
		if n < 0 {
			return &FormatError{Offset: at, Reason: protowire.ParseError(n).Error()}
		}
		v := b[at+tag : at+tag+n]
		if typ == protowire.BytesType {
			v, _ = protowire.ConsumeBytes(v)
		}
		if err := see(num, typ, v, at); err != nil {
			return err
		}
		at += tag + n
	}
	return nil
}

// measure is the first reading: the small facts, and counts of the rest.
type measure struct {
	lim      Limits
	shape    []int // never longer than the rank limit
	dataType int64
	typed    bool
	raw      []byte
	rawSeen  bool
	use      payload
}

// field takes one field into account.
func (m *measure) field(num protowire.Number, typ protowire.Type, v []byte, at int) error {
	switch num {
	case numDims:
		return varints(typ, v, at, "dims", m.dim)
	case numDataType:
		if typ != protowire.VarintType || m.typed {
			return &FormatError{Offset: at, Field: "data_type", Reason: "not a single varint; want one"}
		}
		x, _ := protowire.ConsumeVarint(v)
		// The schema says int32: higher bits are dropped, as any decoder does.
		m.dataType, m.typed = int64(int32(x)), true
	case numRawData:
		if typ != protowire.BytesType || m.rawSeen {
			return &FormatError{Offset: at, Field: rawData, Reason: "not a single byte string; want one"}
		}
		m.raw, m.rawSeen, m.use.raw = v, true, len(v)
	case numFloatData:
		return fixed(typ, v, at, floatData, 4, &m.use.float32s)
	case numDoubleData:
		return fixed(typ, v, at, doubleData, 8, &m.use.float64s)
	case numInt32Data:
		return varints(typ, v, at, int32Data, func(uint64) error { m.use.int32s++; return nil })
	case numInt64Data:
		return varints(typ, v, at, int64Data, func(uint64) error { m.use.int64s++; return nil })
	case numStringData:
		m.use.other = "string_data"
	case numUint64Data:
		return varints(typ, v, at, uint64Data, func(uint64) error { m.use.uint64s++; return nil })
	case numSegment:
		return &FormatError{Offset: at, Field: "segment", Reason: "partial tensors are not supported; want a whole one"}
	case numExternalData:
		return &FormatError{Offset: at, Field: "external_data",
			Reason: "data outside the message is not supported; want raw_data"}
	case numDataLocation:
		if x, n := protowire.ConsumeVarint(v); typ != protowire.VarintType || n < 0 || x != 0 {
			return &FormatError{Offset: at, Field: "data_location",
				Reason: "data outside the message is not supported; want DEFAULT (0)"}
		}
	}
	return nil
}

// dim takes one dimension into account.
func (m *measure) dim(x uint64) error {
	if err := checkRank(len(m.shape)+1, m.lim); err != nil {
		return err
	}
	d, err := checkDim(int64(x))
	m.shape = append(m.shape, d)
	return err
}

// varints calls see for each entry of a repeated varint field, packed or not.
func varints(typ protowire.Type, v []byte, at int, name string, see func(uint64) error) error {
	if typ != protowire.VarintType && typ != protowire.BytesType {
		return &FormatError{Offset: at, Field: name, Reason: "wrong wire type; want varints, packed or not"}
	}
	for len(v) > 0 {
		x, n := protowire.ConsumeVarint(v)
		if n < 0 {
			return &FormatError{Offset: at, Field: name, Reason: protowire.ParseError(n).Error()}
		}
		if err := see(x); err != nil {
			return err
		}
		v = v[n:]
	}
	return nil
}

// fixed counts the entries of a repeated field of that width, packed or not.
func fixed(typ protowire.Type, v []byte, at int, name string, width int, n *int) error {
	single := protowire.Fixed32Type
	if width == 8 {
		single = protowire.Fixed64Type
	}
	if (typ != single && typ != protowire.BytesType) || len(v)%width != 0 {
		return &FormatError{Offset: at, Field: name,
			Reason: "wrong wire type or length; want fixed-width entries, packed or not"}
	}
	*n += len(v) / width
	return nil
}

// fill is the second reading: it decodes the typed list into memory of exactly
// the size that the first one counted.
func (f *fields) fill(b []byte, use payload) error {
	f.float32s = sized[float32](use.float32s)
	f.float64s = sized[float64](use.float64s)
	f.int32s = sized[int32](use.int32s)
	f.int64s = sized[int64](use.int64s)
	f.uint64s = sized[uint64](use.uint64s)
	return walk(b, func(num protowire.Number, typ protowire.Type, v []byte, at int) error {
		switch num {
		case numFloatData:
			for ; len(v) > 0; v = v[4:] {
				x, _ := protowire.ConsumeFixed32(v)
				f.float32s = append(f.float32s, math.Float32frombits(x))
			}
		case numDoubleData:
			for ; len(v) > 0; v = v[8:] {
				x, _ := protowire.ConsumeFixed64(v)
				f.float64s = append(f.float64s, math.Float64frombits(x))
			}
		case numInt32Data:
			return varints(typ, v, at, int32Data,
				func(x uint64) error { f.int32s = append(f.int32s, int32(x)); return nil })
		case numInt64Data:
			return varints(typ, v, at, int64Data,
				func(x uint64) error { f.int64s = append(f.int64s, int64(x)); return nil })
		case numUint64Data:
			return varints(typ, v, at, uint64Data,
				func(x uint64) error { f.uint64s = append(f.uint64s, x); return nil })
		}
		return nil
	})
}

// sized returns an empty list of that capacity, nil for none.
func sized[E any](n int) []E {
	if n == 0 {
		return nil
	}
	return make([]E, 0, n)
}
