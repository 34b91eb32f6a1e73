package kernel

import "math"

// reach says which elements of a source each position of a grid meets, for the rules Fused: with the source copied into
// a frame of zeros, position p meets with term t the element base(p) + deltas[t]. Where the windows of neighbours are
// more than one element apart, the elements of a line stand in phases, so that neighbours are neighbours there too. It
// is made once for a shape and is immutable.
type reach struct {
	channels          int    // of the source that one group reads
	src, lead, ext    [3]int // its extents, the zeros in front of it, the extents of the frame
	phases            int    // of a line of the frame
	step              [3]int // what the base grows by from one position to the next
	grid              [3]int // positions
	dst, first, every [3]int // the extents of the result, where the first position is in it, and the next
	taps              []int  // of the kernel, that are met
	deltas            []int32
}

func volume(v [3]int) int { return v[0] * v[1] * v[2] }

// frame is the length of one channel of the frame.
func (r *reach) frame() int { return r.ext[0] * r.ext[1] * r.line() }
func (r *reach) line() int  { return r.ext[2] * r.phases }

// dense says whether the positions are the elements of the result in order.
func (r *reach) dense() bool { return r.grid == r.dst }

// frameMax bounds the elements of a frame.
const frameMax = 1 << 28

// sized says whether a frame of channels with these extents can be, so that no offset in it overflows.
func (r *reach) sized() bool {
	n := float64(r.channels) * float64(r.phases)
	for _, e := range r.ext {
		n *= float64(e)
	}
	return n <= frameMax
}

// finish computes the deltas for the offset of each tap in a channel of the frame.
func (r *reach) finish(offset []int) {
	plane := r.frame()
	r.deltas = make([]int32, 0, r.channels*len(offset))
	for ch := range r.channels {
		for _, o := range offset {
			r.deltas = append(r.deltas, int32(ch*plane+o))
		}
	}
}

// forwardReach is the reach of the positions of y in x. It is nil where there is too much padding to hold.
func (c *Conv) forwardReach() *reach {
	r := &reach{channels: c.C / c.Groups, src: c.In, lead: c.Begin, phases: c.Stride[2], grid: c.Out, dst: c.Out,
		every: [3]int{1, 1, 1}}
	for d := range 3 {
		r.ext[d] = (c.Out[d]-1)*c.Stride[d] + (c.Kernel[d]-1)*c.Dilation[d] + 1
	}
	if c.Out[2] == 1 {
		r.phases = 1
	}
	r.ext[2] = (r.ext[2] + r.phases - 1) / r.phases
	if !r.sized() {
		return nil
	}
	r.step = [3]int{c.Stride[0] * r.ext[1] * r.line(), c.Stride[1] * r.line(), 1}
	var offset []int
	for tap := range c.taps() {
		k := c.tap(tap)
		w := k[2] * c.Dilation[2]
		line := k[0]*c.Dilation[0]*r.ext[1] + k[1]*c.Dilation[1]
		offset = append(offset, line*r.line()+w%r.phases*r.ext[2]+w/r.phases)
		r.taps = append(r.taps, tap)
	}
	r.finish(offset)
	return r
}

// tap is the place of a tap in the kernel.
func (c *Conv) tap(i int) [3]int {
	return [3]int{i / c.Kernel[2] / c.Kernel[1], i / c.Kernel[2] % c.Kernel[1], i % c.Kernel[2]}
}

// axis is how the positions of x that leave the same rest by the stride meet y, in one dimension: which taps join them,
// and which element of y each of these meets first.
type axis struct {
	rest, n  int
	taps, at []int
}

// axes are the positions of x in one dimension, by rests; those that no tap meets are left out.
func (c *Conv) axes(d int) (out []axis) {
	seen := map[int]bool{}
	for k := range c.Kernel[d] {
		rest := (k*c.Dilation[d] - c.Begin[d]) % c.Stride[d]
		if rest < 0 {
			rest += c.Stride[d]
		}
		if rest >= c.In[d] || seen[rest] {
			continue
		}
		seen[rest] = true
		a := axis{rest: rest, n: (c.In[d]-rest-1)/c.Stride[d] + 1}
		for k := range c.Kernel[d] {
			if first := rest + c.Begin[d] - k*c.Dilation[d]; first%c.Stride[d] == 0 {
				a.taps, a.at = append(a.taps, k), append(a.at, first/c.Stride[d])
			}
		}
		out = append(out, a)
	}
	return out
}

// adjointReaches are the reaches of the positions of x in y, by what they leave by the stride. It is nil where there is
// too much padding to hold.
func (c *Conv) adjointReaches() []*reach {
	out := []*reach{}
	for _, a := range c.axes(0) {
		for _, b := range c.axes(1) {
			for _, w := range c.axes(2) {
				r := c.adjointReach([3]axis{a, b, w})
				if r == nil {
					return nil
				}
				out = append(out, r)
			}
		}
	}
	return out
}

func (c *Conv) adjointReach(axes [3]axis) *reach {
	r := &reach{channels: c.filters(), src: c.Out, phases: 1, dst: c.In, every: c.Stride}
	for d, a := range axes {
		lo, hi := math.MaxInt, math.MinInt
		for _, at := range a.at {
			lo, hi = min(lo, at), max(hi, at)
		}
		r.lead[d], r.ext[d], r.grid[d], r.first[d] = -lo, a.n+hi-lo, a.n, a.rest
	}
	if !r.sized() {
		return nil
	}
	r.step = [3]int{r.ext[1] * r.line(), r.line(), 1}
	var offset []int
	for i, k0 := range axes[0].taps {
		for j, k1 := range axes[1].taps {
			for l, k2 := range axes[2].taps {
				r.taps = append(r.taps, (k0*c.Kernel[1]+k1)*c.Kernel[2]+k2)
				at := [3]int{axes[0].at[i] + r.lead[0], axes[1].at[j] + r.lead[1], axes[2].at[l] + r.lead[2]}
				offset = append(offset, at[0]*r.step[0]+at[1]*r.step[1]+at[2])
			}
		}
	}
	r.finish(offset)
	return r
}

// fill writes the channels of one image, which begin src, into the frame.
func fillFrame[T Float](r *reach, frame, src []T) {
	line, at := r.line(), 0
	for ch := range r.channels {
		for d := range r.ext[0] {
			for h := range r.ext[1] {
				sd, sh := d-r.lead[0], h-r.lead[1]
				dst := frame[at : at+line]
				at += line
				if sd < 0 || sd >= r.src[0] || sh < 0 || sh >= r.src[1] {
					clear(dst)
					continue
				}
				from := src[((ch*r.src[0]+sd)*r.src[1]+sh)*r.src[2]:][:r.src[2]]
				for p := range r.phases {
					gatherRow(dst[p*r.ext[2]:(p+1)*r.ext[2]], from, p-r.lead[2], r.phases)
				}
			}
		}
	}
}

// base is where a position begins in the frame of its image, and to is where it goes in its plane of the result.
func (r *reach) base(pos int) (base, to int) {
	w, line := pos%r.grid[2], pos/r.grid[2]
	h, d := line%r.grid[1], line/r.grid[1]
	base = d*r.step[0] + h*r.step[1] + w
	to = ((r.first[0]+d*r.every[0])*r.dst[1]+r.first[1]+h*r.every[1])*r.dst[2] + r.first[2] + w*r.every[2]
	return base, to
}
