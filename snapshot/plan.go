package snapshot

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/value"
)

// plan is how a struct type is encoded: its stored fields, ascending by number. It is immutable once it is published.
type plan struct {
	typ    reflect.Type
	fields []field
	flat   bool // a shallow copy shares nothing that can change
}

// field is how one field of a struct is encoded.
type field struct {
	num      protowire.Number
	tag      uint64 // number and wire type
	name     string // in Go
	index    int    // in the struct
	kind     kind   // of the field, or of its items when it is repeated
	repeated bool
	packed   bool // repeated, in one length-prefixed run
	size     int  // bytes of an item of kindFixed; length of kindArray
	elem     *plan
	typ      reflect.Type // of the field
	flat     bool         // a shallow copy of the field shares nothing that can change
}

// kind is the family of encodings that a field belongs to.
type kind uint8

const (
	kindBool     kind = iota + 1
	kindInt           // zigzag varint
	kindUint          // varint
	kindFixed         // 4 or 8 bytes, little endian
	kindString        // UTF-8
	kindBytes         // []byte
	kindArray         // [N]byte
	kindStruct        // message, left out when it is empty
	kindPtr           // message with presence
	kindValue         // message {type, payload} with presence
	kindEmbedded      // Embedded, as bytes
	kindWords         // Words, as packed fixed numbers of 8 bytes
)

// wire returns the protobuf wire type of one item.
func (k kind) wire(size int) protowire.Type {
	switch {
	case k <= kindUint:
		return protowire.VarintType
	case k == kindFixed && size == 4:
		return protowire.Fixed32Type
	case k == kindFixed:
		return protowire.Fixed64Type
	}
	return protowire.BytesType
}

// plans keeps the plan or the error of every type that was asked for, by reflect.Type.
var plans sync.Map

var (
	valueType    = reflect.TypeFor[value.Value]()
	embeddedType = reflect.TypeFor[Embedded]()
	wordsType    = reflect.TypeFor[Words]()
)

// planOf returns the plan of a struct type, from the cache when it is there.
func planOf(t reflect.Type) (*plan, error) {
	if p, ok := plans.Load(t); ok {
		return p.(*plan), nil
	}
	b := builder{done: map[reflect.Type]*plan{}}
	p, err := b.build(t)
	if err != nil {
		return nil, err
	}
	flatten(slices.Collect(maps.Values(b.done)))
	// Only a finished family is published, so that no other goroutine sees a plan that is half built.
	for t, q := range b.done {
		plans.LoadOrStore(t, q)
	}
	return p, nil
}

// builder makes the plans of a family of types that may refer to each other.
type builder struct{ done map[reflect.Type]*plan }

func (b *builder) build(t reflect.Type) (*plan, error) {
	if p, ok := b.done[t]; ok {
		return p, nil
	}
	if t.Kind() != reflect.Struct {
		return nil, &TypeError{t.String(), "want a struct"}
	}
	p := &plan{typ: t}
	b.done[t] = p
	for i := range t.NumField() {
		sf := t.Field(i)
		f, err := b.field(sf)
		if err != nil {
			return nil, err.at(t, sf.Name)
		}
		if f != nil {
			f.index = i
			p.fields = append(p.fields, *f)
		}
	}
	slices.SortFunc(p.fields, func(a, b field) int { return int(a.num - b.num) })
	for i := 1; i < len(p.fields); i++ {
		if p.fields[i].num == p.fields[i-1].num {
			return nil,
				(&TypeError{Reason: fmt.Sprintf("number %d is taken by %s", p.fields[i].num, p.fields[i-1].name)}).at(t,
					p.fields[i].name)
		}
	}
	return p, nil
}

// at fills in the field where it is still open: the innermost one is told.
func (e *TypeError) at(t reflect.Type, name string) *TypeError {
	if e.Field == "" {
		e.Field = t.String() + "." + name
	}
	return e
}

// field returns the plan of one struct field, or nil when the field is derived.
func (b *builder) field(sf reflect.StructField) (*field, *TypeError) {
	tag, ok := sf.Tag.Lookup("snap")
	if ok && tag == "-" {
		return nil, nil
	}
	if !ok {
		return nil, &TypeError{Reason: "the field has no snap tag; give it a number, or \"-\" when it is derived " +
			"from other fields"}
	}
	if !sf.IsExported() {
		return nil,
			&TypeError{Reason: "an unexported field cannot be stored; export it, or tag it \"-\" when it is derived"}
	}
	number, option, _ := strings.Cut(tag, ",")
	n, err := strconv.ParseInt(number, 10, 32)
	num := protowire.Number(n)
	if err != nil || !num.IsValid() || strconv.FormatInt(n, 10) != number ||
		num >= protowire.FirstReservedNumber && num <= protowire.LastReservedNumber {
		return nil, &TypeError{Reason: fmt.Sprintf("tag %q: want a protobuf field number", tag)}
	}
	if option != "" && option != "fixed" {
		return nil, &TypeError{Reason: fmt.Sprintf("tag %q: the only option is \"fixed\"", tag)}
	}
	f := &field{num: num, name: sf.Name, typ: sf.Type}
	t := sf.Type
	if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
		f.repeated = true
		t = t.Elem()
		if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 || t.Kind() == reflect.Pointer {
			return nil,
				&TypeError{Reason: fmt.Sprintf("%s: a list holds no lists and no pointers; use a list of structs",
					sf.Type)}
		}
	}
	if e := b.shape(f, t, option == "fixed"); e != nil {
		return nil, e
	}
	f.packed = f.repeated && f.kind <= kindFixed
	wt := f.kind.wire(f.size)
	if f.packed {
		wt = protowire.BytesType
	}
	f.tag = protowire.EncodeTag(num, wt)
	return f, nil
}

// shape sets the kind of f from the type t of the field or of its items.
func (b *builder) shape(f *field, t reflect.Type, fixed bool) *TypeError {
	switch k := t.Kind(); {
	case t == valueType:
		f.kind = kindValue
	case t == embeddedType:
		f.kind = kindEmbedded
	case t == wordsType && f.repeated:
		return &TypeError{Reason: "a list holds no Words; use a list of structs"}
	case t == wordsType:
		f.kind, f.size = kindWords, 8
		return nil
	case k == reflect.Bool:
		f.kind = kindBool
	case k >= reflect.Int && k <= reflect.Int64:
		f.kind = kindInt
	case k >= reflect.Uint && k <= reflect.Uint64:
		f.kind = kindUint
	case k == reflect.Float32 || k == reflect.Float64:
		f.kind, fixed = kindFixed, true
	case k == reflect.String:
		f.kind = kindString
	case k == reflect.Slice: // of bytes: others were refused or unwrapped
		f.kind = kindBytes
	case k == reflect.Array && t.Elem().Kind() == reflect.Uint8 && t.Len() > 0:
		f.kind, f.size = kindArray, t.Len()
	case k == reflect.Struct:
		f.kind = kindStruct
	case k == reflect.Pointer && t.Elem().Kind() == reflect.Struct:
		f.kind, t = kindPtr, t.Elem()
	default:
		return &TypeError{
			Reason: fmt.Sprintf(
				"%s: this type has no stored form; use numbers, strings, bytes, structs, lists of them, or value.Value",
				t)}
	}
	if fixed {
		f.size = int(t.Size())
		if f.kind < kindInt || f.kind > kindFixed || f.size != 4 && f.size != 8 || t.Kind() == reflect.Int ||
			t.Kind() == reflect.Uint {
			return &TypeError{Reason: fmt.Sprintf("%s: only numbers of 32 and 64 bits can be fixed", t)}
		}
		f.kind = kindFixed
	}
	if f.kind == kindStruct || f.kind == kindPtr {
		var err error
		if f.elem, err = b.build(t); err != nil {
			return err.(*TypeError)
		}
	}
	return nil
}
