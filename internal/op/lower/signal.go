package lower

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/fmath"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// signalRules: windows, of a size that is known, and transforms, as products with constant matrices.
var signalRules = []rule{
	window("BlackmanWindow", 0.42, 0.5, 0.08),
	window("HammingWindow", 25.0/46, 21.0/46, 0),
	window("HannWindow", 0.5, 0.5, 0),
	{Name: "DFT", In: upTo(1, 3), Out: one, Types: floats, Attrs: []onnxop.Attr{
		attr("axis", onnx.AttributeProto_INT, nil), intAttr("inverse", 0), intAttr("onesided", 0)}, write: dft},
	{Name: "MelWeightMatrix", In: upTo(5, 5), Out: one, Attrs: []onnxop.Attr{intAttr("output_datatype", 1)},
		write: melWeights},
	{Name: "STFT", In: upTo(2, 4), Out: one, Types: floats, Attrs: []onnxop.Attr{intAttr("onesided", 1)}, write: stft},
}

// signalMost bounds the elements of a constant that is written for a signal.
const signalMost = 1 << 22

// whole returns input i, a constant scalar of integers, as a number; def where it is not given.
func (c *call) whole(i, def int) (int, error) {
	t, err := c.known(i)
	if err != nil || t == nil {
		return def, err
	}
	if t.Len() != 1 || t.DType() != tensor.Int64 && t.DType() != tensor.Int32 {
		return 0, c.fail("input %d is %v; want one whole number", i, c.typ(i))
	}
	return onnxop.Scalar(t), nil
}

// window is the rule of a - b·cos(2πi/n) + c·cos(4πi/n).
func window(name string, a0, a1, a2 float64) rule {
	return rule{Name: name, In: one, Out: one, Attrs: []onnxop.Attr{intAttr("periodic", 1),
		intAttr("output_datatype", 1)}, write: func(c *call) ([]string, error) {
		n, err := c.whole(0, 0)
		if err != nil {
			return nil, err
		}
		if n < 0 || n > signalMost {
			return nil, c.fail("the size is %d; want 0 to %d", n, signalMost)
		}
		turn := n
		if c.int("periodic") == 0 {
			turn = max(n-1, 1)
		}
		v := make([]float64, n)
		for i := range v {
			v[i] = float64(a0-float64(a1*cosOf(i, turn))) + float64(a2*cosOf(2*i, turn))
		}
		return []string{c.Cast(c.Constant(tensor.FromFloat64([]int{n}, v)), tensor.DType(c.int("output_datatype")))},
			nil
	}}
}

// cosOf is cos(2π·i/n), sinOf the sine.
func cosOf(i, n int) float64 { return fmath.Cos(2 * math.Pi * float64(i%n) / float64(n)) }

func sinOf(i, n int) float64 { return fmath.Sin(2 * math.Pi * float64(i%n) / float64(n)) }

func dft(c *call) ([]string, error) {
	shape, err := c.static(0)
	if err != nil {
		return nil, err
	}
	if len(shape) < 2 {
		return nil, c.fail("the signal is %v; want a dimension for it, and one of 1 or 2 for real or complex", c.typ(0))
	}
	at, err := c.whole(2, -2)
	if err != nil {
		return nil, err
	}
	if v, ok := onnx.GetInt(c.node, "axis"); ok {
		at = int(max(min(v, tensor.MaxRank), -tensor.MaxRank-1))
	}
	axis, err := onnxop.Axis(int64(at), len(shape))
	if err != nil || axis == len(shape)-1 {
		return nil, c.fail("the axis is %d of %v; want one before the last", at, c.typ(0))
	}
	length := shape[axis]
	if c.int("inverse") != 0 && c.int("onesided") != 0 {
		length = 2 * (length - 1)
	}
	if length, err = c.whole(1, length); err != nil {
		return nil, err
	}
	z, err := c.transformed(c.in[0], axis, length)
	return []string{z}, err
}

// transformed is the transform of that length along an axis.
func (c *call) transformed(x string, axis, length int) (string, error) {
	if c.Err != nil {
		return "", c.Err
	}
	shape := c.Types[x].Shape
	last := len(shape) - 1
	parts := shape[last]
	inverse, half := c.int("inverse") != 0, c.int("onesided") != 0
	if parts != 1 && parts != 2 || half && inverse != (parts == 2) {
		return "", c.fail("the signal is %v; want real numbers for one side of a transform, complex ones for the way "+
			"back from it, and else either", c.Types[x])
	}
	bins, given := length, min(shape[axis], length)
	switch {
	case half && inverse:
		given = min(shape[axis], length/2+1)
	case half:
		bins = length/2 + 1
	}
	out := 2
	if half && inverse {
		out = 1
	}
	if length < 1 || bins > signalMost/max(given*parts*out, 1) {
		return "", c.fail("the transform is of %d elements to %d; want at least 1, and a matrix of at most %d", given, bins,
			signalMost)
	}
	w := make([]float64, given*parts*bins*out)
	put := func(i, from, k, to int, v float64) { w[((i*parts+from)*bins+k)*out+to] = v }
	for i := range given {
		for k := range bins {
			turn := int(int64(i) * int64(k) % int64(length))
			cos, sin := cosOf(turn, length), sinOf(turn, length)
			if inverse {
				cos, sin = cos/float64(length), -sin/float64(length)
			}
			if out == 1 { // what is not there is the mirror of what is
				twice := 2.0
				if i == 0 || 2*i == length {
					twice = 1
				}
				put(i, 0, k, 0, twice*cos)
				put(i, 1, k, 0, twice*sin)
				continue
			}
			put(i, 0, k, 0, cos)
			put(i, 0, k, 1, -sin)
			if parts == 2 {
				put(i, 1, k, 0, sin)
				put(i, 1, k, 1, cos)
			}
		}
	}
	// The axis stands before the last while it is multiplied.
	perm := make([]int64, 0, len(shape))
	for d := range shape {
		if d != axis && d != last {
			perm = append(perm, int64(d))
		}
	}
	perm = append(perm, int64(axis), int64(last))
	x = c.Transposed(c.Sliced(x, axis, 0, given), perm...)
	rest := 1
	dims := make([]int, len(perm))
	for i, p := range perm {
		if dims[i] = shape[p]; i < len(perm)-2 {
			rest *= shape[p]
		}
	}
	dims[last-1], dims[last] = bins, out
	matrix := c.Cast(c.Constant(tensor.FromFloat64([]int{given * parts, bins * out}, w)), c.typ(0).DType)
	z := c.Shaped(c.Op("MatMul", c.Shaped(x, rest, given*parts), matrix), dims...)
	back := make([]int64, len(perm))
	for i, p := range perm {
		back[p] = int64(i)
	}
	return c.Transposed(z, back...), c.Err
}

// stft transforms each frame of a signal.
func stft(c *call) ([]string, error) {
	shape, err := c.static(0)
	if err != nil {
		return nil, err
	}
	step, err := c.whole(1, 0)
	if err != nil {
		return nil, err
	}
	if len(shape) != 3 {
		return nil, c.fail("the signal is %v; want [batch, length, 1 or 2]", c.typ(0))
	}
	length := shape[1]
	window := c.at(2)
	if t := c.typ(2); window != "" {
		if len(t.Shape) != 1 || t.Shape[0] < 1 || t.DType != c.typ(0).DType {
			return nil, c.fail("the window is %v; want one dimension that is known, of %v", t, c.typ(0).DType)
		}
		length = t.Shape[0]
	}
	if length, err = c.whole(3, length); err != nil {
		return nil, err
	}
	if step < 1 || length < 1 || length > shape[1] || window != "" && length != c.typ(2).Shape[0] {
		return nil, c.fail("frames are of %d, %d apart, of %d; want them within the signal, and as long as the window",
			length, step, shape[1])
	}
	frames := (shape[1]-length)/step + 1
	if frames > signalMost/length {
		return nil, c.fail("there are %d frames of %d; want at most %d elements", frames, length, signalMost)
	}
	index := make([]int64, 0, frames*length)
	for f := range frames {
		for i := range length {
			index = append(index, int64(f*step+i))
		}
	}
	x := c.With("Gather", []string{c.in[0], c.Constant(tensor.FromInt64([]int{frames, length}, index))},
		onnx.AttrInt("axis", 1))
	if window != "" {
		x = c.Op("Mul", x, c.Shaped(window, length, 1))
	}
	z, err := c.transformed(x, 2, length)
	return []string{z}, err
}

// melWeights are triangles over the bins of a spectrum, evenly apart on the mel scale.
func melWeights(c *call) ([]string, error) {
	var n [3]int
	for i := range n {
		v, err := c.whole(i, 0)
		if err != nil {
			return nil, err
		}
		if n[i] = v; v < 1 || v > signalMost {
			return nil, c.fail("input %d is %d; want 1 to %d", i, v, signalMost)
		}
	}
	var edge [2]float64
	for i := range edge {
		t, err := c.known(3 + i)
		if err != nil {
			return nil, err
		}
		switch {
		case t.Len() == 1 && t.DType() == tensor.Float32:
			edge[i] = float64(t.Float32()[0])
		case t.Len() == 1 && t.DType() == tensor.Float64:
			edge[i] = t.Float64()[0]
		default:
			return nil, c.fail("input %d is %v; want one number of float32 or float64", 3+i, c.typ(3+i))
		}
	}
	mels, length, rate := n[0], n[1], n[2]
	bins := length/2 + 1
	if !(edge[0] >= 0 && edge[0] <= edge[1] && edge[1] <= 1e9) || bins > signalMost/mels {
		return nil, c.fail("%d bands of %d bins from %g to %g Hz; want at most %d elements, and edges in order", mels, bins,
			edge[0], edge[1], signalMost)
	}
	mel := func(hertz float64) float64 { return 2595 * fmath.Log(1+hertz/700) / math.Ln10 }
	low := mel(edge[0])
	step := (mel(edge[1]) - low) / float64(mels+2)
	at := make([]int, mels+2)
	for i := range at {
		hertz := 700 * (fmath.Exp((float64(float64(i)*step)+low)/2595*math.Ln10) - 1)
		at[i] = int(math.Floor(float64(float64(length+1)*hertz) / float64(rate)))
	}
	if slices.Max(at) >= bins {
		return nil, c.fail("the upper edge %g Hz is beyond half of the rate %d", edge[1], rate)
	}
	v := make([]float64, bins*mels)
	for m := range mels {
		from, top, to := at[m], at[m+1], at[m+2]
		if from == top {
			v[top*mels+m] = 1
		}
		for i := from; i <= top && from < top; i++ {
			v[i*mels+m] = float64(i-from) / float64(top-from)
		}
		for i := top; i < to; i++ {
			v[i*mels+m] = float64(to-i) / float64(to-top)
		}
	}
	return []string{c.Cast(c.Constant(tensor.FromFloat64([]int{bins, mels}, v)),
		tensor.DType(c.int("output_datatype")))}, c.Err
}
