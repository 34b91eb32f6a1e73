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
	// place: below it, all of B stays in the L1 or L2 cache and the copy costs more than it saves. A tile that copies
	// while it computes makes it worth while from keptB on, where there are keptRows that read the copy. Of up to
	// twiceRows each value of B is read twice at most, and no copy is worth while.
	packedB   = 64 << 10
	keptB     = 16 << 10
	keptRows  = 24
	twiceRows = 8

	// packedCols and packedTurned are the columns of C beyond which the copy of a block of A into panels costs less
	// than it saves: of rows that stand one after the other, and of columns.
	packedCols   = 512
	packedTurned = 128
)

// tile computes a tile of C over k > 0 terms: C = A·B for the first block of terms, and C joined with A·B otherwise.
// Strides are in bytes: A advances by rowA per row and colA per term, B by ldb per term (tileCols consecutive columns
// each), C by ldc per row. Only the first rows of A are read, the others repeat the last; C is written whole.
type tile func(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)

// column computes so many tiles of six rows, one below the other, each stepA bytes further in A than the one before.
type column func(k int, a *float32, rowA, colA, stepA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr,
	tiles, acc int)

// keeping is a tile of six rows that also copies what it reads of B to consecutive memory, 16 values for each term.
type keeping func(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, acc int,
	keep *float32)

// paired is column for two panels of B that are panelB bytes apart, and so for twice as many columns of C.
type paired func(k int, a *float32, rowA, colA, stepA uintptr, b *float32, ldb, panelB uintptr, c *float32, ldc uintptr,
	tiles, acc int)

// tiles are the tiles of a set of rules, of six rows and of four, the forms that do more at once, where there are such,
// and how many threads share a product.
type tiles struct {
	six, four tile
	many      column
	keep      keeping
	pair      paired
	threads   int

	// What threads share is kept for the next time.
	sharedProducts, sharedColumns, sharedWeights sync.Pool
}

// Operand is one side of a product: element (i, j) stands at i·Row + j·Col of Data.
type Operand struct {
	Data     []float32
	Row, Col int
}

// scratch is the number of values that product needs.
func (t *tiles) scratch(g Gemm) int {
	return t.parts(g.M, g.N, g.K) * shareScratch(g.M, g.N, g.K)
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
func (t *tiles) gemm(g Gemm, c, a, b, scratch []float32) {
	if g.K == 0 {
		begin(g, c[:g.M*g.N])
		return
	}
	rowA, colA := g.stridesA()
	rowB, colB := g.stridesB()
	w := work{tiles: t, b: Operand{b, rowB, colB}, c: c, ldc: g.N, more: g.More}
	w.product(g.M, g.N, g.K, Operand{a, rowA, colA}, scratch)
}

// threadWork is the number of fused operations that are worth a thread.
const threadWork = 1 << 20

// share is the part of C that one thread computes: rows from i on and columns from j on, up to others.
type share struct{ i, iEnd, j, jEnd int }

// parts is among how many threads C is divided, by the longer of its sides, in whole tiles.
func (t *tiles) parts(m, n, kk int) int {
	side, step := n, tileCols
	if m > n {
		side, step = m, 2*tileRows
	}
	return max(1, min(t.threads, m*n*kk/threadWork, side/step))
}

// shareOf is share i of so many parts of C.
func shareOf(m, n, parts, i int) share {
	if m > n {
		step := 2 * tileRows
		return share{m * i / parts / step * step, endOf(m, parts, i, step), 0, n}
	}
	return share{0, m, n * i / parts / tileCols * tileCols, endOf(n, parts, i, tileCols)}
}

// endOf is where share i of a side ends.
func endOf(side, parts, i, step int) int {
	if i == parts-1 {
		return side
	}
	return side * (i + 1) / parts / step * step
}

// product computes m rows and n columns of C over kk > 0 terms. Threads share C, never a sum.
func (w work) product(m, n, kk int, a Operand, scratch []float32) {
	if m == 0 || n == 0 {
		return
	}
	parts := 1
	if w.threads > 1 {
		parts = w.parts(m, n, kk)
	}
	if parts == 1 {
		w.part(share{0, m, 0, n}, kk, a, scratch)
		return
	}
	s, _ := w.sharedProducts.Get().(*sharedProduct)
	if s == nil {
		s = new(sharedProduct)
	}
	s.work, s.m, s.n, s.kk, s.parts, s.a, s.scratch = w, m, n, kk, parts, a, scratch
	s.Run(parts, s)
	s.work, s.a, s.scratch = work{}, Operand{}, nil
	w.sharedProducts.Put(s)
}

// sharedProduct is a product that threads share.
type sharedProduct struct {
	Crew
	work            work
	m, n, kk, parts int
	a               Operand
	scratch         []float32
}

// Part computes a share.
func (s *sharedProduct) Part(i int) {
	each := shareScratch(s.m, s.n, s.kk)
	s.work.part(shareOf(s.m, s.n, s.parts, i), s.kk, s.a, s.scratch[i*each:(i+1)*each])
}

// copies says whether a B of so many bytes, which could be read where it is, is copied for so many rows of C.
func (t *tiles) copies(rows, bytes int) bool {
	if t.keep != nil && rows >= keptRows {
		return bytes > keptB
	}
	return rows > twiceRows && bytes > packedB
}

// part computes a share of c.
func (w work) part(s share, kk int, a Operand, scratch []float32) {
	w.first, w.edge = s.i, scratch[:tileRows*tileCols]
	scratch = scratch[tileRows*tileCols:]
	packed := w.b.Col != 1 || w.copies(s.iEnd-s.i, kk*(s.jEnd-s.j)*4)
	for jc := s.j; jc < s.jEnd; jc += blockCols {
		cols := min(blockCols, s.jEnd-jc)
		for pc := 0; pc < kk; pc += blockTerms {
			terms := min(blockTerms, kk-pc)
			bl, rest := w.panels(scratch, pc, terms, jc, cols, packed)
			for ic := s.i; ic < s.iEnd; ic += blockRows {
				rows := min(blockRows, s.iEnd-ic)
				if a.Col != 1 && cols > packedTurned || cols > packedCols {
					w.packed(rest, a, &bl, ic, rows, pc, terms, jc, cols)
				} else {
					w.inPlace(a, &bl, ic, rows, pc, terms, jc, cols)
				}
			}
		}
	}
}

// bBlock is a block of B as a tile reads it: full panels at full with their strides, and a padded last panel at tail
// when the number of columns is not a multiple of tileCols.
type bBlock struct {
	full, tail []float32
	panel, row int       // distance between two panels, and between two terms of a panel, of full
	open       []float32 // where the panels are to be copied from by those who read them first, or nil
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
func (w *work) panels(pack []float32, pc, terms, jc, cols int, packed bool) (bBlock, []float32) {
	b := w.b
	whole := cols / tileCols * tileCols
	bl := bBlock{full: pack, panel: terms * tileCols, row: tileCols}
	used := 0
	if !packed {
		bl.panel, bl.row = tileCols, b.Row
		if whole > 0 {
			bl.full = b.Data[pc*b.Row+jc:]
		}
	} else if used = whole * terms; b.Col == 1 && w.keep != nil {
		if whole > 0 {
			bl.open = b.Data[pc*b.Row+jc:]
		}
	} else {
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
	at := j*b.Col + pc*b.Row
	if b.Col != 1 {
		if some := terms &^ 7; b.Row == 1 && w == tileCols && turnsPanels && some > 0 {
			turn16(&dst[0], &b.Data[at], int(byteStride(b.Col)), some)
			dst, at, terms = dst[some*tileCols:], at+some, terms-some
		}
		turn(dst, tileCols, b.Data, at, b.Col, b.Row, w, terms)
		return
	}
	if w == tileCols {
		for p := range terms {
			*(*[tileCols]float32)(dst[p*tileCols:]) = *(*[tileCols]float32)(b.Data[at+p*b.Row:])
		}
		return
	}
	clear(dst[:terms*tileCols])
	for p := range terms {
		d, src := dst[p*tileCols:(p+1)*tileCols], b.Data[at+p*b.Row:][:w]
		q := 0
		if w >= 8 { // a call of copy takes longer
			*(*[8]float32)(d) = *(*[8]float32)(src)
			q = 8
		}
		for ; q < w; q++ {
			d[q] = src[q]
		}
	}
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
	*tiles
	b     Operand
	c     []float32
	ldc   int
	more  bool // C holds the sums of earlier terms
	first int  // the row with which the share begins
	edge  []float32
}

// inPlace computes rows rows from ic and cols columns from jc of C over a block of terms, with A where it is.
func (w *work) inPlace(a Operand, bl *bBlock, ic, rows, pc, terms, jc, cols int) {
	from := a.Data[ic*a.Row+pc*a.Col:]
	for j := 0; j < cols; j += tileCols {
		i := w.whole(from, a.Row, a.Col, tileRows*a.Row, bl, ic, rows, terms, jc, j, cols, pc)
		for i < rows {
			h := rowsOfTile(rows - i)
			left := min(h, rows-i)
			w.one(h, left, left, terms, &a.Data[(ic+i)*a.Row+pc*a.Col], a.Row, a.Col, bl, ic+i, jc, j, cols, pc)
			i += h
		}
	}
}

// packed is inPlace with A copied into panels, one for each row of tiles, that are read from end to end.
func (w *work) packed(pack []float32, a Operand, bl *bBlock, ic, rows, pc, terms, jc, cols int) {
	for i, at := 0, 0; i < rows; {
		h := rowsOfTile(rows - i)
		turnA(pack[at:at+h*terms], h, a, ic+i, min(h, rows-i), pc, terms)
		i, at = i+h, at+h*terms
	}
	for j := 0; j < cols; j += tileCols {
		i := w.whole(pack, 1, tileRows, tileRows*terms, bl, ic, rows, terms, jc, j, cols, pc)
		for at := i * terms; i < rows; {
			h := rowsOfTile(rows - i)
			w.one(h, h, min(h, rows-i), terms, &pack[at], 1, h, bl, ic+i, jc, j, cols, pc)
			i, at = i+h, at+h*terms
		}
	}
}

// whole computes the tiles of a panel of whole width that have six rows, and returns how many rows these are. The first
// tile of a share copies what the others read of B, where that is to be copied. Of two panels that are computed
// together the first one's turn is that of both.
func (w *work) whole(a []float32, rowA, colA, step int, bl *bBlock, ic, rows, terms, jc, j, cols, pc int) int {
	if cols-j < tileCols || w.many == nil {
		return 0
	}
	n, i := sixes(rows), 0
	if w.pair != nil && j/tileCols%2 == 1 {
		return n * tileRows
	}
	acc, both := 0, w.pair != nil && cols-j >= 2*tileCols
	if pc > 0 || w.more {
		acc = 1
	}
	src, ldb := bl.at(j, tileCols)
	ra, ca, rc := byteStride(rowA), byteStride(colA), byteStride(w.ldc)
	if bl.open != nil && ic == w.first { // with more than eight rows
		at, rb := ic*w.ldc+jc+j, byteStride(w.b.Row)
		w.keep(terms, &a[0], ra, ca, &bl.open[j], rb, &w.c[at], rc, acc, &src[0])
		if both {
			w.keep(terms, &a[0], ra, ca, &bl.open[j+tileCols], rb, &w.c[at+tileCols], rc, acc, &src[bl.panel])
		}
		if i = 1; n == 1 {
			return tileRows
		}
		a = a[step:]
	}
	if i < n {
		at, down, rb := (ic+i*tileRows)*w.ldc+jc+j, byteStride(step), byteStride(ldb)
		if both {
			w.pair(terms, &a[0], ra, ca, down, &src[0], rb, byteStride(bl.panel), &w.c[at], rc, n-i, acc)
		} else {
			w.many(terms, &a[0], ra, ca, down, &src[0], rb, &w.c[at], rc, n-i, acc)
		}
	}
	return n * tileRows
}

// sixes is how many of the tiles of so many rows, from the first on, have six that are all there.
func sixes(rows int) int {
	if rows%tileRows == 0 {
		return rows / tileRows
	}
	return max(0, rows-3) / tileRows
}

// turnA copies some rows from i on over terms columns to dst as a panel of h rows, zeros behind the last of them.
func turnA(dst []float32, h int, a Operand, i, some, pc, terms int) {
	at := i*a.Row + pc*a.Col
	switch {
	case a.Row == 1 && some == tileRows:
		for p := range terms {
			*(*[tileRows]float32)(dst[p*tileRows:]) = *(*[tileRows]float32)(a.Data[at+p*a.Col:])
		}
	case a.Row == 1:
		for p := range terms {
			d := dst[p*h : (p+1)*h]
			clear(d[copy(d, a.Data[at+p*a.Col:][:some]):])
		}
	case a.Col == 1 && some == tileRows:
		turn6(dst[:terms*tileRows], a.Data[at:], a.Row, terms)
	default:
		turn(dst, h, a.Data, at, a.Row, a.Col, some, terms)
	}
}

// turn6 writes six lines of n values, which stand line values apart, as n rows of six.
func turn6(dst, src []float32, line, n int) {
	s0, s1, s2 := src[:n], src[line:][:n], src[2*line:][:n]
	s3, s4, s5 := src[3*line:][:n], src[4*line:][:n], src[5*line:][:n]
	for p := range s0 {
		d := (*[6]float32)(dst)
		d[0], d[1], d[2], d[3], d[4], d[5] = s0[p], s1[p], s2[p], s3[p], s4[p], s5[p]
		dst = dst[6:]
	}
}

// one computes one tile of h rows at row i of C and at column j of the block that begins with column jc. Only the first
// rows of A are read, and only the first left of C are written.
func (w *work) one(h, rows, left, terms int, a *float32, rowA, colA int, bl *bBlock, i, jc, j, cols, pc int) {
	f := w.six
	if h == 4 {
		f = w.four
	}
	acc := 0
	if pc > 0 || w.more {
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
