package snapshot

import "reflect"

// Field is one stored field of a message type.
type Field struct {
	Name   string // as formats/snapshot.proto calls it
	Index  int    // in the Go struct
	Number int32  // in the wire form
}

// Fields returns the stored fields of a message type, ascending by number, or a *TypeError where it can be none. It is
// safe for concurrent use.
func Fields(t reflect.Type) ([]Field, error) {
	p, err := planOf(t)
	if err != nil {
		return nil, err
	}
	out := make([]Field, len(p.fields))
	for i := range p.fields {
		f := &p.fields[i]
		out[i] = Field{Name: snakeCase(f.name), Index: f.index, Number: int32(f.num)}
	}
	return out, nil
}
