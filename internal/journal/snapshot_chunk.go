package journal

import (
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Part is a run of a payload: bytes, or a large value that is encoded when it is needed. Exactly one of the two is set.
type Part struct {
	Bytes []byte
	Large Large
}

// Large is a long run of a payload that nobody changes while it is published.
type Large interface {
	// Len returns its length in bytes.
	Len() int
	// AppendRange appends the bytes from lo to hi, both multiples of 8 unless hi is the end.
	AppendRange(dst []byte, lo, hi int) []byte
	// Identity returns a key for maps, or nil: two runs of one identity have equal bytes, so the second is not read.
	Identity() any
}

// The chunks of what is no large value end where the content says so, so that an insertion moves no chunk behind it but
// one.
const (
	smallChunkMin  = 4 << 10
	smallChunkMax  = 64 << 10
	smallChunkBits = 14 // 16 KiB in the mean, beyond the minimum
)

// gear is a table of random numbers, one for each byte (Xia and others, "Ddelta: A Deduplication-Inspired Fast Delta
// Compression Approach", 2014). It is part of what makes equal payloads equal chunks; it never changes.
var gear = func() (t [256]uint64) {
	x := uint64(0x9e3779b97f4a7c15)
	for i := range t { // splitmix64
		x += 0x9e3779b97f4a7c15
		z := (x ^ x>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		t[i] = z ^ z>>31
	}
	return t
}()

// cut returns where the first chunk of b ends.
func cut(b []byte) int {
	if len(b) <= smallChunkMin {
		return len(b)
	}
	end := min(len(b), smallChunkMax)
	sum := uint64(0)
	for i := smallChunkMin - 64; i < end; i++ { // the sum forgets a byte after 64 more
		sum = sum<<1 + gear[b[i]]
		if i >= smallChunkMin && sum>>(64-smallChunkBits) == 0 {
			return i + 1
		}
	}
	return end
}

// encoder is shared, since making one costs more than compressing a small snapshot. EncodeAll makes one frame with one
// level in one goroutine, so its bytes depend on the chunk alone; the concurrency only says how many callers it serves
// at once.
var encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(largeChunkBytes), zstd.WithEncoderCRC(false))
})

const (
	tryBytes    = 256      // what is shorter is not worth a frame
	sampleBytes = 4 << 10  // of a chunk
	sampleFrom  = 16 << 10 // a shorter chunk is its own sample
)

// compress appends the form of a chunk that is stored to dst: a frame if that saves an eighth, and else nothing. The
// numbers of a model hardly shrink, so the middle of a long chunk is tried first.
func compress(enc *zstd.Encoder, dst, raw []byte) []byte {
	if len(raw) < tryBytes {
		return dst
	}
	if len(raw) >= sampleFrom {
		at := (len(raw) - sampleBytes) / 2
		if out := enc.EncodeAll(raw[at:at+sampleBytes], dst); len(out)-len(dst) > sampleBytes/8*7 {
			return dst
		}
	}
	out := enc.EncodeAll(raw, dst)
	if len(out)-len(dst) > len(raw)/8*7 {
		return dst
	}
	return out
}
