package arrow

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/rhizome-ml/rhizome/internal/lz4"
)

// parts is what the metadata of a batch says.
type parts struct {
	message
	nodes   []int64 // how many values each node has
	buffers [][2]int64
	views   []int64 // more buffers of each column of views
	codec   int     // -1: none
}

// The codecs.
const (
	codecNone = -1
	codecLz4  = 0
	codecZstd = 1
)

// partsOf reads the metadata of a batch.
func (f *File) partsOf(m message, dict bool) (*parts, error) {
	if !dict && f.last != nil && f.last.message == m {
		return f.last, nil
	}
	root, _, err := f.message(&m)
	if err != nil {
		return nil, err
	}
	t, _ := root.sub(2)
	if dict {
		t, _ = t.sub(1)
	}
	p := &parts{message: m, codec: codecNone}
	at, n := t.vector(1, 16)
	for k := range n {
		p.nodes = append(p.nodes, t.f.i64(at+16*k))
	}
	at, n = t.vector(2, 16)
	for k := range n {
		off, size := t.f.i64(at+16*k), t.f.i64(at+16*k+8)
		if off < 0 || size < 0 || off > m.room || size > m.room-off {
			return nil, errorf("a batch has a buffer beyond its end")
		}
		p.buffers = append(p.buffers, [2]int64{m.body + off, size})
	}
	if c, ok := t.sub(3); ok {
		if p.codec = int(c.number(0, 1, 0)); p.codec != codecLz4 && p.codec != codecZstd || c.number(1, 1, 0) != 0 {
			return nil, errorf("it is packed by the codec %d; want lz4, zstd or none", p.codec)
		}
	}
	at, n = t.vector(4, 8)
	for k := range n {
		p.views = append(p.views, t.f.i64(at+8*k))
	}
	if t.f.err != nil {
		return nil, t.f.err
	}
	if !dict {
		f.last = p
	}
	return p, nil
}

// buffer returns the number of a buffer of a field, which those of views before it move.
func (p *parts) buffer(a *field, k int) (int, error) {
	n := int64(a.buffer + k)
	for i := range a.views {
		if i >= len(p.views) || p.views[i] < 0 || p.views[i] > int64(len(p.buffers)) {
			return 0, errorf("a batch does not say how many buffers its views have")
		}
		n += p.views[i]
	}
	if n >= int64(len(p.buffers)) {
		return 0, errorf("a batch has %d buffers, and should have more", len(p.buffers))
	}
	return int(n), nil
}

// values returns how many values a field has.
func (p *parts) values(a *field) (int64, error) {
	if a.node >= len(p.nodes) || p.nodes[a.node] < 0 || p.nodes[a.node] > 1<<40 {
		return 0, errorf("a batch does not say how many values its columns have")
	}
	return p.nodes[a.node], nil
}

// unpackedBuffer is a buffer that was packed.
type unpackedBuffer struct {
	at    int64
	bytes []byte
}

// The bounds of buffers.
const (
	unpackMax = 256 << 20 // of one that is packed
	keptMax   = 32 << 20  // of those that are kept
)

// part returns bytes of a buffer, by its number; nothing where the buffer is empty.
func (f *File) part(p *parts, n int, from, size int64) ([]byte, error) {
	b := p.buffers[n]
	if from < 0 || size < 0 || size > unpackMax {
		return nil, errorf("a batch wants %d bytes of a buffer at a time; at most %d are read", size, unpackMax)
	}
	if p.codec == codecNone || b[1] == 0 {
		if from > b[1] || size > b[1]-from {
			return nil, errorf("a buffer of %d bytes ends before its byte %d", b[1], from+size)
		}
		return section(f.at, b[0]+from, int(size))
	}
	all, err := f.unpacked(p, b)
	if err != nil {
		return nil, err
	}
	if from > int64(len(all)) || size > int64(len(all))-from {
		return nil, errorf("a buffer of %d bytes ends before its byte %d", len(all), from+size)
	}
	return all[from : from+size : from+size], nil
}

var unzstd = sync.OnceValue(func() *zstd.Decoder {
	z, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(unpackMax)) // right
	return z
})

// ratios are how much larger than its packed bytes a buffer can be: what a file claims beyond it is a lie.
var ratios = map[int]int64{codecLz4: 256, codecZstd: 1 << 16}

// unpacked returns a buffer that is packed, from memory where it was unpacked lately.
func (f *File) unpacked(p *parts, b [2]int64) ([]byte, error) {
	for i := len(f.kept) - 1; i >= 0; i-- {
		if u := f.kept[i]; u.at == b[0] {
			f.kept = append(slices.Delete(f.kept, i, i+1), u)
			return u.bytes, nil
		}
	}
	if b[1] < 8 || b[1] > unpackMax {
		return nil, errorf("a packed buffer has %d bytes; want 8 to %d: write smaller batches", b[1], unpackMax)
	}
	raw, err := section(f.at, b[0], int(b[1]))
	if err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint64(raw))
	raw = raw[8:]
	switch {
	case n == -1: // as it is
	case n < 0 || n > unpackMax || n/ratios[p.codec] > int64(len(raw)):
		return nil, errorf("a packed buffer of %d bytes says that it has %d; at most %d are read: write smaller batches",
			len(raw), n, unpackMax)
	case p.codec == codecLz4:
		raw, err = lz4.Frame(raw, int(n))
	default:
		raw, err = unzstd().DecodeAll(raw, make([]byte, 0, n))
	}
	if err == nil && n >= 0 && int64(len(raw)) != n {
		err = errors.New("it has another size")
	}
	if err != nil {
		return nil, errorf("a packed buffer does not unpack to its %d bytes: %v", n, err)
	}
	for f.keeps+len(raw) > keptMax && len(f.kept) > 0 {
		f.keeps -= len(f.kept[0].bytes)
		f.kept = slices.Delete(f.kept, 0, 1)
	}
	f.kept, f.keeps = append(f.kept, unpackedBuffer{b[0], raw}), f.keeps+len(raw)
	return raw, nil
}

// Packed says whether the first batch is packed.
func (f *File) Packed() bool {
	if len(f.Batches) == 0 {
		return false
	}
	p, err := f.partsOf(f.Batches[0].message, false)
	return err == nil && p.codec != codecNone
}
