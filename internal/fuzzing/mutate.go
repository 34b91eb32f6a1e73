package fuzzing

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"reflect"
)

// inputBytesMax bounds what inputs grow to; one that was larger may stay as large as it is.
const inputBytesMax = 16 << 10

// mutator makes inputs out of others. It is thread-unsafe.
type mutator struct {
	rng   *rand.Rand
	types []reflect.Type
	room  [row]input // a mutant is good until so many others were made
	next  int
}

func newMutator(seed uint64, types []reflect.Type) *mutator {
	return &mutator{rng: rand.New(rand.NewPCG(seed, 17)), types: types}
}

func (in input) clone() input {
	out := make(input, len(in))
	for i := range in {
		out[i] = bytes.Clone(in[i])
	}
	return out
}

// pick draws one of the corpus; half of them from its newest quarter, which is the least explored.
func (m *mutator) pick(corpus []input) input {
	n := len(corpus)
	if m.rng.IntN(2) == 0 {
		return corpus[n-1-m.rng.IntN(n/4+1)]
	}
	return corpus[m.rng.IntN(n)]
}

// mutant makes the next input.
func (m *mutator) mutant(corpus []input) input {
	old := m.pick(corpus)
	in := m.room[m.next]
	if in == nil {
		in = make(input, len(m.types))
		m.room[m.next] = in
	}
	m.next = (m.next + 1) % row
	for i := range in {
		in[i] = append(in[i][:0], old[i]...)
	}
	for range 1 + m.rng.IntN(4) {
		i := m.rng.IntN(len(in))
		if m.types[i].Kind() == reflect.Bool {
			in[i] = append(in[i][:0], byte(m.rng.IntN(2)))
			continue
		}
		in[i] = m.edit(in[i], m.pick(corpus)[i])
		in[i] = in[i][:min(len(in[i]), max(inputBytesMax, len(old[i])))]
	}
	return in
}

// sharp are numbers at which decoders break.
var sharp = [...]uint64{0, 1, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 1 << 10, 1<<15 - 1, 1 << 15, 1<<16 - 1,
	1 << 16, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<63 - 1, 1 << 63, 1<<64 - 1}

func (m *mutator) number() uint64 {
	if m.rng.IntN(2) == 0 {
		return sharp[m.rng.IntN(len(sharp))] + uint64(m.rng.IntN(3)) - 1
	}
	return m.rng.Uint64() >> m.rng.IntN(64)
}

// edit changes b once, perhaps with a piece of another input.
func (m *mutator) edit(b, other []byte) []byte {
	if len(b) == 0 {
		b = append(b, other...)
		if len(b) == 0 {
			return append(b, byte(m.rng.Uint32()))
		}
		return b
	}
	i := m.rng.IntN(len(b))
	switch m.rng.IntN(12) {
	case 0, 1:
		b[i] ^= 1 << m.rng.IntN(8)
	case 2:
		b[i] = byte(m.rng.Uint32())
	case 3:
		b[i] += byte(m.rng.IntN(9)) - 4
	case 4: // a number of fixed width
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], m.number())
		if m.rng.IntN(4) == 0 {
			binary.BigEndian.PutUint64(w[:], m.number())
		}
		copy(b[i:], w[:1<<m.rng.IntN(4)])
	case 5: // a number of variable width in place of a byte
		b = m.put(b[:i+1], i, b[i+1:], binary.AppendUvarint(nil, m.number()))
	case 6: // out
		n := min(1+m.length(len(b)), len(b)-i)
		b = append(b[:i], b[i+n:]...)
	case 7: // in
		n := 1 + m.length(16)
		piece := make([]byte, n)
		fill := byte(m.rng.Uint32())
		same := m.rng.IntN(2) == 0
		for k := range piece {
			if piece[k] = fill; !same {
				piece[k] = byte(m.rng.Uint32())
			}
		}
		b = m.put(b[:i], i, b[i:], piece)
	case 8: // again
		n := min(1+m.length(len(b)), len(b)-i)
		b = m.put(b[:i], i, b[i:], bytes.Clone(b[i:i+n]))
	case 9: // over
		copy(b[m.rng.IntN(len(b)):], bytes.Clone(b[i:i+min(1+m.length(len(b)), len(b)-i)]))
	case 10: // a piece of another
		if len(other) > 0 {
			k := m.rng.IntN(len(other))
			piece := other[k : k+min(1+m.length(len(other)), len(other)-k)]
			if m.rng.IntN(2) == 0 {
				copy(b[i:], piece)
			} else {
				b = m.put(b[:i], i, b[i:], piece)
			}
		}
	default: // the beginning of one and the end of another, or a cut
		b = b[:i]
		if len(other) > 0 && m.rng.IntN(4) > 0 {
			b = append(b, other[m.rng.IntN(len(other)):]...)
		}
	}
	return b
}

// length draws a length below n, mostly a short one.
func (m *mutator) length(n int) int { return m.rng.IntN(n>>m.rng.IntN(6) + 1) }

// put returns head, of which i bytes stay, the piece and the tail.
func (m *mutator) put(head []byte, i int, tail, piece []byte) []byte {
	tail = bytes.Clone(tail)
	return append(append(head[:i], piece...), tail...)
}
