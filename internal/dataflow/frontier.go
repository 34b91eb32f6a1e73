package dataflow

// ready is an op on the frontier; exec is held against the frame's when it runs, because frames are pooled.
type ready struct {
	f    *Frame
	exec uint64
	op   int32
}

// ring is the frontier: a FIFO of ready ops. Its buffer is a power of two and only grows. Ops of activations that were
// ended by force stay in it until their turn comes, or until they are more than half: to take them out costs no look at
// all others.
type ring struct {
	buf  []ready
	head int
	n    int

	// Derived: how many of the entries are of activations that have ended, and of which.
	gone  int
	ended map[uint64]int
}

// len returns how many ops are ready.
func (r *ring) len() int { return r.n - r.gone }

func (r *ring) push(x ready) {
	if r.n == len(r.buf) {
		r.grow()
	}
	r.buf[(r.head+r.n)&(len(r.buf)-1)] = x
	r.n++
}

// pop returns the first op that is ready; there is one.
func (r *ring) pop() ready {
	for {
		if x := r.shift(); r.gone == 0 || !r.over(x) {
			x.f.queued--
			return x
		}
	}
}

func (r *ring) shift() ready {
	x := r.buf[r.head]
	r.buf[r.head] = ready{}
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
	return x
}

// over says whether an entry that was taken out is of an activation that has ended.
func (r *ring) over(x ready) bool {
	left, over := r.ended[x.exec]
	if !over {
		return false
	}
	if r.gone--; left > 1 {
		r.ended[x.exec] = left - 1
	} else {
		delete(r.ended, x.exec)
	}
	return true
}

// forget drops the ops of an activation that is ended by force, and keeps the order of the others.
func (r *ring) forget(f *Frame) {
	if f.queued == 0 {
		return
	}
	if r.ended == nil {
		r.ended = map[uint64]int{}
	}
	r.ended[f.Exec] = int(f.queued)
	r.gone += int(f.queued)
	f.queued = 0
	if 2*r.gone > r.n {
		r.sweep()
	}
}

// sweep takes out all that is over.
func (r *ring) sweep() {
	for n := r.n; n > 0 && r.gone > 0; n-- {
		if x := r.shift(); !r.over(x) {
			r.push(x)
		} else if r.gone == 0 {
			for range n - 1 { // what was not looked at goes behind what was
				r.push(r.shift())
			}
		}
	}
}

// holds says whether an op of an activation is ready.
func (r *ring) holds(f *Frame, op int32) bool {
	for i := range r.n {
		if x := &r.buf[(r.head+i)&(len(r.buf)-1)]; x.f == f && x.exec == f.Exec && x.op == op {
			return true
		}
	}
	return false
}

// list returns what is ready, in order.
func (r *ring) list() []ready {
	out := make([]ready, 0, r.len())
	for i := range r.n {
		x := r.buf[(r.head+i)&(len(r.buf)-1)]
		if _, over := r.ended[x.exec]; !over {
			out = append(out, x)
		}
	}
	return out
}

func (r *ring) grow() {
	next := make([]ready, max(64, 2*len(r.buf)))
	for i := range r.n {
		next[i] = r.buf[(r.head+i)&(len(r.buf)-1)]
	}
	r.buf, r.head = next, 0
}
