package onnxop

// matrixOps are the matrix products.
var matrixOps = []Op{
	{Name: "Gemm", In: Arity{2, 3}, Out: one, Types: floats, Same: true, rule: gemm,
		Attrs: []Attr{floatAttr("alpha", 1), floatAttr("beta", 1), intAttr("transA", 0), intAttr("transB", 0)}},
	{Name: "MatMul", In: two, Out: one, Types: floats, Same: true, rule: matMul},
}

// gemm is alpha·op(A)·op(B) + beta·C on matrices, where C broadcasts in one direction.
func gemm(c *call) error {
	a, b, bias := c.in[0], c.in[1], c.at(2)
	if a.Unranked || b.Unranked {
		return c.give(Type{DType: a.DType, Shape: []int{-1, -1}})
	}
	if len(a.Shape) != 2 || len(b.Shape) != 2 {
		return c.fail("A is %v and B is %v; want two matrices", a, b)
	}
	m, ka := a.Shape[0], a.Shape[1]
	if c.int("transA") != 0 {
		m, ka = ka, m
	}
	kb, n := b.Shape[0], b.Shape[1]
	if c.int("transB") != 0 {
		kb, n = n, kb
	}
	if !fits(ka, kb) {
		return c.fail("A is %v and B is %v; the inner dimensions %d and %d differ", a, b, ka, kb)
	}
	if !bias.Absent() && !bias.Unranked {
		out, err := Broadcast([]int{m, n}, bias.Shape)
		if err != nil || len(out) != 2 || !fits(out[0], m) || !fits(out[1], n) {
			return c.fail("C is %v; want a shape that broadcasts to [%d %d]", bias, m, n)
		}
	}
	return c.give(Type{DType: a.DType, Shape: []int{m, n}})
}

// fits says whether two dimensions can be equal.
func fits(a, b int) bool { return a == b || a < 0 || b < 0 }

// matMul is the product of NumPy: matrices in the last two dimensions, the others broadcast, and a vector is a row on
// the left and a column on the right.
func matMul(c *call) error {
	a, b := c.in[0], c.in[1]
	if a.Unranked || b.Unranked {
		return c.give(Type{DType: a.DType, Unranked: true})
	}
	x, y := a.Shape, b.Shape
	if len(x) == 0 || len(y) == 0 {
		return c.fail("A is %v and B is %v; want at least one dimension each", a, b)
	}
	if len(x) == 1 {
		x = []int{1, x[0]}
	}
	if len(y) == 1 {
		y = []int{y[0], 1}
	}
	if k, l := x[len(x)-1], y[len(y)-2]; !fits(k, l) {
		return c.fail("A is %v and B is %v; the inner dimensions %d and %d differ", a, b, k, l)
	}
	out, err := Broadcast(x[:len(x)-2], y[:len(y)-2])
	if err != nil {
		return c.fail("A is %v and B is %v: %v", a, b, err)
	}
	if len(a.Shape) > 1 {
		out = append(out, x[len(x)-2])
	}
	if len(b.Shape) > 1 {
		out = append(out, y[len(y)-1])
	}
	return c.give(Type{DType: a.DType, Shape: out})
}
