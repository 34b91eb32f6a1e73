package dataset

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// Env is what a source is opened with.
type Env struct {
	// Settings is the JSON object of the source's own settings, which all nodes share; empty for none.
	Settings []byte
	// Seed is that of the job.
	Seed uint64
	// Node names for whom samples are drawn, where each node draws its own.
	Node string
	// Files is the folder in which a file that is parsed lies, for kinds of several files (the labels of IDX, images by
	// class, a vocabulary), and File its name there. nil: there is the file alone.
	Files fs.FS
	File  string
}

// Kind is a way to make sources. At least one of Open and Parse is there.
type Kind struct {
	// Name is what jobs and programs call it: a-z, 0-9 and '-', the first a letter.
	Name string
	// Open returns the samples that a node has of itself: the same at every node, unless Each says otherwise. It is
	// cheap; what costs waits for the first Read. nil: there are none without a file.
	Open func(Env) (Source, error)
	// Parse reads a file that somebody brings; the source may go on reading from it. Errors are *RowError where a line
	// is wrong, *FormatError where the file is of another kind. nil: the kind reads no files.
	Parse func(Env, *io.SectionReader) (Source, error)
	// FileMax bounds the file in bytes; 0 means 64 MiB.
	FileMax int64
	// Each says that Open gives each node samples of its own, so that nothing is dealt, and there can be any number of
	// nodes.
	Each bool
	// Text writes a sample as Parse reads it; nil where no part of a source can be written.
	Text func(dst []byte, features []float32, label int64) []byte
}

// fileMax bounds a file where its kind says nothing.
const fileMax = 64 << 20

// Max returns the bound on the size of a file.
func (k Kind) Max() int64 {
	if k.FileMax > 0 {
		return k.FileMax
	}
	return fileMax
}

// UnknownError says that nothing is registered by a name.
type UnknownError struct {
	What  string // "data source" or "partitioner"
	Name  string
	Known []string
}

// Error lists what is there.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("unknown %s %.64q; want one of %s", e.What, e.Name, strings.Join(e.Known, ", "))
}

// table holds what the files of this package register.
type table[T any] struct {
	what  string
	names []string // sorted
	of    map[string]T
}

// add registers one. A name that is there already, or no name, is a mistake of this package, which any test finds.
func (t *table[T]) add(name string, v T) {
	i, there := slices.BinarySearch(t.names, name)
	if there || !goodName(name) {
		panic(fmt.Sprintf("dataset: %s %q: the name is taken or is none", t.what, name))
	}
	if t.of == nil {
		t.of = map[string]T{}
	}
	t.names, t.of[name] = slices.Insert(t.names, i, name), v
}

func (t *table[T]) find(name string) (T, error) {
	v, ok := t.of[name]
	if !ok {
		return v, &UnknownError{t.what, name, slices.Clone(t.names)}
	}
	return v, nil
}

func goodName(s string) bool {
	for i, r := range s {
		if (r < 'a' || r > 'z') && (i == 0 || (r < '0' || r > '9') && r != '-') {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

var kinds = table[Kind]{what: "data source"}

// Kinds returns the names of all kinds, sorted.
func Kinds() []string { return slices.Clone(kinds.names) }

// Find returns the kind of that name, or an *UnknownError.
func Find(name string) (Kind, error) { return kinds.find(name) }

// RowError says what is wrong with a file, and where.
type RowError struct {
	Line   int // from 1
	Column int // from 1; 0 where the line as a whole is wrong
	Reason string
}

// Error names the line, and the column where there is one.
func (e *RowError) Error() string {
	if e.Column > 0 {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

// readAll reads a file of at most max bytes.
func readAll(file *io.SectionReader, max int64) ([]byte, error) {
	if file.Size() > max {
		return nil, fmt.Errorf("has %d bytes; at most %d are read", file.Size(), max)
	}
	b := make([]byte, file.Size())
	_, err := io.ReadFull(file, b)
	return b, err
}
