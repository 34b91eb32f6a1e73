package kernel

import "math/bits"

// Philox is the generator Philox-4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3",
// 2011, section 3.4): four numbers of 32 bits that follow from a counter and a key, and from nothing before them.
func Philox(counter [4]uint32, key [2]uint32) [4]uint32 {
	const (
		m0, m1 = 0xD2511F53, 0xCD9E8D57 // multipliers of the rounds
		w0, w1 = 0x9E3779B9, 0xBB67AE85 // what the key is raised by between them
		rounds = 10
	)
	for range rounds {
		h0, l0 := bits.Mul32(m0, counter[0])
		h1, l1 := bits.Mul32(m1, counter[2])
		counter = [4]uint32{h1 ^ counter[1] ^ key[0], l1, h0 ^ counter[3] ^ key[1], l0}
		key[0] += w0
		key[1] += w1
	}
	return counter
}

// Uniform fills dst with numbers from 0 up to below 1, each a multiple of 2^-24: number i is of the counter i/4 of a
// place, and follows from the key, the place and i alone.
func Uniform(dst []float32, key uint64, place uint32) {
	k := [2]uint32{uint32(key), uint32(key >> 32)}
	for i := 0; i < len(dst); i += 4 {
		n := uint64(i / 4)
		x := Philox([4]uint32{uint32(n), uint32(n >> 32), place, 0}, k)
		for j, v := range x[:min(4, len(dst)-i)] {
			dst[i+j] = float32(v>>8) * (1.0 / (1 << 24)) // exact
		}
	}
}
