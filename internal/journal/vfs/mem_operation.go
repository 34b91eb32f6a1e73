package vfs

import "fmt"

// opKind is what faults tell operations apart by.
type opKind uint8

const (
	opRead opKind = iota
	opName
	opWrite
	opSize
	opSync
)

// operation is a call of a Mem or of one of its files.
type operation struct {
	kind  opKind
	verb  string
	path  string
	from  string // of a rename
	off   int64  // of a write; of a change of size: the new one
	n     int    // bytes of a write
	write bool   // an open for writing: a read that a read-only disk refuses
}

func (o *operation) writes() bool { return o.kind != opRead || o.write }
func (o *operation) logged() bool { return o.kind != opRead }

// text is the operation as in the log; it is made only when somebody reads it.
func (o *operation) text() string {
	switch {
	case o.kind == opWrite:
		return fmt.Sprintf("%s %s %d+%d", o.verb, o.path, o.off, o.n)
	case o.kind == opSize:
		return fmt.Sprintf("%s %s %d", o.verb, o.path, o.off)
	case o.from != "":
		return o.verb + " " + o.from + " " + o.path
	}
	return o.verb + " " + o.path
}
