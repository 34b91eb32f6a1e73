package record

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// The digest of a record says that a Poll put out something else than the first time; its marks say what. They are a
// few bytes for each thing that went out, in order: what it was, and 16 bits of a checksum over each of its parts. They
// tell people where to look and decide nothing, so 16 bits are enough.
//
//	envelope  1, edge+1 (varint), number (varint), receiver (2 bytes), header (2), count of values (varint), each value (2)
//	app event 2, number (varint), name (2), value (2)
//	command   3, number, component, method and the inputs' sizes together (2)
const (
	markEnvelope = 1
	markEvent    = 2
	markCommand  = 3
)

// Marker makes marks; it keeps its buffers.
type Marker struct {
	parts wire.Parts
	buf   []byte
}

var markTable = crc32.MakeTable(crc32.Castagnoli)

func mark16(b []byte) uint16 {
	x := crc32.Checksum(b, markTable)
	return uint16(x ^ x>>16)
}

// Append appends the marks of an output.
func (m *Marker) Append(b []byte, out *engine.Output, reg *value.Registry) []byte {
	for _, p := range out.Envelopes {
		b = m.envelope(b, p)
	}
	for _, ev := range out.AppEvents {
		m.buf, _ = reg.Append(m.buf[:0], ev.Value)
		b = binary.AppendUvarint(append(b, markEvent), ev.Number)
		b = binary.LittleEndian.AppendUint16(b, mark16([]byte(ev.Name)))
		b = binary.LittleEndian.AppendUint16(b, mark16(m.buf))
	}
	for _, c := range out.Commands {
		m.buf = append(binary.AppendUvarint(binary.AppendUvarint(m.buf[:0], c.ID), uint64(c.Component)), c.Method...)
		for _, v := range c.Inputs {
			m.buf = binary.AppendUvarint(m.buf, uint64(v.Bytes()))
		}
		b = binary.LittleEndian.AppendUint16(append(b, markCommand), mark16(m.buf))
	}
	return b
}

func (m *Marker) envelope(b []byte, p engine.Packet) []byte {
	m.parts.Split(p.Raw) // what is no envelope has no edge, no number and no values
	b = binary.AppendUvarint(append(b, markEnvelope), uint64(m.parts.Edge+1))
	b = binary.AppendUvarint(b, m.parts.Number)
	b = binary.LittleEndian.AppendUint16(b, mark16([]byte(p.To)))
	b = binary.LittleEndian.AppendUint16(b, mark16(m.parts.Head))
	b = binary.AppendUvarint(b, uint64(len(m.parts.Fills)))
	for _, f := range m.parts.Fills {
		b = binary.LittleEndian.AppendUint16(b, mark16(f))
	}
	return b
}

// marked is a mark that was read.
type marked struct {
	kind         byte
	edge, number uint64
	to, head     uint16 // of an event: its name and value; of a command, head is all
	fills        []uint16
}

// readMarks reads marks; of what is malformed, it returns what came before.
func readMarks(b []byte) (out []marked) {
	ok := true
	uvarint := func() uint64 {
		x, n := binary.Uvarint(b)
		if ok = ok && n > 0; !ok {
			return 0
		}
		b = b[n:]
		return x
	}
	short := func() uint16 {
		if ok = ok && len(b) >= 2; !ok {
			return 0
		}
		x := binary.LittleEndian.Uint16(b)
		b = b[2:]
		return x
	}
	for len(b) > 0 {
		m := marked{kind: b[0]}
		b = b[1:]
		switch m.kind {
		case markEnvelope:
			m.edge, m.number, m.to, m.head = uvarint(), uvarint(), short(), short()
			for n := uvarint(); ok && n > 0; n-- {
				m.fills = append(m.fills, short())
			}
		case markEvent:
			m.number, m.to, m.head = uvarint(), short(), short()
		case markCommand:
			m.head = short()
		default:
			ok = false
		}
		if !ok {
			return out
		}
		out = append(out, m)
	}
	return out
}

// kind counts the marks of a kind.
func ofKind(marks []marked, kind byte) (out []marked) {
	for _, m := range marks {
		if m.kind == kind {
			out = append(out, m)
		}
	}
	return out
}

// plural writes a number of things.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
