package peer

import "slices"

// taken is which numbers of a stream were taken in one epoch.
type taken struct {
	upTo   uint64   // all numbers up to this were taken, or are lost
	beyond []uint64 // taken beyond it, ascending
}

// has says whether a number was taken.
func (t *taken) has(n uint64) bool {
	_, ok := slices.BinarySearch(t.beyond, n)
	return ok || n <= t.upTo
}

// top returns the greatest number that was taken.
func (t *taken) top() uint64 {
	if n := len(t.beyond); n > 0 {
		return t.beyond[n-1]
	}
	return t.upTo
}

// take notes a number and says whether it is new.
func (t *taken) take(n uint64) bool {
	if n <= t.upTo {
		return false
	}
	i, ok := slices.BinarySearch(t.beyond, n)
	if ok {
		return false
	}
	if n == t.upTo+1 {
		t.upTo++
		t.absorb()
		return true
	}
	t.beyond = slices.Insert(t.beyond, i, n)
	return true
}

// skip goes on after numbers that never come again, and returns how many of them were not taken.
func (t *taken) skip(base uint64) uint64 {
	if base == 0 || base-1 <= t.upTo {
		return 0
	}
	i, _ := slices.BinarySearch(t.beyond, base)
	lost := base - 1 - t.upTo - uint64(i)
	t.upTo = base - 1
	t.beyond = slices.Delete(t.beyond, 0, i)
	t.absorb()
	return lost
}

// absorb moves the numbers that follow upTo without a gap into it.
func (t *taken) absorb() {
	i := 0
	for i < len(t.beyond) && t.beyond[i] == t.upTo+1 {
		t.upTo++
		i++
	}
	if t.beyond = slices.Delete(t.beyond, 0, i); len(t.beyond) == 0 {
		t.beyond = nil
	}
}
