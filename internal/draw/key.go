package draw

import "math/bits"

// Key names a sequence of random numbers that are read in any order: number n is a function of the key and of n, so
// that nothing has to be remembered between two of them. It is immutable and safe for concurrent use.
//
// It is made for choices that happen at every message. A Stream costs a hash and an object; a number of a Key costs a
// few multiplications.
type Key uint64

// NewKey returns the key of a purpose: the first number of its Stream.
func NewKey(seed uint64, purpose string, numbers ...uint64) Key {
	return Key(New(seed, purpose, numbers...).Uint64())
}

// At returns number n of the sequence: the n-th output of SplitMix64 (Steele, Lea and Flood, "Fast Splittable
// Pseudorandom Number Generators", 2014) that starts at the key.
func (k Key) At(n uint64) uint64 {
	z := uint64(k) + (n+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Below returns number n of the sequence as one in [0, m); for m less than 1 it returns 0. It multiplies and does not
// reject, so a number may be likelier than another by m parts in 2^64.
func (k Key) Below(n uint64, m int) int {
	if m <= 1 {
		return 0
	}
	hi, _ := bits.Mul64(k.At(n), uint64(m))
	return int(hi)
}
