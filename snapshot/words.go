package snapshot

import "slices"

// WordsChunk is how many numbers a chunk of Words holds: 128 KiB of them.
const WordsChunk = 16 << 10

// Words is a long list of 64-bit numbers that a component changes in place, in chunks that are copied when they are
// written. A capture takes it in the time to copy one pointer; the first write to a chunk after a capture copies that
// chunk, so what a capture costs is paid once for each chunk that changes. Its stored form is that of a []uint64 that
// is fixed. The zero value is empty. It is thread-unsafe, but what was captured may be read beside later writes.
type Words struct{ body *words }

// words is the content of Words. Once it is frozen nothing in it changes, chunks included.
type words struct {
	n      int
	chunks [][]uint64
	shared []bool // by chunk: a frozen body has it too; nil when none is shared
	frozen bool
}

// NewWords returns n zeros.
func NewWords(n int) Words {
	if n == 0 {
		return Words{}
	}
	b := &words{n: n, chunks: make([][]uint64, (n+WordsChunk-1)/WordsChunk)}
	for c := range b.chunks {
		b.chunks[c] = make([]uint64, min(WordsChunk, n-c*WordsChunk))
	}
	return Words{b}
}

// Len returns how many numbers there are.
func (w Words) Len() int {
	if w.body == nil {
		return 0
	}
	return w.body.n
}

// Chunks returns how many chunks there are. Chunk c begins with number c·WordsChunk; all but the last are full.
func (w Words) Chunks() int {
	if w.body == nil {
		return 0
	}
	return len(w.body.chunks)
}

// Read returns a chunk for reading only.
func (w Words) Read(c int) []uint64 { return w.body.chunks[c] }

// Write returns a chunk for reading and writing, until the next capture.
func (w *Words) Write(c int) []uint64 {
	b := w.body
	if b.frozen {
		b = &words{n: b.n, chunks: slices.Clone(b.chunks), shared: make([]bool, len(b.chunks))}
		for i := range b.shared {
			b.shared[i] = true
		}
		w.body = b
	}
	if b.shared != nil && b.shared[c] {
		b.chunks[c], b.shared[c] = slices.Clone(b.chunks[c]), false
	}
	return b.chunks[c]
}

// Zero makes all numbers zero, in the memory that they have where no capture has it too.
func (w *Words) Zero() {
	b := w.body
	switch {
	case b == nil:
		return
	case b.frozen:
		*w = NewWords(b.n)
		return
	}
	for c := range b.chunks {
		if b.shared != nil && b.shared[c] {
			b.chunks[c], b.shared[c] = make([]uint64, len(b.chunks[c])), false
		} else {
			clear(b.chunks[c])
		}
	}
}

// freeze makes the present content immutable; whoever writes next copies what it writes.
func (w Words) freeze() {
	if w.body != nil && !w.body.frozen { // a frozen body may be read elsewhere by now: it is not written again
		w.body.frozen = true
	}
}
