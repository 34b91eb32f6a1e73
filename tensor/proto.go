package tensor

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// Proto returns the tensor as a new message of that name, in the canonical
// spelling: dims, data_type and raw_data.
func (t *Tensor) Proto(name string) *onnx.TensorProto {
	p := &onnx.TensorProto{Name: name, DataType: int32(t.dtype)}
	for _, d := range t.shape {
		p.Dims = append(p.Dims, int64(d))
	}
	if t.n > 0 {
		p.RawData = t.appendRaw(nil)
	}
	return p
}

// FromProto makes a tensor from a message and shares no memory with it. It
// accepts raw_data and the typed data fields, and refuses what [Parse] refuses:
// a *FormatError, a *ShapeError, or a *LimitError.
func FromProto(p *onnx.TensorProto, lim Limits) (*Tensor, error) {
	if p == nil {
		return nil, &FormatError{Offset: -1, Reason: "is nil; want a tensor"}
	}
	if p.Segment != nil {
		return nil, &FormatError{Offset: -1, Field: "segment",
			Reason: "partial tensors are not supported; want a whole one"}
	}
	if p.DataLocation != onnx.TensorProto_DEFAULT || len(p.ExternalData) > 0 {
		return nil, &FormatError{Offset: -1, Field: "external_data",
			Reason: "data outside the message is not supported; want raw_data"}
	}
	var f fields
	var err error
	if f.dtype, err = checkType(int64(p.DataType)); err != nil {
		return nil, err
	}
	if err := checkRank(len(p.Dims), lim); err != nil {
		return nil, err
	}
	for _, v := range p.Dims {
		d, err := checkDim(v)
		if err != nil {
			return nil, err
		}
		f.shape = append(f.shape, d)
	}
	use := payload{
		raw: len(p.RawData), float32s: len(p.FloatData), float64s: len(p.DoubleData),
		int32s: len(p.Int32Data), int64s: len(p.Int64Data), uint64s: len(p.Uint64Data),
	}
	if len(p.StringData) > 0 {
		use.other = "string_data"
	}
	if err := use.check(f.shape, f.dtype, lim); err != nil {
		return nil, err
	}
	f.raw = p.RawData
	f.float32s, f.float64s = clone(p.FloatData), clone(p.DoubleData)
	f.int32s, f.int64s = clone(p.Int32Data), clone(p.Int64Data)
	f.uint64s = clone(p.Uint64Data)
	return f.build()
}

// clone copies a list; an empty one becomes nil, which build takes as absent.
func clone[E any](v []E) []E {
	if len(v) == 0 {
		return nil
	}
	return slices.Clone(v)
}
