package kernel

// Set is the loops on float32 that have a vector form. Both sets give the same bits. It is immutable.
type Set struct {
	Name               string                                   // "scalar" or "avx2"
	Gemm               func(g Gemm, c, a, b, scratch []float32) // c must not overlap the others
	GemmScratch        func(g Gemm) int                         // the values that Gemm needs of scratch
	Add, Sub, Mul, Div Rows[float32, float32]
	Relu               func(dst, x []float32)
	ReluGrad           func(dst, x, dy []float32)
	CanonicalNaN       func(x []float32)
}

var scalar, best = scalarSet(), bestSet()

// Scalar returns the loops in plain Go, the reference.
func Scalar() *Set { return scalar }

// Best returns the fastest loops of this machine.
func Best() *Set { return best }

func scalarSet() *Set {
	return &Set{
		Name:         "scalar",
		Gemm:         func(g Gemm, c, a, b, _ []float32) { GemmScalar(g, c, a, b) },
		GemmScratch:  func(Gemm) int { return 0 },
		Add:          Add[float32](),
		Sub:          Sub[float32](),
		Mul:          Mul[float32](),
		Div:          Div[float32](),
		Relu:         Relu[float32],
		ReluGrad:     ReluGrad[float32],
		CanonicalNaN: CanonicalNaN[float32],
	}
}

func bestSet() *Set {
	if haveVector {
		return vectorSet()
	}
	return scalar
}
