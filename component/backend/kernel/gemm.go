package kernel

// The blocking of the matrix product. A micro tile is mr rows by nr columns of C: twelve AVX2 accumulators. A panel of
// kc rows of B is 16 KiB, half of a usual L1 cache; a block of mc rows of A is at most 240 KiB and a block of B at most
// 1 MiB, sizes that usual L2 caches hold.
const (
	mr = 6
	nr = 16
	kc = 256
	mc = 240
	nc = 1024

	// packBytes is the size of B from which panels are copied into consecutive memory even where they could be read in
	// place: below it, all of B stays in the L1 or L2 cache and the copy costs more than it saves.
	packBytes = 64 << 10
)

// Gemm is the shape of one matrix product C = op(A)·op(B) on row-major float32 matrices, where op(A) is M by K, op(B) is
// K by N and C is M by N. A is stored K by M when TransA is set, and B N by K when TransB is set. Set.Gemm computes it.
//
// Every element of C is the sum over p = 0, 1, … K-1 of float32(a[i,p]*b[p,j]), added in float32 in that order, from zero.
// The scalar loops and the vector kernel give the same bits.
type Gemm struct {
	M, N, K        int
	TransA, TransB bool
}

// GemmScalar computes c = op(a)·op(b) by plain loops. On float32 it is the reference that the vector kernel equals to the
// bit, and the kernel of machines without one. c must not overlap the others.
func GemmScalar[T Float](g Gemm, c, a, b []T) {
	ra, ca := g.stridesA()
	if g.TransB {
		for i := range g.M {
			for j := range g.N {
				var s T
				for p, y := range b[j*g.K : (j+1)*g.K] {
					s += T(a[i*ra+p*ca] * y)
				}
				c[i*g.N+j] = s
			}
		}
		return
	}
	for i := range g.M {
		ci := c[i*g.N : (i+1)*g.N]
		clear(ci)
		for p := range g.K {
			x := a[i*ra+p*ca]
			for j, y := range b[p*g.N : (p+1)*g.N] {
				ci[j] += T(x * y)
			}
		}
	}
}

// stridesA is the distance, in values, between two rows and two columns of op(A).
func (g Gemm) stridesA() (row, col int) {
	if g.TransA {
		return 1, g.M
	}
	return g.K, 1
}
