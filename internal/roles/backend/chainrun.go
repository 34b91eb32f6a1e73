package backend

import (
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// span is a value of a chain that has its rows: a slot that a part reads or writes, and where the rows come from.
type span struct {
	el       *element
	from, to int
	row      int  // elements of a row
	own      bool // in a register, which has the rows at hand alone
	dtype    tensor.DType
	at       int // where the register lies in the slab of a thread but the first
}

// chainBinding is a chain while it is bound.
type chainBinding struct {
	*placing
	ch    *chain
	spans []span
	at    map[int]int // the span of each root
}

// bindChain binds the parts of a chain to so many rows as are done at once, and to those that remain at the end.
// Threads share the rows where that is worth while.
func (p *placing) bindChain(st *step) (run, *binding, error) {
	c := &chainBinding{placing: p, ch: st.chain, at: map[int]int{}}
	need := &binding{step: st}
	threads := min(c.workers(st.chain.parts), c.ch.rows)
	runs := rowRuns{rows: c.ch.rows, some: c.ch.some, threads: threads, of: map[int][]run{}}
	for i := range threads {
		for _, n := range runs.sizes(i) {
			if runs.of[n] != nil {
				continue
			}
			parts, err := c.parts(n, need)
			if err != nil {
				return nil, nil, err
			}
			runs.of[n] = parts
		}
	}
	runs.spans = c.spans
	if threads == 1 {
		return func(f *frame) error { return runs.part(f, 0) }, need, nil
	}
	runs.lent = c.whole()
	c.enlist(threads, need)
	do := runs.part
	return func(f *frame) error {
		runs.equip(f)
		err := f.share(threads, do)
		runs.dismiss(f)
		return err
	}, need, nil
}

// rowRuns is a chain that is bound: what runs its parts on a number of rows, for each number that comes up.
type rowRuns struct {
	rows, some, threads int
	of                  map[int][]run
	spans               []span
	lent                []slotRef // what is read whole
}

// slotRef is a slot of an element type.
type slotRef struct {
	el   *element
	slot int
}

// bounds are the rows of a thread.
func (r *rowRuns) bounds(i int) (lo, hi int) {
	return r.rows * i / r.threads, r.rows * (i + 1) / r.threads
}

// sizes are the numbers of rows that a thread does at once.
func (r *rowRuns) sizes(i int) []int {
	lo, hi := r.bounds(i)
	sizes := []int{min(r.some, hi-lo)}
	if n := (hi - lo) % r.some; n > 0 {
		sizes = append(sizes, n)
	}
	return sizes
}

// part does the rows of a thread.
func (r *rowRuns) part(f *frame, i int) error {
	for lo, end := r.bounds(i); lo < end; lo += r.some {
		hi := min(lo+r.some, end)
		for i := range r.spans {
			r.spans[i].move(f, lo, hi)
		}
		for _, run := range r.of[hi-lo] {
			if err := run(f); err != nil {
				return err
			}
		}
	}
	for i := range r.spans {
		r.spans[i].el.forget(f, r.spans[i].to)
	}
	return nil
}

// equip lends the frames of the threads what the parts read and write.
func (r *rowRuns) equip(f *frame) {
	for _, h := range f.crew.frames[1:r.threads] {
		for i := range r.spans {
			if s := &r.spans[i]; s.own {
				s.el.own(h, s.from, s.at, r.some*s.row)
			} else {
				s.el.lend(f, h, s.from)
			}
		}
		for _, s := range r.lent {
			s.el.lend(f, h, s.slot)
		}
	}
}

// dismiss takes it back, so that a frame that is kept holds nothing of a caller's.
func (r *rowRuns) dismiss(f *frame) {
	for _, h := range f.crew.frames[1:r.threads] {
		for i := range r.spans {
			r.spans[i].el.forget(h, r.spans[i].from)
		}
		for _, s := range r.lent {
			s.el.forget(h, s.slot)
		}
	}
}

// enlist makes room for a chain in the frames of the threads.
func (c *chainBinding) enlist(threads int, need *binding) {
	size := &c.crew
	size.threads = max(size.threads, threads)
	size.scratch32, size.scratch64 = max(size.scratch32, need.scratch32), max(size.scratch64, need.scratch64)
	if size.slabs == nil {
		size.slabs = map[tensor.DType]int{}
	}
	used := map[tensor.DType]int{}
	for i := range c.spans {
		s := &c.spans[i]
		if !s.own {
			continue
		}
		s.at = -1
		for j := range i { // two values may have one register after the other
			if o := &c.spans[j]; o.own && o.el == s.el && o.from == s.from {
				s.at = o.at
			}
		}
		if s.at < 0 {
			s.at = used[s.dtype]
			used[s.dtype] += roundUp(c.ch.some*s.row, align)
		}
		size.slabs[s.dtype] = max(size.slabs[s.dtype], used[s.dtype])
	}
}

// roundUp is the next multiple of m.
func roundUp(n, m int) int { return (n + m - 1) / m * m }

// whole are the slots that parts read as they are.
func (c *chainBinding) whole() (out []slotRef) {
	for _, st := range c.ch.parts {
		for j, id := range st.in {
			if rowed, _ := c.rowed(st, j, c.ch.rows); !rowed && id >= 0 {
				out = append(out, slotRef{each(c.types[id].DType), c.slotOf(id)})
			}
		}
	}
	return out
}

// move points the span's slot at the rows from lo to hi.
func (s *span) move(f *frame, lo, hi int) {
	if s.own {
		lo, hi = 0, hi-lo
	}
	s.el.window(f, s.from, s.to, lo*s.row, hi*s.row)
}

// parts binds the parts of the chain to so many rows.
func (c *chainBinding) parts(some int, need *binding) ([]run, error) {
	var out []run
	for _, st := range c.ch.parts {
		b := &binding{step: st, set: c.set, in: c.typesOf(st.in), out: c.typesOf(st.out)}
		for j, id := range st.in {
			if rowed, _ := c.rowed(st, j, c.ch.rows); rowed {
				b.in[j] = cutTo(b.in[j], c.ch.rows, some)
				b.inSlot = append(b.inSlot, c.slot(id))
			} else {
				b.inSlot = append(b.inSlot, c.slotOf(id))
			}
		}
		b.out[0] = cutTo(b.out[0], c.ch.rows, some)
		b.outSlot = []int{c.slot(st.out[0])}
		r, err := st.def.bind(b)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
		need.scratch32, need.scratch64 = max(need.scratch32, b.scratch32), max(need.scratch64, b.scratch64)
	}
	return out, nil
}

// slot returns the slot at which the parts find the rows of a value.
func (c *chainBinding) slot(id int) int {
	root := c.root[id]
	if at, ok := c.at[root]; ok {
		return c.spans[at].to
	}
	t := c.types[id]
	s := span{el: each(t.DType), dtype: t.DType, row: t.Elements() / c.ch.rows}
	if r, ok := c.ch.homes[root]; ok {
		s.from, s.own = c.ch.regs[r].slot, true
	} else {
		s.from = c.slotOf(id)
	}
	s.to = c.out[c.add(storage{kind: inWindow}, onnxop.Type{DType: t.DType})].slot
	c.at[root] = len(c.spans)
	c.spans = append(c.spans, s)
	return s.to
}
