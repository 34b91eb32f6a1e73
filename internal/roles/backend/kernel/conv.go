package kernel

// Conv is the shape of a convolution: a tensor x of N images with C channels of extent In, weights w of M filters with
// C/Groups channels of extent Kernel, and the result y of N images with M channels of extent Out. Position o of y reads
// position o·Stride + k·Dilation - Begin of x for tap k of a filter; outside of x there are zeros. Filter m reads the
// channels of group m/(M/Groups). Fewer than three spatial dimensions have ones in front.
//
// Three products follow from it. Each is linear in either of its operands, and each is the derivative of the others:
//
//	Forward   y = x * w      the convolution
//	Adjoint   x = y *' w     what each element of y gives back to those of x that it was made of: a transposed convolution
//	Weights   w = x · y      what each pair of elements gives to the tap that joins them
//
// The order of every sum is written at the function, and depends on the shape alone. The functions here are by the
// rules Rounded: terms of a product are rounded before they are added, and terms that lie outside of x may be left out:
// they are zeros as long as weights are finite. By the rules Fused see FusedConv.
type Conv struct {
	N, C, M, Groups                          int
	In, Out, Kernel, Stride, Dilation, Begin [3]int
}

// columnsMax bounds the values of a block of columns, so that it stays in an L2 cache together with the weights, and
// columnsStep is what its columns are a multiple of. Both decide bits: see Weights.
const (
	columnsMax  = 1 << 16
	columnsStep = 16
)

// Product is a matrix product of either float type.
type Product[T Float] struct {
	Run     func(g Gemm, c, a, b, scratch []T)
	Scratch func(g Gemm) int
}

// Products returns the matrix product of a set.
func Products[T Float](set *Set) Product[T] {
	p := Product[T]{
		Run:     func(g Gemm, c, a, b, _ []T) { GemmScalar(set.Rules, g, c, a, b) },
		Scratch: func(Gemm) int { return 0 },
	}
	if q, ok := any(&p).(*Product[float32]); ok {
		*q = Product[float32]{set.Gemm, set.GemmScratch}
	}
	return p
}

// taps is the number of taps of one channel of a filter, and depth that of a whole filter.
func (c *Conv) taps() int  { return c.Kernel[0] * c.Kernel[1] * c.Kernel[2] }
func (c *Conv) depth() int { return c.C / c.Groups * c.taps() }

func (c *Conv) inPlane() int  { return c.In[0] * c.In[1] * c.In[2] }
func (c *Conv) outPlane() int { return c.Out[0] * c.Out[1] * c.Out[2] }

// filters is the number of filters of a group.
func (c *Conv) filters() int { return c.M / c.Groups }

// depthwise says whether each filter reads one channel, which few of them share: then there is no matrix to gain from.
func (c *Conv) depthwise() bool { return c.C == c.Groups && c.filters() < 4 }

// pointwise says whether the columns of an image are the image.
func (c *Conv) pointwise() bool {
	return c.taps() == 1 && c.Stride == [3]int{1, 1, 1} && c.Begin == [3]int{} && c.In == c.Out &&
		c.outPlane() >= columnsStep
}

// columns is the number of positions of y, over all images, that are worked on together.
func (c *Conv) columns() int {
	all := c.N * c.outPlane()
	n := columnsMax / max(c.depth(), 1) / columnsStep * columnsStep
	return min(all, max(n, columnsStep))
}

// forwardParts is the length of a block of columns and of its product.
func (c *Conv) forwardParts() (col, tmp int) {
	if c.depthwise() || c.pointwise() {
		return 0, 0
	}
	b := c.columns()
	return c.depth() * b, c.filters() * b
}

// ForwardScratch is the number of values that Forward needs of scratch.
func ForwardScratch[T Float](c *Conv, p Product[T]) int64 {
	if c.depthwise() {
		return 0
	}
	if c.pointwise() {
		return int64(p.Scratch(Gemm{M: c.filters(), N: c.outPlane(), K: c.depth()}))
	}
	b := c.columns()
	return int64(c.depth()+c.filters())*int64(b) + int64(p.Scratch(Gemm{M: c.filters(), N: b, K: c.depth()}))
}

// Forward writes y. An element is the sum over the channels of its group and the taps of its filter, in row-major
// order, from zero; the bias, one value for each filter, where there is one, is added at the end. y must not overlap
// the others.
func Forward[T Float](c *Conv, p Product[T], y, x, w, bias, scratch []T) {
	switch out := c.outPlane(); {
	case c.depthwise():
		forwardDepthwise(c, y, x, w)
	case c.pointwise():
		g := Gemm{M: c.filters(), N: out, K: c.depth()}
		for n := range c.N {
			for k := range c.Groups {
				p.Run(g, y[(n*c.M+k*g.M)*out:(n*c.M+(k+1)*g.M)*out], w[k*g.M*g.K:(k+1)*g.M*g.K],
					x[(n*c.C+k*g.K)*out:(n*c.C+(k+1)*g.K)*out], scratch)
			}
		}
	default:
		forwardColumns(c, p, y, x, w, scratch)
	}
	if bias != nil {
		addChannels(y, bias, c.N, c.outPlane())
	}
}

func forwardColumns[T Float](c *Conv, p Product[T], y, x, w, scratch []T) {
	nCol, nTmp := c.forwardParts()
	col, tmp, rest := scratch[:nCol], scratch[nCol:nCol+nTmp], scratch[nCol+nTmp:]
	out, block, filters, depth := c.outPlane(), c.columns(), c.filters(), c.depth()
	for k := range c.Groups {
		wk := w[k*filters*depth : (k+1)*filters*depth]
		for q := 0; q < c.N*out; q += block {
			cols := min(block, c.N*out-q)
			gatherColumns(c, col, cols, x, k, q)
			p.Run(Gemm{M: filters, N: cols, K: depth}, tmp[:filters*cols], wk, col[:depth*cols], rest)
			c.images(q, cols, func(n, o, at, run int) {
				for m := range filters {
					copy(y[(n*c.M+k*filters+m)*out+o:][:run], tmp[m*cols+at:])
				}
			})
		}
	}
}

// images calls f for the part of each image in a block of positions that begins at q: the image, the first position in
// it, where that stands in the block, and how many follow.
func (c *Conv) images(q, cols int, f func(n, o, at, run int)) {
	out := c.outPlane()
	for at := 0; at < cols; {
		n, o := (q+at)/out, (q+at)%out
		run := min(out-o, cols-at)
		f(n, o, at, run)
		at += run
	}
}

// gatherColumns writes, for the group k and for cols positions from q on, what each tap of a filter reads: one row for
// each channel and tap, one column for each position.
func gatherColumns[T Float](c *Conv, col []T, cols int, x []T, k, q int) {
	plane, channels := c.inPlane(), c.C/c.Groups
	for at := 0; at < cols; {
		line, ow := (q+at)/c.Out[2], (q+at)%c.Out[2]
		run := min(c.Out[2]-ow, cols-at)
		oh, od, n := line%c.Out[1], line/c.Out[1]%c.Out[0], line/c.Out[1]/c.Out[0]
		gatherLine(c, col[at:], cols, x[(n*c.C+k*channels)*plane:(n*c.C+(k+1)*channels)*plane], [3]int{od, oh, ow}, run)
		at += run
	}
}

// gatherLine writes the columns of run positions of one line, from o on. x begins with the first channel.
func gatherLine[T Float](c *Conv, col []T, ld int, x []T, o [3]int, run int) {
	plane, width := c.inPlane(), c.In[2]
	row := 0
	for ch := range c.C / c.Groups {
		for kd := range c.Kernel[0] {
			d := o[0]*c.Stride[0] + kd*c.Dilation[0] - c.Begin[0]
			for kh := range c.Kernel[1] {
				h := o[1]*c.Stride[1] + kh*c.Dilation[1] - c.Begin[1]
				if d < 0 || d >= c.In[0] || h < 0 || h >= c.In[1] {
					for range c.Kernel[2] {
						clear(col[row*ld : row*ld+run])
						row++
					}
					continue
				}
				line := x[ch*plane+(d*c.In[1]+h)*width:][:width]
				first := o[2]*c.Stride[2] - c.Begin[2]
				for range c.Kernel[2] {
					gatherRow(col[row*ld:row*ld+run], line, first, c.Stride[2])
					row++
					first += c.Dilation[2]
				}
			}
		}
	}
}

// gatherRow writes to dst the elements first, first+step, … of a line, zeros outside of it.
func gatherRow[T Float](dst, line []T, first, step int) {
	lo, hi := inside(first, step, len(dst), len(line))
	clear(dst[:lo])
	clear(dst[hi:])
	if lo == hi {
		return
	}
	src := line[first+lo*step:]
	if step == 1 {
		copy(dst[lo:hi], src)
		return
	}
	d, at := dst[lo:hi], 0
	for i := range d {
		d[i] = src[at]
		at += step
	}
}

// inside returns for which i of [0, n) the element first + i·step lies in [0, size).
func inside(first, step, n, size int) (lo, hi int) {
	if first < 0 {
		lo = min((-first+step-1)/step, n)
	}
	if first < size {
		hi = min((size-first+step-1)/step, n)
	}
	return lo, max(lo, hi)
}

// addChannels adds to every channel of n images its bias.
func addChannels[T Float](y, bias []T, n, plane int) {
	for i := range n * len(bias) {
		b := bias[i%len(bias)]
		for j, v := range y[i*plane : (i+1)*plane] {
			y[i*plane+j] = v + b
		}
	}
}

// tapLines calls f for each line of y on which a tap of a filter falls into x, in order: with the tap, where the line
// begins in a plane of y and the first of its positions that count, and which element of x that one meets.
func (c *Conv) tapLines(f func(tap, yAt, xAt, n int)) {
	tap := 0
	for kd := range c.Kernel[0] {
		for kh := range c.Kernel[1] {
			for kw := range c.Kernel[2] {
				c.linesOf(tap, [3]int{kd, kh, kw}, f)
				tap++
			}
		}
	}
}

func (c *Conv) linesOf(tap int, k [3]int, f func(tap, yAt, xAt, n int)) {
	first := k[2]*c.Dilation[2] - c.Begin[2]
	lo, hi := inside(first, c.Stride[2], c.Out[2], c.In[2])
	if lo == hi {
		return
	}
	for od := range c.Out[0] {
		d := od*c.Stride[0] + k[0]*c.Dilation[0] - c.Begin[0]
		if d < 0 || d >= c.In[0] {
			continue
		}
		for oh := range c.Out[1] {
			h := oh*c.Stride[1] + k[1]*c.Dilation[1] - c.Begin[1]
			if h < 0 || h >= c.In[1] {
				continue
			}
			f(tap, (od*c.Out[1]+oh)*c.Out[2]+lo, (d*c.In[1]+h)*c.In[2]+first+lo*c.Stride[2], hi-lo)
		}
	}
}

func forwardDepthwise[T Float](c *Conv, y, x, w []T) {
	in, out, taps, step := c.inPlane(), c.outPlane(), c.taps(), c.Stride[2]
	clear(y[:c.N*c.M*out])
	for i := range c.N * c.M {
		n, m := i/c.M, i%c.M
		yp, xp, wm := y[i*out:(i+1)*out], x[(n*c.C+m/c.filters())*in:][:in], w[m*taps:(m+1)*taps]
		c.tapLines(func(tap, yAt, xAt, n int) {
			a, d := wm[tap], yp[yAt:yAt+n]
			if step == 1 {
				axpy(d, a, xp[xAt:xAt+n])
				return
			}
			for j := range d {
				d[j] += T(a * xp[xAt])
				xAt += step
			}
		})
	}
}
