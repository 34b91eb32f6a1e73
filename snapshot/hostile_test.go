package snapshot

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// TestRefused: each kind of input that is not canonical is refused with a typed error that says where.
func TestRefused(t *testing.T) {
	small := DefaultLimits()
	small.Items, small.Depth, small.Bytes = 3, 3, 40
	for name, c := range map[string]struct {
		b    string
		want string
	}{
		"unknown field":           {"\xa8\x02\x01", "field 37 is not known"},
		"unknown nested field":    {"\x7a\x02\x20\x01", "everything.Nested at byte 2: field 4"},
		"wrong order":             {"\x30\x01\x28\x01", "everything.U8 at byte 2"},
		"singular field twice":    {"\x30\x01\x30\x01", "everything.U32 at byte 2"},
		"list in two runs":        {"\xd2\x01\x01a\xda\x01\x01b\xd2\x01\x01c", "comes again"},
		"explicit zero":           {"\x30\x00", "zero value"},
		"explicit zero float":     {"\x45\x00\x00\x00\x00", "zero value"},
		"explicit zero array":     {"\x72\x04\x00\x00\x00\x00", "zero value"},
		"explicit empty text":     {"\x62\x00", "zero value"},
		"explicit empty bytes":    {"\x6a\x00", "zero value"},
		"explicit empty struct":   {"\x7a\x00", "empty message"},
		"explicit absent value":   {"\x8a\x01\x00", "absent value"},
		"explicit empty list":     {"\x92\x01\x00", "empty list"},
		"long varint":             {"\x30\x81\x00", "shortest"},
		"long tag":                {"\xb0\x00\x01", "shortest"},
		"long length":             {"\x62\x81\x00a", "shortest"},
		"endless varint":          {"\x30" + strings.Repeat("\xff", 12), "shortest"},
		"bool of 2":               {"\x08\x02", "truth value 2"},
		"int8 of 300":             {"\x10\xd8\x04", "does not fit"},
		"uint32 of 33 bits":       {"\x30\xff\xff\xff\xff\x7f", "does not fit"},
		"wire type":               {"\x32\x01a", "wire type 2, want 0"},
		"group":                   {"\x0b\x0c", "wire type 3"},
		"field number 0":          {"\x00\x01", "field number 0"},
		"not UTF-8":               {"\x62\x01\xff", "UTF-8"},
		"array too short":         {"\x72\x03abc", "3 bytes, want 4"},
		"half a fixed":            {"\xc2\x01\x04abcd", "multiple of 8"},
		"length beyond input":     {"\x6a\xff\xff\xff\x7f", "where 0 are left"},
		"length beyond message":   {"\x7a\x02\x1a\x05\x08\x02\x08\x02\x08", "where 0 are left"},
		"too many items":          {"\x92\x01\x04\x01\x01\x01\x01", "list items"},
		"too deep":                {"\x82\x01\x06\x1a\x04\x1a\x02\x1a\x00", "nested deeper"},
		"too long":                {"\x6a\x27" + strings.Repeat("a", 39), "41 bytes"},
		"value without type":      {"\x8a\x01\x02\x12\x00", "type id"},
		"value of unknown type":   {"\x8a\x01\x05\x0a\x03a/1", "not registered"},
		"value with empty rest":   {"\x8a\x01\x15\x0a\x11rhizome.Trigger/1\x12\x00", "empty payload"},
		"value with a bad varint": {"\x8a\x01\x13\x0a\x0drhizome.Int/1\x12\x02\x80\x00", "varint"},
	} {
		var v everything
		err := Unmarshal([]byte(c.b), &v, registry, small)
		var fe *FormatError
		var ue *UnknownFieldError
		if !errors.As(err, &fe) && !errors.As(err, &ue) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
		if !reflect.DeepEqual(v, everything{}) {
			t.Errorf("%s: the struct was changed", name)
		}
	}
}

// TestPayloadCanonical: a tensor in another sound form than the canonical one is refused, because it would not come
// back as it was.
func TestPayloadCanonical(t *testing.T) {
	tensorWithFloatData := "\x08\x01\x10\x01\x22\x04\x00\x00\x80\x3f" // dims 1, type 1, float_data [1]
	msg := "\x0a\x12onnx.TensorProto/1\x12\x0a" + tensorWithFloatData
	in := append([]byte{0x12, byte(len(msg))}, msg...)
	var h HoldSnapshot
	err := Unmarshal(in, &h, registry, DefaultLimits())
	if err == nil || !strings.Contains(err.Error(), "canonical") {
		t.Errorf("%v %+v", err, h)
	}
}

// rich is a snapshot with something in every table.
func rich(t testing.TB) *NodeSnapshot {
	x, err := tensor.FromFloat32([]int{2, 2}, []float32{1, -2, 3.5, 0})
	if err != nil {
		t.Fatal(err)
	}
	n := &NodeSnapshot{}
	fill(reflect.ValueOf(n).Elem(), value.NewList(value.Tensor{Tensor: x}, value.Int(-3), value.Fail("late", "a", "b")))
	return n
}

// fill sets every field of v: two items in each list, x for each value.
func fill(v reflect.Value, x value.Value) {
	switch {
	case v.Type() == valueType:
		v.Set(reflect.ValueOf(x))
	case v.Type() == embeddedType:
		v.Set(reflect.ValueOf(Raw([]byte{7, 0})))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), x)
		}
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), x)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), x)
	case v.CanInt():
		v.SetInt(-300)
		if v.OverflowInt(-300) {
			v.SetInt(-3)
		}
	case v.CanUint():
		v.SetUint(7)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.String:
		v.SetString("name")
	}
}

// TestDamage: no truncation and no flipped bit makes the decoder panic, and whatever it accepts is canonical (trap
// hostile-length).
func TestDamage(t *testing.T) {
	b := encode(t, rich(t))
	check := func(c []byte) {
		var n NodeSnapshot
		if Unmarshal(c, &n, registry, DefaultLimits()) == nil && !bytes.Equal(encode(t, &n), c) {
			t.Fatalf("accepted, but not canonical: %x", c)
		}
	}
	step := 1
	if testing.Short() {
		step = 7
	}
	for i := 0; i < len(b); i += step {
		check(b[:i])
		for bit := range 8 {
			c := bytes.Clone(b)
			c[i] ^= 1 << bit
			check(c)
		}
	}
}

// TestCanonical: whatever bytes are accepted are the encoding of what they decode to. The inputs are encodings that
// were edited a little, so that many of them get far.
func TestCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in everything
		arbitrary(t, reflect.ValueOf(&in).Elem(), 3)
		b, err := Marshal(registry, &in)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 2).Draw(t, "edits") {
			if len(b) == 0 {
				break
			}
			i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
			switch rapid.IntRange(0, 2).Draw(t, "edit") {
			case 0:
				b[i] = rapid.Byte().Draw(t, "byte")
			case 1:
				b = append(b[:i], b[i+1:]...)
			case 2:
				b = append(b[:i:i], append([]byte{rapid.Byte().Draw(t, "byte")}, b[i:]...)...)
			}
		}
		var out everything
		if Unmarshal(b, &out, registry, DefaultLimits()) != nil {
			return
		}
		if again, err := Marshal(registry, &out); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%v\n%x\n%x", err, b, again)
		}
	})
}

// TestAllocation: a length prefix or a count allocates nothing that the input does not hold (trap hostile-length).
func TestAllocation(t *testing.T) {
	for _, s := range []string{"\x6a\xff\xff\xff\xff\x07", "\xc2\x01\xf8\xff\xff\xff\x07",
		"\x92\x01\xff\xff\xff\xff\x07"} {
		var v everything
		n := testing.AllocsPerRun(10, func() { _ = Unmarshal([]byte(s), &v, registry, DefaultLimits()) })
		if n > 12 {
			t.Errorf("%x: %v allocations", s, n)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(encode(f, rich(f)))
	f.Add([]byte{})
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		var n NodeSnapshot
		if Unmarshal(b, &n, registry, DefaultLimits()) == nil && !bytes.Equal(encode(t, &n), b) {
			t.Fatalf("accepted, but not canonical: %x", b)
		}
		var e everything
		if Unmarshal(b, &e, registry, DefaultLimits()) == nil && !bytes.Equal(encode(t, &e), b) {
			t.Fatalf("accepted, but not canonical: %x", b)
		}
	})
}
