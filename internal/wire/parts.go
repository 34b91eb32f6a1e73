package wire

import "google.golang.org/protobuf/encoding/protowire"

// Parts are the pieces of an envelope's wire form, without anything decoded: they refer to the input.
type Parts struct {
	Head   []byte // all that is before the fills
	Edge   int32  // as in Envelope
	Number uint64
	Fills  [][]byte // each with its tag and length; valid until the next Split
}

// Split finds the pieces of an envelope that was encoded here: it does not check it, but for bytes that are no protobuf
// message it returns false. It allocates nothing once p has been used.
func (p *Parts) Split(b []byte) bool {
	p.Head, p.Edge, p.Number, p.Fills = nil, 0, 0, p.Fills[:0]
	for pos := 0; pos < len(b); {
		num, typ, n := protowire.ConsumeTag(b[pos:])
		if n < 0 {
			return false
		}
		m := protowire.ConsumeFieldValue(num, typ, b[pos+n:])
		if m < 0 {
			return false
		}
		field := b[pos : pos+n+m]
		switch {
		case num == numFills:
			if p.Head == nil {
				p.Head = b[:pos]
			}
			p.Fills = append(p.Fills, field)
		case num == numEdge && typ == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(field[n:])
			p.Edge = int32(protowire.DecodeZigZag(v))
		case num == numNumber && typ == protowire.VarintType:
			p.Number, _ = protowire.ConsumeVarint(field[n:])
		}
		pos += n + m
	}
	if p.Head == nil {
		p.Head = b
	}
	return true
}
