package kernel

import "github.com/rhizome-ml/rhizome/internal/fmath"

// Softmax writes e^(x-m) divided by the sum of these for each lane, m being the lane's maximum. Everything is computed
// in float64 and each result is rounded once. scratch holds N values; dst may be x itself.
func Softmax[T Float](s *Soft[T], l Lanes, dst, x []T, scratch []float64) {
	e := scratch[:l.N]
	for o := range l.Outer {
		for j := range l.Inner {
			at := o*l.N*l.Inner + j
			_, sum := exponentials(s, l, e, x, at)
			s.over(l, dst, e, at, sum)
		}
	}
}

// LogSoftmax writes x - m - log(the sum of e^(x-m)) for each lane, m being the lane's maximum, in float64 and rounded
// once. scratch holds N values; dst may be x itself.
func LogSoftmax[T Float](s *Soft[T], l Lanes, dst, x []T, scratch []float64) {
	e := scratch[:l.N]
	for o := range l.Outer {
		for j := range l.Inner {
			at := o*l.N*l.Inner + j
			m, sum := exponentials(s, l, e, x, at)
			s.less(l, dst, x, at, m, fmath.Log(sum))
		}
	}
}

// over writes e divided by sum to the lane of dst that starts at at.
func (s *Soft[T]) over(l Lanes, dst []T, e []float64, at int, sum float64) {
	if l.Inner == 1 {
		s.Over(dst[at:at+l.N], e, sum)
		return
	}
	for i, v := range e {
		dst[at+i*l.Inner] = T(v / sum)
	}
}

// less writes x - m - log to the lane of dst that starts at at.
func (s *Soft[T]) less(l Lanes, dst, x []T, at int, m, log float64) {
	if l.Inner == 1 {
		s.Less(dst[at:at+l.N], x[at:at+l.N], m, log)
		return
	}
	for i := range l.N {
		k := at + i*l.Inner
		dst[k] = T(float64(x[k]) - m - log)
	}
}

// exponentials writes e^(x-m) to e for the lane of x that starts at at, and returns the lane's maximum m and the sum of
// the exponentials, from zero and in order. A NaN of the lane shows in the sum.
func exponentials[T Float](s *Soft[T], l Lanes, e []float64, x []T, at int) (m, sum float64) {
	if l.N == 0 {
		return 0, 0
	}
	if l.Inner == 1 {
		x = x[at : at+l.N]
		m = float64(s.Top(x, x[0]))
		return m, s.Exp(e, x, m, 0)
	}
	top := x[at]
	for i := 1; i < l.N; i++ {
		if v := x[at+i*l.Inner]; v > top {
			top = v
		}
	}
	m = float64(top)
	for i := range e {
		e[i] = fmath.Exp(float64(x[at+i*l.Inner]) - m)
		sum += e[i]
	}
	return m, sum
}
