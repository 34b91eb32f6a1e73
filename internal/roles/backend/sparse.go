package backend

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The gradient of an embedding is a table of zeros to which rows are added. Where a step of gradient descent is all
// that becomes of it, and the norm that it is scaled by, the table is never written: what is added up is the rows that
// are named. No bit changes: the rows that are left out are zeros, and what is done with them is done as before where
// it is not nothing (see kernel.SubRows).

// sparseFrom is how many rows a table has at least for each index for it to stay unwritten. Below it, sorting the
// indices costs more than the zeros.
const sparseFrom = 4

// sparsing joins what is done with tables of zeros to which rows are added.
type sparsing struct {
	*lowered
	roots   []int
	makers  map[int]*step
	readers map[int][]*step // of each root, without views
	out     map[int]bool    // the roots of what leaves
}

// sparse joins the steps around each table.
func (l *lowered) sparse() {
	if l.block < 0 || !slices.ContainsFunc(l.steps, isTable) {
		return
	}
	s := &sparsing{lowered: l, roots: l.rootsOf(), makers: map[int]*step{}, readers: map[int][]*step{},
		out: map[int]bool{}}
	for _, st := range l.steps {
		for _, id := range st.out {
			s.makers[id] = st
		}
		if !st.def.view {
			for _, id := range st.in {
				if id >= 0 && !slices.Contains(s.readers[s.roots[id]], st) {
					s.readers[s.roots[id]] = append(s.readers[s.roots[id]], st)
				}
			}
		}
	}
	for _, id := range l.src.out {
		s.out[s.roots[id]] = true
	}
	for _, st := range l.steps {
		if isTable(st) {
			s.table(st)
		}
	}
	l.steps = slices.DeleteFunc(l.steps, func(st *step) bool {
		return st.out == nil || isFill(st) && !s.out[st.out[0]] && len(s.readers[st.out[0]]) == 0
	})
}

// isTable says whether a step adds updates to what indices name.
func isTable(st *step) bool {
	return st.op.Domain == "" && st.op.Name == "ScatterND" && onnxop.String(st.proto, "reduction") == "add"
}

// isFill says whether a step makes a tensor of one number.
func isFill(st *step) bool { return st.op.Domain == "" && st.op.Name == "ConstantOfShape" }

// table makes of a ScatterND of rows the rows alone, if that is enough for all who read it; or at least it does without
// the zeros to which they are added.
func (s *sparsing) table(st *step) {
	data, index := s.types[st.in[0]], s.types[st.in[1]]
	if data.DType != tensor.Float32 || len(data.Shape) == 0 || index.Shape[len(index.Shape)-1] != 1 ||
		!s.zeros(st.in[0]) {
		return
	}
	rows, indices := data.Shape[0], index.Elements()
	if rows > math.MaxInt32 || indices > math.MaxInt32 || data.Elements() == 0 {
		return
	}
	t := &sparseTable{st: st, rows: rows, inner: data.Elements() / rows}
	zero := s.roots[st.in[0]]
	s.readers[zero] = slices.DeleteFunc(s.readers[zero], func(r *step) bool { return r == st })
	st.in = slices.Clone(st.in[1:])
	if rows/sparseFrom < indices || !s.follow(t, st.out[0], nil) {
		st.def = tableKernel(t)
		return
	}
	at, sums := s.add(tensor.Int64, kernel.SparseLen(indices)), s.add(tensor.Float32, min(rows, indices), t.inner)
	st.def, st.out = sumRowsKernel(t), []int{at, sums}
	for _, d := range t.done {
		d.step.in, d.step.def, d.step.op = append([]int{at, sums}, d.in...), d.def, st.op
		if d.def == nil {
			d.step.out = nil
		}
	}
}

// add makes a value of that shape.
func (s *sparsing) add(d tensor.DType, shape ...int) int {
	s.types = append(s.types, onnxop.Type{DType: d, Shape: shape})
	return len(s.types) - 1
}

// zeros says whether a value is positive zeros.
func (s *sparsing) zeros(id int) bool {
	v := s.types[id].Value
	if m := s.makers[s.roots[id]]; v == nil && m != nil && isFill(m) {
		v, _ = onnxop.Fill(m.proto)
	}
	return v != nil && v.DType() == tensor.Float32 && !slices.ContainsFunc(v.Float32(), func(x float32) bool {
		return math.Float32bits(x) != 0
	})
}

// sparseTable is a ScatterND that may stay unwritten, and what is done with it instead.
type sparseTable struct {
	st          *step
	rows, inner int
	done        []*tableUse
}

// tableUse is what a step that reads a table becomes: a kernel that reads the rows and what in names, or nothing.
type tableUse struct {
	step *step
	def  *kernelDef
	in   []int
}

// follow finds what is done with a table multiplied by factors, and says whether all of it can be done with the rows.
func (s *sparsing) follow(t *sparseTable, id int, factors []int) bool {
	root, size := s.roots[id], t.rows*t.inner
	if s.out[root] {
		return false
	}
	for _, r := range s.readers[root] {
		if r.op.Domain != "" || r.relu || r.chain != nil || len(r.out) != 1 {
			return false
		}
		reads := func(i int) bool { return s.roots[r.in[i]] == root }
		switch n := s.types[r.out[0]].Elements(); {
		case r.op.Name == "Mul" && n == size && reads(0) != reads(1):
			by := r.in[0]
			if reads(0) {
				by = r.in[1]
			}
			if s.types[by].Elements() != 1 {
				return false
			}
			t.done = append(t.done, &tableUse{step: r})
			if !s.follow(t, r.out[0], append(slices.Clone(factors), by)) {
				return false
			}
		case r.op.Name == "Sub" && n == size && !reads(0) && s.types[r.in[0]].Elements() == n:
			t.done = append(t.done, &tableUse{r, subRowsKernel(t), append([]int{r.in[0]}, factors...)})
		case r.op.Name == "ReduceSumSquare" && n == 1 && size > 1 && len(factors) == 0 && reads(0):
			t.done = append(t.done, &tableUse{r, squareRowsKernel(t), nil})
		default:
			return false
		}
	}
	return true
}

// tableKernel writes a table: zeros and the rows that are added to them.
func tableKernel(t *sparseTable) *kernelDef {
	return &kernelDef{bind: func(b *binding) (run, error) {
		indices, updates, y, set := b.inSlot[0], b.inSlot[1], b.outSlot[0], b.set
		return func(f *frame) error {
			return kernel.AddRows(&set.Add, data[float32](f, y), data[float32](f, updates), data[int64](f, indices),
				t.rows, t.inner)
		}, nil
	}}
}

// sumRowsKernel writes the numbers of the rows that are named, and their sums.
func sumRowsKernel(t *sparseTable) *kernelDef {
	return &kernelDef{bind: func(b *binding) (run, error) {
		indices, updates, at, sums, set := b.inSlot[0], b.inSlot[1], b.outSlot[0], b.outSlot[1], b.set
		return func(f *frame) error {
			return kernel.SumRows(&set.Add, data[int64](f, at), data[float32](f, sums), data[float32](f, updates),
				data[int64](f, indices), t.rows, t.inner)
		}, nil
	}}
}

// squareRowsKernel is the sum of the squares of a table.
func squareRowsKernel(t *sparseTable) *kernelDef {
	return &kernelDef{bind: func(b *binding) (run, error) {
		at, sums, y := b.inSlot[0], b.inSlot[1], b.outSlot[0]
		return func(f *frame) error {
			data[float32](f, y)[0] = float32(kernel.SumSquareRows(data[int64](f, at), data[float32](f, sums), t.inner))
			return nil
		}, nil
	}}
}

// subRowsKernel is what remains of a value less a table multiplied by factors.
func subRowsKernel(t *sparseTable) *kernelDef {
	return &kernelDef{inPlace: []int{2}, canonical: true, bind: func(b *binding) (run, error) {
		at, sums, x, by := b.inSlot[0], b.inSlot[1], b.inSlot[2], slices.Clone(b.inSlot[3:])
		y, set, factors := b.outSlot[0], b.set, len(by)
		b.scratch32 = t.inner + factors
		return func(f *frame) error {
			values := f.scratch32[t.inner : t.inner+factors]
			for i, slot := range by {
				values[i] = data[float32](f, slot)[0]
			}
			kernel.SubRows(set, data[float32](f, y), data[float32](f, x), data[int64](f, at), data[float32](f, sums),
				f.scratch32[:t.inner], values, t.inner)
			return nil
		}, nil
	}}
}
