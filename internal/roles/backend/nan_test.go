package backend

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// edgeHashes pin what the operators make of the values at which machines differ, by each rules, on every machine and
// for ever.
var edgeHashes = map[kernel.Rules]string{
	kernel.Rounded: "64620f149d0329b8fc538043b2950142",
	kernel.Fused:   "8298970e406747e2ce4b578c0725d4f3",
}

// Trap fused-product: what operators make of NaN, infinities, zeros of both signs and subnormal numbers has the same
// bits on every machine: of each NaN those of the one that leaves a plan, also where BitCast shows them within it.
func TestEdgeBits(t *testing.T) {
	nans := []float64{math.NaN(), math.Float64frombits(0xfff8_0000_dead_beef), -math.NaN()}
	inf, tiny := math.Inf(1), float64(math.SmallestNonzeroFloat32)
	values := append(nans, inf, -inf, 0, math.Copysign(0, -1), 1, -1, 2, -0.5, tiny, -tiny, 1e-310, 1e-40,
		1.1754944e-38, math.MaxFloat32, -math.MaxFloat32)
	n := len(values)
	square := func(values []float64) (a, b []float64) {
		for i, v := range values {
			for j := range values {
				a, b = append(a, v), append(b, values[(i+j)%len(values)])
			}
		}
		return a, b
	}
	wide, finite := values, values[5:]
	wideA, wideB := square(values)
	finiteA, finiteB := square(finite)
	k := len(finite)
	narrow := func(x []float64) (out []float32) {
		for _, v := range x {
			out = append(out, float32(v))
		}
		return out
	}
	one := []string{"Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Erf",
		"Exp", "Floor", "Log", "Neg", "Reciprocal", "Relu", "Round", "Sigmoid", "Sign", "Sin", "Sinh", "Sqrt", "Tan",
		"Tanh", "Softmax", "LogSoftmax"}
	folds := []string{"ReduceSum", "ReduceMax", "ReduceMin", "ReduceMean", "ReduceLogSumExp", "ReduceL2"}
	two := []string{"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Mod"}
	for _, o := range []Options{{Rules: kernel.Rounded}, {Rules: kernel.Rounded, Scalar: true}, {Rules: kernel.Fused},
		{Rules: kernel.Fused, Scalar: true}} {
		h := sha256.New()
		for _, c := range []struct {
			x, a, b, fa, fb *tensor.Tensor
			to              tensor.DType
			bits            func(x *tensor.Tensor) []uint64
			nan             uint64
			sign            uint64
		}{
			{must(tensor.FromFloat32([]int{n}, narrow(wide))), must(tensor.FromFloat32([]int{n, n}, narrow(wideA))),
				must(tensor.FromFloat32([]int{n, n}, narrow(wideB))),
				must(tensor.FromFloat32([]int{k, k}, narrow(finiteA))),
				must(tensor.FromFloat32([]int{k, k}, narrow(finiteB))), tensor.Uint32, bits32, 0x7fc00000, 1 << 31},
			{must(tensor.FromFloat64([]int{n}, wide)), must(tensor.FromFloat64([]int{n, n}, wideA)),
				must(tensor.FromFloat64([]int{n, n}, wideB)),
				must(tensor.FromFloat64([]int{k, k}, finiteA)), must(tensor.FromFloat64([]int{k, k}, finiteB)),
				tensor.Uint64, bits64, 0x7ff8000000000000, 1 << 63},
		} {
			run := func(op string, attrs []*onnx.AttributeProto, args string, in ...*tensor.Tensor) {
				nodes := []*onnx.NodeProto{nodeOf("y = "+op+" "+args, attrs...),
					nodeOf("z = BitCast y", onnx.AttrInt("to", int64(c.to)))}
				p, err := Compile(graphOf(nodes, []string{"a", "b"}[:len(in)], in, []string{"y", "z"}, false), o)
				if err != nil {
					t.Fatalf("%s: %v", op, err)
				}
				out, err := p.Run(in)
				if err != nil {
					t.Fatalf("%s: %v", op, err)
				}
				shown, nan := c.bits(out[1]), 0
				for i, bits := range c.bits(out[0]) {
					if bits != shown[i] {
						t.Errorf("%s of %v: element %d is %x, and %x to BitCast", op, in[0].DType(), i, bits, shown[i])
					}
					if infinite := c.nan & (c.nan - 1); bits&^c.sign > infinite && bits != c.nan {
						nan++
					}
					_ = binary.Write(h, binary.LittleEndian, bits)
				}
				if nan > 0 {
					t.Errorf("%s of %v: %d results are another NaN than %x", op, in[0].DType(), nan, c.nan)
				}
			}
			for _, op := range one {
				run(op, nil, "a", c.x)
			}
			for _, op := range two {
				var attrs []*onnx.AttributeProto
				if op == "Mod" {
					attrs = append(attrs, onnx.AttrInt("fmod", 1))
				}
				run(op, attrs, "a b", c.a, c.b)
			}
			run("MatMul", nil, "a b", c.fa, c.fb)
			run("MatMul", nil, "a b", c.fb, c.fa)
			for _, op := range folds {
				run(op, nil, "a", c.a)
			}
		}
		if got := hex.EncodeToString(h.Sum(nil)[:16]); got != edgeHashes[o.Rules] {
			t.Errorf("rules %d, scalar %v: hash %s; want %s", o.Rules, o.Scalar, got, edgeHashes[o.Rules])
		}
	}
}

func bits32(x *tensor.Tensor) (out []uint64) {
	if x.DType() == tensor.Uint32 {
		for _, v := range x.Uint32() {
			out = append(out, uint64(v))
		}
	} else {
		for _, v := range x.Float32() {
			out = append(out, uint64(math.Float32bits(v)))
		}
	}
	return out
}

func bits64(x *tensor.Tensor) (out []uint64) {
	if x.DType() == tensor.Uint64 {
		return x.Uint64()
	}
	for _, v := range x.Float64() {
		out = append(out, math.Float64bits(v))
	}
	return out
}
