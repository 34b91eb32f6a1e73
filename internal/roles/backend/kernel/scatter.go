package kernel

import (
	"cmp"
	"slices"
)

// place returns the index as a place in a dimension of n, from the end where it is negative.
func place(p int, i int64, n int) (int, error) {
	if i < -int64(n) || i >= int64(n) {
		return 0, &IndexError{Position: p, Index: i, Len: n}
	}
	if i < 0 {
		i += int64(n)
	}
	return int(i), nil
}

// Along is the way over a tensor of indices in step with a tensor that they point into along one axis.
type Along struct {
	walk         Walk
	stride, axis int // of the axis: how far its elements are apart, and how many there are
}

// NewAlong returns the way over indices of a shape into data of another, along an axis.
func NewAlong(indices, data []int, axis int) Along {
	s := Strides(data)
	a := Along{stride: s[axis], axis: data[axis]}
	s[axis] = 0
	a.walk = NewWalk(indices, s)
	return a
}

// each calls f with the place of every index and the place in the data that it names.
func each[I int64 | int32](a *Along, indices []I, f func(p, at int)) error {
	var err error
	a.walk.Each(func(p int, off [operandsMax]int) {
		k, e := place(p, int64(indices[p]), a.axis)
		if e != nil {
			if err == nil {
				err = e
			}
			return
		}
		f(p, off[0]+k*a.stride)
	})
	return err
}

// GatherElements writes for each index the element that it names.
func GatherElements[T any, I int64 | int32](a *Along, dst, src []T, indices []I) error {
	return each(a, indices, func(p, at int) { dst[p] = src[at] })
}

// ScatterElements writes the data, and then each update, in order, to the place that its index names; or what combine
// makes of what stands there and the update. dst may be the data itself.
func ScatterElements[T any, I int64 | int32](a *Along, dst, data, updates []T, indices []I,
	combine func(old, update T) T) error {
	copy(dst, data)
	if combine == nil {
		return each(a, indices, func(p, at int) { dst[at] = updates[p] })
	}
	return each(a, indices, func(p, at int) { dst[at] = combine(dst[at], updates[p]) })
}

// Tuples says how indices of several dimensions at once point into a tensor.
type Tuples struct {
	Batch, Each int // blocks of the data, and the indices of each block
	Dims        []int
	Slice       int // the elements that one index names
}

// TuplesOf returns how indices of a shape point into data of another behind a number of batch dimensions.
func TuplesOf(indices, data []int, batch int) Tuples {
	last := len(indices) - 1
	t := Tuples{Batch: 1, Each: 1, Slice: 1, Dims: data[batch : batch+indices[last]]}
	for _, d := range indices[:batch] {
		t.Batch *= d
	}
	for _, d := range indices[batch:last] {
		t.Each *= d
	}
	for _, d := range data[batch+indices[last]:] {
		t.Slice *= d
	}
	return t
}

// each calls f with the place of every slice that is named, in the row of slices and in the data.
func (t *Tuples) each(indices []int64, f func(p, at int)) error {
	block := 1
	for _, d := range t.Dims {
		block *= d
	}
	n := len(t.Dims)
	for p := range t.Batch * t.Each {
		at := p / t.Each * block
		in := 0
		for j, d := range t.Dims {
			k, err := place(p*n+j, indices[p*n+j], d)
			if err != nil {
				return err
			}
			in = in*d + k
		}
		f(p*t.Slice, (at+in)*t.Slice)
	}
	return nil
}

// GatherND writes the slices that the indices name.
func GatherND[T any](t *Tuples, dst, src []T, indices []int64) error {
	return t.each(indices, func(p, at int) { copy(dst[p:p+t.Slice], src[at:at+t.Slice]) })
}

// ScatterND writes the data, and then each slice of the updates, in order, to the place that its index names; or what
// combine makes of what stands there and the update. dst may be the data itself.
func ScatterND[T any](t *Tuples, dst, data, updates []T, indices []int64, combine func(old, update T) T) error {
	copy(dst, data)
	return t.each(indices, func(p, at int) {
		if combine == nil {
			copy(dst[at:at+t.Slice], updates[p:p+t.Slice])
			return
		}
		for i, u := range updates[p : p+t.Slice] {
			dst[at+i] = combine(dst[at+i], u)
		}
	})
}

// Combine returns how a scatter of that name joins what stands at a place and an update; nil where the update replaces
// it. Max and min are NaN when either is.
func Combine[T Number](name string) func(old, update T) T {
	switch name {
	case "add":
		return func(a, b T) T { return a + b }
	case "mul":
		return func(a, b T) T { return T(a * b) }
	case "max":
		return func(a, b T) T { return max(a, b) }
	case "min":
		return func(a, b T) T { return min(a, b) }
	}
	return nil
}

// TopK writes the k greatest elements of each lane in falling order, or the k least in rising order, and their places;
// of equals the first comes first. A NaN is the greatest of all. order holds N numbers.
func TopK[T Number](l Lanes, k int, least bool, dst []T, at []int64, src []T, order []float64) {
	before := func(x, y T) int {
		if x != x || y != y { // NaN is above
			return -cmp.Compare(One(x != x), One(y != y))
		}
		return cmp.Compare(y, x)
	}
	for o := range l.Outer {
		for j := range l.Inner {
			start := o*l.N*l.Inner + j
			for i := range order[:l.N] {
				order[i] = float64(i)
			}
			slices.SortFunc(order[:l.N], func(a, b float64) int {
				c := before(src[start+int(a)*l.Inner], src[start+int(b)*l.Inner])
				if least {
					c = -c
				}
				return cmp.Or(c, cmp.Compare(a, b))
			})
			for i := range k {
				to := (o*k+i)*l.Inner + j
				dst[to] = src[start+int(order[i])*l.Inner]
				if at != nil {
					at[to] = int64(order[i])
				}
			}
		}
	}
}

// Scan folds the elements of each lane from its start, or its end, and writes what has come of them with each element,
// or, exclusive, before it. It folds in A and rounds each result.
func Scan[T, A Number](l Lanes, dst, src []T, first A, fold func(A, A) A, exclusive, reverse bool) {
	for o := range l.Outer {
		for j := range l.Inner {
			acc := first
			for i := range l.N {
				if reverse {
					i = l.N - 1 - i
				}
				at := (o*l.N+i)*l.Inner + j
				x := A(src[at])
				if exclusive {
					dst[at], acc = T(acc), fold(acc, x)
				} else {
					acc = fold(acc, x)
					dst[at] = T(acc)
				}
			}
		}
	}
}

// Triangle copies the matrices of rows by columns, over themselves or elsewhere, and writes zero below diagonal k, or
// above it where lower is kept.
func Triangle[T any](dst, src []T, rows, cols int, k int64, upper bool) {
	var zero T
	for at := range dst {
		i, j := int64(at/cols%rows), int64(at%cols)
		keep := j-i >= k
		if !upper {
			keep = j-i <= k
		}
		v := zero
		if keep {
			v = src[at]
		}
		dst[at] = v
	}
}

// Hardmax writes 1 at the first greatest element of each lane and 0 elsewhere. dst must not overlap src.
func Hardmax[T Float](l Lanes, dst, src []T) {
	clear(dst)
	if l.N == 0 {
		return
	}
	for o := range l.Outer {
		for j := range l.Inner {
			start, best := o*l.N*l.Inner+j, 0
			for i := range l.N {
				if src[start+i*l.Inner] > src[start+best*l.Inner] {
					best = i
				}
			}
			dst[start+best*l.Inner] = 1
		}
	}
}

// Det is the determinant of a matrix of n by n, by elimination in float64 with the greatest pivot of each column; m is
// overwritten.
func Det(m []float64, n int) float64 {
	d := 1.0
	for c := range n {
		p := c
		for r := c + 1; r < n; r++ {
			if abs(m[r*n+c]) > abs(m[p*n+c]) {
				p = r
			}
		}
		if m[p*n+c] == 0 {
			return 0
		}
		if p != c {
			for j := range n {
				m[p*n+j], m[c*n+j] = m[c*n+j], m[p*n+j]
			}
			d = -d
		}
		d = float64(d * m[c*n+c])
		for r := c + 1; r < n; r++ {
			f := m[r*n+c] / m[c*n+c]
			for j := c; j < n; j++ {
				m[r*n+j] -= float64(f * m[c*n+j])
			}
		}
	}
	return d
}

func abs(x float64) float64 { return Abs(x) }

// Tile writes a tensor again and again along each dimension.
func Tile[T any](dst, src []T, out, in []int) {
	if len(dst) == 0 {
		return
	}
	var index [rankMax]int
	steps := Strides(in)
	last := len(out) - 1
	if last < 0 {
		copy(dst, src)
		return
	}
	for at := 0; at < len(dst); at += out[last] {
		from := 0
		for i := range last {
			from += index[i] % in[i] * steps[i]
		}
		for j := 0; j < out[last]; j += in[last] {
			copy(dst[at+j:at+j+in[last]], src[from:])
		}
		for i := last - 1; i >= 0; i-- {
			if index[i]++; index[i] < out[i] {
				break
			}
			index[i] = 0
		}
	}
}

// ReverseSequence turns the first elements of each sequence around, as many as its length says. The tensor has
// dimensions of n, m and inner; sequences lie along the second one where the first is the batch, and else along the
// first.
func ReverseSequence[T any](dst, src []T, lens []int64, n, m, inner int, batchFirst bool) error {
	for i := range n {
		for j := range m {
			batch, time, size := i, j, m
			if !batchFirst {
				batch, time, size = j, i, n
			}
			l := lens[batch]
			if l < 0 || l > int64(size) {
				return &IndexError{Position: batch, Index: l, Len: size + 1}
			}
			if time < int(l) {
				time = int(l) - 1 - time
			}
			from := (i*m + time) * inner
			if !batchFirst {
				from = (time*m + j) * inner
			}
			copy(dst[(i*m+j)*inner:(i*m+j+1)*inner], src[from:])
		}
	}
	return nil
}
