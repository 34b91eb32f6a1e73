//go:build (amd64 || arm64) && !purego

package kernel

import "sync"

// The blocking of the matrix product. A tile is up to tileRows rows by tileCols columns of C in registers. A panel of
// blockTerms rows of B is 16 KiB, half of a usual L1 cache; a block of A is at most 240 KiB and a block of B at most
// 1 MiB, sizes that usual L2 caches and shares of an L3 cache hold. Only blockTerms decides bits.
const (
	tileRows  = 6
	tileCols  = 16
	blockRows = 240
	blockCols = 1024

	// packedB is the size of B from which panels are copied into consecutive memory even where they could be read in
	// place: below it, all of B stays in the L1 or L2 cache and the copy costs more than it saves.
	packedB = 64 << 10

	// packedCols and packedTurned are the columns of C beyond which the copy of a block of A into panels costs less
	// than it saves: of rows that stand one after the other, and of columns.
	packedCols   = 512
	packedTurned = 128
)

// tile computes a tile of C over k > 0 terms: C = A·B for the first block of terms, and C joined with A·B otherwise.
// Strides are in bytes: A advances by rowA per row and colA per term, B by ldb per term (tileCols consecutive columns
// each), C by ldc per row. Only the first rows of A are read, the others repeat the last; C is written whole.
type tile func(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)

// tiles are the tiles of a set of rules, of six rows and of four, and how many threads share a product.
type tiles struct {
	six, four tile
	threads   int
}

// Operand is one side of a product: element (i, j) stands at i·Row + j·Col of Data.
type Operand struct {
	Data     []float32
	Row, Col int
}

// scratch is the number of values that product needs.
func (t tiles) scratch(g Gemm) int {
	return len(t.shares(g.M, g.N, g.K)) * shareScratch(g.M, g.N, g.K)
}

// shareScratch is what each thread needs: one block of B and one of A in panels, and one tile of C.
func shareScratch(m, n, kk int) int {
	return min(kk, blockTerms)*(roundUp(min(n, blockCols), tileCols)+roundUp(min(m, blockRows), 4)+tileRows) +
		tileRows*tileCols
}

func roundUp(n, m int) int { return (n + m - 1) / m * m }

// rowsOfTile is the height of the next tile where that many rows are left: six, or four where six would leave more of
// the last tile empty.
func rowsOfTile(left int) int {
	switch {
	case left <= 4 || left == 7 || left == 8:
		return 4
	}
	return tileRows
}

// gemm computes c from a and b. Blocks of K are taken in order, which keeps the order of each sum; blocks of M and N
// only choose which element is computed when.
func (t tiles) gemm(g Gemm, c, a, b, scratch []float32) {
	if g.K == 0 {
		clear(c[:g.M*g.N])
		return
	}
	rowA, colA := g.stridesA()
	rowB, colB := g.stridesB()
	t.product(g.M, g.N, g.K, c, g.N, Operand{a, rowA, colA}, Operand{b, rowB, colB}, scratch)
}

// threadWork is the number of fused operations that are worth a thread.
const threadWork = 1 << 20

// share is the part of C that one thread computes: rows from i on and columns from j on, up to others.
type share struct{ i, iEnd, j, jEnd int }

// shares divides C among threads: by the longer of its sides, in whole tiles.
func (t tiles) shares(m, n, kk int) []share {
	side, step := n, tileCols
	if m > n {
		side, step = m, 2*tileRows
	}
	parts := max(1, min(t.threads, m*n*kk/threadWork, side/step))
	out := make([]share, parts)
	for p := range out {
		from, to := side*p/parts/step*step, side*(p+1)/parts/step*step
		if p == parts-1 {
			to = side
		}
		out[p] = share{0, m, from, to}
		if m > n {
			out[p] = share{from, to, 0, n}
		}
	}
	return out
}

// product computes c, whose rows are ldc values apart, from a and b over kk > 0 terms. Threads share C, never a sum.
func (t tiles) product(m, n, kk int, c []float32, ldc int, a, b Operand, scratch []float32) {
	if m == 0 || n == 0 {
		return
	}
	if t.threads <= 1 || m*n*kk < 2*threadWork {
		t.part(share{0, m, 0, n}, kk, c, ldc, a, b, scratch)
		return
	}
	each := shareScratch(m, n, kk)
	var all sync.WaitGroup
	for i, s := range t.shares(m, n, kk) {
		all.Go(func() { t.part(s, kk, c, ldc, a, b, scratch[i*each:(i+1)*each]) })
	}
	all.Wait()
}

// part computes a share of c.
func (t tiles) part(s share, kk int, c []float32, ldc int, a, b Operand, scratch []float32) {
	w := work{tiles: t, c: c, ldc: ldc, edge: scratch[:tileRows*tileCols]}
	scratch = scratch[tileRows*tileCols:]
	packed := b.Col != 1 || kk*(s.jEnd-s.j)*4 > packedB
	for jc := s.j; jc < s.jEnd; jc += blockCols {
		cols := min(blockCols, s.jEnd-jc)
		for pc := 0; pc < kk; pc += blockTerms {
			terms := min(blockTerms, kk-pc)
			bl, rest := b.panels(scratch, pc, terms, jc, cols, packed)
			for ic := s.i; ic < s.iEnd; ic += blockRows {
				rows := min(blockRows, s.iEnd-ic)
				if a.Col != 1 && cols > packedTurned || cols > packedCols {
					w.packed(rest, a, bl, ic, rows, pc, terms, jc, cols)
				} else {
					w.inPlace(a, bl, ic, rows, pc, terms, jc, cols)
				}
			}
		}
	}
}

// bBlock is a block of B as a tile reads it: full panels at full with their strides, and a padded last panel at tail
// when the number of columns is not a multiple of tileCols.
type bBlock struct {
	full, tail []float32
	panel, row int // distance between two panels, and between two terms of a panel, of full
}

// at returns the panel that begins with column j of the block, of that width, and the distance between its terms.
func (b *bBlock) at(j, w int) ([]float32, int) {
	if w == tileCols {
		return b.full[j/tileCols*b.panel:], b.row
	}
	return b.tail, tileCols
}

// panels prepares terms rows from pc and cols columns from jc, and returns the rest of the memory. The last, narrow
// panel is always copied and padded with zeros.
func (b Operand) panels(pack []float32, pc, terms, jc, cols int, packed bool) (bBlock, []float32) {
	whole := cols / tileCols * tileCols
	bl := bBlock{full: pack, panel: terms * tileCols, row: tileCols}
	used := 0
	if !packed {
		bl.panel, bl.row = tileCols, b.Row
		if whole > 0 {
			bl.full = b.Data[pc*b.Row+jc:]
		}
	} else {
		used = whole * terms
		for j := 0; j < whole; j += tileCols {
			b.panelOfCols(pack[j*terms:(j+tileCols)*terms], pc, terms, jc+j, tileCols)
		}
	}
	if whole < cols {
		bl.tail = pack[used : used+tileCols*terms]
		used += tileCols * terms
		b.panelOfCols(bl.tail, pc, terms, jc+whole, cols-whole)
	}
	return bl, pack[used:]
}

// panelOfCols copies terms rows of w columns, from row pc and column j on, to dst, each padded to tileCols with zeros.
func (b Operand) panelOfCols(dst []float32, pc, terms, j, w int) {
	if b.Col == 1 {
		for p := range terms {
			d := dst[p*tileCols : (p+1)*tileCols]
			at := (pc+p)*b.Row + j
			if w == tileCols {
				*(*[tileCols]float32)(d) = *(*[tileCols]float32)(b.Data[at:])
				continue
			}
			clear(d[copy(d, b.Data[at:at+w]):])
		}
		return
	}
	turn(dst, tileCols, b.Data, j*b.Col+pc*b.Row, b.Col, b.Row, w, terms)
}

// turn writes w lines of n values, which stand line values apart, each with a distance of step from one to the next, as
// n rows of w columns to dst, whose rows are ld values apart, and zeros behind the last of them.
func turn(dst []float32, ld int, src []float32, at, line, step, w, n int) {
	q := 0
	if step == 1 {
		for ; q+4 <= w; q += 4 { // four lines at once: a row's four values are written together
			s0, s1 := src[at:at+n], src[at+line:][:n]
			s2, s3 := src[at+2*line:][:n], src[at+3*line:][:n]
			for p := range s0 {
				d := dst[p*ld+q : p*ld+q+4 : p*ld+q+4]
				d[0], d[1], d[2], d[3] = s0[p], s1[p], s2[p], s3[p]
			}
			at += 4 * line
		}
	}
	for ; q < w; q++ {
		for p, k := 0, at; p < n; p, k = p+1, k+step {
			dst[p*ld+q] = src[k]
		}
		at += line
	}
	for ; q < ld; q++ {
		for p := range n {
			dst[p*ld+q] = 0
		}
	}
}

// work is a product on its way.
type work struct {
	tiles
	c    []float32
	ldc  int
	edge []float32
}

// inPlace computes rows rows from ic and cols columns from jc of C over a block of terms, with A where it is.
func (w *work) inPlace(a Operand, bl bBlock, ic, rows, pc, terms, jc, cols int) {
	for j := 0; j < cols; j += tileCols {
		for i := 0; i < rows; {
			h := rowsOfTile(rows - i)
			left := min(h, rows-i)
			w.one(h, left, left, terms, &a.Data[(ic+i)*a.Row+pc*a.Col], a.Row, a.Col, &bl, ic+i, jc, j, cols, pc)
			i += h
		}
	}
}

// packed is inPlace with A copied into panels, one for each row of tiles, that are read from end to end.
func (w *work) packed(pack []float32, a Operand, bl bBlock, ic, rows, pc, terms, jc, cols int) {
	for i, at := 0, 0; i < rows; {
		h := rowsOfTile(rows - i)
		turnA(pack[at:at+h*terms], h, a, ic+i, min(h, rows-i), pc, terms)
		i, at = i+h, at+h*terms
	}
	for j := 0; j < cols; j += tileCols {
		for i, at := 0, 0; i < rows; {
			h := rowsOfTile(rows - i)
			w.one(h, h, min(h, rows-i), terms, &pack[at], 1, h, &bl, ic+i, jc, j, cols, pc)
			i, at = i+h, at+h*terms
		}
	}
}

// turnA copies some rows from i on over terms columns to dst as a panel of h rows, zeros behind the last of them.
func turnA(dst []float32, h int, a Operand, i, some, pc, terms int) {
	if a.Row == 1 {
		for p := range terms {
			d := dst[p*h : (p+1)*h]
			at := i + (pc+p)*a.Col
			clear(d[copy(d, a.Data[at:at+some]):])
		}
		return
	}
	turn(dst, h, a.Data, i*a.Row+pc*a.Col, a.Row, a.Col, some, terms)
}

// one computes one tile of h rows at row i of C and at column j of the block that begins with column jc. Only the first
// rows of A are read, and only the first left of C are written.
func (w *work) one(h, rows, left, terms int, a *float32, rowA, colA int, bl *bBlock, i, jc, j, cols, pc int) {
	f := w.six
	if h == 4 {
		f = w.four
	}
	acc := 0
	if pc > 0 {
		acc = 1
	}
	width := min(tileCols, cols-j)
	src, ldb := bl.at(j, width)
	at := i*w.ldc + jc + j
	ra, ca, rb := byteStride(rowA), byteStride(colA), byteStride(ldb)
	if width == tileCols && left == h {
		f(terms, a, ra, ca, &src[0], rb, &w.c[at], byteStride(w.ldc), rows, acc)
		return
	}
	if acc != 0 {
		for r := range left {
			copy(w.edge[r*tileCols:r*tileCols+width], w.c[at+r*w.ldc:])
		}
	}
	f(terms, a, ra, ca, &src[0], rb, &w.edge[0], byteStride(tileCols), rows, acc)
	for r := range left {
		copy(w.c[at+r*w.ldc:at+r*w.ldc+width], w.edge[r*tileCols:])
	}
}

// byteStride is a stride of n values in bytes.
func byteStride(n int) uintptr { return uintptr(n) * 4 }
