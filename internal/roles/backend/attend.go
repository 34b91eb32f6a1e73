package backend

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
)

// Attention is a product of queries and keys, its softmax, and the product of that with values, for each matrix of a
// batch: what stands between the two products is as large as queries times keys, and everything done there is done row
// by row. Such steps become one, a chain that goes over each matrix by some rows at once, so that what is between the
// products has memory for these rows alone. So does the way back, where products of what is between them turned add a
// matrix over all its rows: these go by blocks of rows that are blocks of the sum's terms too. No bit changes.

const (
	// attendFrom is how many times the block of a chain the scores of an attention are at least: what is smaller stays
	// in a second cache at any rate, and to go over it head by head costs more than it saves.
	attendFrom = 1 << 8

	// attendBlocks is how many times the block of a chain what is done at once between two products is: products gain
	// from more rows.
	attendBlocks = 16

	// sumRows is the number of rows to which a sum over rows may be cut: the block of terms of a product.
	sumRows = kernel.BlockTerms

	// keepBlocks is how many times the block of a chain the weights of all attentions may be for the way back to find
	// them. To make them again from queries and keys takes their exponentials again, a fifth of the time of a step with
	// long texts; what is kept grows with the square of their length.
	keepBlocks = 1 << 13
)

// attending joins the steps of attentions.
type attending struct {
	*chaining
	made    map[int]*step   // by root
	readers map[int][]*step // by root
}

// attend joins the steps of attentions, forward and back.
func (l *lowered) attend() {
	if l.block < 0 {
		return
	}
	met := map[*step]bool{}
	for _, name := range []string{"Softmax", "ReduceSum"} {
		for {
			i := slices.IndexFunc(l.steps, func(st *step) bool {
				return st.op.Domain == "" && st.op.Name == name && st.chain == nil && !met[st]
			})
			if i < 0 {
				break
			}
			met[l.steps[i]] = true
			l.attendAt(l.steps[i])
		}
	}
}

// attendAt joins the steps around one that goes by whole rows, where they are an attention.
func (l *lowered) attendAt(seed *step) {
	a := l.attending()
	r := a.region(seed)
	if r == nil {
		return
	}
	if size := r.planes * r.rows * r.cols; seed.op.Name == "Softmax" && r.gives(r.between) {
		l.weights += size
		if l.weights > keepBlocks*l.block {
			if again := a.again(r, seed); again != nil {
				a, l.weights = again, l.weights-size
				r = a.region(seed)
			}
		}
	}
	l.types, l.steps = a.types, a.joined(r)
}

func (l *lowered) attending() *attending {
	a := &attending{chaining: &chaining{lowered: l, roots: l.rootsOf()}, made: map[int]*step{},
		readers: map[int][]*step{}}
	for _, st := range l.steps {
		if st.def.view {
			continue
		}
		for _, id := range st.out {
			a.made[a.roots[id]] = st
		}
		for _, id := range st.in {
			if id >= 0 {
				a.readers[a.roots[id]] = append(a.readers[a.roots[id]], st)
			}
		}
	}
	return a
}

// region is a set of steps that are done for some rows of each of a batch of matrices.
type region struct {
	*attending
	planes, rows, cols int
	in                 map[*step]bool
	inner              map[int]bool // the roots that are made in it and may be read in it
	before, behind     bool         // whether a product begins it, and one ends it
	late               map[*step]bool
}

// region grows a region around a step, nil where that is no attention.
func (a *attending) region(seed *step) *region {
	if len(seed.in) == 0 || len(seed.out) != 1 {
		return nil
	}
	s := a.types[seed.in[0]].Shape
	if len(s) < 2 {
		return nil
	}
	n := len(s) - 2
	r := &region{attending: a, planes: elements(s[:n]), rows: s[n], cols: s[n+1], in: map[*step]bool{},
		inner: map[int]bool{}}
	if r.planes*r.rows*r.cols < attendFrom*a.block || !r.rowwise(seed) {
		return nil
	}
	r.take(seed)
	for n := 0; n != len(r.in); {
		if n = len(r.in); n > partsMax || !r.down() {
			return nil
		}
	}
	if !r.before || !r.behind {
		return nil
	}
	return r
}

// between says whether a step makes what stands between the products.
func (r *region) between(st *step) bool { return r.inner[r.roots[st.out[0]]] }

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// take adds a row-wise step, and those that make what it reads.
func (r *region) take(st *step) {
	r.in[st], r.inner[r.roots[st.out[0]]] = true, true
	for _, id := range st.in {
		if id < 0 || !r.square(id) {
			continue
		}
		m := r.made[r.roots[id]]
		switch {
		case m == nil || r.in[m] || len(m.out) != 1 || !r.square(m.out[0]):
		case r.rowwise(m):
			r.take(m)
		case r.product(m) == rowsProduct:
			r.in[m], r.inner[r.roots[m.out[0]]], r.before = true, true, true
		}
	}
}

// down adds the first step that reads what is made in the region and can be done in it: all it reads is there before
// what the region gives. It is not ok where a step of the region reads what is made of what the region gives.
func (r *region) down() bool {
	tainted := map[int]bool{} // what is made of what the region gives
	r.late = map[*step]bool{}
	for _, st := range r.steps {
		if st.def.view {
			continue
		}
		reads := func(set map[int]bool) bool {
			return slices.ContainsFunc(st.in, func(id int) bool { return id >= 0 && set[r.roots[id]] })
		}
		late := reads(tainted)
		if r.in[st] && late {
			return false
		}
		if !r.in[st] && !late && reads(r.inner) {
			if r.joins(st) {
				return true // and begin again, with what is made of what it gives
			}
			late = true
		}
		if late {
			r.late[st] = true
		}
		for _, id := range st.out {
			if root := r.roots[id]; late || r.in[st] && !r.inner[root] {
				tainted[root] = true
			}
		}
	}
	return true
}

// joins adds a step that reads what is made in the region, where it can be done in it.
func (r *region) joins(st *step) bool {
	if r.rowwise(st) {
		r.take(st)
		return true
	}
	switch r.product(st) {
	case rowsProduct:
		r.behind = true
	case sumsProduct:
	default:
		return false
	}
	r.in[st] = true
	return true
}

// rowed says whether a value has the rows of the region.
func (r *region) rowed(id int) bool {
	s := r.types[id].Shape
	n := len(s) - 2
	return n >= 0 && s[n] == r.rows && elements(s[:n]) == r.planes
}

// square says whether a value has the rows and the columns of the region.
func (r *region) square(id int) bool {
	s := r.types[id].Shape
	return r.rowed(id) && s[len(s)-1] == r.cols
}

// rowwise says whether a step gives rows of the region, each made of the same row of what it reads.
func (r *region) rowwise(st *step) bool {
	k := r.rowKindOf(st)
	if k == notRows || st.chain != nil || !r.rowed(st.out[0]) || r.untold(st) {
		return false
	}
	operands := len(r.operands(st))
	for j, id := range st.in {
		if id >= 0 && r.inner[r.roots[id]] && (j >= operands || !r.rowed(id)) {
			return false
		}
	}
	switch rank := len(r.types[st.in[0]].Shape); k {
	case broadcast:
		return true
	case mapped:
		return r.rowed(st.in[0])
	case laned, reduced:
		return r.rowed(st.in[0]) && len(r.types[st.out[0]].Shape) == rank && r.uncut(st, k, rank-1)
	}
	return false
}

// untold says whether the values of a step are such that their types are not all that is known of them.
func (r *region) untold(st *step) bool {
	return slices.ContainsFunc(st.out, func(id int) bool { return r.types[id].Value != nil })
}

// productKind is how a product of a region goes over rows.
type productKind uint8

const (
	noProduct   productKind = iota
	rowsProduct             // rows by a matrix
	sumsProduct             // the sum over the rows of what two of them give
)

// product says how a step is a product of the region.
func (r *region) product(st *step) productKind {
	if st.op.Domain != "" || st.op.Name != "MatMul" || st.def != kernels[kernelKey{"", "MatMul"}] || st.summed ||
		isHalf(r.types[st.in[1]]) {
		return noProduct
	}
	x, y, z := r.types[st.in[0]].Shape, r.types[st.in[1]].Shape, r.types[st.out[0]].Shape
	if len(x) < 2 || len(y) < 2 || elements(z[:len(z)-2]) != r.planes {
		return noProduct
	}
	left, right := r.inner[r.roots[st.in[0]]], r.inner[r.roots[st.in[1]]]
	if left && !r.rowed(st.in[0]) || right && !r.rowed(st.in[1]) {
		return noProduct
	}
	switch {
	case !st.transposed[0] && !right && x[len(x)-2] == r.rows && len(y) > 2:
		return rowsProduct
	case st.transposed == [2]bool{true, false} && (left || right) && x[len(x)-2] == r.rows:
		return sumsProduct
	}
	return noProduct
}

// joined returns the steps with those of the region as one, where the last of them stood. What reads what the region
// gives stands behind it.
func (a *attending) joined(r *region) []*step {
	var out, late, parts []*step
	for _, st := range a.steps {
		switch {
		case r.in[st]:
			if parts = append(parts, st); len(parts) == len(r.in) {
				out = append(append(out, r.step(parts)), late...)
			}
		case r.late[st] && len(parts) < len(r.in):
			late = append(late, st)
		default:
			out = append(out, st)
		}
	}
	return out
}

// kept are the values made in the region that others read, and those that end it.
func (r *region) kept(parts []*step) map[int]bool {
	kept := map[int]bool{}
	for _, p := range parts {
		id := p.out[0]
		root := r.roots[id]
		kept[id] = !r.inner[root] ||
			slices.ContainsFunc(r.readers[root], func(st *step) bool { return !r.in[st] }) ||
			slices.ContainsFunc(r.src.out, func(o int) bool { return r.roots[o] == root })
	}
	return kept
}

// step makes the step of the region.
func (r *region) step(parts []*step) *step {
	ch := &chain{parts: parts, rows: r.planes * r.rows, homes: map[int]int{}, planes: r.planes}
	first, last := parts[0], parts[len(parts)-1]
	st := &step{def: &chainKernel, chain: ch, sourceNode: sourceNode{proto: last.proto, op: first.op}}
	kept := r.kept(parts)
	sums, made := false, map[int]bool{}
	for _, p := range parts {
		for _, id := range p.in {
			if id >= 0 && !made[r.roots[id]] && !r.holds(st.in, id) {
				st.in = append(st.in, id)
			}
		}
		made[r.roots[p.out[0]]] = true
		if kept[p.out[0]] {
			st.out = append(st.out, p.out[0])
		}
		sums = sums || p.op.Name == "MatMul" && p.transposed[0]
	}
	ch.some = max(1, attendBlocks*r.block/r.cols)
	if sums {
		ch.some = (ch.some + sumRows - 1) / sumRows * sumRows
	}
	ch.some = min(ch.some, r.rows)
	ch.share(r.chaining, kept)
	ch.over = make([][]int, len(st.out))
	return st
}
