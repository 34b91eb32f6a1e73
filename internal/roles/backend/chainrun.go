package backend

import "github.com/rhizome-ml/rhizome/internal/op/onnxop"

// span is a value of a chain that has its rows: a slot that a part reads or writes, and where the rows come from.
type span struct {
	el       *element
	from, to int
	row      int  // elements of a row
	own      bool // in a register, which has the rows at hand alone
}

// chainBinding is a chain while it is bound.
type chainBinding struct {
	*placing
	ch    *chain
	spans []span
	at    map[int]int // the span of each root
}

// bindChain binds the parts of a chain to so many rows as are done at once, and to those that remain at the end.
func (p *placing) bindChain(st *step) (run, *binding, error) {
	c := &chainBinding{placing: p, ch: st.chain, at: map[int]int{}}
	need := &binding{step: st}
	rows, some := c.ch.rows, c.ch.some
	whole, err := c.parts(some, need)
	if err != nil {
		return nil, nil, err
	}
	rest := whole
	if n := rows % some; n > 0 {
		if rest, err = c.parts(n, need); err != nil {
			return nil, nil, err
		}
	}
	spans := c.spans
	return func(f *frame) error {
		for lo := 0; lo < rows; lo += some {
			hi, parts := lo+some, whole
			if hi > rows {
				hi, parts = rows, rest
			}
			for i := range spans {
				spans[i].move(f, lo, hi)
			}
			for _, r := range parts {
				if err := r(f); err != nil {
					return err
				}
			}
		}
		for i := range spans {
			spans[i].el.forget(f, spans[i].to)
		}
		return nil
	}, need, nil
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
	s := span{el: each(t.DType), row: t.Elements() / c.ch.rows}
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
