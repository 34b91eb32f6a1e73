package onnx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// ExternalError says that a tensor whose data lies in a file beside the model cannot be read.
type ExternalError struct {
	Tensor string // its name
	File   string // the file as the model names it
	Reason string // what is wrong and what would be right
	Err    error  // what the system said; nil where it is the model's fault
}

// Error names the tensor, the file and the reason.
func (e *ExternalError) Error() string {
	return fmt.Sprintf("onnx: tensor %q lies in the file %q, %s", e.Tensor, e.File, e.Reason)
}

// Unwrap returns what the system said.
func (e *ExternalError) Unwrap() error { return e.Err }

// Read loads a model from a file, with the tensors that lie in other files of its folder: these become raw_data, so the
// result is whole. No path of the model leaves the folder, be it absolute, by "..", or by a symbolic link. Errors are
// those of Load, *ExternalError and those of the file system.
func Read(name string, lim Limits) (*ModelProto, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := load(f, lim)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return m, resolve(m, root.FS(), ".", lim)
}

// ReadFS is Read from a file system, whose own door keeps links within it.
func ReadFS(fsys fs.FS, name string, lim Limits) (*ModelProto, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := load(f, lim)
	if err != nil {
		return nil, err
	}
	return m, resolve(m, fsys, path.Dir(name), lim)
}

// load loads a file, the size of which is looked at first.
func load(f fs.File, lim Limits) (*ModelProto, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > int64(lim.Bytes) {
		return nil, &LimitError{What: "Bytes", Max: lim.Bytes, Offset: lim.Bytes}
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(lim.Bytes)+1))
	if err != nil {
		return nil, err
	}
	return Load(b, lim)
}

// beside is the files beside a model while their tensors are read.
type beside struct {
	fsys fs.FS
	dir  string
	left int64
	max  int64
	open map[string]fs.File
	size map[string]int64
}

// resolve reads every tensor of the model that lies elsewhere.
func resolve(m *ModelProto, fsys fs.FS, dir string, lim Limits) error {
	b := &beside{fsys: fsys, dir: dir, left: lim.External, max: lim.External, open: map[string]fs.File{},
		size: map[string]int64{}}
	defer func() {
		for _, f := range b.open {
			f.Close()
		}
	}()
	return EachTensor(m, func(t *TensorProto) error {
		if t.GetDataLocation() != TensorProto_EXTERNAL {
			return nil
		}
		return b.read(t)
	})
}

// read puts a tensor's data into its raw_data.
func (b *beside) read(t *TensorProto) error {
	e := &ExternalError{Tensor: t.GetName()}
	fail := func(err error, format string, args ...any) error {
		e.Reason, e.Err = fmt.Sprintf(format, args...), err
		return e
	}
	location, _ := Meta(t.GetExternalData(), "location")
	e.File = location
	if location == "" || strings.Contains(location, `\`) || !filepath.IsLocal(location) ||
		!fs.ValidPath(path.Clean(location)) {
		return fail(nil, "which is no path inside the model's folder; want a relative one without \"..\"")
	}
	offset, ok := b.number(t, "offset", 0)
	if !ok {
		return fail(nil, "and its offset is no number of bytes")
	}
	f, size, err := b.file(location)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail(err, "which is not there; want it beside the model, under that name")
	case err != nil:
		return fail(err, "which cannot be read: %v; want a plain file in the model's folder", err)
	}
	length, ok := b.number(t, "length", size-offset)
	if want := payload(t); want >= 0 && ok && length != want {
		return fail(nil, "with a length of %d bytes; want %d by its type and shape", length, want)
	}
	if !ok || offset > size || length < 0 || length > size-offset {
		return fail(nil, "bytes %d to %d, and the file has %d; want the one that was written with the model", offset,
			offset+length, size)
	}
	if length > b.left || length > math.MaxInt {
		return &LimitError{What: "External", Max: int(min(b.max, math.MaxInt))}
	}
	b.left -= length
	raw := make([]byte, length)
	if err := readAt(f, raw, offset); err != nil {
		return fail(err, "which cannot be read: %v", err)
	}
	t.RawData, t.ExternalData, t.DataLocation = raw, nil, TensorProto_DEFAULT
	return nil
}

// number reads a number of the tensor's external data, def where there is none.
func (b *beside) number(t *TensorProto, key string, def int64) (int64, bool) {
	text, ok := Meta(t.GetExternalData(), key)
	if !ok {
		return def, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0
}

// file returns a file beside the model and its size.
func (b *beside) file(location string) (fs.File, int64, error) {
	name := path.Join(b.dir, location)
	if f := b.open[name]; f != nil {
		return f, b.size[name], nil
	}
	if len(b.open) >= 1<<10 {
		return nil, 0, errors.New("the model names more than 1024 files")
	}
	f, err := b.fsys.Open(name)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("it is no plain file")
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	b.open[name], b.size[name] = f, st.Size()
	return f, st.Size(), nil
}

// readAt fills raw from a place of a file.
func readAt(f fs.File, raw []byte, offset int64) error {
	if r, ok := f.(io.ReaderAt); ok {
		_, err := io.ReadFull(io.NewSectionReader(r, offset, int64(len(raw))), raw)
		return err
	}
	s, ok := f.(io.ReadSeeker)
	if !ok {
		return errors.New("the file system cannot read at a place")
	}
	if _, err := s.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	_, err := io.ReadFull(s, raw)
	return err
}

// elementBits are the bits of one element in raw_data.
var elementBits = map[TensorProto_DataType]int64{
	TensorProto_FLOAT: 32, TensorProto_UINT8: 8, TensorProto_INT8: 8, TensorProto_UINT16: 16, TensorProto_INT16: 16,
	TensorProto_INT32: 32, TensorProto_INT64: 64, TensorProto_BOOL: 8, TensorProto_FLOAT16: 16, TensorProto_DOUBLE: 64,
	TensorProto_UINT32: 32, TensorProto_UINT64: 64, TensorProto_COMPLEX64: 64, TensorProto_COMPLEX128: 128,
	TensorProto_BFLOAT16: 16, TensorProto_FLOAT8E4M3FN: 8, TensorProto_FLOAT8E4M3FNUZ: 8, TensorProto_FLOAT8E5M2: 8,
	TensorProto_FLOAT8E5M2FNUZ: 8, TensorProto_UINT4: 4, TensorProto_INT4: 4, TensorProto_FLOAT4E2M1: 4,
}

// payload is how many bytes a tensor's raw_data has by its type and shape, or -1 where that is not known.
func payload(t *TensorProto) int64 {
	bits, n := elementBits[TensorProto_DataType(t.GetDataType())], int64(1)
	if bits == 0 {
		return -1
	}
	for _, d := range t.GetDims() {
		if d < 0 || d > 0 && n > math.MaxInt64/256/d {
			return -1
		}
		n *= d
	}
	return (n*bits + 7) / 8
}

// EachTensor calls f with every tensor of a model, those of attributes, sub-graphs and functions included, in the order
// of the file, until f fails.
func EachTensor(m *ModelProto, f func(*TensorProto) error) error {
	if err := eachOfGraph(m.GetGraph(), f); err != nil {
		return err
	}
	for _, t := range m.GetTrainingInfo() {
		if err := errors.Join(eachOfGraph(t.GetInitialization(), f), eachOfGraph(t.GetAlgorithm(), f)); err != nil {
			return err
		}
	}
	for _, fn := range m.GetFunctions() {
		if err := eachOfNodes(fn.GetNode(), f); err != nil {
			return err
		}
		if err := eachOfAttributes(fn.GetAttributeProto(), f); err != nil {
			return err
		}
	}
	return nil
}

func eachOfGraph(g *GraphProto, f func(*TensorProto) error) error {
	for _, t := range g.GetInitializer() {
		if err := f(t); err != nil {
			return err
		}
	}
	for _, s := range g.GetSparseInitializer() {
		for _, t := range []*TensorProto{s.GetValues(), s.GetIndices()} {
			if t == nil {
				continue
			}
			if err := f(t); err != nil {
				return err
			}
		}
	}
	return eachOfNodes(g.GetNode(), f)
}

func eachOfNodes(nodes []*NodeProto, f func(*TensorProto) error) error {
	for _, n := range nodes {
		if err := eachOfAttributes(n.GetAttribute(), f); err != nil {
			return err
		}
	}
	return nil
}

func eachOfAttributes(attrs []*AttributeProto, f func(*TensorProto) error) error {
	for _, a := range attrs {
		if a.GetT() != nil {
			if err := f(a.GetT()); err != nil {
				return err
			}
		}
		for _, t := range a.GetTensors() {
			if err := f(t); err != nil {
				return err
			}
		}
		for _, g := range append([]*GraphProto{a.GetG()}, a.GetGraphs()...) {
			if g == nil {
				continue
			}
			if err := eachOfGraph(g, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// Beside returns the names of the files in a model's folder that its tensors lie in, each once, in the order of the
// model; none where the bytes are no model.
func Beside(b []byte, lim Limits) []string {
	m, err := Load(b, lim)
	if err != nil {
		return nil
	}
	var out []string
	seen := map[string]bool{}
	err = EachTensor(m, func(t *TensorProto) error {
		if t.GetDataLocation() != TensorProto_EXTERNAL {
			return nil
		}
		name, _ := Meta(t.GetExternalData(), "location")
		if filepath.IsLocal(name) && !seen[name] && len(out) < 1<<10 {
			seen[name] = true
			out = append(out, name)
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return out
}
