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

// Gemm is the shape of one matrix product C = op(A)·op(B) on row-major float32 matrices, where op(A) is M by K, op(B)
// is K by N and C is M by N. A is stored K by M when TransA is set, and B N by K when TransB is set. Set.Gemm computes
// it.
//
// Every element of C is the sum over p = 0, 1, … K-1 of float32(a[i,p]*b[p,j]), added in float32 in that order, from
// zero. The scalar loops and the vector kernel give the same bits.
type Gemm struct {
	M, N, K        int
	TransA, TransB bool
}

// GemmScalar computes c = op(a)·op(b) by plain loops. On float32 it is the reference that the vector kernel equals to
// the bit, and the kernel of machines without one. c must not overlap the others.
func GemmScalar[T Float](g Gemm, c, a, b []T) {
	switch {
	case g.K == 0:
		clear(c[:g.M*g.N])
	case g.TransB:
		row, _ := g.stridesA()
		for i := range g.M {
			dots(g, c[i*g.N:(i+1)*g.N], a[i*row:], b)
		}
	case g.TransA: // over the terms outside, so that rows of A and of B are read in order
		clear(c[:g.M*g.N])
		for p := range g.K {
			row := b[p*g.N : (p+1)*g.N]
			for i, x := range a[p*g.M : (p+1)*g.M] {
				axpy(c[i*g.N:(i+1)*g.N], x, row)
			}
		}
	default:
		for i := range g.M {
			ci := c[i*g.N : (i+1)*g.N]
			clear(ci)
			for p, x := range a[i*g.K : (i+1)*g.K] {
				axpy(ci, x, b[p*g.N:(p+1)*g.N])
			}
		}
	}
}

// axpy is y += a·x, each product rounded first.
func axpy[T Float](y []T, a T, x []T) {
	y = y[:len(x)]
	for j, v := range x {
		y[j] += T(a * v)
	}
}

// dots writes the products of one row of op(A), which begins a, with all columns of op(B), which are rows of b. Four
// sums run side by side, each in its own order.
func dots[T Float](g Gemm, c, a, b []T) {
	_, step := g.stridesA()
	j := 0
	for ; j+4 <= g.N; j += 4 {
		b0, b1 := b[j*g.K:(j+1)*g.K], b[(j+1)*g.K:(j+2)*g.K]
		b2, b3 := b[(j+2)*g.K:(j+3)*g.K], b[(j+3)*g.K:(j+4)*g.K]
		b1, b2, b3 = b1[:len(b0)], b2[:len(b0)], b3[:len(b0)]
		var s0, s1, s2, s3 T
		for p := range b0 {
			x := a[p*step]
			s0 += T(x * b0[p])
			s1 += T(x * b1[p])
			s2 += T(x * b2[p])
			s3 += T(x * b3[p])
		}
		c[j], c[j+1], c[j+2], c[j+3] = s0, s1, s2, s3
	}
	for ; j < g.N; j++ {
		var s T
		for p, y := range b[j*g.K : (j+1)*g.K] {
			s += T(a[p*step] * y)
		}
		c[j] = s
	}
}

// stridesA is the distance, in values, between two rows and two columns of op(A).
func (g Gemm) stridesA() (row, col int) {
	if g.TransA {
		return 1, g.M
	}
	return g.K, 1
}
