package parquet

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
)

// Type is how the values of a column are stored.
type Type int

// The physical types.
const (
	Boolean Type = iota
	Int32
	Int64
	Int96
	Float
	Double
	ByteArray
	FixedLenByteArray
)

// Kind is what the values of a column mean.
type Kind int

// The logical types.
const (
	Plain     Kind = iota // the stored number, or raw bytes
	String                // text, also of enums and JSON
	Signed                // whole numbers of Bits
	Unsigned              // the same
	Decimal               // of Scale
	Date                  // days
	Time                  // of a day
	Timestamp             // since 1970
	Float16
	UUID
	Null // nothing is there in any row
	Interval
)

// Column is one leaf of the schema.
type Column struct {
	Path   []string
	Type   Type
	Length int // of a FixedLenByteArray
	Kind   Kind
	Bits   int
	Scale  int
	MaxDef int // a value is there at this definition level
	MaxRep int // 0: one value a row
	index  int
}

// Name is the path with dots.
func (c *Column) Name() string { return strings.Join(c.Path, ".") }

// Chunk is a column of a row group.
type Chunk struct {
	Values    int64
	Codec     Codec
	from      int64
	bytes     int64
	elsewhere string // another file that has its values
	encrypted bool
	pages     []page // nil until they are listed
}

// Group is a row group.
type Group struct {
	Rows   int64
	Chunks []Chunk
}

// File is an open file.
type File struct {
	Columns   []Column
	Groups    []Group
	Rows      int64
	Meta      map[string]string // what its writer noted
	CreatedBy string
	at        io.ReaderAt
	size      int64
}

// The bounds of a file.
const (
	footerMax  = 64 << 20
	columnsMax = 1 << 16
	rowsMax    = math.MaxInt32
	magic      = "PAR1"
)

// Open reads the metadata of a file.
func Open(at io.ReaderAt, size int64) (*File, error) {
	if size < 12 {
		return nil, errorf("it has %d bytes, which is no Parquet file", size)
	}
	tail, err := read(at, size-8, 8)
	if err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	switch {
	case string(tail[4:]) == "PARE":
		return nil, errorf("it is encrypted; write it without encryption")
	case string(tail[4:]) != magic:
		return nil, errorf("it does not end as a Parquet file does: it is cut, or still being written")
	case n > size-12 || n > footerMax:
		return nil, errorf("it says that its metadata has %d bytes, of %d in the file; at most %d are read", n, size,
			footerMax)
	}
	footer, err := read(at, size-8-n, int(n))
	if err != nil {
		return nil, err
	}
	f := &File{at: at, size: size, Meta: map[string]string{}}
	var elements []element
	t := &thrift{b: footer}
	t.fields(func(id int, typ byte) bool {
		switch {
		case id == 2 && typ == tList:
			t.list(func(byte) { elements = append(elements, readElement(t)) })
		case id == 3 && typ == tI64:
			f.Rows = t.int()
		case id == 4 && typ == tList:
			t.list(func(byte) { f.Groups = append(f.Groups, readGroup(t)) })
		case id == 5 && typ == tList:
			t.list(func(byte) {
				var key, value string
				t.fields(func(id int, typ byte) bool {
					switch {
					case id == 1 && typ == tBinary:
						key = string(t.bytes())
					case id == 2 && typ == tBinary:
						value = string(t.bytes())
					default:
						return false
					}
					return true
				})
				f.Meta[key] = value
			})
		case id == 6 && typ == tBinary:
			f.CreatedBy = string(t.bytes())
		default:
			return false
		}
		return true
	})
	if t.err != nil {
		return nil, t.err
	}
	if err := f.schema(elements); err != nil {
		return nil, err
	}
	return f, f.check()
}

// check holds what the metadata says of rows and places against itself and the file.
func (f *File) check() error {
	rows := int64(0)
	for g := range f.Groups {
		group := &f.Groups[g]
		if group.Rows < 0 || group.Rows > rowsMax || rows+group.Rows > rowsMax {
			return errorf("row group %d says that it has %d rows; at most %d are read", g, group.Rows, rowsMax)
		}
		rows += group.Rows
		if len(group.Chunks) != len(f.Columns) {
			return errorf("row group %d has %d columns, and the schema has %d", g, len(group.Chunks), len(f.Columns))
		}
		for c := range group.Chunks {
			k := &group.Chunks[c]
			if k.elsewhere != "" {
				return errorf("it has the values of column %q in another file, %.64q; give that file, or write all "+
					"into one", f.Columns[c].Name(), k.elsewhere)
			}
			if k.from < 0 || k.bytes < 0 || k.from > f.size || k.bytes > f.size-k.from {
				return errorf("row group %d says that column %q lies beyond the end of the file", g,
					f.Columns[c].Name())
			}
			if f.Columns[c].MaxRep == 0 && k.Values != group.Rows && !k.encrypted {
				return errorf("row group %d has %d rows, and %d values of column %q", g, group.Rows, k.Values,
					f.Columns[c].Name())
			}
		}
	}
	if rows != f.Rows {
		return errorf("it says that it has %d rows, and its row groups have %d", f.Rows, rows)
	}
	return nil
}

// element is a node of the schema, in depth first order.
type element struct {
	typ        Type
	leaf       bool
	length     int
	repetition int64 // 0 required, 1 optional, 2 repeated
	name       string
	children   int64
	converted  int64
	kind       Kind
	scale      int
	bits       int
}

func readElement(t *thrift) element {
	e := element{converted: -1}
	t.fields(func(id int, typ byte) bool {
		switch {
		case id == 1 && typ == tI32:
			e.typ, e.leaf = Type(t.int()), true
		case id == 2 && typ == tI32:
			e.length = int(int32(t.int()))
		case id == 3 && typ == tI32:
			e.repetition = t.int()
		case id == 4 && typ == tBinary:
			e.name = string(t.bytes())
		case id == 5 && typ == tI32:
			e.children = t.int()
		case id == 6 && typ == tI32:
			e.converted = t.int()
		case id == 7 && typ == tI32:
			e.scale = int(int32(t.int()))
		case id == 10 && typ == tStruct:
			e.logical(t)
		default:
			return false
		}
		return true
	})
	if e.kind == Plain {
		e.convert()
	}
	return e
}

// logical reads a LogicalType, which is a union of structs.
func (e *element) logical(t *thrift) {
	kinds := map[int]Kind{1: String, 4: String, 5: Decimal, 6: Date, 7: Time, 8: Timestamp, 11: Null, 12: String,
		14: UUID, 15: Float16}
	t.fields(func(id int, typ byte) bool {
		if k, ok := kinds[id]; ok {
			e.kind = k
		}
		if typ != tStruct || id != 5 && id != 10 {
			return false
		}
		signed := false
		t.fields(func(field int, typ byte) bool {
			switch {
			case id == 5 && field == 1 && typ == tI32:
				e.scale = int(int32(t.int()))
			case id == 10 && field == 1 && typ == tByte:
				e.bits = int(t.byte())
			case id == 10 && field == 2:
				signed = typ == tTrue
				return false // it has no bytes
			default:
				return false
			}
			return true
		})
		if id == 10 {
			e.kind = Unsigned
			if signed {
				e.kind = Signed
			}
		}
		return true
	})
}

// convert reads what older writers have in the place of a LogicalType.
func (e *element) convert() {
	switch c := e.converted; {
	case c == 0 || c == 4 || c == 19: // UTF8, ENUM, JSON
		e.kind = String
	case c == 5:
		e.kind = Decimal
	case c == 6:
		e.kind = Date
	case c == 7 || c == 8:
		e.kind = Time
	case c == 9 || c == 10:
		e.kind = Timestamp
	case c >= 11 && c <= 14:
		e.kind, e.bits = Unsigned, 8<<(c-11)
	case c >= 15 && c <= 18:
		e.kind, e.bits = Signed, 8<<(c-15)
	case c == 21:
		e.kind = Interval
	}
}

// schema makes the leaves of the tree.
func (f *File) schema(elements []element) error {
	if len(elements) == 0 {
		return errorf("it has no schema")
	}
	at := 1
	var walk func(children int64, path []string, def, rep int) error
	walk = func(children int64, path []string, def, rep int) error {
		if len(path) > depthMax {
			return errorf("its schema is nested too deep")
		}
		for ; children > 0; children-- {
			if at >= len(elements) {
				return errorf("its schema is cut")
			}
			e := elements[at]
			at++
			d, r := def, rep
			switch e.repetition {
			case 1:
				d++
			case 2:
				d, r = d+1, r+1
			}
			p := append(path[:len(path):len(path)], e.name)
			if e.leaf {
				if e.typ < Boolean || e.typ > FixedLenByteArray || e.typ == FixedLenByteArray && (e.length < 1 ||
					e.length > 1<<16) {
					return errorf("column %q has the type %d of length %d, which is not known", strings.Join(p, "."),
						e.typ, e.length)
				}
				f.Columns = append(f.Columns, Column{p, e.typ, e.length, e.kind, e.bits, e.scale, d, r,
					len(f.Columns)})
				continue
			}
			if err := walk(e.children, p, d, r); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(elements[0].children, nil, 0, 0); err != nil {
		return err
	}
	if len(f.Columns) > columnsMax || at != len(elements) {
		return errorf("its schema has %d columns, and %d nodes that belong to none", len(f.Columns), len(elements)-at)
	}
	return nil
}

func readGroup(t *thrift) Group {
	var g Group
	t.fields(func(id int, typ byte) bool {
		switch {
		case id == 1 && typ == tList:
			t.list(func(byte) { g.Chunks = append(g.Chunks, readChunk(t)) })
		case id == 3 && typ == tI64:
			g.Rows = t.int()
		default:
			return false
		}
		return true
	})
	return g
}

func readChunk(t *thrift) Chunk {
	var c Chunk
	data, dict := int64(0), int64(0)
	t.fields(func(id int, typ byte) bool {
		switch {
		case id == 1 && typ == tBinary:
			c.elsewhere = string(t.bytes())
		case id == 3 && typ == tStruct:
			t.fields(func(id int, typ byte) bool {
				switch {
				case id == 4 && typ == tI32:
					c.Codec = Codec(t.int())
				case id == 5 && typ == tI64:
					c.Values = t.int()
				case id == 7 && typ == tI64:
					c.bytes = t.int()
				case id == 9 && typ == tI64:
					data = t.int()
				case id == 11 && typ == tI64:
					dict = t.int()
				default:
					return false
				}
				return true
			})
		case id == 8 || id == 9: // how it is encrypted
			c.encrypted = true
			return false
		default:
			return false
		}
		return true
	})
	if c.from = data; dict > 0 && dict < data {
		c.from = dict
	}
	return c
}

// read reads n bytes, which the caller has bounded.
func read(at io.ReaderAt, off int64, n int) ([]byte, error) {
	b := make([]byte, n)
	if k, err := at.ReadAt(b, off); k < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = errorf("it ends at byte %d of %d", off+int64(k), off+int64(n))
		}
		return nil, err
	}
	return b, nil
}
