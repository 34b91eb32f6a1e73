package backend

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
)

// transposes: a MatMul reads what a Transpose of the last two dimensions reads, the other way round.
func (f *fusion) transposes(st *step) {
	st.in = slices.Clone(st.in) // the other is the graph's
	for j, id := range st.in {
		for m := f.turned(id); m != nil; m = f.turned(id) {
			f.readers[id]--
			id = m.in[0]
			f.readers[id]++
			st.in[j], st.transposed[j] = id, !st.transposed[j]
		}
	}
}

// turned returns the Transpose that exchanges the last two dimensions of something and gives this value, nil where none
// does.
func (f *fusion) turned(id int) *step {
	m := f.maker[id]
	if m == nil || m.op.Name != "Transpose" {
		return nil
	}
	rank := len(f.types[id].Shape)
	perm, err := onnxop.Perm(m.proto, rank)
	if err != nil || rank < 2 || perm[rank-1] != rank-2 || perm[rank-2] != rank-1 ||
		slices.ContainsFunc(perm[:rank-2], func(p int) bool { return perm[p] != p }) {
		return nil
	}
	return m
}

// sumOfProducts: by the rules Fused, the sum over the batch of products Xᵀ·Y, as the gradient of a weight is, is one
// product, whose terms are the rows of all matrices in order. Apart, each product is rounded before it is added: by the
// rules Rounded it stays so.
func (f *fusion) sumOfProducts(st *step) bool {
	m := f.maker[st.in[0]]
	if f.set.Rules != kernel.Fused || m == nil || m.op.Name != "MatMul" || m.summed || f.readers[st.in[0]] != 1 ||
		m.transposed != [2]bool{true, false} {
		return false
	}
	x, y := f.types[m.in[0]].Shape, f.types[m.in[1]].Shape
	batch := len(x) - 2
	if batch < 1 || len(y) != len(x) || !slices.Equal(x[:batch], y[:batch]) {
		return false
	}
	set, err := onnxop.Reduced(st.proto, f.typesOf(st.in))
	if err != nil || set == nil || slices.Contains(set[:batch], false) || slices.Contains(set[batch:], true) {
		return false
	}
	m.summed, m.out = true, st.out
	f.maker[st.out[0]] = m
	return true
}
