package kernel

// adjointBlock is how Adjoint goes: images that are worked on together, and rows of a group's taps.
func (c *Conv) adjointBlock() (images, rows int) {
	out := max(c.outPlane(), 1)
	images = max(1, min(c.N, columnsStep*columnsStep/out))
	rows = min(c.depth(), max(columnsMax/(images*out), 1))
	return images, rows
}

// adjointParts is the length of the weights of a group turned, of a block of columns, and of the images of a block.
func (c *Conv) adjointParts() (turned, col, batch int) {
	if c.depthwise() {
		return 0, 0, 0
	}
	images, rows := c.adjointBlock()
	if images > 1 {
		batch = c.filters() * images * c.outPlane()
	}
	return c.depth() * c.filters(), rows * images * c.outPlane(), batch
}

// AdjointScratch is the number of values that Adjoint needs of scratch.
func AdjointScratch[T Float](c *Conv, p Product[T]) int64 {
	if c.depthwise() {
		return 0
	}
	images, rows := c.adjointBlock()
	cols, n := images*c.outPlane(), int64(c.filters())
	if images > 1 {
		n *= int64(cols)
	} else {
		n = 0
	}
	return int64(c.depth())*int64(c.filters()) + int64(rows)*int64(cols) + n +
		int64(p.Scratch(Gemm{M: rows, N: cols, K: c.filters()}))
}

// Adjoint writes x. For each tap the products of y with the filters of the group are summed over the filters in order,
// from zero; an element of x is the sum of these over the taps in row-major order, from zero; the bias, one value for
// each channel of x, where there is one, is added at the end. Where each filter reads one channel, an element is the
// sum over the filters and then the taps. x must not overlap the others.
func Adjoint[T Float](c *Conv, p Product[T], x, y, w, bias, scratch []T) {
	clear(x[:c.N*c.C*c.inPlane()])
	if c.depthwise() {
		adjointDepthwise(c, x, y, w)
	} else {
		adjointColumns(c, p, x, y, w, scratch)
	}
	if bias != nil {
		addChannels(x, bias, c.N, c.inPlane())
	}
}

func adjointColumns[T Float](c *Conv, p Product[T], x, y, w, scratch []T) {
	nTurned, nCol, nBatch := c.adjointParts()
	turned, scratch := scratch[:nTurned], scratch[nTurned:]
	col, scratch := scratch[:nCol], scratch[nCol:]
	batch, rest := scratch[:nBatch], scratch[nBatch:]
	images, block := c.adjointBlock()
	out, filters, depth := c.outPlane(), c.filters(), c.depth()
	for k := range c.Groups {
		for m := range filters {
			for r, v := range w[(k*filters+m)*depth : (k*filters+m+1)*depth] {
				turned[r*filters+m] = v
			}
		}
		for n := 0; n < c.N; n += images {
			some := min(images, c.N-n)
			b := y[(n*c.M+k*filters)*out:]
			if nBatch > 0 {
				for i := range some {
					for m := range filters {
						copy(batch[(m*some+i)*out:][:out], y[((n+i)*c.M+k*filters+m)*out:])
					}
				}
				b = batch
			}
			for r := 0; r < depth; r += block {
				rows := min(block, depth-r)
				g := Gemm{M: rows, N: some * out, K: filters}
				p.Run(g, col[:g.M*g.N], turned[r*filters:(r+rows)*filters], b[:g.K*g.N], rest)
				for i := range rows {
					scatterRow(c, x, col[i*g.N:(i+1)*g.N], k, r+i, n, some)
				}
			}
		}
	}
}

// scatterRow adds what one tap of a group gives to some images from n on.
func scatterRow[T Float](c *Conv, x, row []T, k, r, n, some int) {
	in, out, step := c.inPlane(), c.outPlane(), c.Stride[2]
	tap, channel := r%c.taps(), k*(c.C/c.Groups)+r/c.taps()
	at := [3]int{tap / c.Kernel[2] / c.Kernel[1], tap / c.Kernel[2] % c.Kernel[1], tap % c.Kernel[2]}
	for i := range some {
		xp, yp := x[((n+i)*c.C+channel)*in:][:in], row[i*out:(i+1)*out]
		c.linesOf(tap, at, func(_, yAt, xAt, n int) { addStepped(xp[xAt:], yp[yAt:yAt+n], step) })
	}
}

// addStepped adds src to the elements 0, step, 2·step, … of dst.
func addStepped[T Float](dst, src []T, step int) {
	if step == 1 {
		dst = dst[:len(src)]
		for i, v := range src {
			dst[i] += v
		}
		return
	}
	at := 0
	for _, v := range src {
		dst[at] += v
		at += step
	}
}

func adjointDepthwise[T Float](c *Conv, x, y, w []T) {
	in, out, taps, step := c.inPlane(), c.outPlane(), c.taps(), c.Stride[2]
	for i := range c.N * c.M {
		n, m := i/c.M, i%c.M
		yp, xp, wm := y[i*out:(i+1)*out], x[(n*c.C+m/c.filters())*in:][:in], w[m*taps:(m+1)*taps]
		c.tapLines(func(tap, yAt, xAt, n int) {
			a := wm[tap]
			if step == 1 {
				axpy(xp[xAt:xAt+n], a, yp[yAt:yAt+n])
				return
			}
			for _, v := range yp[yAt : yAt+n] {
				xp[xAt] += T(a * v)
				xAt += step
			}
		})
	}
}

// weightsParts is the length of a block of columns, of its product, and of the block of y.
func (c *Conv) weightsParts() (col, tmp, left int) {
	if c.depthwise() {
		return 0, 0, 0
	}
	b := c.columns()
	return c.depth() * b, c.filters() * c.depth(), c.filters() * b
}

// WeightsScratch is the number of values that Weights needs of scratch.
func WeightsScratch[T Float](c *Conv, p Product[T]) int64 {
	if c.depthwise() {
		return 0
	}
	b, depth, filters := c.columns(), int64(c.depth()), int64(c.filters())
	return (depth+filters)*int64(b) + filters*depth +
		int64(p.Scratch(Gemm{M: c.filters(), N: c.depth(), K: b, TransB: true}))
}

// Weights writes w. An element is the sum over blocks of positions of the sum over the positions of a block, both in
// order, over all images, from zero. Where each filter reads one channel that few
// share there is one block. w must not overlap the
// others.
func Weights[T Float](c *Conv, p Product[T], w, x, y, scratch []T) {
	clear(w[:c.M*c.depth()])
	if c.depthwise() {
		weightsDepthwise(c, w, x, y)
		return
	}
	nCol, nTmp, nLeft := c.weightsParts()
	col, scratch := scratch[:nCol], scratch[nCol:]
	tmp, scratch := scratch[:nTmp], scratch[nTmp:]
	left, rest := scratch[:nLeft], scratch[nLeft:]
	out, block, filters, depth := c.outPlane(), c.columns(), c.filters(), c.depth()
	for k := range c.Groups {
		wk := w[k*filters*depth : (k+1)*filters*depth]
		for q := 0; q < c.N*out; q += block {
			cols := min(block, c.N*out-q)
			gatherColumns(c, col, cols, x, k, q)
			c.images(q, cols, func(n, o, at, run int) {
				for m := range filters {
					copy(left[m*cols+at:][:run], y[(n*c.M+k*filters+m)*out+o:])
				}
			})
			g := Gemm{M: filters, N: depth, K: cols, TransB: true}
			p.Run(g, tmp, left[:filters*cols], col[:depth*cols], rest)
			addStepped(wk, tmp, 1)
		}
	}
}

func weightsDepthwise[T Float](c *Conv, w, x, y []T) {
	in, out, taps, step := c.inPlane(), c.outPlane(), c.taps(), c.Stride[2]
	for i := range c.N * c.M {
		n, m := i/c.M, i%c.M
		yp, xp, wm := y[i*out:(i+1)*out], x[(n*c.C+m/c.filters())*in:][:in], w[m*taps:(m+1)*taps]
		c.tapLines(func(tap, yAt, xAt, n int) {
			s := wm[tap]
			for _, v := range yp[yAt : yAt+n] {
				s += T(v * xp[xAt])
				xAt += step
			}
			wm[tap] = s
		})
	}
}
