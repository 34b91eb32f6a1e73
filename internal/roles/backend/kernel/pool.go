package kernel

import "math"

// Pool is the shape of a pool over planes of extent In: position o of a result of extent Out is made of the elements
// o·Stride + k·Dilation - Begin for each k of Kernel that lies within the plane. End is the padding behind a plane,
// which counts in some averages. Fewer than three dimensions have ones in front.
type Pool struct {
	Planes                                        int
	In, Out, Kernel, Stride, Dilation, Begin, End [3]int
	Columns                                       bool // places are counted in column-major order of a plane
}

// Division is what a sum over a window is divided by.
type Division int

const (
	ByOne      Division = iota
	ByElements          // the elements that the window covers
	ByWindow            // these and the elements of the padding
)

// span is the taps of a window along one dimension that meet the plane, from lo to hi, the element that the first of
// them meets, and how many taps meet the plane or its padding.
type span struct{ lo, hi, first, whole int }

func (p *Pool) span(dim, o int) span {
	first, step := o*p.Stride[dim]-p.Begin[dim], p.Dilation[dim]
	if n := p.Kernel[dim]; first >= 0 && first+(n-1)*step < p.In[dim] {
		return span{0, n, first, n}
	}
	lo, hi := inside(first, step, p.Kernel[dim], p.In[dim])
	_, whole := inside(first, step, p.Kernel[dim], p.In[dim]+p.End[dim])
	return span{lo, hi, first + lo*step, whole}
}

// windows calls f for every position of the result in order, with the spans of its window.
func (p *Pool) windows(f func(at int, d, h, w span)) {
	at := 0
	for od := range p.Out[0] {
		d := p.span(0, od)
		for oh := range p.Out[1] {
			h := p.span(1, oh)
			for ow := range p.Out[2] {
				f(at, d, h, p.span(2, ow))
				at++
			}
		}
	}
}

// lines calls f for every line of a window in order, with the place of its first element in a plane.
func (p *Pool) lines(d, h, w span, f func(place int)) {
	for i := range d.hi - d.lo {
		for j := range h.hi - h.lo {
			f(((d.first+i*p.Dilation[0])*p.In[1]+h.first+j*p.Dilation[1])*p.In[2] + w.first)
		}
	}
}

// least is the least value of an element type.
func least[T Number]() T {
	var v T
	switch p := any(&v).(type) {
	case *float32:
		*p = float32(math.Inf(-1))
	case *float64:
		*p = math.Inf(-1)
	case *int64:
		*p = math.MinInt64
	case *int32:
		*p = math.MinInt32
	case *int8:
		*p = math.MinInt8
	}
	return v
}

// MaxPool writes the greatest element of every window to y and, where there is one, its place in the whole tensor to
// at: the first of several. A NaN is greater than any number. A window that covers nothing gives the least value, and
// -1.
func MaxPool[T Number](p *Pool, y []T, at []int64, x []T) {
	in, n := p.In[0]*p.In[1]*p.In[2], 0
	for plane := range p.Planes {
		xp := x[plane*in : (plane+1)*in]
		for od := range p.Out[0] {
			d := p.span(0, od)
			for oh := range p.Out[1] {
				h := p.span(1, oh)
				for ow := range p.Out[2] {
					best, where := greatest(p, xp, d, h, p.span(2, ow))
					if y[n] = best; at != nil {
						at[n] = p.placeOf(plane*in, where)
					}
					n++
				}
			}
		}
	}
}

// greatest returns the greatest element of a window and its place in the plane.
func greatest[T Number](p *Pool, plane []T, d, h, w span) (best T, where int) {
	best, where = least[T](), -1
	for i := range d.hi - d.lo {
		for j := range h.hi - h.lo {
			place := ((d.first+i*p.Dilation[0])*p.In[1]+h.first+j*p.Dilation[1])*p.In[2] + w.first
			for range w.hi - w.lo {
				if v := plane[place]; v > best || where < 0 || v != v && best == best {
					best, where = v, place
				}
				place += p.Dilation[2]
			}
		}
	}
	return best, where
}

// placeOf is a place in a plane that begins at first, counted as the pool does.
func (p *Pool) placeOf(first, where int) int64 {
	if where < 0 {
		return -1
	}
	if p.Columns {
		w, line := where%p.In[2], where/p.In[2]
		where = line/p.In[1] + p.In[0]*(line%p.In[1]+p.In[1]*w)
	}
	return int64(first + where)
}

// SumPool writes the sum of every window, added in float64 in row-major order and divided by a count.
func SumPool[T Float](p *Pool, y, x []T, by Division) {
	in, out, step := p.In[0]*p.In[1]*p.In[2], p.Out[0]*p.Out[1]*p.Out[2], p.Dilation[2]
	for plane := range p.Planes {
		xp := x[plane*in : (plane+1)*in]
		p.windows(func(o int, d, h, w span) {
			sum := 0.0
			p.lines(d, h, w, func(place int) {
				for range w.hi - w.lo {
					sum += float64(xp[place])
					place += step
				}
			})
			y[plane*out+o] = T(sum / by.count(d, h, w))
		})
	}
}

// count is what the sum of a window is divided by.
func (by Division) count(d, h, w span) float64 {
	switch by {
	case ByElements:
		return float64((d.hi - d.lo) * (h.hi - h.lo) * (w.hi - w.lo))
	case ByWindow:
		return float64(d.whole * h.whole * w.whole)
	}
	return 1
}

// PoolGradient writes to x what every window gives to each element that it covers, its element of y divided by the
// count, added in the order of the windows from zero.
func PoolGradient[T Float](p *Pool, x, y []T, by Division) {
	in, out, step := p.In[0]*p.In[1]*p.In[2], p.Out[0]*p.Out[1]*p.Out[2], p.Dilation[2]
	clear(x[:p.Planes*in])
	for plane := range p.Planes {
		xp := x[plane*in : (plane+1)*in]
		p.windows(func(o int, d, h, w span) {
			v := T(float64(y[plane*out+o]) / by.count(d, h, w))
			p.lines(d, h, w, func(place int) {
				for range w.hi - w.lo {
					xp[place] += v
					place += step
				}
			})
		})
	}
}

// ScatterAdd writes to dst the sums of the elements of src by their places, added in order from zero. What has the
// place -1 goes nowhere.
func ScatterAdd[T Float](dst, src []T, at []int64) error {
	clear(dst)
	for i, p := range at {
		if p == -1 {
			continue
		}
		if p < 0 || p >= int64(len(dst)) {
			return &IndexError{Position: i, Index: p, Len: len(dst)}
		}
		dst[p] += src[i]
	}
	return nil
}
