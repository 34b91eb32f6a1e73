package backend

import (
	"slices"

	"github.com/rhizome-ml/rhizome/tensor"
)

// partsMax bounds the steps of a chain.
const partsMax = 64

// chain is a step made of row-wise ones, which runs them on a few rows after the other: what they hand on to each
// other stays in the cache, and has memory for these rows alone. Each part rounds as it would alone, so no bit of a
// result changes.
type chain struct {
	parts []*step
	rows  int
	some  int         // the rows that are done at once
	homes map[int]int // for each value that no other step reads: its register
	regs  []register  // the memory of such values
	over  [][]int     // for each result: the inputs whose memory it may take

	planes int // of an attention: the matrices that the rows are those of
}

// register is memory for some rows of values that stay in a chain.
type register struct {
	dtype tensor.DType
	row   int // elements of a row
	slot  int
}

var chainKernel = kernelDef{}

// link is a step, or several that are joined, while chains are made.
type link struct {
	parts   []*step
	at      int     // where it stands in the order of the links
	rows    []int   // what its parts may all be cut to
	into    *link   // what it was joined to
	makers  []*link // of what it reads
	readers []*link
}

func (k *link) top() *link {
	for k.into != nil {
		k = k.into
	}
	return k
}

// chaining joins row-wise steps.
type chaining struct {
	*lowered
	roots []int         // for each value: the value whose elements it is, in another shape
	maker map[int]*link // by root
}

// chains joins neighbouring row-wise steps.
func (l *lowered) chains() {
	if l.block < 0 {
		return
	}
	c := &chaining{lowered: l, roots: l.rootsOf(), maker: map[int]*link{}}
	var views []*step
	var links []*link
	for i, st := range l.steps {
		if st.def.view {
			views = append(views, st)
			continue
		}
		k := &link{parts: []*step{st}, at: i, rows: l.rowsOf(st)}
		links = append(links, k)
		c.meet(k)
	}
	links = slices.DeleteFunc(links, func(k *link) bool { return k.into != nil })
	slices.SortFunc(links, func(a, b *link) int { return a.at - b.at })
	l.steps = views // nothing runs for them, so that they may stand before what they read
	for _, k := range links {
		if len(k.parts) > 1 && c.longest(k.parts) > l.block || len(k.rows) > 0 && c.workers(k.parts) > 1 {
			l.steps = append(l.steps, c.step(k))
		} else { // what is small is in the cache at any rate
			l.steps = append(l.steps, k.parts...)
		}
	}
}

// longest returns the elements of the largest value that one of the parts makes.
func (l *lowered) longest(parts []*step) int {
	n := 1
	for _, p := range parts {
		n = max(n, l.types[p.out[0]].Elements())
	}
	return n
}

// rootsOf finds for each value the one whose elements it is.
func (l *lowered) rootsOf() []int {
	roots := make([]int, len(l.types))
	for id := range roots {
		roots[id] = id
	}
	for _, st := range l.steps {
		if st.def.view {
			roots[st.out[0]] = roots[st.in[0]]
		}
	}
	return roots
}

// meet notes what a new link reads and makes, and joins it to those that it reads from where that can be.
func (c *chaining) meet(k *link) {
	st := k.parts[0]
	for _, id := range st.in {
		if id < 0 {
			continue
		}
		if m := c.maker[c.roots[id]]; m != nil && !slices.Contains(k.makers, m.top()) {
			k.makers = append(k.makers, m.top())
			m.top().readers = append(m.top().readers, k)
		}
	}
	for _, id := range st.out {
		c.maker[c.roots[id]] = k
	}
	if len(k.rows) == 0 {
		return
	}
	for _, m := range slices.Clone(k.makers) {
		if m = m.top(); m != k.top() && len(m.rows) > 0 {
			c.join(m, k.top())
		}
	}
}

// join joins two links, of which b reads from a, where they can be cut alike and one of them can move to the other:
// nothing between them reads what a makes, or makes what b reads.
func (c *chaining) join(a, b *link) {
	parts := append(slices.Clone(a.parts), b.parts...)
	if len(parts) > partsMax {
		return
	}
	rows := c.common(parts, a.rows, b.rows)
	if len(rows) == 0 {
		return
	}
	at := -1
	if !slices.ContainsFunc(a.readers, func(r *link) bool { return r.top() != b && r.top().at < b.at }) {
		at = b.at
	} else if !slices.ContainsFunc(b.makers, func(m *link) bool { return m.top() != a && m.top().at > a.at }) {
		at = a.at
	} else {
		return
	}
	a.parts, a.at, a.rows = parts, at, rows
	a.makers, a.readers = append(a.makers, b.makers...), append(a.readers, b.readers...)
	b.into = a
	within := func(k *link) bool { return k.top() == a }
	a.makers, a.readers = slices.DeleteFunc(a.makers, within), slices.DeleteFunc(a.readers, within)
}

// common returns the numbers of rows of both lists to which all parts can be cut: what one hands on to another is cut
// too.
func (c *chaining) common(parts []*step, a, b []int) []int {
	made := map[int]bool{}
	for _, st := range parts {
		for _, id := range st.out {
			made[c.roots[id]] = true
		}
	}
	var out []int
	for _, n := range a {
		if slices.Contains(b, n) && !slices.ContainsFunc(parts, func(st *step) bool {
			for j, id := range st.in {
				if id >= 0 && made[c.roots[id]] {
					if rowed, _ := c.rowed(st, j, n); !rowed {
						return true
					}
				}
			}
			return false
		}) {
			out = append(out, n)
		}
	}
	return out
}

// step makes the step of joined ones.
func (c *chaining) step(k *link) *step {
	ch := &chain{parts: k.parts, rows: slices.Max(k.rows), homes: map[int]int{}}
	first, last := k.parts[0], k.parts[len(k.parts)-1]
	st := &step{def: &chainKernel, chain: ch, sourceNode: sourceNode{proto: last.proto, op: first.op}}
	made, kept := map[int]bool{}, c.kept(k)
	for _, p := range k.parts {
		for _, id := range p.in {
			if id >= 0 && !made[c.roots[id]] && !c.holds(st.in, id) {
				st.in = append(st.in, id)
			}
		}
		made[c.roots[p.out[0]]] = true
		if kept[p.out[0]] {
			st.out = append(st.out, p.out[0])
		}
	}
	ch.size(c)
	ch.share(c, kept)
	for _, id := range st.out {
		ch.over = append(ch.over, c.over(st, id))
	}
	return st
}

// holds says whether one of the values has the elements of this one.
func (c *chaining) holds(ids []int, id int) bool {
	return slices.ContainsFunc(ids, func(o int) bool { return c.roots[o] == c.roots[id] })
}

// kept are the values made in a link that others read too.
func (c *chaining) kept(k *link) map[int]bool {
	kept := map[int]bool{}
	for _, p := range k.parts {
		root := c.roots[p.out[0]]
		kept[p.out[0]] = slices.ContainsFunc(c.src.out, func(id int) bool { return c.roots[id] == root })
	}
	for _, r := range k.readers {
		for _, p := range r.top().parts {
			for _, id := range p.in {
				if id >= 0 {
					kept[c.roots[id]] = true
				}
			}
		}
	}
	return kept
}

// size chooses how many rows are done at once: as many as keep the longest value of a row in a part of the first cache.
func (ch *chain) size(c *chaining) {
	blocks := (c.longest(ch.parts) + c.block - 1) / c.block
	ch.some = max(1, (ch.rows+blocks-1)/blocks)
}

// share gives registers to the values that stay in the chain. A value takes the register of one that its maker reads
// last where the kernel may overwrite it, and one that is free otherwise.
func (ch *chain) share(c *chaining, kept map[int]bool) {
	last := ch.lastReads(c)
	var free []int
	for i, p := range ch.parts {
		id := p.out[0]
		dying := []int{}
		for _, in := range p.in {
			if in < 0 {
				continue
			}
			if r, ok := ch.homes[c.roots[in]]; ok && last[c.roots[in]] == i && !slices.Contains(dying, r) {
				dying = append(dying, r)
			}
		}
		if !kept[id] {
			ch.homes[id] = ch.take(c, p, dying, &free)
		}
		for _, r := range dying {
			if r != ch.homes[id] || kept[id] {
				free = append(free, r)
			}
		}
	}
}

// take chooses the register of what a part makes.
func (ch *chain) take(c *chaining, p *step, dying []int, free *[]int) int {
	want := register{dtype: c.types[p.out[0]].DType, row: c.types[p.out[0]].Elements() / ch.rows}
	like := func(r int) bool { return ch.regs[r].dtype == want.dtype && ch.regs[r].row == want.row }
	for _, r := range dying {
		if like(r) && ch.overwrites(c, p, func(root int) bool {
			h, ok := ch.homes[root]
			return ok && h == r
		}) {
			return r
		}
	}
	if i := slices.IndexFunc(*free, like); i >= 0 {
		r := (*free)[i]
		*free = slices.Delete(*free, i, i+1)
		return r
	}
	ch.regs = append(ch.regs, want)
	return len(ch.regs) - 1
}

// overwrites says whether the result of a part may lie where some of its inputs do.
func (ch *chain) overwrites(c *chaining, p *step, some func(root int) bool) bool {
	for j, in := range p.in {
		if in >= 0 && some(c.roots[in]) && !slices.Contains(p.def.inPlace, j) {
			return false
		}
	}
	return true
}

// lastReads are the parts that read values last, by root.
func (ch *chain) lastReads(c *chaining) map[int]int {
	last := map[int]int{}
	for i, p := range ch.parts {
		for _, id := range p.in {
			if id >= 0 {
				last[c.roots[id]] = i
			}
		}
	}
	return last
}

// over returns the inputs of a chain whose memory a result may take: they have its rows, and no part behind the one
// that makes it reads them.
func (c *chaining) over(st *step, id int) []int {
	ch, t := st.chain, c.types[id]
	made := slices.IndexFunc(ch.parts, func(p *step) bool { return p.out[0] == id })
	last := ch.lastReads(c)
	var out []int
	for j, in := range st.in {
		root := c.roots[in]
		cut := !slices.ContainsFunc(ch.parts, func(p *step) bool {
			for i, o := range p.in {
				if o >= 0 && c.roots[o] == root {
					if rowed, _ := c.rowed(p, i, ch.rows); !rowed {
						return true
					}
				}
			}
			return false
		})
		if cut && c.types[in].DType == t.DType && c.types[in].Elements() == t.Elements() && (last[root] < made ||
			last[root] == made && ch.overwrites(c, ch.parts[made], func(r int) bool { return r == root })) {
			out = append(out, j)
		}
	}
	return out
}
