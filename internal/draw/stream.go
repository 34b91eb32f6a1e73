package draw

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// Stream is a thread-unsafe source of random numbers.
type Stream struct {
	src *rand.ChaCha8
}

// New returns the stream of a purpose: ChaCha8 keyed by SHA-256 over the seed, the purpose and the numbers. Equal
// arguments give equal streams, and different ones give independent streams.
func New(seed uint64, purpose string, numbers ...uint64) *Stream {
	b := append([]byte(nil), "rhizome draw 1\x00"...)
	b = binary.LittleEndian.AppendUint64(b, seed)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(purpose)))
	b = append(b, purpose...)
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return &Stream{rand.NewChaCha8(sha256.Sum256(b))}
}

// Uint64 returns the next 64 bits.
func (s *Stream) Uint64() uint64 { return s.src.Uint64() }

// Below returns a uniform number in [0, n); n must be at least 1, and for less it returns 0. It multiplies and rejects
// (Lemire, "Fast Random Integer Generation in an Interval", 2019, algorithm 5), so there is no bias.
func (s *Stream) Below(n int) int {
	if n <= 1 {
		return 0
	}
	return int(s.Below64(uint64(n)))
}

// Below64 is Below for numbers of 64 bits on every machine.
func (s *Stream) Below64(n uint64) uint64 {
	if n <= 1 {
		return 0
	}
	hi, lo := bits.Mul64(s.Uint64(), n)
	if lo < n {
		for limit := -n % n; lo < limit; {
			hi, lo = bits.Mul64(s.Uint64(), n)
		}
	}
	return hi
}

// Float returns a uniform multiple of 2^-53 in [0, 1).
func (s *Stream) Float() float64 { return float64(s.Uint64()>>11) * (1.0 / (1 << 53)) }

// Perm returns a uniform permutation of 0 to n-1.
func (s *Stream) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	s.Shuffle(p, n)
	return p
}

// Shuffle moves a uniform choice of k items, in random order, to the front of p, by the first k steps of Fisher and
// Yates' shuffle; with k = len(p) it shuffles all.
func (s *Stream) Shuffle(p []int, k int) {
	for i := 0; i < k && i < len(p)-1; i++ {
		j := i + s.Below(len(p)-i)
		p[i], p[j] = p[j], p[i]
	}
}
