//go:build !amd64 || purego

package kernel

// HaveVector says whether this machine runs the vector kernel of the matrix product.
const HaveVector = false

// vector is never reached where there is no vector kernel.
func (g Gemm) vector(c, a, b, _ []float32) { g.Scalar(c, a, b) }
