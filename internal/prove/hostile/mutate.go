package hostile

import (
	"encoding/binary"
	"math/rand/v2"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// kind is a way to mutate an envelope.
type kind int

const (
	kindReplayed  kind = iota // as it was sent
	kindBits                  // a few bits flipped
	kindBytes                 // bytes set, put in or taken out
	kindCut                   // cut
	kindSplice                // the beginning of one and the end of another
	kindLength                // a length that its content does not have
	kindOrder                 // fields in another order, twice or missing
	kindOverlong              // a number longer than it need be
	kindNumber                // another number in a field: epochs, incarnations, streams, edges, questions, deadlines
	kindPeer                  // from or to another peer
	kindDigest                // of another artifact
	kindCount                 // many fills, or many claimed addresses
	kindNested                // lists in lists in place of a value
	kindValue                 // another value in place of a value
	kindFromOther             // a part of another letter in place of the same part
	kindNotice                // with a notice, sound or not
	kindUnknown               // with fields of a later release
	kinds
)

// kindNames are what the kinds are counted under.
var kindNames = [kinds]string{
	"replayed", "bit flips", "bytes edited", "cuts", "splices", "lengths", "field orders", "overlong varints",
	"numbers", "other peers",
	"other artifacts", "counts", "nested values", "other values", "parts of others", "notices", "unknown fields",
}

// mutator makes mutants. It is thread-unsafe; what mutant returns is good until the next call.
type mutator struct {
	c       *captured
	rng     *rand.Rand
	reg     *value.Registry
	pcg     *rand.PCG
	buf     []byte
	fields  form
	scratch []byte
}

func newMutator(c *captured, seed uint64) *mutator {
	pcg := rand.NewPCG(seed, 11)
	return &mutator{c: c, rng: rand.New(pcg), pcg: pcg, reg: value.NewRegistry()}
}

// sharp are numbers at which decoders break.
var sharp = [...]uint64{0, 1, 2, 127, 128, 255, 256, 16383, 16384, 1<<16 - 1, 1 << 16, 1<<31 - 1, 1 << 31, 1<<32 - 1,
	1 << 32, 1<<63 - 1, 1 << 63, 1<<64 - 1}

// number draws a number that is near to x, sharp, or anything.
func (m *mutator) number(x uint64) uint64 {
	switch m.rng.IntN(4) {
	case 0:
		return x + uint64(m.rng.IntN(5)) - 2
	case 1:
		return sharp[m.rng.IntN(len(sharp))]
	case 2:
		return uint64(m.rng.IntN(1 << 10))
	}
	return m.rng.Uint64() >> m.rng.IntN(64)
}

// mutant mutates a letter in the way of a kind.
func (m *mutator) mutant(l *letter, k kind) []byte {
	m.scratch = m.scratch[:0]
	switch k {
	case kindReplayed:
		m.buf = append(m.buf[:0], l.raw...)
	case kindBits, kindBytes, kindCut, kindSplice:
		m.buf = append(m.buf[:0], l.raw...)
		m.flat(l, k)
	default:
		m.fields = append(m.fields[:0], l.form...)
		if k == kindLength || k == kindOverlong {
			m.crooked(k)
		} else {
			m.structured(k)
			m.buf = m.fields.append(m.buf[:0])
		}
	}
	return m.buf
}

// at draws a place in b; half of them in the first 300 bytes, where the header and the first fill are.
func (m *mutator) at(n int) int {
	if n > 300 && m.rng.IntN(2) == 0 {
		n = 300
	}
	return m.rng.IntN(max(n, 1))
}

// flat changes bytes without a look at what they are.
func (m *mutator) flat(l *letter, k kind) {
	b := m.buf
	switch k {
	case kindBits:
		for range 1 + m.rng.IntN(4) {
			b[m.at(len(b))] ^= 1 << m.rng.IntN(8)
		}
	case kindBytes:
		for range 1 + m.rng.IntN(3) {
			switch i := m.at(len(b)); m.rng.IntN(3) {
			case 0:
				b[i] = byte(m.number(uint64(b[i])))
			case 1:
				n := 1 + m.rng.IntN(16)
				b = append(b, make([]byte, n)...)
				copy(b[i+n:], b[i:])
				for j := range n {
					b[i+j] = byte(m.rng.Uint32())
				}
			default:
				if n := min(1+m.rng.IntN(16), len(b)-i); n < len(b) {
					b = append(b[:i], b[i+n:]...)
				}
			}
		}
	case kindCut:
		b = b[:m.at(len(b))]
	case kindSplice:
		o := &m.c.letters[m.rng.IntN(len(m.c.letters))]
		b = append(b[:m.at(len(b))], o.raw[m.at(len(o.raw)):]...)
	}
	m.buf = b
}

// crooked writes the fields with one length that is wrong, or one number that is longer than it need be.
func (m *mutator) crooked(k kind) {
	b, at := m.buf[:0], m.rng.IntN(len(m.fields))
	for i := range m.fields {
		p := &m.fields[i]
		switch {
		case i != at:
			b = p.append(b)
		case k == kindLength && p.typ == protowire.BytesType:
			b = protowire.AppendTag(b, p.num, p.typ)
			b = append(binary.AppendUvarint(b, m.number(uint64(len(p.body)))), p.body...)
		case k == kindLength && m.rng.IntN(2) == 0: // a number is taken for bytes
			b = protowire.AppendTag(b, p.num, protowire.BytesType)
			b = append(binary.AppendUvarint(b, m.number(uint64(len(p.body)))), p.body...)
		default:
			b = m.overlong(protowire.AppendTag(b, p.num, p.typ), k == kindOverlong)
			if p.typ == protowire.BytesType {
				b = m.overlong(binary.AppendUvarint(b, uint64(len(p.body))), true)
			}
			b = append(b, p.body...)
			if p.typ == protowire.VarintType {
				b = m.overlong(b, true)
			}
		}
	}
	m.buf = b
}

// overlong lengthens the number that b ends with.
func (m *mutator) overlong(b []byte, do bool) []byte {
	if !do || m.rng.IntN(2) == 0 {
		return b
	}
	b[len(b)-1] |= 0x80
	for range m.rng.IntN(10) {
		b = append(b, 0x80)
	}
	return append(b, byte(m.rng.IntN(2)))
}

// structured changes the fields, so that the whole stays a message.
func (m *mutator) structured(k kind) {
	f := m.fields
	i := m.rng.IntN(len(f))
	switch k {
	case kindOrder:
		switch j := m.rng.IntN(len(f)); m.rng.IntN(3) {
		case 0:
			f[i], f[j] = f[j], f[i]
		case 1:
			f = append(f[:i], f[i+1:]...)
		default:
			f = append(f, f[j])
			copy(f[i+1:], f[i:len(f)-1])
			f[i] = f[len(f)-1]
		}
	case kindNumber:
		m.set(protowire.Number(numIncarnation + m.rng.IntN(numFills-numIncarnation)))
		f = m.fields
	case kindPeer:
		m.setBytes([]protowire.Number{numFrom, numTo}[m.rng.IntN(2)], m.someone())
		f = m.fields
	case kindDigest:
		d := m.part(32)
		for j := range d {
			d[j] = byte(m.rng.Uint32())
		}
		m.setBytes(numDigest, d)
		f = m.fields
	case kindCount:
		last := f[len(f)-1]
		if last.typ == protowire.BytesType && len(last.body) > 200 {
			last.body = last.body[:m.rng.IntN(20)]
		}
		for range m.rng.IntN(400) {
			f = append(f, last)
		}
	case kindNotice:
		m.notice()
		f = m.fields
	case kindUnknown:
		for range 1 + m.rng.IntN(3) {
			p := part{protowire.Number(100 + m.rng.IntN(1000)), protowire.BytesType,
				m.part(m.rng.IntN(1 << m.rng.IntN(13)))}
			if m.rng.IntN(2) == 0 {
				p.typ, p.body = protowire.VarintType, binary.AppendUvarint(m.part(10)[:0], m.number(1))
			}
			f = append(f, part{})
			i = m.rng.IntN(len(f))
			copy(f[i+1:], f[i:])
			f[i] = p
		}
	case kindNested, kindValue, kindFromOther:
		m.inFill(k)
		f = m.fields
	}
	m.fields = f
}

// part returns n bytes of the mutator's own.
func (m *mutator) part(n int) []byte {
	at := len(m.scratch)
	m.scratch = append(m.scratch, make([]byte, n)...)
	return m.scratch[at:]
}

// someone is a peer of a run, a stranger, or no peer id at all.
func (m *mutator) someone() []byte {
	switch m.rng.IntN(8) {
	case 0:
		return []byte(stranger)
	case 1:
		b := m.part(m.rng.IntN(200))
		for i := range b {
			b[i] = byte(m.rng.Uint32())
		}
		return b
	}
	return []byte(m.c.peers[m.rng.IntN(len(m.c.peers))])
}

// stranger is the peer id of the ed25519 key of the all-zero seed, which plays in no run.
const stranger wire.PeerID = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"

// set gives a numeric field another number; one that is not there is put in.
func (m *mutator) set(num protowire.Number) {
	for i, p := range m.fields {
		if p.num == num && p.typ == protowire.VarintType {
			x, _ := protowire.ConsumeVarint(p.body)
			m.fields[i].body = binary.AppendUvarint(m.part(10)[:0], m.number(x))
			return
		}
	}
	p := part{num, protowire.VarintType, binary.AppendUvarint(m.part(10)[:0], m.number(1))}
	if m.rng.IntN(2) == 0 { // a message with two numbers: a question
		p.typ, p.body = protowire.BytesType, append(m.part(24)[:0], 1<<3)
		p.body = binary.AppendUvarint(p.body, m.number(1))
		p.body = binary.AppendUvarint(append(p.body, 2<<3), m.number(1))
	}
	m.put(p)
}

func (m *mutator) setBytes(num protowire.Number, b []byte) {
	for i, p := range m.fields {
		if p.num == num {
			m.fields[i].body = b
			return
		}
	}
	m.put(part{num, protowire.BytesType, b})
}

// put puts a field where its number belongs.
func (m *mutator) put(p part) {
	at := 0
	for at < len(m.fields) && m.fields[at].num <= p.num {
		at++
	}
	m.fields = append(m.fields, part{})
	copy(m.fields[at+1:], m.fields[at:])
	m.fields[at] = p
}

// notice puts a notice before the fills, or takes them away, and raises the version.
func (m *mutator) notice() {
	f := m.fields
	if f[0].typ == protowire.VarintType {
		f[0].body = []byte{2}
	}
	at := len(f)
	for at > 0 && f[at-1].num == numFills {
		at--
	}
	body := m.part(44)[:0]
	for num := range protowire.Number(4) {
		if num == 0 || m.rng.IntN(2) == 0 {
			body = protowire.AppendTag(body, num+1, protowire.VarintType)
			body = binary.AppendUvarint(body, 1+m.number(uint64(m.rng.IntN(5)))%(1<<m.rng.IntN(64)))
		}
	}
	if m.rng.IntN(4) == 0 {
		f = f[:at]
	}
	f = append(f, part{})
	copy(f[at+1:], f[at:])
	f[at] = part{numNotice, protowire.BytesType, body}
	m.fields = f
}
