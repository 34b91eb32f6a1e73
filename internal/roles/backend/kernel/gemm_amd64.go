//go:build amd64 && !purego

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// haveVector says whether this machine runs the vector kernels.
var haveVector = cpu.X86.HasAVX2

// tile6x16 computes a tile of C of 6 rows by 16 columns over k > 0 terms: C += A·B when acc is not 0, C = A·B
// otherwise. Strides are in bytes: A advances by rowA per row and colA per term, B by ldb per term (16 consecutive
// columns each), C by ldc per row. Only the first rows (1 to 6) rows of A are read, the others repeat the last; C is
// written whole. Every product is rounded before it is added, and terms are added in order.
//
//go:noescape
func tile6x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)

// vectorScratch is the number of values that vector needs of scratch: one block of B in panels, and one tile of C.
func (g Gemm) vectorScratch() int {
	return min(g.K, kc)*((min(g.N, nc)+nr-1)/nr*nr) + mr*nr
}

// vector computes c from a and b on the vector kernel. Blocks of K are taken in order and accumulate into C, which
// keeps the order of each sum; blocks of M and N only choose which element is computed when.
func (g Gemm) vector(c, a, b, scratch []float32) {
	if g.K == 0 {
		clear(c[:g.M*g.N])
		return
	}
	edge := scratch[:mr*nr]
	pack := scratch[mr*nr:]
	for jc := 0; jc < g.N; jc += nc {
		cols := min(nc, g.N-jc)
		for pc := 0; pc < g.K; pc += kc {
			terms := min(kc, g.K-pc)
			bl := g.panels(pack, b, pc, terms, jc, cols)
			for ic := 0; ic < g.M; ic += mc {
				g.block(c, a, edge, bl, ic, min(mc, g.M-ic), pc, terms, jc, cols)
			}
		}
	}
}

// bBlock is a block of op(B) as the micro kernel reads it: full panels at full with their strides, and a padded last
// panel at tail when the number of columns is not a multiple of nr.
type bBlock struct {
	full, tail []float32
	panel, row int // distance between two panels, and between two terms of a panel, of full
}

// panels prepares terms rows from pc and cols columns from jc of op(B). Small matrices are read where they are; large
// and transposed ones are copied panel by panel; the last, narrow panel is always copied and padded with zeros.
func (g Gemm) panels(pack, b []float32, pc, terms, jc, cols int) bBlock {
	whole := cols / nr * nr
	bl := bBlock{full: pack, panel: terms * nr, row: nr}
	if !g.TransB && g.K*g.N*4 <= packBytes {
		bl.panel, bl.row = nr, g.N
		if whole > 0 {
			bl.full = b[pc*g.N+jc:]
		}
	} else {
		for j := 0; j < whole; j += nr {
			g.packPanel(pack[j*terms:(j+nr)*terms], b, pc, terms, jc+j, nr)
		}
	}
	if whole < cols {
		bl.tail = pack[whole*terms : (whole+nr)*terms]
		g.packPanel(bl.tail, b, pc, terms, jc+whole, cols-whole)
	}
	return bl
}

// packPanel copies terms rows of w columns of op(B), from row pc and column j on, to dst, each padded to nr with zeros.
func (g Gemm) packPanel(dst, b []float32, pc, terms, j, w int) {
	if !g.TransB {
		for p := range terms {
			d := dst[p*nr : (p+1)*nr]
			at := (pc+p)*g.N + j
			clear(d[copy(d, b[at:at+w]):])
		}
		return
	}
	for q := range w {
		col := b[(j+q)*g.K+pc : (j+q)*g.K+pc+terms]
		for p, x := range col {
			dst[p*nr+q] = x
		}
	}
	if w < nr {
		for p := range terms {
			clear(dst[p*nr+w : (p+1)*nr])
		}
	}
}

// block computes rows rows from ic and cols columns from jc of C over the terms of bl, tile by tile.
func (g Gemm) block(c, a, edge []float32, bl bBlock, ic, rows, pc, terms, jc, cols int) {
	ra, ca := g.stridesA()
	acc := 0
	if pc > 0 {
		acc = 1
	}
	for j := 0; j < cols; j += nr {
		w := min(nr, cols-j)
		src, ldb := bl.tail, nr
		if w == nr {
			src, ldb = bl.full[j/nr*bl.panel:], bl.row
		}
		for i := 0; i < rows; i += mr {
			h := min(mr, rows-i)
			ap := &a[(ic+i)*ra+pc*ca]
			cAt := (ic+i)*g.N + jc + j
			if w == nr && h == mr {
				tile6x16(terms, ap, byteStride(ra), byteStride(ca), &src[0], byteStride(ldb), &c[cAt], byteStride(g.N),
					h, acc)
				continue
			}
			if acc != 0 {
				for r := range h {
					copy(edge[r*nr:r*nr+w], c[cAt+r*g.N:])
				}
			}
			tile6x16(terms, ap, byteStride(ra), byteStride(ca), &src[0], byteStride(ldb), &edge[0], byteStride(nr), h,
				acc)
			for r := range h {
				copy(c[cAt+r*g.N:cAt+r*g.N+w], edge[r*nr:])
			}
		}
	}
}

// byteStride is a stride of n values in bytes.
func byteStride(n int) uintptr { return uintptr(n) * unsafe.Sizeof(float32(0)) }
