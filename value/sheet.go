package value

import (
	"fmt"
	"slices"
	"sort"

	"github.com/rhizome-ml/rhizome/tensor"
)

// Layout says how tensors are cut into chunks: each by itself, from its first element on, so that no chunk is of two.
// It is immutable and safe for concurrent use.
type Layout struct {
	leaves []Form
	step   []int // elements of a chunk of each leaf
	first  []int // number of the first chunk of each leaf, and behind them the number of all
}

func newLayout(leaves []Form, chunk int) *Layout {
	l := &Layout{leaves: leaves, first: []int{0}}
	for i := range leaves {
		step := max(1, chunk/leaves[i].DType.Size())
		n := leaves[i].elements()
		l.step = append(l.step, step)
		l.first = append(l.first, l.first[i]+n/step+min(1, n%step))
	}
	return l
}

// In returns a layout that cuts tensors of the same shapes, all of another type, after the same elements.
func (l *Layout) In(d tensor.DType) *Layout {
	out := *l
	out.leaves = slices.Clone(l.leaves)
	for i := range out.leaves {
		out.leaves[i].DType = d
	}
	return &out
}

// Type returns the type of the tensor that chunk k is of.
func (l *Layout) Type(k int) tensor.DType {
	leaf, _, _ := l.At(k)
	return l.leaves[leaf].DType
}

// Chunks returns how many chunks there are.
func (l *Layout) Chunks() int { return l.first[len(l.leaves)] }

// At returns of which tensor a chunk is, and its first and its last element but one.
func (l *Layout) At(k int) (leaf, lo, hi int) {
	leaf = sort.SearchInts(l.first, k+1) - 1
	lo = (k - l.first[leaf]) * l.step[leaf]
	return leaf, lo, min(lo+l.step[leaf], l.leaves[leaf].elements())
}

// Len returns how many elements a chunk has.
func (l *Layout) Len(k int) int {
	_, lo, hi := l.At(k)
	return hi - lo
}

// Fits returns the tensor of a value that can be chunk k, or nil.
func (l *Layout) Fits(k int, v Value) *tensor.Tensor {
	t, ok := v.(Tensor)
	leaf, lo, hi := l.At(k)
	if !ok || t.DType() != l.leaves[leaf].DType || t.Rank() != 1 || t.Len() != hi-lo {
		return nil
	}
	return t.Tensor
}

// Of says whether a value has the form that is lent, so that it can be cut.
func (l *Loan) Of(v Value) bool {
	ok := true
	l.Form.over(v, func(f *Form, t *tensor.Tensor) bool {
		ok = ok && t != nil && t.DType() == f.DType && slices.Equal(t.Shape(), f.Shape)
		return ok
	})
	return ok
}

// Cut returns chunk k of a value of the form in memory of its own: what is sent and kept for sending must not hold on
// to the whole.
func (l *Loan) Cut(layout *Layout, k int, v Value) Value {
	leaf, lo, hi := layout.At(k)
	var out *tensor.Tensor
	l.Form.over(v, func(_ *Form, t *tensor.Tensor) bool {
		if leaf == 0 {
			out = t.Part(lo, hi)
		}
		leaf--
		return out == nil
	})
	return Tensor{out}
}

// over calls see for each tensor that travels in chunks with what stands in its place in v, nil where that is another
// value, until it returns false.
func (f *Form) over(v Value, see func(*Form, *tensor.Tensor) bool) bool {
	switch {
	case f.Small != nil:
		return true
	case f.List != nil:
		list, _ := v.(*List)
		for i := range f.List {
			var it Value
			if list != nil && list.Len() == len(f.List) {
				it = list.At(i)
			}
			if !f.List[i].over(it, see) {
				return false
			}
		}
		return true
	}
	switch v := v.(type) {
	case Tensor:
		if !f.Raw {
			return see(f, v.Tensor)
		}
	case Bytes:
		if t, err := tensor.FromUint8([]int{len(v.b)}, v.b); err == nil && f.Raw {
			return see(f, t)
		}
	}
	return see(f, nil)
}

// Sheet is the memory in which tensors are put together from their chunks. Each element is written once, before anybody
// can read it, so the chunks and the whole are values that share the memory, and nothing is copied again. It is
// thread-unsafe.
type Sheet struct {
	*Layout
	memory []*tensor.Blank // by tensor, nil before the first chunk of it
	there  int             // chunks
}

// NewSheet returns a sheet without chunks.
func NewSheet(l *Layout) *Sheet {
	return &Sheet{Layout: l, memory: make([]*tensor.Blank, len(l.leaves))}
}

// Missing returns the list of chunks of a sheet that has none: a trigger stands for each.
func (s *Sheet) Missing() []Value {
	out := make([]Value, s.Chunks())
	for k := range out {
		out[k] = Trigger{}
	}
	return out
}

// There returns how many chunks are there.
func (s *Sheet) There() int { return s.there }

// Whole says whether all chunks are there.
func (s *Sheet) Whole() bool { return s.there == s.Chunks() }

// Put writes a chunk that is not there yet, which Fits has found to be one, and returns it as a value in the memory of
// the sheet.
func (s *Sheet) Put(k int, x *tensor.Tensor) (Value, error) {
	leaf, lo, _ := s.At(k)
	if s.memory[leaf] == nil {
		b, err := tensor.NewBlank(s.leaves[leaf].DType, s.leaves[leaf].Shape)
		if err != nil {
			return nil, err
		}
		s.memory[leaf] = b
	}
	s.there++
	return Tensor{s.memory[leaf].Put(lo, x)}, nil
}

// Restore makes an empty sheet hold chunks that were restored, each of which gets its place in the sheet's memory. It
// refuses a list that is none of a sheet.
func (s *Sheet) Restore(chunks []Value) error {
	if len(chunks) != s.Chunks() {
		return fmt.Errorf("%d chunks, there are %d", len(chunks), s.Chunks())
	}
	for k, v := range chunks {
		if v == (Trigger{}) {
			continue
		}
		x := s.Fits(k, v)
		if x == nil {
			return fmt.Errorf("chunk %d is no vector of %d elements", k, s.Len(k))
		}
		put, err := s.Put(k, x)
		if err != nil {
			return err
		}
		chunks[k] = put
	}
	return nil
}

// Tensors returns the tensors, in the memory of the sheet; all chunks must be there.
func (s *Sheet) Tensors() []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(s.memory))
	for i, b := range s.memory {
		out[i] = b.Whole()
	}
	return out
}

// Value returns the value that was lent, in the memory of the sheet; all chunks must be there.
func (l *Loan) Value(s *Sheet) Value {
	leaf := -1
	return l.Form.value(s.Tensors(), &leaf)
}

func (f *Form) value(leaves []*tensor.Tensor, at *int) Value {
	switch {
	case f.Small != nil:
		return f.Small
	case f.List != nil:
		items := make([]Value, len(f.List))
		for i := range f.List {
			items[i] = f.List[i].value(leaves, at)
		}
		return NewList(items...)
	}
	*at++
	if t := leaves[*at]; !f.Raw {
		return Tensor{t}
	} else {
		return Bytes{t.Uint8()}
	}
}
