//go:build amd64 && !purego

package kernel

// sumLanes8 adds n terms, n a multiple of 8 and not 0, to eight lanes.
//
//go:noescape
func sumLanes8(lanes *float64, x *float32, n int)

// sumRows8 adds n terms, n a multiple of 8 and not 0, to an accumulator each.
//
//go:noescape
func sumRows8(acc *float64, x *float32, n int)

// vectorSum is the vector form of the sum of a set.
func vectorSum(s *Set) {
	rows := s.Sum.Rows
	s.Sum.Rows = func(acc []float64, xs []float32) {
		n := len(xs) &^ 7
		if n > 0 {
			sumRows8(&acc[0], &xs[0], n)
		}
		rows(acc[n:], xs[n:])
	}
	if s.Rules != Fused {
		return
	}
	s.Sum.Run = func(acc float64, xs []float32) float64 {
		var l [sumLanes]float64
		n := len(xs) &^ (sumLanes - 1)
		if n > 0 {
			sumLanes8(&l[0], &xs[0], n)
		}
		return acc + joinLanes(&l, xs[n:])
	}
}
