package kernel

// BlockTerms is the number of terms of a block of a sum by the rules Fused: 256 of them make a panel of B that half of
// a usual L1 cache holds. It decides bits: see Gemm.
const BlockTerms = 256

const blockTerms = BlockTerms

// Gemm is the shape of one matrix product C = op(A)·op(B) on row-major matrices, where op(A) is M by K, op(B) is K by N
// and C is M by N. A is stored K by M when TransA is set, and B N by K when TransB is set. Set.Gemm computes it.
//
// By the rules Rounded every element of C is the sum over p = 0, 1, … K-1 of a[i,p]*b[p,j], each product rounded and
// then added in that order, from zero. By the rules Fused it is the sum of blocks of 256 terms: the first term of a
// block is added to zero, each further one to the block's sum so far, product and sum rounded once; the blocks are
// added in order to the first of them. The scalar loops and the vector kernels give the same bits.
//
// With More the products are further terms of sums of which C holds those so far, whole blocks of them: C is then what
// one product of all the terms gives.
type Gemm struct {
	M, N, K        int
	TransA, TransB bool
	More           bool
}

// GemmScalar computes c = op(a)·op(b) by plain loops. On float32 it is the reference that the vector kernels equal to
// the bit, and the kernel of machines without one. c must not overlap the others.
func GemmScalar[T Float](r Rules, g Gemm, c, a, b []T) {
	if r == Fused {
		gemmFused(g, c, a, b)
		return
	}
	switch {
	case g.K == 0:
		begin(g, c[:g.M*g.N])
	case g.TransB:
		row, _ := g.stridesA()
		for i := range g.M {
			dots(g, c[i*g.N:(i+1)*g.N], a[i*row:], b)
		}
	case g.TransA: // over the terms outside, so that rows of A and of B are read in order
		begin(g, c[:g.M*g.N])
		for p := range g.K {
			row := b[p*g.N : (p+1)*g.N]
			for i, x := range a[p*g.M : (p+1)*g.M] {
				axpy(c[i*g.N:(i+1)*g.N], x, row)
			}
		}
	default:
		for i := range g.M {
			ci := c[i*g.N : (i+1)*g.N]
			begin(g, ci)
			for p, x := range a[i*g.K : (i+1)*g.K] {
				axpy(ci, x, b[p*g.N:(p+1)*g.N])
			}
		}
	}
}

// begin makes c sums of no terms, but where they are there already.
func begin[T Float](g Gemm, c []T) {
	if !g.More {
		clear(c)
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
		if g.More {
			s0, s1, s2, s3 = c[j], c[j+1], c[j+2], c[j+3]
		}
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
		if g.More {
			s = c[j]
		}
		for p, y := range b[j*g.K : (j+1)*g.K] {
			s += T(a[p*step] * y)
		}
		c[j] = s
	}
}

// gemmFused goes over C by pieces of rows, whose sums of a block stand side by side.
func gemmFused[T Float](g Gemm, c, a, b []T) {
	rowA, colA := g.stridesA()
	rowB, colB := g.stridesB()
	if g.K == 0 {
		begin(g, c[:g.M*g.N])
		return
	}
	var sums [64]T
	for i := range g.M {
		for j := 0; j < g.N; j += len(sums) {
			some := min(len(sums), g.N-j)
			dst := c[i*g.N+j : i*g.N+j+some]
			for p := 0; p < g.K; p += blockTerms {
				s := sums[:some]
				clear(s)
				for q := p; q < min(p+blockTerms, g.K); q++ {
					x, at := a[i*rowA+q*colA], q*rowB+j*colB
					for k := range s {
						s[k] = FMA(x, b[at], s[k])
						at += colB
					}
				}
				if p == 0 && !g.More {
					copy(dst, s)
					continue
				}
				for k, v := range s {
					dst[k] += v
				}
			}
		}
	}
}

// stridesA is the distance, in values, between two rows and two columns of op(A), and stridesB of op(B).
func (g Gemm) stridesA() (row, col int) {
	if g.TransA {
		return 1, g.M
	}
	return g.K, 1
}

func (g Gemm) stridesB() (row, col int) {
	if g.TransB {
		return 1, g.K
	}
	return g.N, 1
}
