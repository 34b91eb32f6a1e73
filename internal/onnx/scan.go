package onnx

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// kind is what the scan knows about one message type. Kinds come from the
// generated descriptors, so they cannot drift from the schema.
type kind struct {
	name   string
	fields map[protowire.Number]field
}

// field is a length-delimited field: a message, or an entry of a repeated
// string or bytes field.
type field struct {
	child  *kind // nil for strings
	string bool
}

// modelKind returns the kinds reachable from ModelProto, built once.
var modelKind = sync.OnceValue(func() *kind {
	return kindOf((*ModelProto)(nil).ProtoReflect().Descriptor(), map[protoreflect.FullName]*kind{})
})

// kindOf builds the kind of md; seen closes the cycles of the schema.
func kindOf(md protoreflect.MessageDescriptor, seen map[protoreflect.FullName]*kind) *kind {
	if k := seen[md.FullName()]; k != nil {
		return k
	}
	k := &kind{name: string(md.Name()), fields: map[protowire.Number]field{}}
	seen[md.FullName()] = k
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		switch {
		case fd.Message() != nil:
			k.fields[fd.Number()] = field{child: kindOf(fd.Message(), seen)}
		case fd.IsList() && (fd.Kind() == protoreflect.StringKind || fd.Kind() == protoreflect.BytesKind):
			k.fields[fd.Number()] = field{string: true}
		}
	}
	return k
}

// open is a message whose fields are being scanned.
type open struct {
	kind *kind
	end  int // offset of the first byte after it
}

// counts are the running figures held against Limits.
type counts struct {
	nodes, tensors, attributes, messages, strings int
}

// scan walks the encoding with a stack of its own, no deeper than lim.Depth
// (trap hostile-length), and refuses what exceeds lim or is not protobuf.
func scan(b []byte, lim Limits) error {
	if len(b) > lim.Bytes {
		return &LimitError{What: "Bytes", Max: lim.Bytes, Offset: lim.Bytes}
	}
	if lim.Depth < 1 {
		return &LimitError{What: "Depth", Max: lim.Depth}
	}
	var n counts
	if err := n.enter(modelKind(), lim, 0); err != nil {
		return err
	}
	stack := []open{{kind: modelKind(), end: len(b)}}
	for pos := 0; len(stack) > 0; {
		top := stack[len(stack)-1]
		if pos == top.end {
			stack = stack[:len(stack)-1]
			continue
		}
		f, body, size, err := next(b[pos:top.end], top.kind, pos)
		if err != nil {
			return err
		}
		switch {
		case f.child != nil:
			if len(stack) >= lim.Depth {
				return &LimitError{What: "Depth", Max: lim.Depth, Offset: pos}
			}
			if err := n.enter(f.child, lim, pos); err != nil {
				return err
			}
			stack = append(stack, open{kind: f.child, end: pos + size})
			pos += size - body
			continue
		case f.string:
			if n.strings++; n.strings > lim.Strings {
				return &LimitError{What: "Strings", Max: lim.Strings, Offset: pos}
			}
		}
		pos += size
	}
	return nil
}

// next reads the field at the start of b: what it is, the length of its body
// when it is length-delimited, and its whole size.
func next(b []byte, in *kind, pos int) (f field, body, size int, err error) {
	num, typ, tag := protowire.ConsumeTag(b)
	if tag < 0 {
		return f, 0, 0, &FormatError{Offset: pos, Message: in.name, Reason: protowire.ParseError(tag).Error()}
	}
	// Groups nest without a length and ONNX has none.
	if typ == protowire.StartGroupType || typ == protowire.EndGroupType {
		return f, 0, 0, &FormatError{Offset: pos, Message: in.name, Reason: "group; want no groups"}
	}
	if typ == protowire.BytesType {
		v, n := protowire.ConsumeBytes(b[tag:])
		if n < 0 {
			return f, 0, 0, &FormatError{Offset: pos, Message: in.name, Reason: protowire.ParseError(n).Error()}
		}
		return in.fields[num], len(v), tag + n, nil
	}
	n := protowire.ConsumeFieldValue(num, typ, b[tag:])
	if n < 0 {
		return f, 0, 0, &FormatError{Offset: pos, Message: in.name, Reason: protowire.ParseError(n).Error()}
	}
	return field{}, 0, tag + n, nil
}

// enter counts a message of kind k that begins at pos.
func (n *counts) enter(k *kind, lim Limits, pos int) error {
	if n.messages++; n.messages > lim.Messages {
		return &LimitError{What: "Messages", Max: lim.Messages, Offset: pos}
	}
	switch k.name {
	case "NodeProto":
		if n.nodes++; n.nodes > lim.Nodes {
			return &LimitError{What: "Nodes", Max: lim.Nodes, Offset: pos}
		}
	case "TensorProto":
		if n.tensors++; n.tensors > lim.Tensors {
			return &LimitError{What: "Tensors", Max: lim.Tensors, Offset: pos}
		}
	case "AttributeProto":
		if n.attributes++; n.attributes > lim.Attributes {
			return &LimitError{What: "Attributes", Max: lim.Attributes, Offset: pos}
		}
	}
	return nil
}
