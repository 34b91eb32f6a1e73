package kernel

// A reduction goes once over its input in row-major order, so that the terms of every result come in that order.

// ReduceWalk returns the way over a tensor of that shape in step with the result of a reduction of the flagged
// dimensions: the operand is the result.
func ReduceWalk(shape []int, reduced []bool) Walk {
	kept := make([]int, len(shape))
	copy(kept, shape)
	for i, r := range reduced {
		if r {
			kept[i] = 1
		}
	}
	return Broadcast(shape, kept)
}

// Fold is a reduction with an accumulator of type A for each result.
type Fold[T, A any] struct {
	First A                     // what an accumulator starts from
	Run   func(acc A, xs []T) A // folds a run of terms of one result
	Rows  func(acc []A, xs []T) // folds one term into each of a run of results
}

// Reduce folds src into acc, one accumulator per result.
func (f *Fold[T, A]) Reduce(w *Walk, acc []A, src []T) {
	for i := range acc {
		acc[i] = f.First
	}
	w.Runs(func(at int, off [operandsMax]int) {
		xs := src[at : at+w.N]
		if w.Step[0] == 0 {
			acc[off[0]] = f.Run(acc[off[0]], xs)
			return
		}
		f.Rows(acc[off[0]:off[0]+len(xs)], xs)
	})
}

// Sum adds; floats are added in float64.
func Sum[T, A Number]() Fold[T, A] {
	return Fold[T, A]{
		Run: func(acc A, xs []T) A {
			for _, x := range xs {
				acc += A(x)
			}
			return acc
		},
		Rows: func(acc []A, xs []T) {
			acc = acc[:len(xs)]
			for i, x := range xs {
				acc[i] += A(x)
			}
		},
	}
}

// sumLanes is the number of lanes of a sum of a run by the rules Fused.
const sumLanes = 8

// LaneSum is Sum by the rules Fused: of a run, lane j adds the terms j, j+8, j+16, … in float64 from zero, and what is
// added to the accumulator is ((0+4)+(2+6))+((1+5)+(3+7)) of the lanes. One term into each of a run of results is added
// as it is by Sum.
func LaneSum() Fold[float32, float64] {
	f := Sum[float32, float64]()
	f.Run = func(acc float64, xs []float32) float64 {
		var l [sumLanes]float64
		n := len(xs) &^ (sumLanes - 1)
		for i := 0; i < n; i += sumLanes {
			x := (*[sumLanes]float32)(xs[i:])
			for j, v := range x {
				l[j] += float64(v)
			}
		}
		return acc + joinLanes(&l, xs[n:])
	}
	return f
}

// joinLanes adds the last terms to the first lanes, and then the lanes.
func joinLanes(l *[sumLanes]float64, rest []float32) float64 {
	for j, v := range rest {
		l[j] += float64(v)
	}
	return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

// SumSquare adds squares, each rounded to A before it is added.
func SumSquare[T, A Number]() Fold[T, A] {
	return liftFold(func(acc A, x T) A { return acc + A(A(x)*A(x)) }, 0)
}

// Prod multiplies; floats are multiplied in float64.
func Prod[T, A Number]() Fold[T, A] {
	return liftFold(func(acc A, x T) A { return A(acc * A(x)) }, 1)
}

// MaxOf is the greatest element, from a first that no element is below; NaN when any is.
func MaxOf[T Number](first T) Fold[T, T] {
	return liftFold(func(acc, x T) T { return max(acc, x) }, first)
}

// MinOf is the least element, from a first that no element is above; NaN when any is.
func MinOf[T Number](first T) Fold[T, T] {
	return liftFold(func(acc, x T) T { return min(acc, x) }, first)
}

func liftFold[T, A any](f func(A, T) A, first A) Fold[T, A] {
	return Fold[T, A]{
		First: first,
		Run: func(acc A, xs []T) A {
			for _, x := range xs {
				acc = f(acc, x)
			}
			return acc
		},
		Rows: func(acc []A, xs []T) {
			for i, x := range xs {
				acc[i] = f(acc[i], x)
			}
		},
	}
}

// Round writes the accumulators to dst, each divided by n first.
func Round[T, A Float](dst []T, acc []A, n int) {
	d := A(n)
	for i, a := range acc {
		dst[i] = T(a / d)
	}
}

// Lanes is a tensor seen as Outer blocks of N elements of Inner lanes each: the elements of one lane of one block are
// those along an axis.
type Lanes struct{ Outer, N, Inner int }

// LanesOf returns the lanes along an axis of a tensor of that shape.
func LanesOf(shape []int, axis int) Lanes {
	l := Lanes{Outer: 1, N: shape[axis], Inner: 1}
	for _, d := range shape[:axis] {
		l.Outer *= d
	}
	for _, d := range shape[axis+1:] {
		l.Inner *= d
	}
	return l
}

// Arg writes to dst the index of the greatest element of each lane, or of the least; the first of equals, or the last.
// A NaN is beyond everything. N must not be 0.
func Arg[T Number](l Lanes, dst []int64, src []T, least, last bool) {
	for o := range l.Outer {
		for j := range l.Inner {
			at := o*l.N*l.Inner + j
			best, index := src[at], 0
			for i := 1; i < l.N; i++ {
				x := src[at+i*l.Inner]
				better := x > best
				if least {
					better = x < best
				}
				if x != x {
					better = best == best
				}
				if better || (last && (x == best || (x != x && best != best))) {
					best, index = x, i
				}
			}
			dst[o*l.Inner+j] = int64(index)
		}
	}
}
