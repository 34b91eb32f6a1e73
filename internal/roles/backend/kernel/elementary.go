package kernel

import "github.com/rhizome-ml/rhizome/internal/fmath"

// Unary is the loops of a Set that apply a function to every element, and those that a softmax is made of. dst may be x
// itself. What a function gives is that of package fmath, in float64, rounded once.
type Unary struct {
	Exp, Log, Tanh, Sigmoid, Erf, Sqrt func(dst, x []float32)
	Soft                               Soft[float32]
}

// Soft is the loops over one contiguous lane that a softmax is made of; all slices of a call have one length.
type Soft[T Float] struct {
	// Top is the greatest of top and x, of which a NaN is not greater than anything nor anything than it. Of zeros with
	// both signs it is any.
	Top func(x []T, top T) T

	// Exp writes e^(x-m) and returns sum with these added one after another.
	Exp func(e []float64, x []T, m, sum float64) float64

	Over func(dst []T, e []float64, sum float64) // e / sum, rounded once
	Less func(dst, x []T, m, log float64)        // x - m - log, in float64 and rounded once; dst may be x itself
}

func scalarUnary() Unary {
	return Unary{
		Exp:     Map(Exp[float32]),
		Log:     Map(Log[float32]),
		Tanh:    Map(Tanh[float32]),
		Sigmoid: Map(Sigmoid[float32]),
		Erf:     Map(Of[float32](fmath.Erf)),
		Sqrt:    Map(Sqrt[float32]),
		Soft:    scalarSoft[float32](),
	}
}

func scalarSoft[T Float]() Soft[T] {
	return Soft[T]{
		Top: greater[T],
		Exp: func(e []float64, x []T, m, sum float64) float64 {
			e = e[:len(x)]
			for i, v := range x {
				e[i] = fmath.Exp(float64(v) - m)
				sum += e[i]
			}
			return sum
		},
		Over: func(dst []T, e []float64, sum float64) {
			dst = dst[:len(e)]
			for i, v := range e {
				dst[i] = T(v / sum)
			}
		},
		Less: func(dst, x []T, m, log float64) {
			dst = dst[:len(x)]
			for i, v := range x {
				dst[i] = T(float64(v) - m - log)
			}
		},
	}
}

func greater[T Float](x []T, top T) T {
	for _, v := range x {
		if v > top {
			top = v
		}
	}
	return top
}

// SoftOf returns the loops of a set for elements of type T: float64 has the scalar ones alone.
func SoftOf[T Float](s *Set) Soft[T] {
	if f, ok := any(s.Soft).(Soft[T]); ok {
		return f
	}
	return scalarSoft[T]()
}
