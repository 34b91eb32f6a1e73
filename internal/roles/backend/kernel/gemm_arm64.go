//go:build arm64 && !purego

package kernel

// haveVector says whether this machine runs the vector kernels: every arm64 has them.
const (
	haveVector = true
	haveWide   = false
)

//go:noescape
func rounded6x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)

//go:noescape
func rounded4x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)

//go:noescape
func fused6x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)

//go:noescape
func fused4x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)

// vectorize replaces the loops of a set by those that this machine has vector forms of.
func vectorize(s *Set, threads int, _ bool) {
	s.Name = "neon"
	if s.Rules == Rounded {
		s.products(&tiles{six: rounded6x16, four: rounded4x16, threads: threads})
	} else {
		s.products(&tiles{six: fused6x16, four: fused4x16, threads: threads})
	}
	s.elementwise()
}
