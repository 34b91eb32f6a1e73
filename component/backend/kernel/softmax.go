package kernel

import "github.com/rhizome-ml/rhizome/tensor/fmath"

// Softmax writes e^(x-m) divided by the sum of these for each lane, m being the lane's maximum. Everything is computed in
// float64 and each result is rounded once. scratch holds N values; dst may be x itself.
func Softmax[T Float](l Lanes, dst, x []T, scratch []float64) {
	e := scratch[:l.N]
	for o := range l.Outer {
		for j := range l.Inner {
			at := o*l.N*l.Inner + j
			m := laneMax(l, x, at)
			var sum float64
			for i := range e {
				e[i] = fmath.Exp(float64(x[at+i*l.Inner]) - m)
				sum += e[i]
			}
			for i, v := range e {
				dst[at+i*l.Inner] = T(v / sum)
			}
		}
	}
}

// LogSoftmax writes x - m - log(the sum of e^(x-m)) for each lane, m being the lane's maximum, in float64 and rounded
// once. dst may be x itself.
func LogSoftmax[T Float](l Lanes, dst, x []T) {
	for o := range l.Outer {
		for j := range l.Inner {
			at := o*l.N*l.Inner + j
			m := laneMax(l, x, at)
			s := logSum(l, x, at, m)
			for i := range l.N {
				k := at + i*l.Inner
				dst[k] = T(float64(x[k]) - m - s)
			}
		}
	}
}

// laneMax is the greatest element of the lane that starts at at; a NaN shows later, in the sum.
func laneMax[T Float](l Lanes, x []T, at int) float64 {
	if l.N == 0 {
		return 0
	}
	m := x[at]
	for i := 1; i < l.N; i++ {
		if v := x[at+i*l.Inner]; v > m {
			m = v
		}
	}
	return float64(m)
}

// logSum is the logarithm of the sum of e^(x-m) over the lane that starts at at.
func logSum[T Float](l Lanes, x []T, at int, m float64) float64 {
	var sum float64
	for i := range l.N {
		sum += fmath.Exp(float64(x[at+i*l.Inner]) - m)
	}
	return fmath.Log(sum)
}
