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
		s.products(&tiles{rounded6x16, rounded4x16, roundedMany, roundedKeep, threads})
	case haveFused:
		s.products(&tiles{fused6x16, fused4x16, fusedMany, fusedKeep, threads})
	}
	s.elementwise()
	vectorQuarters(s)
	vectorSum(s)
	s.vectorUnary()
	vectorOptimizers(&s.Optimizers)
}
