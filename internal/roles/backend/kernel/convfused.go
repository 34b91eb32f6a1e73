package kernel

// FusedConv is a convolution by the rules Fused. The three products are products of matrices, whose sums have the order
// of Gemm, over
//
//	Forward   the channels of the group, and for each the taps of its filter in row-major order
//	Adjoint   the filters of the group, and for each the taps, in row-major order, that join the element of x with an
//	          element of y or of its padding: those for which its place and the tap's leave nothing by the stride
//	Weights   the images, and for each the positions of y in row-major order
//
// What lies outside of an operand is zeros, and counts as such in every term. It is immutable and safe for concurrent
// use.
type FusedConv struct {
	*Conv
	forward *reach
	back    []*reach
}

// Way is one of the three products of a convolution.
type Way uint8

// The three products.
const (
	ForwardWay Way = iota
	AdjointWay
	WeightsWay
)

// Fuse prepares one of the products of a convolution. It is nil where padding would take too much memory.
func (c *Conv) Fuse(way Way) *FusedConv {
	f := &FusedConv{Conv: c}
	if way == AdjointWay {
		if f.back = c.adjointReaches(); f.back == nil {
			return nil
		}
		return f
	}
	if f.forward = c.forwardReach(); f.forward == nil {
		return nil
	}
	return f
}

// side is one product of a convolution for a group: rows of weights times the columns of a reach.
type side[T Float] struct {
	*reach
	n, rows          int // images, and rows of a group
	dst, src         []T
	dstGroup, dstAll int // planes of the result of a group, and of an image
	srcGroup, srcAll int
}

// forwardSide and adjointSide are the products of Forward and of Adjoint.
func forwardSide[T Float](c *FusedConv, y, x []T) side[T] {
	return side[T]{c.forward, c.N, c.filters(), y, x, c.filters(), c.M, c.C / c.Groups, c.C}
}

func adjointSide[T Float](c *FusedConv, r *reach, x, y []T) side[T] {
	return side[T]{r, c.N, c.C / c.Groups, x, y, c.C / c.Groups, c.C, c.filters(), c.M}
}

// matrix writes the rows of weights of a group, one value for each term of a reach. By Forward they are as they stand.
func matrix[T Float](c *FusedConv, a, w []T, r *reach, group int) {
	channels, all := c.C/c.Groups, c.taps()
	wk := w[group*c.filters()*c.depth():]
	if r == c.forward {
		copy(a[:c.filters()*c.depth()], wk)
		return
	}
	at := 0
	for ch := range channels {
		for m := range c.filters() {
			from := wk[(m*channels+ch)*all:][:all]
			for _, tap := range r.taps {
				a[at] = from[tap]
				at++
			}
		}
	}
}

// RunFused computes one of the products by plain loops: ForwardWay of x and w, AdjointWay of y and w, WeightsWay of x
// and y. The bias, where there is one, is added at the end, one value for each channel of the result. out must not
// overlap the others.
func RunFused[T Float](c *FusedConv, way Way, out, p, q, bias, scratch []T) {
	switch way {
	case ForwardWay:
		forwardFused(c, out, p, q, bias, scratch)
	case AdjointWay:
		adjointFused(c, out, p, q, bias, scratch)
	case WeightsWay:
		weightsFused(c, out, p, q, scratch)
	}
}

// FusedScratch is the number of values that the scalar loops need of scratch.
func FusedScratch(c *FusedConv, way Way) int64 {
	n := int64(0)
	for _, r := range c.reaches(way) {
		n = max(n, int64(r.channels)*int64(r.frame())+int64(len(r.deltas))*int64(c.rowsOf(way)+1))
	}
	return n
}

func (c *FusedConv) reaches(way Way) []*reach {
	if way == AdjointWay {
		return c.back
	}
	return []*reach{c.forward}
}

// rowsOf is the number of rows of the product of a group.
func (c *FusedConv) rowsOf(way Way) int {
	if way == AdjointWay {
		return c.C / c.Groups
	}
	return c.filters()
}

// forwardFused writes y by plain loops; the bias is added at the end.
func forwardFused[T Float](c *FusedConv, y, x, w, bias, scratch []T) {
	columnsFused(c, forwardSide(c, y, x), w, scratch)
	if bias != nil {
		addChannels(y, bias, c.N, c.outPlane())
	}
}

// adjointFused writes x by plain loops; the bias is added at the end.
func adjointFused[T Float](c *FusedConv, x, y, w, bias, scratch []T) {
	clear(x[:c.N*c.C*c.inPlane()])
	for _, r := range c.back {
		columnsFused(c, adjointSide(c, r, x, y), w, scratch)
	}
	if bias != nil {
		addChannels(x, bias, c.N, c.inPlane())
	}
}

// columnsFused goes over the positions; a column is gathered, and each row's sum taken.
func columnsFused[T Float](c *FusedConv, s side[T], w, scratch []T) {
	terms := len(s.deltas)
	frame, scratch := scratch[:s.channels*s.frame()], scratch[s.channels*s.frame():]
	a, col := scratch[:s.rows*terms], scratch[s.rows*terms:][:terms]
	for k := range c.Groups {
		matrix(c, a, w, s.reach, k)
		for n := range s.n {
			fillFrame(s.reach, frame, s.src[(n*s.srcAll+k*s.srcGroup)*volume(s.reach.src):])
			for pos := range volume(s.grid) {
				base, to := s.base(pos)
				for t, d := range s.deltas {
					col[t] = frame[base+int(d)]
				}
				for i := range s.rows {
					s.dst[(n*s.dstAll+k*s.dstGroup+i)*volume(s.reach.dst)+to] = dotFused(a[i*terms:(i+1)*terms], col)
				}
			}
		}
	}
}

// dotFused is the sum of the products of two lists by the rules Fused: see Gemm.
func dotFused[T Float](a, b []T) T {
	var sum T
	for p := 0; p < len(a); p += blockTerms {
		var s T
		for q := p; q < min(p+blockTerms, len(a)); q++ {
			s = FMA(a[q], b[q], s)
		}
		if p == 0 {
			sum = s
			continue
		}
		sum += s
	}
	return sum
}

// weightsFused writes w by plain loops.
func weightsFused[T Float](c *FusedConv, w, x, y, scratch []T) {
	clear(w[:c.M*c.depth()])
	r, out, depth := c.forward, c.outPlane(), c.depth()
	frame, sums := scratch[:r.channels*r.frame()], scratch[r.channels*r.frame():][:c.filters()*depth]
	for k := range c.Groups {
		wk, term := w[k*c.filters()*depth:(k+1)*c.filters()*depth], 0
		clear(sums)
		for n := range c.N {
			fillFrame(r, frame, x[(n*c.C+k*r.channels)*c.inPlane():])
			for pos := range out {
				if term > 0 && term%blockTerms == 0 {
					closeBlock(wk, sums, term == blockTerms)
				}
				term++
				base, _ := r.base(pos)
				for m := range c.filters() {
					v, row := y[(n*c.M+k*c.filters()+m)*out+pos], sums[m*depth:(m+1)*depth]
					for t, d := range r.deltas {
						row[t] = FMA(v, frame[base+int(d)], row[t])
					}
				}
			}
		}
		if term > 0 {
			closeBlock(wk, sums, term <= blockTerms)
		}
	}
}

// closeBlock adds the sums of a block to those of the blocks before it, if there are any, and begins the next.
func closeBlock[T Float](to, sums []T, first bool) {
	if first {
		copy(to, sums)
	} else {
		addStepped(to, sums, 1)
	}
	clear(sums)
}
