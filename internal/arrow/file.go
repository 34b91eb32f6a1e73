package arrow

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
)

// Batch is some of the rows.
type Batch struct {
	Rows int64
	Body int64 // its bytes in the file
	message
	dicts int // messages of dictionaries before it
}

// message is where a message stands.
type message struct {
	at   int64 // its metadata
	size int
	body int64 // where its body begins
	room int64 // and how long it is
}

// dictMessage is a message of a dictionary.
type dictMessage struct {
	message
	id    int64
	delta bool
}

// File is an open file or stream. It is thread-unsafe.
type File struct {
	Columns []Column
	Batches []Batch
	Rows    int64
	Stream  bool
	Meta    map[string]string // what its writer noted

	at      io.ReaderAt
	size    int64
	dicts   []dictMessage
	layout  layout // of a batch
	last    *parts // of the batch that was read last
	read    []dictRead
	readLen int              // their values
	kept    []unpackedBuffer // the last one that was used at the end
	keeps   int
}

// The bounds of a file.
const (
	headMax    = 64 << 20 // metadata of a message
	batchesMax = 1 << 20
	rowsMax    = math.MaxInt32
	magic      = "ARROW1"
)

// The types of messages.
const (
	mSchema = 1
	mDict   = 2
	mBatch  = 3
)

// Open reads the metadata of a file or a stream.
func Open(at io.ReaderAt, size int64) (*File, error) {
	f := &File{at: at, size: size}
	head, err := section(at, 0, int(min(size, 8)))
	if err != nil {
		return nil, err
	}
	if f.Stream = len(head) < 8 || string(head[:6]) != magic; f.Stream {
		err = f.stream()
	} else {
		err = f.footer()
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// section reads n bytes, which the caller has bounded.
func section(at io.ReaderAt, off int64, n int) ([]byte, error) {
	b := make([]byte, n)
	if k, err := at.ReadAt(b, off); k < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = errorf("it ends at byte %d of %d: it is cut, or still being written", off+int64(k), off+int64(n))
		}
		return nil, err
	}
	return b, nil
}

// first returns an error that was before another.
func first(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// footer reads the metadata of a file, which stands at its end.
func (f *File) footer() error {
	if f.size < 8+4+6 {
		return errorf("it has %d bytes, which is no Arrow file", f.size)
	}
	tail, err := section(f.at, f.size-10, 10)
	if err != nil {
		return err
	}
	n := int64(int32(binary.LittleEndian.Uint32(tail)))
	switch {
	case string(tail[4:]) != magic:
		return errorf("it does not end as an Arrow file does: it is cut, or still being written")
	case n < 4 || n > f.size-18 || n > headMax:
		return errorf("it says that its metadata has %d bytes, of %d in the file; at most %d are read", n, f.size,
			headMax)
	}
	b, err := section(f.at, f.size-10-n, int(n))
	if err != nil {
		return err
	}
	flat := &flat{b: b}
	root := flat.root()
	schema, ok := root.sub(1)
	if !ok {
		return first(flat.err, errorf("it has no schema"))
	}
	if err := f.schema(schema, root.number(0, 2, 0)); err != nil {
		return err
	}
	if err := f.blocks(root, 2, f.addDict); err != nil {
		return err
	}
	return f.blocks(root, 3, f.addBatch)
}

// blocks reads a list of where messages stand.
func (f *File) blocks(root flatTable, i int, add func(message) error) error {
	at, n := root.vector(i, 24)
	for k := range min(n, batchesMax+1) {
		from, size, body := root.f.i64(at+24*k), root.f.i32(at+24*k+8), root.f.i64(at+24*k+16)
		if root.f.err != nil {
			return root.f.err
		}
		if from < 0 || size < 8 || size > headMax || body < 0 || from > f.size-int64(size) ||
			body > f.size-from-int64(size) {
			return errorf("it says that a batch lies beyond its end")
		}
		head, err := section(f.at, from, 8)
		if err != nil {
			return err
		}
		skip := 4
		if binary.LittleEndian.Uint32(head) == math.MaxUint32 {
			skip = 8
		}
		if err := add(message{from + int64(skip), size - skip, from + int64(size), body}); err != nil {
			return err
		}
	}
	return root.f.err
}

// stream reads the metadata of a stream, message by message.
func (f *File) stream() error {
	for at := int64(0); at < f.size; {
		if f.size-at < 8 {
			return errorf("it ends within a message: it is cut, or still being written")
		}
		head, err := section(f.at, at, 8)
		if err != nil {
			return err
		}
		if binary.LittleEndian.Uint32(head) != math.MaxUint32 {
			return errorf("byte %d is not the beginning of a message; streams of versions before 0.15 are not read", at)
		}
		n := int64(int32(binary.LittleEndian.Uint32(head[4:])))
		if n == 0 {
			break // it says that it ends
		}
		if n >= 8 && n <= headMax && n > f.size-at-8 {
			return errorf("it ends within a message: it is cut, or still being written")
		}
		if n < 8 || n > headMax {
			return errorf("a message says that its metadata has %d bytes, of %d in the file; at most %d are read", n,
				f.size, headMax)
		}
		m := message{at + 8, int(n), at + 8 + n, 0}
		root, typ, err := f.message(&m)
		if err != nil {
			return err
		}
		switch {
		case typ == mSchema && f.Meta == nil:
			header, ok := root.sub(2)
			if !ok {
				return errorf("it has no schema")
			}
			err = f.schema(header, root.number(0, 2, 0))
		case f.Meta == nil:
			err = errorf("its first message is no schema")
		case typ == mDict:
			err = f.addDict(m)
		case typ == mBatch:
			err = f.addBatch(m)
		default:
			err = errorf("it has messages of the type %d; want tables", typ)
		}
		if err != nil {
			return err
		}
		at = m.body + m.room
	}
	if f.Meta == nil {
		return errorf("it has no schema")
	}
	return nil
}

// message reads the metadata of a message, and how long its body is.
func (f *File) message(m *message) (flatTable, int, error) {
	b, err := section(f.at, m.at, m.size)
	if err != nil {
		return flatTable{}, 0, err
	}
	flat := &flat{b: b}
	root := flat.root()
	typ := int(root.number(1, 1, 0))
	room := root.number(3, 8, 0)
	if flat.err != nil || room < 0 || room > f.size-m.body {
		return flatTable{}, 0, first(flat.err, errorf("a batch of %d bytes ends beyond its end: it is cut, or still "+
			"being written", room))
	}
	m.room = room
	return root, typ, nil
}

// schema reads the columns.
func (f *File) schema(t flatTable, version int64) error {
	if version < 3 {
		return errorf("it is of version %d of the format; want 4 or 5: write it with a release of this decade", version+1)
	}
	if t.number(0, 2, 0) != 0 {
		return errorf("its numbers are big endian; write it on a machine, or with an option, of little endian")
	}
	at, n := t.vector(1, 4)
	for k := 0; k < n && t.f.err == nil; k++ {
		readField(t.f.table(t.f.ref(at+4*k)), &f.layout, 0).leaves(nil, nil, &f.Columns)
	}
	f.Meta = t.pairs(2)
	if version == 3 && slices.ContainsFunc(f.Columns, func(c Column) bool {
		return slices.ContainsFunc(c.chain, func(a *field) bool { return a.typ == fUnion })
	}) {
		return errorf("it has unions of version 4 of the format")
	}
	return t.f.err
}

func (f *File) addDict(m message) error {
	root, typ, err := f.message(&m)
	if err != nil {
		return err
	}
	d, ok := root.sub(2)
	if typ != mDict || !ok || len(f.dicts) == batchesMax {
		return first(root.f.err, errorf("a dictionary is not where it should be, or one of more than %d",
			batchesMax))
	}
	f.dicts = append(f.dicts, dictMessage{m, d.number(0, 8, 0), d.number(2, 1, 0) != 0})
	return root.f.err
}

func (f *File) addBatch(m message) error {
	root, typ, err := f.message(&m)
	if err != nil {
		return err
	}
	t, ok := root.sub(2)
	if typ != mBatch || !ok || len(f.Batches) == batchesMax {
		return first(root.f.err, errorf("a batch is not where it should be, or one of more than %d", batchesMax))
	}
	rows := t.number(0, 8, 0)
	if rows < 0 || rows > rowsMax-f.Rows {
		return errorf("a batch says that it has %d rows; at most %d are read", rows, rowsMax)
	}
	f.Rows += rows
	f.Batches = append(f.Batches, Batch{rows, m.room, m, len(f.dicts)})
	return root.f.err
}
