//go:build amd64 && !purego

package kernel

import "math"

// maxQuarters takes the greatest of n windows of each pair of lines of width elements, after a maximum with low, and
// writes their places, which begin at base, unless at is nil. lines, n and width/2 are at least 1 and n.
//
//go:noescape
func maxQuarters(y *float32, at *int64, x *float32, width, lines, n, base int, low float32)

// giveQuarters writes each element of dy, where top is nil or positive, to its place among the four of its window, and
// zeros to the others.
//
//go:noescape
func giveQuarters(dst, dy *float32, at *int64, top *float32, width, lines, n, base int)

// vectorQuarters are the vector loops of pools of quarters.
func vectorQuarters(s *Set) {
	s.MaxQuarters = func(p *Pool, y []float32, at []int64, x []float32, relu bool) {
		in, out := p.In[0]*p.In[1]*p.In[2], p.Out[0]*p.Out[1]*p.Out[2]
		low := float32(math.Inf(-1))
		if relu {
			low = 0
		}
		for i := range p.Planes * p.Out[0] {
			plane, d := i/p.Out[0], i%p.Out[0]
			first := plane*in + d*p.In[1]*p.In[2]
			o := plane*out + d*p.Out[1]*p.Out[2]
			var places *int64
			if at != nil {
				places = &at[o]
			}
			maxQuarters(&y[o], places, &x[first], p.In[2], p.Out[1], p.Out[2], first, low)
		}
	}
	s.GiveQuarters = func(p *Pool, dst, dy []float32, at []int64, top []float32) {
		in, out := p.In[0]*p.In[1]*p.In[2], p.Out[0]*p.Out[1]*p.Out[2]
		if p.ragged() {
			clear(dst[:p.Planes*in])
		}
		for i := range p.Planes * p.Out[0] {
			plane, d := i/p.Out[0], i%p.Out[0]
			first := plane*in + d*p.In[1]*p.In[2]
			o := plane*out + d*p.Out[1]*p.Out[2]
			var above *float32
			if top != nil {
				above = &top[o]
			}
			giveQuarters(&dst[first], &dy[o], &at[o], above, p.In[2], p.Out[1], p.Out[2], first)
		}
	}
}
