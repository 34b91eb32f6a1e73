package dataset

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// The kind safetensors is tensors by their names, of which one has the samples and another the labels.
func init() {
	fileFormat(safetensorsKind, func(_ Env, _ FileSettings, file *io.SectionReader) (fileTable, error) {
		return safetensorsOf(file)
	})
}

const (
	safetensorsHeaderMax = 16 << 20
	safetensorsMax       = 1 << 16 // tensors
)

// safetensorsTypes are the types of numbers, by their name.
var safetensorsTypes = map[string]struct {
	kind byte
	size int
}{"F64": {'f', 8}, "F32": {'f', 4}, "F16": {'f', 2}, "BF16": {'B', 2}, "I64": {'i', 8}, "I32": {'i', 4},
	"I16": {'i', 2},
	"I8":  {'i', 1}, "U64": {'u', 8}, "U32": {'u', 4}, "U16": {'u', 2}, "U8": {'u', 1}, "BOOL": {'b', 1}}

// safetensorsOf reads the header, which has everything but the numbers.
func safetensorsOf(file *io.SectionReader) (fileTable, error) {
	const of = "safetensors file"
	size, err := section(file, 0, 8)
	if err != nil {
		return nil, config.Errorf(of, "has %d bytes, which is none", file.Size())
	}
	n := binary.LittleEndian.Uint64(size)
	if n > safetensorsHeaderMax || int64(n) > file.Size()-8 {
		return nil, config.Errorf(of, "says that its header has %d bytes, of %d in the file; at most %d are read", n,
			file.Size(), safetensorsHeaderMax)
	}
	text, err := section(file, 8, int(n))
	if err != nil {
		return nil, err
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(text, &header); err != nil || len(header) > safetensorsMax {
		return nil, config.Errorf(of, "has a header of %d tensors that is not read (%v)", len(header), err)
	}
	delete(header, "__metadata__")
	var names []string
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	t := &arrayTable{format: "a safetensors file"}
	for _, name := range names {
		var d struct {
			Type    string  `json:"dtype"`
			Shape   []int   `json:"shape"`
			Offsets []int64 `json:"data_offsets"`
		}
		if err := json.Unmarshal(header[name], &d); err != nil || len(d.Offsets) != 2 || len(d.Shape) > npyDims {
			return nil, badArray(name, "has the header %.100q, which is not read", header[name])
		}
		from, to := d.Offsets[0], d.Offsets[1]
		if from < 0 || to < from || to > file.Size()-8-int64(n) {
			return nil, badArray(name, "lies at bytes %d to %d, beyond the end of the file", from, to)
		}
		known, ok := safetensorsTypes[d.Type]
		a := &array{name: name, shape: d.Shape, kind: known.kind, size: known.size, order: binary.LittleEndian}
		if !ok {
			a.kind, a.size = 'f', 4
			t.add(a)
			c := &t.cols[len(t.cols)-1]
			c.typ, c.format = unusable, d.Type
			c.why = "has the type " + d.Type + ", which is not read; want F32"
			continue
		}
		count, err := elements(name, d.Shape)
		if err != nil {
			return nil, err
		}
		if count*int64(a.size) != to-from {
			return nil, badArray(name, "has the shape %v of %s, and %d bytes", d.Shape, d.Type, to-from)
		}
		a.at = io.NewSectionReader(file, 8+int64(n)+from, to-from)
		t.add(a)
	}
	return t, nil
}
