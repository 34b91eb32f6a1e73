package snapshot

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
)

// SchemaFile is a .proto file that is written from Go types.
type SchemaFile struct {
	Name    string            // such as "snapshot.proto"
	Package string            // of its messages
	Written string            // the command that writes it
	Roots   []reflect.Type    // the file has these messages, and all that they hold
	Imports []SchemaFile      // whose messages are not written again
	Notes   map[string]string // what is said of a message, or of "Message.Field", by their names in Go; may be nil
}

// Schema is the published schema of snapshots, without notes.
func Schema() SchemaFile {
	return SchemaFile{
		Name: "snapshot.proto", Package: "rhizome.snapshot.v1", Written: "go test ./snapshot -run Schema -rewrite",
		Roots: []reflect.Type{reflect.TypeFor[NodeSnapshot](), reflect.TypeFor[IngressEventSnapshot]()},
	}
}

// Text returns the text of the file. Messages stand in the order in which they are first met and carry the names of
// their Go types, so two types of the same name in different packages are an error, as is a type that CheckTags
// refuses.
func (f *SchemaFile) Text() (string, error) {
	s := schema{names: map[string]reflect.Type{}, of: map[reflect.Type]string{}, notes: f.Notes}
	for i := range f.Imports {
		in := schema{names: map[string]reflect.Type{}}
		if err := in.collect(f.Imports[i].Roots); err != nil {
			return "", err
		}
		s.of[valueType] = f.Imports[i].Package + ".Value"
		for _, t := range in.names {
			s.of[t] = f.Imports[i].Package + "." + messageName(t)
		}
	}
	s.names["Value"] = valueType
	if err := s.collect(f.Roots); err != nil {
		return "", err
	}
	var body strings.Builder
	for _, p := range s.order {
		body.WriteByte('\n')
		if note := s.notes[p.typ.Name()]; note != "" {
			fmt.Fprintf(&body, "// %s\n", strings.Replace(note, p.typ.Name(), messageName(p.typ), 1))
		}
		fmt.Fprintf(&body, "message %s {\n", messageName(p.typ))
		for i := range p.fields {
			body.WriteString(s.field(p, &p.fields[i]))
		}
		body.WriteString("}\n")
	}
	head := fmt.Sprintf(schemaHead, f.Written, f.Package)
	for i := range f.Imports {
		if strings.Contains(body.String(), " "+f.Imports[i].Package+".") {
			head += fmt.Sprintf("\nimport %q;\n", f.Imports[i].Name)
		}
	}
	if len(f.Imports) == 0 {
		head += schemaValue
	}
	return head + body.String(), nil
}

const schemaHead = `// Written from the Go types by "%s". Do not edit.
//
// One content has one encoding: fields ascend by number, zero values are left out, varints are shortest. Nothing else is read.

syntax = "proto3";

package %s;
`

const schemaValue = `
// Value is a value with its registered type id. In a list, the empty message stands for no value.
message Value {
  string type = 1;
  bytes payload = 2;
}
`

// messageName returns the name of a type's message.
func messageName(t reflect.Type) string {
	name := t.Name()
	return strings.ToUpper(name[:1]) + name[1:]
}

// schema collects messages, each before those that it holds.
type schema struct {
	order []*plan
	names map[string]reflect.Type
	of    map[reflect.Type]string // types of other files, with the full names of their messages
	notes map[string]string
}

// collect adds the messages of some types.
func (s *schema) collect(roots []reflect.Type) error {
	for _, t := range roots {
		p, err := planOf(t)
		if err != nil {
			return err
		}
		if err := s.add(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *schema) add(p *plan) error {
	if s.of[p.typ] != "" {
		return nil
	}
	name := messageName(p.typ)
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

// field returns the line of one field of a message.
func (s *schema) field(p *plan, f *field) string {
	label, notes := "", []string{}
	if f.repeated || f.kind == kindWords {
		label = "repeated "
	}
	switch {
	case f.kind == kindArray:
		notes = append(notes, fmt.Sprintf("%d bytes", f.size))
	case f.kind == kindPtr:
		notes = append(notes, "presence counts")
	}
	if note := s.notes[p.typ.Name()+"."+f.name]; note != "" {
		notes = append(notes, note)
	}
	comment := ""
	if len(notes) > 0 {
		comment = " // " + strings.Join(notes, "; ")
	}
	return fmt.Sprintf("  %s%s %s = %d;%s\n", label, s.protoType(f), snakeCase(f.name), f.num, comment)
}

// protoType returns the protobuf type of a field or of its items.
func (s *schema) protoType(f *field) string {
	t := f.typ
	if f.repeated {
		t = t.Elem()
	}
	switch f.kind {
	case kindBool:
		return "bool"
	case kindInt:
		return map[bool]string{true: "sint64", false: "sint32"}[t.Size() == 8 || t.Kind() == reflect.Int]
	case kindUint:
		return map[bool]string{true: "uint64", false: "uint32"}[t.Size() == 8 || t.Kind() == reflect.Uint]
	case kindFixed:
		return map[reflect.Kind]string{
			reflect.Float32: "float", reflect.Float64: "double", reflect.Int32: "sfixed32", reflect.Int64: "sfixed64",
			reflect.Uint32: "fixed32", reflect.Uint64: "fixed64",
		}[t.Kind()]
	case kindString:
		return "string"
	case kindValue:
		if of := s.of[valueType]; of != "" {
			return of
		}
		return "Value"
	case kindWords:
		return "fixed64"
	case kindStruct, kindPtr:
		if of := s.of[f.elem.typ]; of != "" {
			return of
		}
		return messageName(f.elem.typ)
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
