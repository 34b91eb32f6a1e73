package backend

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
)

// pane is what a part of an attention sees of a value: a slot, and where in another one it begins for a matrix of the
// batch and a row of it.
type pane struct {
	el       *element
	from, to int
	each     int   // elements of a matrix
	at       []int // where the matrices begin, in elements; nil where they stand one after the other
	row      int   // elements of a row, 0 where all rows see the whole matrix
	own      bool  // in a register, which has the rows at hand alone
}

// move points the pane's slot at some rows from lo on of a matrix.
func (s *pane) move(f *frame, plane, lo, some int) {
	if s.own {
		s.el.window(f, s.from, s.to, 0, some*s.row)
		return
	}
	begin := plane * s.each
	if s.at != nil {
		begin = s.at[plane]
	}
	if s.row > 0 {
		begin += lo * s.row
		s.el.window(f, s.from, s.to, begin, begin+some*s.row)
		return
	}
	s.el.window(f, s.from, s.to, begin, begin+s.each)
}

// attentionBinding is an attention while it is bound.
type attentionBinding struct {
	*placing
	ch      *chain
	rows    int // of a matrix
	made    map[int]bool
	panes   []pane
	at      map[int]int    // the pane of each value that is made in it, by root
	between map[[2]int]int // the pane of each other operand, by part and place
}

// bindAttention binds the parts of an attention to so many rows as are done at once: where they are the first of a
// matrix, where others came before them, and where they are the rest.
func (p *placing) bindAttention(st *step) (run, *binding, error) {
	c := &attentionBinding{placing: p, ch: st.chain, rows: st.chain.rows / st.chain.planes, made: map[int]bool{},
		at: map[int]int{}, between: map[[2]int]int{}}
	for _, part := range c.ch.parts {
		c.made[part.out[0]] = true
	}
	need := &binding{step: st}
	planes, rows, some := c.ch.planes, c.rows, c.ch.some
	var blocks [3][]run
	for i, n := range []int{some, some, rows % some} {
		if n == 0 || i == 1 && rows < 2*some {
			continue
		}
		var err error
		if blocks[i], err = c.parts(n, i > 0, need); err != nil {
			return nil, nil, err
		}
	}
	panes := c.panes
	return func(f *frame) error {
		for plane := range planes {
			for lo := 0; lo < rows; lo += some {
				n, parts := some, blocks[1]
				switch {
				case lo == 0:
					parts = blocks[0]
				case lo+some > rows:
					n, parts = rows-lo, blocks[2]
				}
				for i := range panes {
					panes[i].move(f, plane, lo, n)
				}
				for _, r := range parts {
					if err := r(f); err != nil {
						return err
					}
				}
			}
		}
		for i := range panes {
			panes[i].el.forget(f, panes[i].to)
		}
		return nil
	}, need, nil
}

// parts binds the parts of the attention to so many rows. With more, others of the matrix came before them.
func (c *attentionBinding) parts(some int, more bool, need *binding) ([]run, error) {
	var out []run
	for i, part := range c.ch.parts {
		st := *part
		sums := st.op.Name == "MatMul" && st.transposed[0]
		st.more = more && sums
		b := &binding{step: &st, set: c.set, in: c.typesOf(st.in), out: c.typesOf(st.out)}
		batch := b.out[0].Shape[:len(b.out[0].Shape)-2]
		for j, id := range st.in {
			b.inSlot = append(b.inSlot, c.operand(i, j, id, batch, some, &b.in[j]))
		}
		b.outSlot = []int{c.value(st.out[0], sums)}
		b.out[0] = plane(b.out[0], c.rows, some, !sums)
		r, err := st.def.bind(b)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
		need.scratch32, need.scratch64 = max(need.scratch32, b.scratch32), max(need.scratch64, b.scratch64)
	}
	return out, nil
}

// plane returns the type of one matrix of a value, or of some of its rows where it has those. The number of dimensions
// stays, so that an axis stays what it is.
func plane(t onnxop.Type, rows, some int, cut bool) onnxop.Type {
	shape := slices.Clone(t.Shape)
	n := len(shape) - 2
	for i := range n {
		shape[i] = 1
	}
	if cut && n >= 0 && shape[n] == rows {
		shape[n] = some
	}
	return onnxop.Type{DType: t.DType, Shape: shape}
}

// operand returns the slot at which part i finds its operand j, and cuts its type.
func (c *attentionBinding) operand(i, j, id int, batch []int, some int, t *onnxop.Type) int {
	st := c.ch.parts[i]
	product := st.op.Name == "MatMul"
	if id < 0 || !product && j >= len(c.operands(st)) {
		return c.slotOf(id)
	}
	whole := product && j == 1 && !st.transposed[0] // the matrix by which rows are multiplied
	full := *t
	*t = plane(full, c.rows, some, !whole)
	if c.made[c.root[id]] {
		return c.value(id, false)
	}
	key := [2]int{i, j}
	if at, ok := c.between[key]; ok {
		return c.panes[at].to
	}
	n := len(full.Shape) - 2
	s := pane{el: each(full.DType), from: c.slotOf(id), each: elements(full.Shape[max(0, n):]), at: []int{}}
	if !whole && n >= 0 && full.Shape[n] == c.rows {
		s.row = full.Shape[n+1]
	}
	w := kernel.Broadcast(batch, full.Shape[:max(0, n)])
	w.Each(func(_ int, off [3]int) { s.at = append(s.at, off[0]*s.each) })
	c.between[key] = len(c.panes)
	return c.see(s, full)
}

// value returns the slot at which the parts find a value that one of them makes: its rows, or a matrix of it.
func (c *attentionBinding) value(id int, matrix bool) int {
	root := c.root[id]
	if at, ok := c.at[root]; ok {
		return c.panes[at].to
	}
	t := c.types[root]
	s := pane{el: each(t.DType), each: t.Elements() / c.ch.planes}
	if !matrix {
		s.row = s.each / c.rows
	}
	if r, ok := c.ch.homes[root]; ok {
		s.from, s.own = c.ch.regs[r].slot, true
	} else {
		s.from = c.slotOf(root)
	}
	c.at[root] = len(c.panes)
	return c.see(s, t)
}

// see adds a pane, and returns its slot.
func (c *attentionBinding) see(s pane, t onnxop.Type) int {
	s.to = c.out[c.add(storage{kind: inWindow}, onnxop.Type{DType: t.DType})].slot
	c.panes = append(c.panes, s)
	return s.to
}
