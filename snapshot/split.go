package snapshot

import (
	"encoding/binary"
	"unsafe"
	"weak"

	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// largeBytes is the size from which Split leaves a run out of what it copies.
const largeBytes = 16 << 10

// Part is a run of an encoding: bytes that were copied, or a large run that is encoded when somebody asks for it.
// Exactly one of the two is set.
type Part struct {
	Bytes []byte
	Large Large
}

// Large is a long run of an encoding that nothing changes any more. It is safe for concurrent use.
type Large interface {
	// Len returns its length in bytes.
	Len() int
	// AppendRange appends the bytes from lo to hi, both multiples of 8 unless hi is the end.
	AppendRange(dst []byte, lo, hi int) []byte
	// Identity returns a key for maps: two runs of one identity have equal bytes. Nil says that none is known. It holds
	// no memory, and never comes again for other bytes.
	Identity() any
}

// Split returns the canonical encoding of the struct that v points to in parts, in order: together they are what
// Marshal returns. Tensors, byte strings and chunks of Words of largeBytes or more are not copied, so nothing that v
// holds may be changed as long as the parts are used; Capture sees to that. Errors are those of Marshal.
func Split(reg *value.Registry, v any) ([]Part, error) {
	p, rv, err := target(v)
	if err != nil {
		return nil, err
	}
	e := encoder{reg: reg, holes: &holes{}}
	if err := e.message(p, rv, depthMax); err != nil {
		return nil, within(err, rv.Type().Name())
	}
	var parts []Part
	at := 0
	for _, h := range e.holes.list {
		if h.at > at {
			parts = append(parts, Part{Bytes: e.b[at:h.at]})
		}
		parts = append(parts, Part{Large: h.run})
		at = h.at
	}
	if at < len(e.b) {
		parts = append(parts, Part{Bytes: e.b[at:]})
	}
	return parts, nil
}

// holes are the runs that an encoder left out, in order. A nil one has none.
type holes struct {
	list []hole
	sum  int
}

// hole is a run that belongs between two bytes of an encoder's buffer.
type hole struct {
	at  int
	run Large
}

func (h *holes) bytes() int {
	if h == nil {
		return 0
	}
	return h.sum
}

// move says that all from a place in the buffer on went up by some bytes.
func (h *holes) move(from, by int) {
	if h == nil {
		return
	}
	for i := len(h.list) - 1; i >= 0 && h.list[i].at >= from; i-- {
		h.list[i].at += by
	}
}

// leave leaves a run out if it is long enough, and says so.
func (e *encoder) leave(run Large) bool {
	if e.holes == nil || run.Len() < largeBytes {
		return false
	}
	e.holes.list = append(e.holes.list, hole{len(e.b), run})
	e.holes.sum += run.Len()
	return true
}

// bytes appends bytes that nobody changes any more.
func (e *encoder) bytes(b []byte) {
	if e.holes == nil || !e.leave(bytesRun{b, false}) {
		e.b = append(e.b, b...)
	}
}

// payload appends what the registry gives for a value.
func (e *encoder) payload(v value.Value) error {
	if e.holes != nil && v.Bytes() >= largeBytes {
		switch v := v.(type) {
		case value.Tensor:
			if v.RawBytes() >= largeBytes {
				e.b = v.AppendHead(e.b)
				e.leave(tensorRun{v.Tensor})
				return nil
			}
		case value.Bytes:
			if e.leave(bytesRun{v.Raw(), true}) {
				return nil
			}
		case *value.List:
			return e.items(v)
		}
	}
	b, err := e.reg.Append(e.b, v)
	if err == nil {
		e.b = b
	}
	return err
}

// items appends the payload of a list as the registry does, with the items in parts.
func (e *encoder) items(l *value.List) error {
	e.b = binary.AppendUvarint(e.b, uint64(l.Len()))
	for _, it := range l.Items() {
		t := it.Type()
		e.b = binary.AppendUvarint(e.b, uint64(len(t)))
		e.b = append(e.b, t...)
		start := e.begin()
		if err := e.payload(it); err != nil {
			return err
		}
		e.end(start)
	}
	return nil
}

// tensorRun is the elements of a tensor.
type tensorRun struct{ t *tensor.Tensor }

func (r tensorRun) Len() int      { return r.t.RawBytes() }
func (r tensorRun) Identity() any { return weak.Make(r.t) }
func (r tensorRun) AppendRange(dst []byte, lo, hi int) []byte {
	return r.t.AppendRaw(dst, lo, hi)
}

// bytesRun is a byte string; an immutable one is of a value and stays what it is.
type bytesRun struct {
	b         []byte
	immutable bool
}

// identified is the identity of a byte string: where it begins, and how long it is.
type identified struct {
	first weak.Pointer[byte]
	n     int
}

func (r bytesRun) Len() int { return len(r.b) }
func (r bytesRun) Identity() any {
	if !r.immutable {
		return nil
	}
	return identified{weak.Make(unsafe.SliceData(r.b)), len(r.b)}
}
func (r bytesRun) AppendRange(dst []byte, lo, hi int) []byte { return append(dst, r.b[lo:hi]...) }

// wordsRun is a chunk of captured Words.
type wordsRun []uint64

func (r wordsRun) Len() int      { return 8 * len(r) }
func (r wordsRun) Identity() any { return weak.Make(unsafe.SliceData(r)) }
func (r wordsRun) AppendRange(dst []byte, lo, hi int) []byte {
	for _, x := range r[lo/8 : hi/8] {
		dst = binary.LittleEndian.AppendUint64(dst, x)
	}
	return dst
}
