package model

import (
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Field numbers of the ONNX messages that are written in pieces.
const (
	numGraph       = 7 // of ModelProto
	numInitializer = 5 // of GraphProto
	numRawData     = 9 // of TensorProto, its last field
)

// writeBytes is how much of a tensor is written at once.
const writeBytes = 256 << 10

// File is a model as an ONNX file, in pieces: what is small, and the tensors by reference, so that writing a large one
// takes no memory. It is immutable and safe for concurrent use.
type File struct {
	pieces []piece
	size   int64
}

// piece is some bytes, or the elements of a tensor.
type piece struct {
	bytes  []byte
	tensor *tensor.Tensor
}

// raw appends bytes lo to hi, which begin and end with an element, of the tensor in float32.
func (p piece) raw(dst []byte, lo, hi int) []byte {
	t := p.tensor
	if !half.Is(t.DType()) {
		return t.AppendRaw(dst, lo, hi)
	}
	w, err := half.Widen(t.Part(lo/4, hi/4))
	if err != nil {
		panic("model: " + err.Error()) // a vector has a sound shape
	}
	return w.AppendRaw(dst, 0, hi-lo)
}

// Size returns how many bytes the file has.
func (f *File) Size() int64 { return f.size }

// WriteTo writes the file. The bytes are those of Export.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	var done int64
	buf := make([]byte, 0, writeBytes)
	write := func(b []byte) error {
		n, err := w.Write(b)
		done += int64(n)
		return err
	}
	for _, p := range f.pieces {
		if p.tensor == nil {
			if err := write(p.bytes); err != nil {
				return done, err
			}
			continue
		}
		for lo, n := 0, 4*p.tensor.Len(); lo < n; lo += writeBytes {
			if err := write(p.raw(buf[:0], lo, min(lo+writeBytes, n))); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

// File returns what Export returns as a file that is written in pieces. Parameters may be floats of 16 bits, which the
// file has in float32.
func (g *Graph) File(params []*tensor.Tensor) (*File, error) {
	if err := g.check(params, true); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if g.imported != nil {
		wide, err := widened(params)
		if err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
		return g.fileOf(wide)
	}
	m := g.with()
	whole := m.Graph
	// The codec writes the fields of a message by number: what stands before the initializers, and what behind them.
	before := &onnx.GraphProto{Node: whole.Node, Name: whole.Name}
	behind := &onnx.GraphProto{
		DocString: whole.DocString, Input: whole.Input, Output: whole.Output, ValueInfo: whole.ValueInfo,
		MetadataProps: whole.MetadataProps,
	}
	var inner File
	if err := inner.message(before); err != nil {
		return nil, err
	}
	at := map[int]int{}
	for i, k := range g.index {
		at[k] = i
	}
	for k, t := range whole.Initializer {
		i, trained := at[k]
		if !trained {
			inner.field(numInitializer, int64(proto.Size(t)))
			if err := inner.message(t); err != nil {
				return nil, err
			}
			continue
		}
		head := &onnx.TensorProto{Name: g.params[i].Name, DataType: int32(tensor.Float32)}
		for _, d := range params[i].Shape() {
			head.Dims = append(head.Dims, int64(d))
		}
		raw := 4 * params[i].Len()
		size := proto.Size(head)
		if raw > 0 {
			size += protowire.SizeTag(numRawData) + protowire.SizeBytes(raw)
		}
		inner.field(numInitializer, int64(size))
		if err := inner.message(head); err != nil {
			return nil, err
		}
		if raw > 0 {
			inner.field(numRawData, int64(raw))
			inner.pieces, inner.size = append(inner.pieces, piece{tensor: params[i]}), inner.size+int64(raw)
		}
	}
	if err := inner.message(behind); err != nil {
		return nil, err
	}

	f := &File{}
	if err := f.message(&onnx.ModelProto{
		IrVersion: m.IrVersion, ProducerName: m.ProducerName, Domain: m.Domain, ModelVersion: m.ModelVersion,
		DocString: m.DocString,
	}); err != nil {
		return nil, err
	}
	f.field(numGraph, inner.size)
	f.pieces, f.size = append(f.pieces, inner.pieces...), f.size+inner.size
	return f, f.message(&onnx.ModelProto{OpsetImport: m.OpsetImport, MetadataProps: m.MetadataProps})
}

// pieces returns a model whose tensors are in it as one piece.
func pieces(m *onnx.ModelProto) (*File, error) {
	f := &File{}
	return f, f.message(m)
}

// field adds the head of a field with a length.
func (f *File) field(num protowire.Number, length int64) {
	f.bytes(protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.BytesType), uint64(length)))
}

// message adds a message's fields.
func (f *File) message(m proto.Message) error {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err == nil {
		f.bytes(b)
	}
	return err
}

func (f *File) bytes(b []byte) {
	f.pieces, f.size = append(f.pieces, piece{bytes: b}), f.size+int64(len(b))
}
