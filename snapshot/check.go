package snapshot

import (
	"fmt"
	"reflect"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/value"
)

// Check says whether the struct that v points to comes back from its stored form: nil where Marshal gives what
// Unmarshal reads under the limits, and else an *EncodeError that names the field. It returns the size of that form. It
// goes by the same plans as both and encodes nothing but values of registered types and embedded messages, so that
// whoever accepts an input can ask it before the input may touch anything.
func Check(reg *value.Registry, v any, lim Limits) (size int, err error) {
	p, rv, err := target(v)
	if err != nil {
		return 0, err
	}
	c := checker{reg: reg, lim: lim}
	if size, err = c.message(p, rv, lim.Depth); err == nil {
		err = c.deep(lim.Depth)
	}
	if err == nil && size > lim.Bytes {
		err = refused("%d bytes, at most %d are allowed", size, lim.Bytes)
	}
	if err != nil {
		return 0, within(err, rv.Type().Name())
	}
	return size, nil
}

// checker measures what an encoder would append. Its methods return the bytes.
type checker struct {
	reg   *value.Registry
	lim   Limits
	items int // of lists, so far
}

func refused(format string, args ...any) error {
	return &EncodeError{Reason: fmt.Sprintf(format, args...)}
}

// deep refuses a message that a decoder would open with no more than this depth left.
func (c *checker) deep(depth int) error {
	if depth <= 0 {
		return refused("nested deeper than %d messages", c.lim.Depth)
	}
	return nil
}

// message measures what is in a message, however deep: an empty one may be left out, and then nobody opens it.
func (c *checker) message(p *plan, v reflect.Value, depth int) (size int, err error) {
	for i := range p.fields {
		f := &p.fields[i]
		n, err := c.field(f, v.Field(f.index), depth)
		if err != nil {
			return 0, within(err, f.name)
		}
		size += n
	}
	return size, nil
}

func (c *checker) charge(n int) error {
	if n > c.lim.Items-c.items {
		return refused("more than %d list items", c.lim.Items)
	}
	c.items += n
	return nil
}

// part is the size of a length-prefixed part with its tag.
func part(f *field, n int) int { return protowire.SizeVarint(f.tag) + protowire.SizeBytes(n) }

func (c *checker) field(f *field, v reflect.Value, depth int) (int, error) {
	switch {
	case f.packed:
		if v.Len() == 0 {
			return 0, nil
		}
		return part(f, packedSize(f, v)), c.charge(v.Len())
	case f.kind == kindWords:
		w := (*Words)(v.Addr().UnsafePointer())
		if w.Len() == 0 {
			return 0, nil
		}
		return part(f, 8*w.Len()), nil
	case f.repeated:
		if err := c.charge(v.Len()); err != nil {
			return 0, err
		}
		size := 0
		for i := range v.Len() {
			n, err := c.item(f, v.Index(i), depth)
			if err != nil {
				return 0, within(err, fmt.Sprintf("[%d]", i))
			}
			size += n
		}
		return size, nil
	case f.kind == kindFixed:
		if loadFixed(v.Addr().UnsafePointer(), f.size) == 0 {
			return 0, nil
		}
	case f.kind == kindStruct:
		n, err := c.message(f.elem, v, depth-1)
		if err != nil || n == 0 {
			return 0, err // an empty message is left out
		}
		return part(f, n), c.deep(depth - 1)
	case f.kind == kindEmbedded:
		n, err := c.item(f, v, depth)
		if n == part(f, 0) {
			n = 0 // an empty message is left out
		}
		return n, err
	case f.kind == kindBytes && v.Len() == 0 || v.IsZero():
		return 0, nil
	}
	return c.item(f, v, depth)
}

// item measures the tag and one item, whatever it holds.
func (c *checker) item(f *field, v reflect.Value, depth int) (int, error) {
	tag := protowire.SizeVarint(f.tag)
	switch f.kind {
	case kindBool:
		return tag + 1, nil
	case kindInt:
		return tag + protowire.SizeVarint(protowire.EncodeZigZag(v.Int())), nil
	case kindUint:
		return tag + protowire.SizeVarint(v.Uint()), nil
	case kindFixed:
		return tag + f.size, nil
	case kindString:
		if !utf8.ValidString(v.String()) {
			return 0, refused("want UTF-8 text")
		}
		return part(f, v.Len()), nil
	case kindBytes, kindArray:
		return part(f, v.Len()), nil
	case kindEmbedded:
		b, err := (*Embedded)(v.Addr().UnsafePointer()).Bytes(c.reg)
		return part(f, len(b)), err
	case kindStruct, kindPtr:
		if f.kind == kindPtr {
			v = v.Elem()
		}
		if err := c.deep(depth - 1); err != nil {
			return 0, err
		}
		n, err := c.message(f.elem, v, depth-1)
		return part(f, n), err
	case kindValue:
		x, _ := v.Interface().(value.Value)
		n, err := c.value(x)
		return part(f, n), err
	}
	return 0, nil
}

// value measures the message of a value; nil is the empty message.
func (c *checker) value(v value.Value) (int, error) {
	if v == nil {
		return 0, nil
	}
	err := c.reg.Check(v, c.lim.Values)
	size := 0
	if err == nil {
		size, err = c.reg.Size(v)
	}
	if err != nil {
		return 0, refused("%v", err)
	}
	n := protowire.SizeTag(1) + protowire.SizeBytes(len(v.Type()))
	if size > 0 {
		n += protowire.SizeTag(2) + protowire.SizeBytes(size)
	}
	return n, nil
}

func packedSize(f *field, v reflect.Value) int {
	n := v.Len()
	if f.kind == kindFixed {
		return n * f.size
	}
	if f.kind == kindBool {
		return n
	}
	size := 0
	for i := range n {
		if f.kind == kindInt {
			size += protowire.SizeVarint(protowire.EncodeZigZag(v.Index(i).Int()))
		} else {
			size += protowire.SizeVarint(v.Index(i).Uint())
		}
	}
	return size
}
