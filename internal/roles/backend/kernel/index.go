package kernel

import "fmt"

// IndexError says that an index lies outside of its dimension.
type IndexError struct {
	Position int // of the index, in row-major order
	Index    int64
	Len      int // of the dimension
}

// Error names the position, the index and the range that would be right.
func (e *IndexError) Error() string {
	return fmt.Sprintf("index %d at position %d is outside of [%d, %d]", e.Index, e.Position, -e.Len, e.Len-1)
}

// Gather copies, for each block of the data, the slices that the indices name; an index may count from the end. dst
// must not overlap src.
func Gather[T any, I int64 | int32](l Lanes, dst, src []T, indices []I) error {
	for p, i := range indices {
		if int64(i) < -int64(l.N) || int64(i) >= int64(l.N) {
			return &IndexError{Position: p, Index: int64(i), Len: l.N}
		}
	}
	at := 0
	for o := range l.Outer {
		for _, i := range indices {
			k := int(i)
			if k < 0 {
				k += l.N
			}
			at += copy(dst[at:at+l.Inner], src[(o*l.N+k)*l.Inner:])
		}
	}
	return nil
}

// OneHot writes on where the lane's index is the position in the lane, and off elsewhere; an index may count from the
// end, and one that is outside of the lane is nowhere. There is one index for each lane; a fraction is dropped.
func OneHot[T any, I Number](l Lanes, dst []T, indices []I, off, on T) {
	for i := range dst {
		dst[i] = off
	}
	for p, x := range indices {
		k := truncate(float64(x), -1<<62, 1<<62)
		if k < 0 {
			k += int64(l.N)
		}
		if k >= 0 && k < int64(l.N) {
			dst[(p/l.Inner*l.N+int(k))*l.Inner+p%l.Inner] = on
		}
	}
}

// Place copies a part of a concatenation to its place: src has outer blocks of n elements, which go to offset at in
// each block of size elements of dst.
func Place[T any](dst, src []T, outer, n, size, at int) {
	for o := range outer {
		copy(dst[o*size+at:o*size+at+n], src[o*n:])
	}
}
