package weights

import (
	"fmt"
	"io"
	"unicode/utf8"
)

// Tensor is a tensor that is written.
type Tensor struct {
	Name  string
	Type  string // as safetensors call it: F32, F16, BF16, F64, I64, I32, I16, I8, U64, U32, U16, U8, BOOL
	Shape []int
	Data  io.WriterTo // the elements, the first dimension outermost, little-endian
}

// types are the elements that can be written: their bytes, and what numpy calls them.
var types = map[string]struct {
	width int64
	numpy string // "" where it has none
}{"F64": {8, "<f8"}, "F32": {4, "<f4"}, "F16": {2, "<f2"}, "BF16": {2, ""}, "I64": {8, "<i8"}, "I32": {4, "<i4"},
	"I16": {2, "<i2"}, "I8": {1, "|i1"}, "U64": {8, "<u8"}, "U32": {4, "<u4"}, "U16": {2, "<u2"}, "U8": {1, "|u1"},
	"BOOL": {1, "|b1"}}

// bytes is how many bytes a tensor has.
func (t Tensor) bytes() int64 {
	n := types[t.Type].width
	for _, d := range t.Shape {
		n *= int64(d)
	}
	return n
}

// check refuses what cannot be written.
func check(list []Tensor) error {
	seen := map[string]bool{}
	for _, t := range list {
		switch {
		case types[t.Type].width == 0:
			return fmt.Errorf("weights: tensor %q is of type %q, which is not written", t.Name, t.Type)
		case t.Name == "" || seen[t.Name] || !utf8.ValidString(t.Name) || t.Name == "__metadata__":
			return fmt.Errorf("weights: a tensor has the name %q; want one of its own, in UTF-8", t.Name)
		}
		seen[t.Name] = true
	}
	return nil
}

// counted writes a tensor's elements and holds their number against its shape.
func (t Tensor) to(w io.Writer) (int64, error) {
	n, err := t.Data.WriteTo(w)
	if err == nil && n != t.bytes() {
		err = fmt.Errorf("weights: tensor %q has %d bytes; want %d by its shape %v", t.Name, n, t.bytes(), t.Shape)
	}
	return n, err
}
