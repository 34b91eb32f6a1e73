package value

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// canonical holds DecodeCanonical against its slow and obvious form: decode any spelling, write it again, compare.
func canonical(t interface{ Fatalf(string, ...any) }, reg *Registry, id TypeID, b []byte, lim Limits) (accepted bool) {
	v, err := reg.Decode(id, b, lim)
	want := false
	if err == nil {
		again, err := reg.Append(nil, v)
		want = err == nil && v.Type() == id && bytes.Equal(again, b)
	}
	w, err := reg.DecodeCanonical(id, b, lim)
	if want != (err == nil) || want && !reg.Equal(v, w) {
		t.Fatalf("%s %x: canonical is %v, DecodeCanonical gives %v", id, b, want, err)
	}
	return want
}

// TestDecodeCanonical: encodings, and encodings that were edited a little, so that many of them get far.
func TestDecodeCanonical(t *testing.T) {
	reg := NewRegistry()
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue(3).Draw(t, "value")
		b, err := reg.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if !canonical(t, reg, v.Type(), b, DefaultLimits()) {
			t.Fatalf("%s %x: not accepted as it was written", v.Type(), b)
		}
		i := rapid.IntRange(0, len(b)).Draw(t, "at")
		if rapid.Bool().Draw(t, "insert") || i == len(b) {
			b = append(b[:i:i], append([]byte{rapid.Byte().Draw(t, "byte")}, b[i:]...)...)
		} else {
			b[i] = rapid.Byte().Draw(t, "byte")
		}
		canonical(t, reg, v.Type(), b, DefaultLimits())
	})
}

// TestDecodeCanonicalRegistered: a codec that reads more than it writes, or answers with another type, passes nothing
// that would be written in another way; a tensor within a list is held to its one form too.
func TestDecodeCanonicalRegistered(t *testing.T) {
	reg := NewRegistry()
	lax := Codec{
		Append: func(dst []byte, v Value) ([]byte, error) { return append(dst, 1), nil },
		Decode: func([]byte, Limits) (Value, error) { return sketch{}, nil },
	}
	liar := Codec{Append: lax.Append, Decode: func([]byte, Limits) (Value, error) { return Int(1), nil }}
	if err := errors.Join(reg.Register("acme.Sketch/1", lax), reg.Register("acme.Liar/1", liar)); err != nil {
		t.Fatal(err)
	}
	typed := "\x01\x12onnx.TensorProto/1\x0a\x08\x01\x10\x01\x22\x04\x00\x00\x80\x3f" // float_data
	for _, c := range []struct {
		id   TypeID
		b    string
		want bool
	}{
		{"acme.Sketch/1", "\x01", true}, {"acme.Sketch/1", "\x02", false}, {"acme.Sketch/1", "", false},
		{"acme.Liar/1", "\x01", false}, {TypeList, typed, false},
	} {
		if _, err := reg.Decode(c.id, []byte(c.b), DefaultLimits()); err != nil {
			t.Errorf("%s %q: Decode gives %v, so it is no spelling of a value", c.id, c.b, err)
		}
		if canonical(t, reg, c.id, []byte(c.b), DefaultLimits()) != c.want {
			t.Errorf("%s %q: accepted is %v", c.id, c.b, !c.want)
		}
	}
}

type sketch struct{}

func (sketch) Type() TypeID { return "acme.Sketch/1" }
func (sketch) Bytes() int   { return 0 }
