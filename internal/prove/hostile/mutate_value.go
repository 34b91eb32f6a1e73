package hostile

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/value"
)

// types are the names that a value may be given.
var types = [...]value.TypeID{
	value.TypeTrigger, value.TypeBool, value.TypeInt, value.TypeFloat, value.TypeString, value.TypeBytes,
	value.TypePeer, value.TypeTensor,
	value.TypeList, value.TypeFailure, "acme.Unknown/1", "",
}

// inFill changes a fill; an envelope without one gets one.
func (m *mutator) inFill(k kind) {
	fills := 0
	for _, p := range m.fields {
		if p.num == numFills {
			fills++
		}
	}
	var in form
	at := len(m.fields) - 1
	if fills == 0 {
		m.put(part{num: numFills, typ: protowire.BytesType})
		at = len(m.fields) - 1
		in = form{{1, protowire.BytesType, []byte("/site/1")}}
	} else {
		at -= m.rng.IntN(fills)
		in = parse(m.fields[at].body)
	}
	typ, payload := value.TypeID(""), []byte(nil)
	switch k {
	case kindNested:
		typ, payload = value.TypeList, m.nested()
	case kindFromOther:
		o := &m.c.letters[m.rng.IntN(len(m.c.letters))]
		p := o.form[m.rng.IntN(len(o.form))]
		if p.num != numFills {
			m.setBytes(p.num, p.body)
			return
		}
		m.fields[at].body = p.body
		return
	default:
		typ = types[m.rng.IntN(len(types))]
		for _, p := range in {
			if p.num == fillPayload && m.rng.IntN(2) == 0 {
				payload = p.body // the bytes of one type under the name of another
			}
		}
		if payload == nil {
			payload = m.part(m.rng.IntN(64))
			for i := range payload {
				payload[i] = byte(m.rng.Uint32())
			}
		}
	}
	body := m.part(len(in[0].body) + len(typ) + len(payload) + 32)[:0]
	body = in[0].append(body)
	for _, p := range []part{{fillType, protowire.BytesType, []byte(typ)},
		{fillPayload, protowire.BytesType, payload}} {
		body = p.append(body)
	}
	m.fields[at].body = body
}

// nested is the payload of lists in lists, some deeper than any limit, which may claim more items than there are.
func (m *mutator) nested() []byte {
	depth := 1 + m.rng.IntN(12)
	var b []byte
	for range 1 + m.rng.IntN(6) {
		b = appendItem(b, value.TypeInt, []byte{byte(m.rng.IntN(128))})
	}
	n := uint64(len(b) / (len(value.TypeInt) + 3))
	greedy := m.rng.IntN(64) == 0 // each list claims as many items as its bytes might hold
	if greedy {
		b = append(b, make([]byte, 20_000)...)
	}
	for range depth {
		count := n
		switch {
		case greedy:
			count = uint64(len(b) / 2)
		case m.rng.IntN(8) == 0:
			count = m.number(n)
		}
		b = append(binary.AppendUvarint(nil, count), b...)
		b, n = appendItem(nil, value.TypeList, b), 1
	}
	return append([]byte{1}, b...)
}

func appendItem(dst []byte, t value.TypeID, body []byte) []byte {
	dst = append(binary.AppendUvarint(dst, uint64(len(t))), t...)
	return append(binary.AppendUvarint(dst, uint64(len(body))), body...)
}
