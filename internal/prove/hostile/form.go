package hostile

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"
)

// The numbers of the fields of an envelope that mutations aim at; see formats/envelope.proto.
const (
	numFrom        = 2
	numTo          = 3
	numDigest      = 4
	numIncarnation = 5
	numEpoch       = 6
	numNumber      = 7
	numFills       = 18
	numNotice      = 19
	fillType       = 2
	fillPayload    = 3
)

// part is one field of a message: its number, wire type and content, which for bytes is without its length.
type part struct {
	num  protowire.Number
	typ  protowire.Type
	body []byte
}

// form is the fields of an envelope in order.
type form []part

// parse takes a sound message apart. What it returns refers to b.
func parse(b []byte) (f form) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		m := protowire.ConsumeFieldValue(num, typ, b[max(n, 0):])
		if n < 0 || m < 0 {
			return f
		}
		body := b[n : n+m]
		if typ == protowire.BytesType {
			body, _ = protowire.ConsumeBytes(body)
		}
		f = append(f, part{num, typ, body})
		b = b[n+m:]
	}
	return f
}

// append writes the fields again.
func (f form) append(dst []byte) []byte {
	for i := range f {
		dst = f[i].append(dst)
	}
	return dst
}

func (p *part) append(dst []byte) []byte {
	dst = protowire.AppendTag(dst, p.num, p.typ)
	if p.typ == protowire.BytesType {
		dst = binary.AppendUvarint(dst, uint64(len(p.body)))
	}
	return append(dst, p.body...)
}
