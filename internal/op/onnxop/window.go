package onnxop

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// spatialMax bounds the dimensions over which a window goes.
const spatialMax = 3

// Window is how a convolution or a pool goes over the spatial dimensions of a tensor, one entry for each: position o of
// the smaller side reads position o·Stride + k·Dilation - Begin of the larger one for tap k. The larger side is the
// input, and of a transposed convolution the output. Numbers are -1 where they are not known.
type Window struct {
	Large, Small     []int
	Kernel           []int
	Stride, Dilation []int
	Begin, End       []int // padding
}

// WindowOf returns the window of a node of an operator that has one, for inputs of these types. It is nil where not
// even the number of dimensions is known.
func WindowOf(n *onnx.NodeProto, in []Type) (*Window, error) {
	op := Lookup(n.GetDomain(), n.GetOpType())
	if op == nil {
		return nil, &UnsupportedError{Op: n.GetOpType(), Domain: n.GetDomain()}
	}
	return (&call{node: n, op: op, in: in}).window()
}

// window reads the attributes that all windows have. The dimensions are those of the first input behind the second one.
func (c *call) window() (*Window, error) {
	in := c.in[0]
	if in.Unranked {
		return nil, nil
	}
	n := len(in.Shape) - 2
	if n < 1 || n > spatialMax {
		return nil, c.fail("input 0 is %v; want 3 to %d dimensions", in, spatialMax+2)
	}
	w := &Window{}
	var err error
	read := func(name string, least int64) []int {
		var v []int
		if err == nil {
			v, err = c.list(name, n, 1, least)
		}
		return v
	}
	w.Stride, w.Dilation = read("strides", 1), read("dilations", 1)
	if err != nil {
		return nil, err
	}
	if w.Kernel, err = c.kernel(n); err != nil {
		return nil, err
	}
	if c.op.Name == "ConvTranspose" {
		return w, c.grow(w, in.Shape[2:])
	}
	return w, c.shrink(w, in.Shape[2:])
}

// list returns a list attribute of one number for each of n dimensions, or of the default where it is not given.
func (c *call) list(name string, n int, def int, least int64) ([]int, error) {
	v, ok := onnx.GetInts(c.node, name)
	if !ok {
		return slices.Repeat([]int{def}, n), nil
	}
	if len(v) != n {
		return nil, c.fail("%s has %d entries; want %d", name, len(v), n)
	}
	out := make([]int, n)
	for i, d := range v {
		if d < least || d > ElementsMax {
			return nil, c.fail("%s is %v; want numbers of %d to %d", name, v, least, ElementsMax)
		}
		out[i] = int(d)
	}
	return out, nil
}

// kernel returns the extent of the window: that of the weights, or what kernel_shape says.
func (c *call) kernel(n int) ([]int, error) {
	said, err := c.list("kernel_shape", n, -1, 1)
	if err != nil || !c.op.weighs() || c.at(1).Unranked {
		return said, err
	}
	w := c.in[1]
	if len(w.Shape) != n+2 {
		return nil, c.fail("the weights are %v; want %d dimensions", w, n+2)
	}
	kernel := slices.Clone(w.Shape[2:])
	for i, k := range kernel {
		if !fits(k, said[i]) {
			return nil, c.fail("kernel_shape is %v and the weights are %v; want the same extent", said, w)
		}
		if k == 0 {
			return nil, c.fail("the weights are %v; want at least one tap", w)
		}
		if k < 0 {
			kernel[i] = said[i]
		}
	}
	return kernel, nil
}

// weighs says whether the second input of the operator is the weights of a window.
func (op *Op) weighs() bool { return op.Name == "Conv" || op.Name == "ConvTranspose" }

// padding returns what auto_pad says, and the padding that is given where it leaves it to that.
func (c *call) padding(n int) (auto string, begin, end []int, err error) {
	auto = c.string("auto_pad")
	switch auto {
	case "", "NOTSET":
		both, err := c.list("pads", 2*n, 0, 0)
		if err != nil {
			return "", nil, nil, err
		}
		return "NOTSET", both[:n:n], both[n:], nil
	case "VALID", "SAME_UPPER", "SAME_LOWER":
		return auto, make([]int, n), make([]int, n), nil
	}
	return "", nil, nil, c.fail("auto_pad is %q; want NOTSET, SAME_UPPER, SAME_LOWER or VALID", auto)
}

// extentOf is how much a window of k taps covers.
func extentOf(k, dilation int) int64 { return int64(k-1)*int64(dilation) + 1 }

// shrink completes the window of an operator that reads the larger side.
func (c *call) shrink(w *Window, in []int) error {
	auto, begin, end, err := c.padding(len(in))
	if err != nil {
		return err
	}
	w.Large, w.Begin, w.End, w.Small = in, begin, end, make([]int, len(in))
	for i, d := range in {
		w.Small[i] = -1
		k, stride := w.Kernel[i], int64(w.Stride[i])
		if auto[0] == 'S' && (k < 0 || d < 0 && stride != 1) {
			if begin[i], end[i] = -1, -1; d >= 0 {
				w.Small[i] = (d + w.Stride[i] - 1) / w.Stride[i]
			}
			continue
		}
		if k < 0 {
			continue
		}
		cover := extentOf(k, w.Dilation[i])
		if auto[0] == 'S' {
			total := cover - 1
			if d >= 0 {
				total = max(int64((d+w.Stride[i]-1)/w.Stride[i]-1)*stride+cover-int64(d), 0)
			}
			if total > ElementsMax {
				return c.fail("the window covers %d elements; want at most %d", cover, ElementsMax)
			}
			if begin[i], end[i] = int(total/2), int(total-total/2); auto == "SAME_LOWER" {
				begin[i], end[i] = end[i], begin[i]
			}
		}
		if c.op.pools() && (int64(begin[i]) >= cover || int64(end[i]) >= cover) {
			return c.fail("pads are %d and %d along dimension %d; want less than the %d elements that a window covers",
				begin[i], end[i], i+2, cover)
		}
		if d < 0 {
			continue
		}
		rest := int64(d) + int64(begin[i]) + int64(end[i]) - cover
		if rest < 0 {
			return c.fail("the window covers %d elements and dimension %d of %v has %d with its padding; want as "+
				"many at "+
				"least", cover, i+2, c.in[0], rest+cover)
		}
		out := rest/stride + 1
		if auto == "NOTSET" && c.int("ceil_mode") != 0 {
			// The last window has to begin within the tensor or in front of it.
			if out = (rest+stride-1)/stride + 1; (out-1)*stride >= int64(d)+int64(begin[i]) {
				out--
			}
		}
		w.Small[i] = int(out)
	}
	return nil
}

// pools says whether the operator takes a number of what a window covers.
func (op *Op) pools() bool { return !op.weighs() && op.Name != "ConvWeights" }

// grow completes the window of a transposed convolution.
func (c *call) grow(w *Window, in []int) error {
	auto, begin, end, err := c.padding(len(in))
	if err != nil {
		return err
	}
	more, err := c.list("output_padding", len(in), 0, 0)
	if err != nil {
		return err
	}
	shape, said := onnx.GetInts(c.node, "output_shape")
	if said && len(shape) == len(in)+2 { // some writers say all dimensions
		shape = shape[2:]
	}
	if said && (len(shape) != len(in) || slices.ContainsFunc(shape, func(d int64) bool {
		return d < 1 || d > ElementsMax
	})) {
		return c.fail("output_shape is %v; want %d dimensions of 1 to %d", shape, len(in), ElementsMax)
	}
	w.Small, w.Begin, w.End, w.Large = in, begin, end, make([]int, len(in))
	for i, d := range in {
		w.Large[i] = -1
		if said {
			w.Large[i] = int(shape[i])
		}
		if d < 0 || w.Kernel[i] < 0 {
			if said || auto[0] == 'S' {
				begin[i], end[i] = -1, -1
			}
			continue
		}
		full := int64(max(d-1, 0))*int64(w.Stride[i]) + extentOf(w.Kernel[i], w.Dilation[i]) + int64(more[i])
		if full > 2*ElementsMax {
			return c.fail("dimension %d of the result has %d elements; want at most %d", i+2, full, ElementsMax)
		}
		switch {
		case said || auto[0] == 'S':
			if !said {
				w.Large[i] = int(min(int64(d)*int64(w.Stride[i]), ElementsMax+1))
			}
			total := max(int(full)-w.Large[i], 0)
			if begin[i], end[i] = total-total/2, total/2; auto == "SAME_UPPER" {
				begin[i], end[i] = end[i], begin[i]
			}
		default:
			out := full - int64(begin[i]) - int64(end[i])
			if out < 1 {
				return c.fail("pads take %d of the %d elements along dimension %d of the result; want fewer",
					begin[i]+end[i], full, i+2)
			}
			w.Large[i] = int(out)
		}
	}
	return nil
}

// Known says which number of the window is not known, for those who need all.
func (w *Window) Known() error {
	if w == nil {
		return fmt.Errorf("the number of dimensions is not known")
	}
	for _, v := range [][]int{w.Large, w.Small, w.Kernel, w.Begin, w.End} {
		if slices.Contains(v, -1) {
			return fmt.Errorf("a dimension over which the window goes is not known")
		}
	}
	return nil
}
