package dataflow

import "slices"

// pageSize is how many entries a page of a shelf has at most.
const pageSize = 128

// shelf is an ordered table of what captures show, by number: a row of pages that captures share with it. A capture
// takes the row as it is; what changes afterwards is copied first, the row once and a page once for each capture. So a
// capture costs what changed since the last one, however much there is.
type shelf[T any] struct {
	row    []*page[T] // ascending, none empty
	shared bool       // a capture has the row
	age    uint64     // how many captures there were; a page of an older age is shared
}

type page[T any] struct {
	age   uint64
	ids   []uint64 // ascending
	items []T
}

// share returns the row for a capture. Nobody changes it any more.
func (s *shelf[T]) share() []*page[T] {
	s.shared = true
	s.age++
	return s.row
}

// own makes the row the shelf's own.
func (s *shelf[T]) own() {
	if s.shared {
		s.row, s.shared = slices.Clone(s.row), false
	}
}

// writable returns page k of a row that is the shelf's own, to be changed.
func (s *shelf[T]) writable(k int) *page[T] {
	p := s.row[k]
	if p.age != s.age {
		p = &page[T]{s.age, append(make([]uint64, 0, pageSize), p.ids...), append(make([]T, 0, pageSize), p.items...)}
		s.row[k] = p
	}
	return p
}

// find returns the page where a number is or would be, and the place in it. The row is not empty.
func (s *shelf[T]) find(id uint64) (k, i int, found bool) {
	k, exact := slices.BinarySearchFunc(s.row, id, func(p *page[T], id uint64) int {
		switch {
		case p.ids[0] > id:
			return 1
		case p.ids[0] < id:
			return -1
		}
		return 0
	})
	if !exact {
		k = max(0, k-1)
	}
	i, found = slices.BinarySearch(s.row[k].ids, id)
	return k, i, found
}

// put adds an entry above all that are there, or replaces the one of its number.
func (s *shelf[T]) put(id uint64, x T) {
	s.own()
	last := len(s.row) - 1
	if last >= 0 && s.row[last].ids[len(s.row[last].ids)-1] >= id {
		k, i, found := s.find(id)
		if !found {
			panic("engine: broken invariant: an entry goes below others of a shelf")
		}
		s.writable(k).items[i] = x
		return
	}
	if last < 0 || len(s.row[last].ids) == pageSize {
		s.row = append(s.row, &page[T]{s.age, make([]uint64, 0, pageSize), make([]T, 0, pageSize)})
		last++
	}
	p := s.writable(last)
	p.ids, p.items = append(p.ids, id), append(p.items, x)
}

// remove takes away the entry of a number, which is there.
func (s *shelf[T]) remove(id uint64) {
	s.own()
	k, i, _ := s.find(id)
	if len(s.row[k].ids) == 1 {
		s.row = slices.Delete(s.row, k, k+1)
		return
	}
	p := s.writable(k)
	p.ids, p.items = slices.Delete(p.ids, i, i+1), slices.Delete(p.items, i, i+1)
}

// entries returns how many entries a row has.
func entries[T any](row []*page[T]) int {
	n := 0
	for _, p := range row {
		n += len(p.ids)
	}
	return n
}
