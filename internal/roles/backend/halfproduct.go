package backend

import (
	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// A model whose weights are stored in 16 bits is tested by products of which the right side is widened before. Widened
// whole it would take three times what is stored; so the product widens some columns, multiplies by them, and takes the
// memory for the next. An element of a product depends on its own column alone, so no bit changes.

// stripColumns is how many columns are widened at a time.
const stripColumns = 256

// halfProduct lets a product of float32 read the matrix of 16 bits of which its right side is the Cast, if nothing else
// reads that.
func (f *fusion) halfProduct(st *step) {
	id := st.in[1]
	m := f.maker[id]
	if m == nil || m.op.Name != "Cast" || m.op.Domain != "" || f.readers[id] != 1 || !isHalf(f.types[m.in[0]]) ||
		f.types[id].DType != tensor.Float32 || len(f.types[id].Shape) != 2 || f.types[st.out[0]].Elements() == 0 {
		return
	}
	st.in = append([]int(nil), st.in...)
	st.in[1], f.readers[id] = m.in[0], 0 // the Cast goes, and this step reads in its place
}

// halfProduct returns the product of a matrix of float32 and one of 16 bits. T is float32.
func halfProduct[T kernel.Float](b *binding, g kernel.Gemm) func(f *frame, dst []T) {
	a0, b0, set := b.inSlot[0], b.inSlot[1], b.set
	strip, last := g, g
	strip.N = min(g.N, stripColumns)
	last.N = (g.N-1)%strip.N + 1
	need := max(set.GemmScratch(strip), set.GemmScratch(last))
	b.scratch32 = max(b.scratch32, need+strip.N*(g.K+g.M))
	widen := widener[tensor.BF16](b0, half.WidenBF16)
	if b.in[1].DType == tensor.Float16 {
		widen = widener[tensor.F16](b0, half.WidenF16)
	}
	multiply := func(f *frame, dst []float32) {
		a, scratch := data[float32](f, a0), f.scratch32[:need]
		wide := f.scratch32[need:][:strip.N*g.K]
		product := f.scratch32[need+len(wide):][:strip.N*g.M]
		for j := 0; j < g.N; j += strip.N {
			of := g
			of.N = min(strip.N, g.N-j)
			if g.TransB {
				widen(f, wide[:of.N*g.K], j*g.K)
			} else {
				for p := range g.K {
					widen(f, wide[p*of.N:(p+1)*of.N], p*g.N+j)
				}
			}
			if of.N == g.N {
				set.Gemm(of, dst, a, wide, scratch)
				return
			}
			set.Gemm(of, product, a, wide, scratch)
			for i := range g.M {
				copy(dst[i*g.N+j:][:of.N], product[i*of.N:])
			}
		}
	}
	return any(multiply).(func(*frame, []T))
}

// widener returns what widens the elements of a slot from one on.
func widener[S tensor.F16 | tensor.BF16](slot int, by func([]float32, []S)) func(f *frame, dst []float32, from int) {
	return func(f *frame, dst []float32, from int) { by(dst, data[S](f, slot)[from:][:len(dst)]) }
}
