package dataset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// columnsMax bounds the columns of a file, and the features that columns of texts become.
const columnsMax = 1 << 16

// columnType says what the cells of a column are.
type columnType uint8

const (
	anyText  columnType = iota // text that may be a number, as in CSV
	number                     // with a fraction
	integer                    // whole
	text                       // a text or nothing
	unusable                   // nothing that can be trained on
	double                     // as what number and anyText are read, where all bits are wanted: of no column
)

// fileColumn is one column of a table, or one array of an archive, whose first dimension is the rows.
type fileColumn struct {
	name    string
	typ     columnType
	shape   []int    // of one cell; nil: a single number
	bytes   bool     // numbers of 0 to 255, which are pixels where a cell has dimensions
	classes []string // names that the file has for whole numbers from 0 on
	format  string   // what the file calls it
	why     string   // unusable: because of what, and what would be right
	index   bool     // numbers the rows, and is no feature
	rows    int
}

// width returns how many numbers a cell is.
func (c fileColumn) width() int {
	n := 1
	for _, d := range c.shape {
		n *= d
	}
	return n
}

// wanted is a column that is to be read, as which type: that of the column, or number or text where that is anyText, or
// double where it is one of these or number.
type wanted struct {
	column int
	as     columnType
}

// cells is memory for the cells of one column, those of its type: width numbers for each row.
type cells struct {
	f    []float32 // number
	i    []int64   // integer
	s    []string  // text
	d    []float64 // double
	none []bool    // by row: nothing is there
}

// fit makes room for n rows of a type and width, with nothing missing.
func (c *cells) fit(as columnType, n, width int) {
	switch as {
	case number:
		c.f = resized(c.f, n*width)
	case integer:
		c.i = resized(c.i, n*width)
	case double:
		c.d = resized(c.d, n*width)
	default:
		c.s = resized(c.s, n)
	}
	c.none = resized(c.none, n)
	clear(c.none)
}

func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// fileTable is a file as columns and numbered rows. What is read of it is not kept beyond a bound, whatever its size.
type fileTable interface {
	// about says what the file is.
	about() fileAbout
	columns() []fileColumn
	// read puts cells of rows, which ascend, into the memory of each wanted column. An error of one row is a
	// *RowError.
	read(rows []int, want []wanted, into []cells) error
	// place says in words where a row stands, such as "line 3".
	place(row int) string
}

// fileAbout is what a table says of its file beside its columns.
type fileAbout struct {
	format  string
	packed  string   // by what, where it is
	notes   []string // what its reader should know
	text    bool     // classes that are numbers stand in the order of texts
	label   string   // the column of the label where nothing else says so
	last    bool     // else it is the last one
	named   bool     // columns have names
	arrays  bool     // columns are arrays, of which one is the features
	decimal byte     // how fractions are written, in text
	tokens  bool     // numbers are those of tokens
}

// ChangedError says that a file is not any more what it was when it was opened.
type ChangedError struct {
	Name   string
	Reason string
}

// Error names the file and what changed.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s changed while it was read: %s; start again with a file that stays as it is", e.Name,
		e.Reason)
}

// handle is an open file that notices when it changes.
type handle struct {
	name string
	at   io.ReaderAt
	size int64
	time time.Time
	stat func() (fs.FileInfo, error) // nil: it cannot change
}

// ReadAt reads, and calls an early end what it is.
func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	n, err := h.at.ReadAt(p, off)
	if n < len(p) && errors.Is(err, io.EOF) && off+int64(len(p)) <= h.size {
		return n, &ChangedError{h.name, fmt.Sprintf("it ends at byte %d of %d", off+int64(n), h.size)}
	}
	return n, err
}

// same looks whether the file is what it was.
func (h *handle) same() error {
	if h == nil || h.stat == nil {
		return nil
	}
	i, err := h.stat()
	switch {
	case err != nil:
		return err
	case i.Size() != h.size:
		return &ChangedError{h.name, fmt.Sprintf("it has %d bytes, and had %d", i.Size(), h.size)}
	case !i.ModTime().Equal(h.time):
		return &ChangedError{h.name, "it was written to at " + i.ModTime().UTC().Format(time.RFC3339Nano)}
	}
	return nil
}

// handleOf returns the handle that a section reads from, or nil.
func handleOf(file *io.SectionReader) *handle {
	if file == nil {
		return nil
	}
	at, _, _ := file.Outer()
	h, _ := at.(*handle)
	return h
}

// section reads a part of a file whole.
func section(at io.ReaderAt, off int64, n int) ([]byte, error) {
	b := make([]byte, n)
	if k, err := at.ReadAt(b, off); k < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, nil
}
