package snapshot

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/value"
)

// everything has a field of each shape that the codec knows.
type everything struct {
	Bool    bool          `snap:"1"`
	I8      int8          `snap:"2"`
	I32     int32         `snap:"3"`
	I64     int64         `snap:"4"`
	U8      uint8         `snap:"5"`
	U32     uint32        `snap:"6"`
	U64     uint64        `snap:"7"`
	F32     float32       `snap:"8"`
	F64     float64       `snap:"9"`
	X64     uint64        `snap:"10,fixed"`
	X32     int32         `snap:"11,fixed"`
	Text    text          `snap:"12"`
	Bytes   []byte        `snap:"13"`
	Array   [4]byte       `snap:"14"`
	Nested  inner         `snap:"15"`
	Pointer *inner        `snap:"16"`
	Value   value.Value   `snap:"17"`
	Bools   []bool        `snap:"18"`
	Ints    []int64       `snap:"19"`
	Smalls  []int8        `snap:"20"`
	Uints   []uint32      `snap:"21"`
	Floats  []float64     `snap:"22"`
	Singles []float32     `snap:"23"`
	Fixed   []int64       `snap:"24,fixed"`
	Fixed32 []uint32      `snap:"25,fixed"`
	Texts   []text        `snap:"26"`
	Blobs   [][]byte      `snap:"27"`
	Arrays  [][2]byte     `snap:"28"`
	Structs []inner       `snap:"29"`
	Values  []value.Value `snap:"30"`
	Part    Embedded      `snap:"31"`
	Parts   []Embedded    `snap:"32"`
	Words   Words         `snap:"33"`
	Far     uint64        `snap:"536870911"`
	Derived map[int]int   `snap:"-"`
}

type text string

type inner struct {
	B   int64  `snap:"2"` // declared out of order on purpose
	A   int64  `snap:"1"`
	Sub *inner `snap:"3"`
}

var registry = value.NewRegistry()

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := Marshal(registry, v)
	if err != nil {
		t.Fatalf("Marshal(%+v): %v", v, err)
	}
	return b
}

// TestRoundTrip: decode(encode(x)) encodes to the same bytes and, NaN apart, equals x, for every message type.
func TestRoundTrip(t *testing.T) {
	for _, root := range []reflect.Type{
		reflect.TypeFor[everything](), reflect.TypeFor[NodeSnapshot](), reflect.TypeFor[FrameworkSnapshot](),
		reflect.TypeFor[IngressEventSnapshot](), reflect.TypeFor[ExecutionStateSnapshot](),
		reflect.TypeFor[PeerGovernorSnapshot](),
	} {
		t.Run(root.Name(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				in, out := reflect.New(root), reflect.New(root)
				arbitrary(t, in.Elem(), 4)
				b, err := Marshal(registry, in.Interface())
				if err != nil {
					t.Fatal(err)
				}
				if err := Unmarshal(b, out.Interface(), registry, DefaultLimits()); err != nil {
					t.Fatalf("%v\n%x", err, b)
				}
				again, err := Marshal(registry, out.Interface())
				if err != nil || !bytes.Equal(b, again) {
					t.Fatalf("%v\n%x\n%x", err, b, again)
				}
				if root != reflect.TypeFor[everything]() && !sameButForNaN(in, out) {
					t.Fatalf("%+v\n%+v", in, out)
				}
			})
		})
	}
}

// sameButForNaN is DeepEqual for messages whose only floats are in values, which are compared by their bits.
func sameButForNaN(a, b reflect.Value) bool {
	if reflect.DeepEqual(a.Interface(), b.Interface()) {
		return true
	}
	x, err1 := Marshal(registry, a.Interface())
	y, err2 := Marshal(registry, b.Interface())
	return err1 == nil && err2 == nil && bytes.Equal(x, y) && bytes.Contains(x, []byte("rhizome.Float"))
}

// TestFloatBits: -0.0 and every NaN keep their bits, also a signalling one.
func TestFloatBits(t *testing.T) {
	for _, bits := range []uint32{0x80000000, 0x7f800001, 0x7fc00000, 0xffc12345, 1} {
		in := everything{
			F32: math.Float32frombits(bits), Singles: []float32{math.Float32frombits(bits), 0},
			F64: math.Float64frombits(uint64(bits) << 32), Floats: []float64{math.Float64frombits(0x7ff0000000000001)},
		}
		var out everything
		if err := Unmarshal(encode(t, &in), &out, registry, DefaultLimits()); err != nil {
			t.Fatal(err)
		}
		if math.Float32bits(out.F32) != bits || math.Float32bits(out.Singles[0]) != bits || len(out.Singles) != 2 ||
			math.Float64bits(out.F64) != uint64(bits)<<32 || math.Float64bits(out.Floats[0]) != 0x7ff0000000000001 {
			t.Errorf("bits %#x came back as %#x, %#x", bits, math.Float32bits(out.F32),
				math.Float32bits(out.Singles[0]))
		}
	}
}

// TestPresence: an absent allowlist is another content than an empty one, and a nil item of a list survives.
func TestPresence(t *testing.T) {
	open, nobody := encode(t, &PeerGovernorSnapshot{}), encode(t, &PeerGovernorSnapshot{Allowlist: &AllowSnapshot{}})
	if len(open) != 0 || !bytes.Equal(nobody, []byte{2<<3 | 2, 0}) {
		t.Errorf("open %x, nobody %x", open, nobody)
	}
	var g PeerGovernorSnapshot
	if err := Unmarshal(nobody, &g, registry, DefaultLimits()); err != nil || g.Allowlist == nil {
		t.Errorf("%v %+v", err, g)
	}
	in := QueueSnapshot{Values: []value.Value{nil, value.Trigger{}, nil}}
	var out QueueSnapshot
	if err := Unmarshal(encode(t, &in), &out, registry, DefaultLimits()); err != nil || !reflect.DeepEqual(in, out) {
		t.Errorf("%v %+v", err, out)
	}
}

// TestDerivedAndReset: Unmarshal clears what the bytes do not name, leaves derived fields alone, and changes nothing on
// error.
func TestDerivedAndReset(t *testing.T) {
	v := everything{U64: 7, Derived: map[int]int{1: 2}, Nested: inner{A: 1}}
	if err := Unmarshal(encode(t, &everything{U32: 3}), &v, registry, DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	if v.U64 != 0 || v.U32 != 3 || v.Nested.A != 0 || v.Derived[1] != 2 {
		t.Errorf("%+v", v)
	}
	b := append(encode(t, &everything{U32: 4}), 0xff)
	if err := Unmarshal(b, &v, registry, DefaultLimits()); err == nil || v.U32 != 3 {
		t.Errorf("%v %d", err, v.U32)
	}
}

// TestCheckTags: a type that cannot be stored is refused by the name of the field (law plain-state).
func TestCheckTags(t *testing.T) {
	type untagged struct{ A int64 }
	type hidden struct {
		a int64 `snap:"1"`
	}
	type deep struct {
		X []untagged `snap:"1"`
	}
	for want, v := range map[string]any{
		"untagged.A": untagged{},
		"hidden.a":   hidden{a: 1},
		"map": struct {
			M map[string]int `snap:"1"`
		}{},
		"error": struct {
			E error `snap:"1"`
		}{},
		"untagged.A: the field": deep{},
		"taken by A": struct {
			A int64 `snap:"1"`
			B int64 `snap:"1"`
		}{},
		"number": struct {
			A int64 `snap:"0"`
		}{},
		"fixed": struct {
			A int8 `snap:"1,fixed"`
		}{},
		"no lists": struct {
			A [][]int64 `snap:"1"`
		}{},
		"no pointers": nil,
	} {
		typ := reflect.TypeOf(v)
		if v == nil {
			typ = reflect.TypeFor[struct {
				A []*inner `snap:"1"`
			}]()
		}
		err := CheckTags(typ)
		var te *TypeError
		if !errors.As(err, &te) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want an error with %q", typ, err, want)
		}
	}
	if err := CheckTags(reflect.TypeFor[*NodeSnapshot]()); err != nil {
		t.Error(err)
	}
}

// TestEncodeErrors: what has no encoding is refused by its path.
func TestEncodeErrors(t *testing.T) {
	loop := &inner{}
	loop.Sub = loop
	for want, v := range map[string]any{
		"NodeSnapshot.Components[1].Slot": &NodeSnapshot{Components: []ComponentSnapshot{{}, {Slot: "\xff"}}},
		"HoldSnapshot.Value":              &HoldSnapshot{Value: stranger{}},
		"cycle":                           loop,
	} {
		_, err := Marshal(registry, v)
		var ee *EncodeError
		if !errors.As(err, &ee) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}

// stranger is a value that no registry knows.
type stranger struct{}

func (stranger) Type() value.TypeID { return "test.Stranger/1" }
func (stranger) Bytes() int         { return 0 }
