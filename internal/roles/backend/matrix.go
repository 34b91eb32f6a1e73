package backend

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

var matrixKernels = map[string]kernelDef{
	"Gemm":   {bind: onInput(0, byType{tensor.Float32: gemm[float32], tensor.Float64: gemm[float64]})},
	"MatMul": {bind: onInput(0, byType{tensor.Float32: matMul[float32], tensor.Float64: matMul[float64]})},
}

// product is a matrix product of either float type on the frame's scratch memory.
type product[T kernel.Float] func(f *frame, g kernel.Gemm, c, a, b []T)

// products returns the matrix product of a set of kernels, and the scratch memory that it needs for g.
func products[T kernel.Float](set *kernel.Set, g kernel.Gemm) (product[T], int) {
	p := product[T](func(_ *frame, g kernel.Gemm, c, a, b []T) { kernel.GemmScalar(set.Rules, g, c, a, b) })
	if q, ok := any(&p).(*product[float32]); ok {
		*q = func(f *frame, g kernel.Gemm, c, a, b []float32) { set.Gemm(g, c, a, b, f.scratch32) }
		return p, set.GemmScratch(g)
	}
	return p, 0
}

// arithmetics are the elementwise operators that follow a product.
type arithmetics[T kernel.Float] struct {
	add, mul kernel.Rows[T, T]
	relu     func(dst, x []T)
}

func arithmeticsOf[T kernel.Float](set *kernel.Set) arithmetics[T] {
	a := arithmetics[T]{kernel.Add[T](), kernel.Mul[T](), kernel.Relu[T]}
	if q, ok := any(&a).(*arithmetics[float32]); ok {
		*q = arithmetics[float32]{set.Add, set.Mul, set.Relu}
	}
	return a
}

// gemm binds a Gemm: the product, then times alpha, then plus beta times C, then the Relu that was fused, each rounded.
func gemm[T kernel.Float](b *binding) (run, error) {
	g := kernel.Gemm{M: b.out[0].Shape[0], N: b.out[0].Shape[1], K: b.in[0].Shape[1]}
	g.TransA, g.TransB = onnxop.Int(b.proto, "transA") != 0, onnxop.Int(b.proto, "transB") != 0
	if g.TransA {
		g.K = b.in[0].Shape[0]
	}
	mul, scratch := products[T](b.set, g)
	ops := arithmeticsOf[T](b.set)
	alpha, beta := T(onnxop.Float(b.proto, "alpha")), T(onnxop.Float(b.proto, "beta"))
	a0, b0, y, relu := b.inSlot[0], b.inSlot[1], b.outSlot[0], b.relu
	finish := func(*frame, []T) {}
	if b.has(2) && beta != 0 {
		finish = addBias(b, beta, ops)
	}
	b.scratch32 = max(b.scratch32, scratch)
	multiply := func(f *frame, dst []T) { mul(f, g, dst, data[T](f, a0), data[T](f, b0)) }
	if isHalf(b.in[1]) {
		multiply = halfProduct[T](b, g)
	}
	return func(f *frame) error {
		dst := data[T](f, y)
		multiply(f, dst)
		if alpha != 1 {
			ops.mul.VS(dst, dst, alpha)
		}
		finish(f, dst)
		if relu {
			ops.relu(dst, dst)
		}
		return nil
	}, nil
}

// addBias returns what adds beta times the third input, which broadcasts, to a result.
func addBias[T kernel.Float](b *binding, beta T, ops arithmetics[T]) func(f *frame, dst []T) {
	slot, n := b.inSlot[2], b.in[2].Elements()
	w := kernel.Broadcast(b.out[0].Shape, b.out[0].Shape, b.in[2].Shape)
	if beta == 1 {
		return func(f *frame, dst []T) { kernel.Binary(&w, &ops.add, dst, dst, data[T](f, slot)) }
	}
	var z T
	_, narrow := any(z).(float32)
	if narrow {
		b.scratch32 = n
	} else {
		b.scratch64 = n
	}
	return func(f *frame, dst []T) {
		var scaled []T
		if narrow {
			scaled = any(f.scratch32).([]T)[:n]
		} else {
			scaled = any(f.scratch64).([]T)[:n]
		}
		ops.mul.VS(scaled, data[T](f, slot), beta)
		kernel.Binary(&w, &ops.add, dst, dst, scaled)
	}
}

// matMul binds a MatMul, with the operands as they were fused to it. Where only the left side has more than two
// dimensions they are rows of one product; otherwise there is one product for each matrix of the result.
func matMul[T kernel.Float](b *binding) (run, error) {
	g := kernel.Gemm{TransA: b.transposed[0], TransB: b.transposed[1], More: b.more}
	x, z := slices.Clone(b.in[0].Shape), slices.Clone(b.in[1].Shape) // as they are multiplied
	if len(x) == 1 {
		x = []int{1, x[0]}
	}
	if len(z) == 1 {
		z = []int{z[0], 1}
	}
	for i, s := range [][]int{x, z} {
		if n := len(s); b.transposed[i] {
			s[n-1], s[n-2] = s[n-2], s[n-1]
		}
	}
	g.M, g.K, g.N = x[len(x)-2], x[len(x)-1], z[len(z)-1]
	batch, err := onnxop.Broadcast(x[:len(x)-2], z[:len(z)-2])
	if err != nil {
		return nil, err
	}
	switch {
	case b.summed: // the rows of all matrices are terms
		for _, d := range batch {
			g.K *= d
		}
		x, z, batch = x[len(x)-2:], z[len(z)-2:], nil
	case len(z) == 2 && !g.TransA:
		for _, d := range batch {
			g.M *= d
		}
		x, batch = x[len(x)-2:], nil
	}
	if isHalf(b.in[1]) { // of two dimensions: see fusion.halfProduct
		multiply, y := halfProduct[T](b, g), b.outSlot[0]
		return func(f *frame) error {
			multiply(f, data[T](f, y))
			return nil
		}, nil
	}
	w := kernel.Broadcast(batch, x[:len(x)-2], z[:len(z)-2])
	mul, scratch := products[T](b.set, g)
	b.scratch32 = max(b.scratch32, scratch)
	a0, b0, y := b.inSlot[0], b.inSlot[1], b.outSlot[0]
	return func(f *frame) error {
		dst, left, right := data[T](f, y), data[T](f, a0), data[T](f, b0)
		w.Each(func(at int, off [3]int) {
			mul(f, g, dst[at*g.M*g.N:(at+1)*g.M*g.N], left[off[0]*g.M*g.K:], right[off[1]*g.K*g.N:])
		})
		return nil
	}, nil
}
