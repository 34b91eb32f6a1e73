package value

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/tensor"
)

// anyValue draws a value of any built-in type, nested up to the depth.
func anyValue(depth int) *rapid.Generator[Value] {
	return rapid.Custom(func(t *rapid.T) Value {
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			return Trigger{}
		case 1:
			return Bool(rapid.Bool().Draw(t, "bool"))
		case 2:
			return Int(rapid.Int64().Draw(t, "int"))
		case 3:
			return Float(rapid.Float64().Draw(t, "float"))
		case 4:
			return String(rapid.String().Draw(t, "string"))
		case 5:
			return NewBytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		case 6:
			return Peer(rapid.StringN(0, 20, -1).Draw(t, "peer"))
		case 7:
			data := rapid.SliceOfN(rapid.Float32(), 0, 12).Draw(t, "tensor")
			x, err := tensor.FromFloat32([]int{len(data)}, data)
			if err != nil {
				t.Fatal(err)
			}
			return Tensor{x}
		case 8:
			return Fail(rapid.String().Draw(t, "code"), rapid.String().Draw(t, "where"),
				rapid.String().Draw(t, "message"))
		}
		if depth == 0 {
			return NewList()
		}
		return NewList(rapid.SliceOfN(anyValue(depth-1), 0, 4).Draw(t, "items")...)
	})
}

// TestRoundTrip: every value decodes to itself, its bytes are canonical, and its charge is the same on both sides, so
// that a release equals its charge (trap unequal-charge).
func TestRoundTrip(t *testing.T) {
	reg := NewRegistry()
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue(3).Draw(t, "value")
		b, err := reg.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		w, err := reg.Decode(v.Type(), b, DefaultLimits())
		if err != nil {
			t.Fatalf("%s: %v", v.Type(), err)
		}
		again, err := reg.Append(nil, w)
		if err != nil || !bytes.Equal(b, again) || !reg.Equal(v, w) {
			t.Fatalf("%s: %x decodes to %x", v.Type(), b, again)
		}
		if v.Bytes() != w.Bytes() {
			t.Fatalf("%s: charged %d, released %d", v.Type(), v.Bytes(), w.Bytes())
		}
	})
}

// TestTypeNames: type ids are stable names with versions, never a path of the language (trap language-type-names).
func TestTypeNames(t *testing.T) {
	for _, id := range builtin {
		if strings.Contains(string(id), "github.com") || strings.Count(string(id), "/") != 1 {
			t.Errorf("type id %q is no registered name with a version", id)
		}
	}
	reg := NewRegistry()
	codec := Codec{
		Append: func(dst []byte, v Value) ([]byte, error) { return append(dst, 1), nil },
		Decode: func(b []byte, lim Limits) (Value, error) { return Int(1), nil },
	}
	for id, ok := range map[TypeID]bool{"acme.Sketch/2": true, "acme.Sketch": false, "/1": false, "acme/x": false,
		TypeInt: false} {
		if err := reg.Register(id, codec); (err == nil) != ok {
			t.Errorf("Register(%q) = %v", id, err)
		}
	}
	if reg.Register("acme.Sketch/2", codec) == nil {
		t.Error("a type was registered twice")
	}
	if v, err := reg.Decode("acme.Sketch/2", nil, DefaultLimits()); err != nil || v != Int(1) {
		t.Errorf("a registered type decodes to %v, %v", v, err)
	}
}

// TestRefusals: what is malformed, too large, too deep or unknown is a typed error; a count or a length that the input
// cannot hold is refused before anything is allocated for it (trap hostile-length).
func TestRefusals(t *testing.T) {
	reg := NewRegistry()
	deep := Value(NewList())
	for range 10 {
		deep = NewList(deep)
	}
	tooDeep, _ := reg.Append(nil, deep)
	for name, c := range map[string]struct {
		id TypeID
		b  []byte
	}{
		"trigger with payload": {TypeTrigger, []byte{0}},
		"bool of 2":            {TypeBool, []byte{2}},
		"long varint":          {TypeInt, []byte{0x80, 0}},
		"short float":          {TypeFloat, []byte{1, 2}},
		"text not UTF-8":       {TypeString, []byte{0xff}},
		"huge list count":      {TypeList, []byte{0xff, 0xff, 0xff, 0xff, 0x07}},
		"list item too long":   {TypeList, []byte{1, 1, 'x', 0xff, 0xff, 0x03}},
		"bytes after a list":   {TypeList, []byte{0, 0}},
		"list too deep":        {TypeList, tooDeep},
		"failure cut":          {TypeFailure, []byte{1, 'a', 1}},
		"bytes after failure":  {TypeFailure, []byte{0, 0, 0, 0}},
		"tensor":               {TypeTensor, []byte{0xff}},
		"unknown type":         {"acme.Unknown/1", nil},
	} {
		var want *FormatError
		if v, err := reg.Decode(c.id, c.b, DefaultLimits()); !errors.As(err, &want) {
			t.Errorf("%s: decoded to %v, %v", name, v, err)
		}
	}
	small := DefaultLimits()
	small.Bytes = 3
	if _, err := reg.Decode(TypeBytes, make([]byte, 4), small); err == nil {
		t.Error("more bytes than allowed were decoded")
	}
	if _, err := reg.Append(nil, stranger{}); err == nil {
		t.Error("a value of an unregistered type was encoded")
	}
}

type stranger struct{}

func (stranger) Type() TypeID { return "acme.Stranger/1" }
func (stranger) Bytes() int   { return 0 }

// TestHugeCountAllocatesNothing measures what refusing a hostile list costs (trap hostile-length).
func TestHugeCountAllocatesNothing(t *testing.T) {
	reg := NewRegistry()
	bomb := []byte{0xff, 0xff, 0x03}
	if got := testing.AllocsPerRun(100, func() { reg.Decode(TypeList, bomb, DefaultLimits()) }); got > 12 {
		t.Errorf("refusing a list of 65,535 items in 3 bytes takes %v allocations", got)
	}
}

// FuzzDecode: what is accepted is canonical; nothing panics.
func FuzzDecode(f *testing.F) {
	reg := NewRegistry()
	for _, v := range []Value{Trigger{}, Bool(true), Int(-5), Float(math.Pi), String("text"), NewBytes([]byte{1}),
		Peer("p"), NewList(Int(1), NewList(Trigger{})), Fail("late", "op", "why"),
		NewLoan("p", 1, 2, 8, 1, NewList(NewBytes([]byte{1, 2}), Int(3)))} {
		b, err := reg.Append(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(v.Type()), b)
	}
	lim := DefaultLimits()
	lim.Bytes = 1 << 20
	fuzzing.Run(f, func(t *testing.T, id string, b []byte) {
		v, err := reg.Decode(TypeID(id), b, lim)
		canonical(t, reg, TypeID(id), b, lim)
		if err != nil {
			return
		}
		again, err := reg.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if v.Type() != TypeTensor && !holdsTensor(v) && !bytes.Equal(b, again) {
			t.Fatalf("%s: %x was accepted and is not canonical: %x", id, b, again)
		}
	})
}

// holdsTensor says whether a list holds tensors, which may be written in several ways by other tools.
func holdsTensor(v Value) bool {
	if _, lent := v.(*Loan); lent {
		return true // perhaps
	}
	l, ok := v.(*List)
	if !ok {
		return v.Type() == TypeTensor
	}
	for _, it := range l.Items() {
		if holdsTensor(it) {
			return true
		}
	}
	return false
}
