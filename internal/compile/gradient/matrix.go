package gradient

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
)

// matrixRules: with Z = A·B, the gradients are dA = dZ·Bᵀ and dB = Aᵀ·dZ.
var matrixRules = map[string]rule{
	"Gemm":   gemm,
	"MatMul": matMul,
}

// gemm of Z = alpha·op(A)·op(B) + beta·C. Where an operand is stored transposed, so is its gradient.
func gemm(c *call) ([]string, error) {
	e := &chain{b: c.builder}
	grads := make([]string, len(c.in))
	a, b, d := c.in[0], c.in[1], c.d[0]
	transA, transB := onnxop.Int(c.node, "transA") != 0, onnxop.Int(c.node, "transB") != 0
	alpha := onnxop.Float(c.node, "alpha")
	if c.wants[0] && !transA {
		grads[0] = e.gemm(d, b, false, !transB, alpha)
	}
	if c.wants[0] && transA {
		grads[0] = e.gemm(b, d, transB, true, alpha)
	}
	if c.wants[1] && !transB {
		grads[1] = e.gemm(a, d, !transA, false, alpha)
	}
	if c.wants[1] && transB {
		grads[1] = e.gemm(d, a, true, transA, alpha)
	}
	if len(c.in) > 2 && c.wants[2] {
		if beta := onnxop.Float(c.node, "beta"); beta != 1 {
			d = e.op("Mul", d, e.number(d, float64(beta)))
		}
		grads[2] = e.unbroadcast(d, c.in[2])
	}
	return grads, e.err
}

// gemm emits alpha·op(A)·op(B).
func (e *chain) gemm(a, b string, transA, transB bool, alpha float32) string {
	var attrs []*onnx.AttributeProto
	if transA {
		attrs = append(attrs, onnx.AttrInt("transA", 1))
	}
	if transB {
		attrs = append(attrs, onnx.AttrInt("transB", 1))
	}
	if alpha != 1 {
		attrs = append(attrs, onnx.AttrFloat("alpha", alpha))
	}
	return e.with("Gemm", []string{a, b}, attrs...)
}

func matMul(c *call) ([]string, error) {
	e := &chain{b: c.builder}
	grads := make([]string, 2)
	a, b, d := c.in[0], c.in[1], c.d[0]
	ra, rb := c.types[a].Rank(), c.types[b].Rank()
	if ra < 0 || rb < 0 {
		return nil, c.fail("the number of dimensions of an operand is not known; want it known")
	}
	if ra == 2 && rb == 2 {
		if c.wants[0] {
			grads[0] = e.gemm(d, b, false, true, 1)
		}
		if c.wants[1] {
			grads[1] = e.gemm(a, d, true, false, 1)
		}
		return grads, e.err
	}
	// A vector on the left is a row, and on the right a column; the result lacks the dimension that this adds.
	if ra == 1 {
		a = e.op("Unsqueeze", a, e.ints(0))
		d = e.op("Unsqueeze", d, e.ints(-2+int64(btoi(rb == 1))))
	}
	if rb == 1 {
		b = e.op("Unsqueeze", b, e.ints(1))
		d = e.op("Unsqueeze", d, e.ints(-1))
	}
	if c.wants[0] {
		g := e.unbroadcastBut(2, e.op("MatMul", d, e.turned(b)), a, b)
		grads[0] = e.reshape(g, c.in[0])
	}
	if c.wants[1] {
		g := e.unbroadcastBut(2, e.op("MatMul", e.turned(a), d), b, a)
		grads[1] = e.reshape(g, c.in[1])
	}
	return grads, e.err
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// turned transposes the last two dimensions.
func (e *chain) turned(x string) string {
	rank := e.b.types[x].Rank()
	if e.err != nil || rank < 2 {
		return ""
	}
	perm := make([]int64, rank)
	for i := range perm {
		perm[i] = int64(i)
	}
	perm[rank-1], perm[rank-2] = perm[rank-2], perm[rank-1]
	return e.with("Transpose", []string{x}, onnx.AttrInts("perm", perm...))
}
