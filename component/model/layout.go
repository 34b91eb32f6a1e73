package model

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Layout says how the parameters of a model are cut into chunks: each parameter by itself, from its first element on, so
// that no chunk is of two. It is immutable and safe for concurrent use.
type Layout struct {
	shapes [][]int
	cuts   []cut
}

// cut is one chunk: some elements of a parameter, one after the other.
type cut struct{ param, lo, hi int }

// NewLayout cuts parameters of the shapes into chunks of at most chunk elements.
func NewLayout(shapes [][]int, chunk int) *Layout {
	l := &Layout{shapes: shapes}
	for i := range shapes {
		for lo, n := 0, l.elements(i); lo < n; lo += chunk {
			l.cuts = append(l.cuts, cut{i, lo, min(lo+chunk, n)})
		}
	}
	return l
}

func (l *Layout) elements(param int) int {
	p := Param{Shape: l.shapes[param]}
	return p.Len()
}

// Chunks returns how many chunks there are.
func (l *Layout) Chunks() int { return len(l.cuts) }

// Len returns how many elements a chunk has.
func (l *Layout) Len(k int) int { return l.cuts[k].hi - l.cuts[k].lo }

// Copy returns a chunk of the parameters as a vector in memory of its own: what is sent and kept for sending must not
// hold on to the whole. The parameters must have the layout's shapes.
func (l *Layout) Copy(k int, params []value.Value) (value.Value, error) {
	c := l.cuts[k]
	whole, ok := params[c.param].(value.Tensor)
	if !ok || whole.DType() != tensor.Float32 || whole.Len() != l.elements(c.param) {
		return nil, fmt.Errorf("parameter %d is no float32 tensor of shape %v", c.param, l.shapes[c.param])
	}
	t, x, err := tensor.NewFloat32([]int{c.hi - c.lo})
	if err != nil {
		return nil, err
	}
	copy(x, whole.Float32()[c.lo:c.hi])
	return value.Tensor{Tensor: t}, nil
}

// Sheet is the memory in which parameters are put together from their chunks. Each element is written once, before anybody
// can read it, so the chunks and the whole are values that share the memory and nothing is copied again. It is thread-unsafe.
type Sheet struct {
	*Layout
	memory [][]float32 // by parameter, nil before the first chunk of it
	there  int         // chunks
}

// NewSheet returns a sheet without chunks.
func NewSheet(l *Layout) *Sheet { return &Sheet{Layout: l, memory: make([][]float32, len(l.shapes))} }

// Missing returns the list of chunks of a sheet that has none: a trigger stands for each.
func (s *Sheet) Missing() []value.Value {
	out := make([]value.Value, s.Chunks())
	for k := range out {
		out[k] = value.Trigger{}
	}
	return out
}

// There returns how many chunks are there.
func (s *Sheet) There() int { return s.there }

// Whole says whether all chunks are there.
func (s *Sheet) Whole() bool { return s.there == s.Chunks() }

// Put writes a chunk that is not there yet and returns it as a value in the memory of the sheet.
func (s *Sheet) Put(k int, x []float32) (value.Value, error) {
	c := s.cuts[k]
	if s.memory[c.param] == nil {
		s.memory[c.param] = make([]float32, s.elements(c.param))
	}
	copy(s.memory[c.param][c.lo:c.hi], x)
	return s.take(c)
}

// take returns a chunk that was just written.
func (s *Sheet) take(c cut) (value.Value, error) {
	t, err := tensor.FromFloat32([]int{c.hi - c.lo}, s.memory[c.param][c.lo:c.hi:c.hi])
	if err != nil {
		return nil, err
	}
	s.there++
	return value.Tensor{Tensor: t}, nil
}

// Adopt makes whole parameters the memory of an empty sheet and returns their chunks.
func (s *Sheet) Adopt(params []*tensor.Tensor) ([]value.Value, error) {
	for i, t := range params {
		s.memory[i] = t.Float32()
	}
	out := make([]value.Value, 0, s.Chunks())
	for _, c := range s.cuts {
		v, err := s.take(c)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Restore makes an empty sheet hold chunks that were restored, each of which gets its place in the sheet's memory. It
// refuses a list that is none of a sheet.
func (s *Sheet) Restore(chunks []value.Value) error {
	if len(chunks) != s.Chunks() {
		return fmt.Errorf("%d chunks, the parameters have %d", len(chunks), s.Chunks())
	}
	for k, v := range chunks {
		if v == (value.Trigger{}) {
			continue
		}
		x, ok := s.Elements(k, v)
		if !ok {
			return fmt.Errorf("chunk %d is no vector of %d float32", k, s.Len(k))
		}
		put, err := s.Put(k, x)
		if err != nil {
			return err
		}
		chunks[k] = put
	}
	return nil
}

// Elements returns the elements of a chunk, and whether the value can be that chunk.
func (l *Layout) Elements(k int, v value.Value) ([]float32, bool) {
	t, ok := v.(value.Tensor)
	if !ok || t.DType() != tensor.Float32 || t.Rank() != 1 || t.Len() != l.Len(k) {
		return nil, false
	}
	return t.Float32(), true
}

// Params returns the whole parameters, in the memory of the sheet; all chunks must be there.
func (s *Sheet) Params() ([]*tensor.Tensor, error) {
	out := make([]*tensor.Tensor, len(s.shapes))
	for i, shape := range s.shapes {
		t, err := tensor.FromFloat32(shape, s.memory[i])
		if err != nil {
			return nil, err
		}
		out[i] = t
	}
	return out, nil
}
