package importer

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Original is a parameter or a buffer of the module that a file was exported from, under the module's name and in its
// shape. Its numbers are those of the file, by reference. It is immutable.
type Original struct {
	Name   string
	Type   onnx.TensorProto_DataType
	Shape  []int
	blocks []block
}

// block is some elements of an original, one after the other.
type block struct {
	raw        []byte
	rows, cols int    // where rows > 0, raw is that matrix, which is written transposed
	fill       []byte // where raw is nil, this element,
	times      int    // as often
}

// Width is the bytes of one element.
func (o *Original) Width() int { return tensor.DType(o.Type).Size() }

// Bytes is the bytes of all elements.
func (o *Original) Bytes() int64 { return int64(count(o.Shape)) * int64(o.Width()) }

// pieceBytes is about how much of an original is put together at once.
const pieceBytes = 1 << 18

// WriteTo writes the elements, the first dimension outermost and little-endian, without a second copy of them.
func (o *Original) WriteTo(w io.Writer) (int64, error) {
	var done int64
	write := func(b []byte) error {
		n, err := w.Write(b)
		done += int64(n)
		return err
	}
	width := o.Width()
	for _, b := range o.blocks {
		switch {
		case b.raw == nil:
			most := max(1, pieceBytes/width)
			piece := slices.Repeat(b.fill, min(b.times, most))
			for left := b.times; left > 0; left -= most {
				if err := write(piece[:width*min(left, most)]); err != nil {
					return done, err
				}
			}
		case b.rows > 0:
			if err := b.transposed(width, write); err != nil {
				return done, err
			}
		default:
			if err := write(b.raw); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

// transposed writes a matrix by its columns, as many at a time as lie side by side in a line of the cache.
func (b *block) transposed(width int, write func([]byte) error) error {
	side := max(1, min(64/width, pieceBytes/(b.rows*width), b.cols))
	buf := make([]byte, side*b.rows*width)
	for lo := 0; lo < b.cols; lo += side {
		n := min(side, b.cols-lo)
		for r := range b.rows {
			from := b.raw[(r*b.cols+lo)*width:]
			for c := range n {
				copy(buf[(c*b.rows+r)*width:][:width], from[c*width:][:width])
			}
		}
		if err := write(buf[:n*b.rows*width]); err != nil {
			return err
		}
	}
	return nil
}

// form is how a tensor of the file becomes one of the module.
type form uint8

const (
	asIs     form = iota
	turned        // a matrix, of which rows and columns change places
	flat          // as one row
	firstRow      // the first of equal rows
)

// original returns a tensor of the file in a form, or nil where it has no such.
func original(name string, x *initial, f form) *Original {
	raw, typ := x.raw()
	o := &Original{Name: name, Type: typ, Shape: slices.Clone(x.shape)}
	if o.Shape == nil {
		o.Shape = []int{}
	}
	if raw == nil && count(x.shape) > 0 || o.Width() == 0 {
		return nil
	}
	o.blocks = []block{{raw: raw}}
	switch f {
	case turned:
		if len(x.shape) != 2 {
			return nil
		}
		o.Shape = []int{x.shape[1], x.shape[0]}
		if count(x.shape) > 0 {
			o.blocks[0].rows, o.blocks[0].cols = x.shape[0], x.shape[1]
		}
	case flat:
		o.Shape = []int{count(x.shape)}
	case firstRow:
		if len(x.shape) == 0 || x.shape[0] == 0 {
			return nil
		}
		o.Shape[0] = 1
		o.blocks[0].raw = raw[:len(raw)/x.shape[0]]
	}
	return o
}

// filled returns a tensor of one number.
func filled(name string, typ onnx.TensorProto_DataType, v float64, shape ...int) *Original {
	o := &Original{Name: name, Type: typ, Shape: slices.Clone(shape)}
	if o.Shape == nil {
		o.Shape = []int{}
	}
	one := make([]byte, o.Width())
	switch typ {
	case onnx.TensorProto_FLOAT:
		binary.LittleEndian.PutUint32(one, math.Float32bits(float32(v)))
	case onnx.TensorProto_DOUBLE:
		binary.LittleEndian.PutUint64(one, math.Float64bits(v))
	case onnx.TensorProto_INT64:
		binary.LittleEndian.PutUint64(one, uint64(int64(v)))
	case onnx.TensorProto_FLOAT16, onnx.TensorProto_BFLOAT16:
		copy(one, narrowed([]float32{float32(v)}, int32(typ)))
	}
	o.blocks = []block{{fill: one, times: count(shape)}}
	return o
}

// negated returns a small tensor with all signs turned.
func negated(name string, of *Original) *Original {
	out := &Original{Name: name, Type: of.Type, Shape: of.Shape}
	var raw []byte
	for _, b := range of.blocks {
		raw = append(raw, b.raw...)
	}
	// The sign is the highest bit of the last byte of a number, whichever its type.
	for i := of.Width() - 1; i < len(raw); i += of.Width() {
		raw[i] ^= 0x80
	}
	out.blocks = []block{{raw: raw}}
	return out
}

// raw returns the elements of an initializer as they are written, and their type.
func (x *initial) raw() ([]byte, onnx.TensorProto_DataType) {
	typ := onnx.TensorProto_DataType(x.dtype)
	if x.half != 0 {
		typ = onnx.TensorProto_DataType(x.half)
	}
	switch {
	case x.proto != nil && len(x.proto.RawData) > 0:
		return x.proto.RawData, typ
	case x.value == nil:
		return nil, typ
	case x.half != 0:
		return narrowed(x.value.Float32(), x.half), typ
	}
	return x.value.AppendRaw(nil, 0, x.value.RawBytes()), typ
}

// Told is what was done for an original, or what could not be.
type Told struct {
	What   string   `json:"what"`
	Names  []string `json:"names"`
	Undone bool     `json:"undone"` // what the exporter did is undone: the numbers are those that the module would have
	Text   string   `json:"text"`
}

// few names it in a line.
func (t Told) String() string { return fmt.Sprintf("%s: %s", few(t.Names), t.Text) }

// Wide returns the numbers of an original of 16 bits as float32.
func (o *Original) Wide() io.WriterTo { return wide32{o} }

type wide32 struct{ o *Original }

// WriteTo writes the numbers.
func (x wide32) WriteTo(w io.Writer) (int64, error) {
	out := &widening{w: w, half: int32(x.o.Type)}
	_, err := x.o.WriteTo(out)
	return out.done, err
}

// widening writes numbers of 16 bits as float32.
type widening struct {
	w    io.Writer
	half int32
	done int64
}

func (x *widening) Write(b []byte) (int, error) {
	for at := 0; at < len(b); {
		n := min(len(b)-at, pieceBytes)
		var out []byte
		for i := at; i+1 < at+n; i += 2 {
			h := binary.LittleEndian.Uint16(b[i:])
			v := tensor.F16(h).Float32()
			if x.half == int32(onnx.TensorProto_BFLOAT16) {
				v = tensor.BF16(h).Float32()
			}
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
		k, err := x.w.Write(out)
		x.done += int64(k)
		if err != nil {
			return at, err
		}
		at += n
	}
	return len(b), nil
}

// Signed says whether the file says what its module was made of.
func (m *Model) Signed() bool { return m.sig != nil }
