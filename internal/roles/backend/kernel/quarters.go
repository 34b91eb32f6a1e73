package kernel

// Quarters says whether the pool is the usual one: windows of two by two elements side by side, none of them beyond the
// edge. It has loops of its own, Set.MaxQuarters and Set.GiveQuarters.
func (p *Pool) Quarters() bool {
	one, two := [3]int{1, 2, 2}, [3]int{p.Out[0], 2 * p.Out[1], 2 * p.Out[2]}
	return !p.Columns && p.Kernel == one && p.Stride == one && p.Dilation == [3]int{1, 1, 1} && p.Begin == [3]int{} &&
		two[0] <= p.In[0] && two[1] <= p.In[1] && two[2] <= p.In[2] && p.Out[0]*p.Out[1]*p.Out[2] > 0 &&
		p.In[2] < 1<<29
}

// ragged says whether some elements are in no window.
func (p *Pool) ragged() bool {
	return p.Out[0] != p.In[0] || 2*p.Out[1] != p.In[1] || 2*p.Out[2] != p.In[2]
}

// MaxQuarters is MaxPool of a pool of quarters; with relu, of what Relu makes of x.
func MaxQuarters[T Float](p *Pool, y []T, at []int64, x []T, relu bool) {
	p.quarters(func(o, first int) {
		var best T
		where := -1
		for _, place := range [4]int{first, first + 1, first + p.In[2], first + p.In[2] + 1} {
			v := x[place]
			if relu && v < 0 {
				v = 0
			}
			if v > best || where < 0 || v != v && best == best {
				best, where = v, place
			}
		}
		if y[o] = best; at != nil {
			at[o] = int64(where)
		}
	})
}

// GiveQuarters is ScatterAdd of dy to the places that MaxQuarters gave; with top, the greatest elements, only of what
// belongs to a positive one: the gradient of a pool, and of a Relu before it.
func GiveQuarters[T Float](p *Pool, dst, dy []T, at []int64, top []T) {
	clear(dst[:p.Planes*p.In[0]*p.In[1]*p.In[2]])
	for o, place := range at[:p.Planes*p.Out[0]*p.Out[1]*p.Out[2]] {
		if top == nil || top[o] > 0 {
			dst[place] += dy[o]
		}
	}
}

// quarters calls f for every window in order, with the place of its first element.
func (p *Pool) quarters(f func(o, first int)) {
	o := 0
	for i := range p.Planes * p.Out[0] {
		plane, d := i/p.Out[0], i%p.Out[0]
		for h := range p.Out[1] {
			first := ((plane*p.In[0]+d)*p.In[1] + 2*h) * p.In[2]
			for range p.Out[2] {
				f(o, first)
				o++
				first += 2
			}
		}
	}
}
