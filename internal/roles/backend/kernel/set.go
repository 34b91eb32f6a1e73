package kernel

// Set is the loops on float32 that have a vector form, by one set of rules. The sets of the same rules give the same
// bits. It is immutable.
type Set struct {
	Name               string // "scalar", "avx2", "avx512" or "neon"
	Rules              Rules
	Workers            int                                      // the threads that may share what is large
	Gemm               func(g Gemm, c, a, b, scratch []float32) // c must not overlap the others
	GemmScratch        func(g Gemm) int                         // the values that Gemm needs of scratch
	Add, Sub, Mul, Div Rows[float32, float32]
	Relu               func(dst, x []float32)
	ReluGrad           func(dst, x, dy []float32)
	CanonicalNaN       func(x []float32)

	// The sum of reductions, in float64: by the rules Fused LaneSum, by Rounded Sum.
	Sum Fold[float32, float64]

	// A convolution by the rules Fused, and the values that it needs of scratch.
	Conv        func(c *FusedConv, way Way, out, p, q, bias, scratch []float32)
	ConvScratch func(c *FusedConv, way Way) int64

	// The greatest of each window of a pool of quarters, and the way back.
	MaxQuarters  func(p *Pool, y []float32, at []int64, x []float32, relu bool)
	GiveQuarters func(p *Pool, dst, dy []float32, at []int64, top []float32)
	Unary
	Optimizers Optimizers[float32]
}

var (
	scalars = [...]*Set{Rounded: scalarSet(Rounded), Fused: scalarSet(Fused)}
	bests   = [...]*Set{Rounded: bestSet(Rounded, 1, haveWide), Fused: bestSet(Fused, 1, haveWide)}
)

// Scalar returns the loops in plain Go, the reference.
func Scalar(r Rules) *Set { return scalars[r] }

// Best returns the fastest loops of this machine.
func Best(r Rules) *Set { return bests[r] }

// Threads returns the fastest loops of this machine, of which large products are shared by some threads. The bits are
// the same.
func Threads(r Rules, n int) *Set {
	if n <= 1 {
		return Best(r)
	}
	return bestSet(r, n, haveWide)
}

func scalarSet(r Rules) *Set {
	sum := Sum[float32, float64]()
	if r == Fused {
		sum = LaneSum()
	}
	return &Set{
		Sum:          sum,
		Name:         "scalar",
		Rules:        r,
		Workers:      1,
		Gemm:         func(g Gemm, c, a, b, _ []float32) { GemmScalar(r, g, c, a, b) },
		GemmScratch:  func(Gemm) int { return 0 },
		Add:          Add[float32](),
		Sub:          Sub[float32](),
		Mul:          Mul[float32](),
		Div:          Div[float32](),
		Relu:         Relu[float32],
		ReluGrad:     ReluGrad[float32],
		CanonicalNaN: CanonicalNaN[float32],
		Conv:         RunFused[float32],
		ConvScratch:  FusedScratch,
		MaxQuarters:  MaxQuarters[float32],
		GiveQuarters: GiveQuarters[float32],
		Unary:        scalarUnary(),
		Optimizers:   scalarOptimizers[float32](),
	}
}

func bestSet(r Rules, threads int, wide bool) *Set {
	s := scalarSet(r)
	s.Workers = threads
	vectorize(s, threads, wide)
	return s
}
