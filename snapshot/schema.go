package snapshot

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
)

// Schema returns the protobuf schema of the struct types and of all that they hold, as the text of a .proto file. Messages
// stand in the order in which they are first met and carry the names of their Go types, so two types of the same name in
// different packages are an error, as is a type that CheckTags refuses.
func Schema(roots ...reflect.Type) (string, error) {
	s := schema{names: map[string]reflect.Type{"Value": valueType}}
	for _, t := range roots {
		p, err := planOf(t)
		if err != nil {
			return "", err
		}
		if err := s.add(p); err != nil {
			return "", err
		}
	}
	var b strings.Builder
	b.WriteString(schemaHead)
	for _, p := range s.order {
		fmt.Fprintf(&b, "\nmessage %s {\n", p.typ.Name())
		for i := range p.fields {
			b.WriteString(protoField(&p.fields[i]))
		}
		b.WriteString("}\n")
	}
	return b.String(), nil
}

const schemaHead = `// Written from the Go types by "go test ./snapshot -run Schema -rewrite". Do not edit.
//
// One content has one encoding: fields ascend by number, zero values are left out, varints are shortest.

syntax = "proto3";

package rhizome.snapshot.v1;

// Value is a value with its registered type id. In a list, the empty message stands for no value.
message Value {
  string type = 1;
  bytes payload = 2;
}
`

// schema collects messages, each before those that it holds.
type schema struct {
	order []*plan
	names map[string]reflect.Type
}

func (s *schema) add(p *plan) error {
	name := p.typ.Name()
	if t, ok := s.names[name]; ok {
		if t != p.typ {
			return &TypeError{p.typ.String(), fmt.Sprintf("its name in the schema is taken by %s", t)}
		}
		return nil
	}
	s.names[name] = p.typ
	s.order = append(s.order, p)
	for i := range p.fields {
		if e := p.fields[i].elem; e != nil {
			if err := s.add(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// protoField returns the line of one field.
func protoField(f *field) string {
	label, note := "", ""
	if f.repeated || f.kind == kindWords {
		label = "repeated "
	}
	switch {
	case f.kind == kindArray:
		note = fmt.Sprintf(" // %d bytes", f.size)
	case f.kind == kindPtr:
		note = " // presence counts"
	}
	return fmt.Sprintf("  %s%s %s = %d;%s\n", label, protoType(f), snakeCase(f.name), f.num, note)
}

// protoType returns the protobuf type of a field or of its items.
func protoType(f *field) string {
	t := f.typ
	if f.repeated {
		t = t.Elem()
	}
	switch f.kind {
	case kindBool:
		return "bool"
	case kindInt:
		return map[bool]string{true: "sint64", false: "sint32"}[t.Size() == 8]
	case kindUint:
		return map[bool]string{true: "uint64", false: "uint32"}[t.Size() == 8]
	case kindFixed:
		return map[reflect.Kind]string{
			reflect.Float32: "float", reflect.Float64: "double", reflect.Int32: "sfixed32", reflect.Int64: "sfixed64",
			reflect.Uint32: "fixed32", reflect.Uint64: "fixed64",
		}[t.Kind()]
	case kindString:
		return "string"
	case kindValue:
		return "Value"
	case kindWords:
		return "fixed64"
	case kindStruct, kindPtr:
		return f.elem.typ.Name()
	}
	return "bytes"
}

// snakeCase turns a Go name into a protobuf one: PeerID becomes peer_id, UpTo up_to, JSON json.
func snakeCase(name string) string {
	r := []rune(name)
	var b strings.Builder
	for i, c := range r {
		if unicode.IsUpper(c) && i > 0 && (unicode.IsLower(r[i-1]) || i+1 < len(r) && unicode.IsLower(r[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
