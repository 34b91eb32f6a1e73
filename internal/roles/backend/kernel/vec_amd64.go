//go:build amd64 && !purego

package kernel

// vectorize replaces the loops of a set by those that this machine has vector forms of, with wide tiles or without.
func vectorize(s *Set, threads int, wide bool) {
	if !haveVector {
		return
	}
	s.Name = "avx2"
	switch {
	case wide:
		s.Name = "avx512"
		s.products(wideTiles(s.Rules, threads))
	case s.Rules == Rounded:
		s.products(&tiles{six: rounded6x16, four: rounded4x16, many: roundedMany, keep: roundedKeep, threads: threads})
	case haveFused:
		s.products(&tiles{six: fused6x16, four: fused4x16, many: fusedMany, keep: fusedKeep, threads: threads})
	}
	s.elementwise()
	vectorQuarters(s)
	vectorSum(s)
	s.vectorUnary()
	vectorOptimizers(&s.Optimizers)
}

// wideTiles are the tiles of AVX-512. Four rows of one panel are no faster than by registers of half the width.
func wideTiles(r Rules, threads int) *tiles {
	if r == Rounded {
		return &tiles{six: rounded6x16wide, four: rounded4x16, many: roundedManyWide, keep: roundedKeepWide,
			pair: roundedPair, threads: threads}
	}
	return &tiles{six: fused6x16wide, four: fused4x16, many: fusedManyWide, keep: fusedKeepWide, pair: fusedPair,
		threads: threads}
}
