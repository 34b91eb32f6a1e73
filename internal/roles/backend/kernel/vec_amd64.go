//go:build amd64 && !purego

package kernel

// vectorize replaces the loops of a set by those that this machine has vector forms of.
func vectorize(s *Set, threads int) {
	if !haveVector {
		return
	}
	s.Name = "avx2"
	switch {
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
