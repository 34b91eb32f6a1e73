package lower

import (
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// einsumRules are products by Einstein's convention.
var einsumRules = []rule{{Name: "Einsum", In: variadic, Out: one, Attrs: []onnxop.Attr{
	{Name: "equation", Kind: onnx.AttributeProto_STRING, Required: true}}, write: einsum}}

// operand is a value with a label for each of its dimensions: a letter, or a number that stands for one of "…".
type operand struct {
	v      string
	labels []rune
}

// einsum folds the operands from the left, two at a time, to a product of matrices each.
func einsum(c *call) ([]string, error) {
	ops, out, err := c.equation()
	if err != nil {
		return nil, err
	}
	sizes := map[rune]int{}
	for _, o := range ops {
		for i, l := range o.labels {
			d := c.Types[o.v].Shape[i]
			if had, ok := sizes[l]; ok && had != d && had != 1 && d != 1 {
				return nil, c.fail("%q is %d and %d; want one dimension for a letter", string(l), had, d)
			}
			if d != 1 || sizes[l] == 0 {
				sizes[l] = d
			}
		}
	}
	for i := range ops {
		c.diagonal(&ops[i])
		// A dimension of 1 that others have longer is repeated by the product.
		c.without(&ops[i], func(l rune) bool {
			return sizes[l] != 1 && c.Types[ops[i].v].Shape[slices.Index(ops[i].labels, l)] == 1
		})
	}
	left := ops[0]
	for i := 1; i < len(ops); i++ {
		later := slices.Clone(out)
		for _, o := range ops[i+1:] {
			later = append(later, o.labels...)
		}
		left = c.pair(left, ops[i], later)
	}
	c.without(&left, func(l rune) bool { return !slices.Contains(out, l) })
	for _, l := range out { // one that was 1 everywhere it stood
		if c.Err == nil && !slices.Contains(left.labels, l) {
			return nil, c.fail("output dimension %q is in no input", string(l))
		}
	}
	return []string{c.ordered(left, out)}, c.Err
}

// equation reads the equation: the operands, and the labels of the result.
func (c *call) equation() ([]operand, []rune, error) {
	text := strings.ReplaceAll(c.string("equation"), " ", "")
	left, right, explicit := strings.Cut(text, "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(c.in) {
		return nil, nil, c.fail("equation %.80q has %d terms; want one for each of %d inputs", text, len(terms),
			len(c.in))
	}
	var ops []operand
	most := 0 // dimensions of "…"
	count := map[rune]int{}
	for i, term := range terms {
		shape, err := c.static(i)
		if err != nil {
			return nil, nil, err
		}
		letters := strings.Replace(term, "...", "", 1)
		dots := len(shape) - len(letters)
		if strings.Trim(letters, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || dots < 0 ||
			dots > 0 && letters == term {
			return nil, nil, c.fail("term %.80q is for %v; want a letter for each dimension, or ... for some", term,
				c.typ(i))
		}
		var labels []rune
		before, behind, _ := strings.Cut(term, "...")
		labels = append(labels, []rune(before)...)
		for d := range dots {
			labels = append(labels, rune(dots-d)) // counted from the end, as they broadcast
		}
		if letters != term {
			labels = append(labels, []rune(behind)...)
		}
		for _, l := range labels {
			count[l]++
		}
		most = max(most, dots)
		ops = append(ops, operand{c.in[i], labels})
	}
	var out []rune
	dots := func() {
		for d := range most {
			out = append(out, rune(most-d))
		}
	}
	if !explicit {
		dots()
		for l := 'A'; l <= 'z'; l++ {
			if count[l] == 1 {
				out = append(out, l)
			}
		}
		return ops, out, nil
	}
	before, behind, has := strings.Cut(right, "...")
	out = append(out, []rune(before)...)
	if has {
		dots()
	}
	out = append(out, []rune(behind)...)
	for i, l := range out {
		if slices.Contains(out[:i], l) || count[l] == 0 {
			return nil, nil, c.fail("output term %.80q has %q twice, or in no input", right, string(l))
		}
	}
	return ops, out, nil
}

// diagonal takes the elements at which the dimensions of a label that stands twice agree.
func (c *call) diagonal(o *operand) {
	for c.Err == nil {
		at, with := -1, -1
		for i, l := range o.labels {
			if j := slices.Index(o.labels[i+1:], l); j >= 0 {
				at, with = i, i+1+j
				break
			}
		}
		if at < 0 {
			return
		}
		shape := c.Types[o.v].Shape
		n := shape[at]
		if shape[with] != n || n > 1<<12 {
			c.Err = c.fail("the dimensions of %q in one term are %d and %d; want the same, up to %d",
				string(o.labels[at]),
				n, shape[with], 1<<12)
			return
		}
		same := make([]bool, n*n)
		for i := range n {
			same[i*n+i] = true
		}
		dims := slices.Repeat([]int{1}, len(shape))
		dims[at], dims[with] = n, n
		eye := c.Constant(tensor.FromBool(dims, same))
		o.v = c.With("ReduceSum", []string{c.Op("Where", eye, o.v, c.Number(o.v, 0)), c.Ints(int64(with))},
			onnx.AttrInt("keepdims", 0))
		o.labels = slices.Delete(slices.Clone(o.labels), with, with+1)
	}
}

// without sums over the labels for which gone says so.
func (c *call) without(o *operand, gone func(l rune) bool) {
	var axes []int64
	var kept []rune
	for i, l := range o.labels {
		if c.Err == nil && gone(l) {
			axes = append(axes, int64(i))
		} else {
			kept = append(kept, l)
		}
	}
	if len(axes) > 0 {
		o.v = c.With("ReduceSum", []string{o.v, c.Ints(axes...)}, onnx.AttrInt("keepdims", 0))
		o.labels = kept
	}
}

// ordered is an operand with its dimensions in an order.
func (c *call) ordered(o operand, labels []rune) string {
	perm := make([]int64, len(labels))
	for i, l := range labels {
		perm[i] = int64(slices.Index(o.labels, l))
	}
	if c.Err != nil || len(labels) == 0 {
		return o.v
	}
	return c.Transposed(o.v, perm...)
}

// pair multiplies two operands and sums over what is in neither later nor the result.
func (c *call) pair(a, b operand, later []rune) operand {
	c.without(&a, func(l rune) bool { return !slices.Contains(b.labels, l) && !slices.Contains(later, l) })
	c.without(&b, func(l rune) bool { return !slices.Contains(a.labels, l) && !slices.Contains(later, l) })
	if c.Err != nil {
		return a
	}
	var both, summed, ofA, ofB []rune
	for _, l := range a.labels {
		switch {
		case !slices.Contains(b.labels, l):
			ofA = append(ofA, l)
		case slices.Contains(later, l):
			both = append(both, l)
		default:
			summed = append(summed, l)
		}
	}
	for _, l := range b.labels {
		if !slices.Contains(a.labels, l) {
			ofB = append(ofB, l)
		}
	}
	dims := func(o operand, lists ...[]rune) (out []int) {
		for _, l := range slices.Concat(lists...) {
			out = append(out, c.Types[o.v].Shape[slices.Index(o.labels, l)])
		}
		return out
	}
	product := func(dims []int) int {
		n := 1
		for _, d := range dims {
			n *= d
		}
		return n
	}
	labels := slices.Concat(both, ofA, ofB)
	shape := slices.Concat(dims(a, both, ofA), dims(b, ofB))
	left := c.ordered(a, slices.Concat(both, ofA, summed))
	if len(summed) == 0 {
		right := c.ordered(b, slices.Concat(both, ofB))
		left = c.Shaped(left, append(dims(a, both, ofA), slices.Repeat([]int{1}, len(ofB))...)...)
		right = c.Shaped(right, slices.Concat(dims(a, both), slices.Repeat([]int{1}, len(ofA)), dims(b, ofB))...)
		return operand{c.Op("Mul", left, right), labels}
	}
	right := c.ordered(b, slices.Concat(both, summed, ofB))
	n, m, k, l := product(dims(a, both)), product(dims(a, ofA)), product(dims(a, summed)), product(dims(b, ofB))
	var z string
	if len(both) == 0 {
		z = c.Op("MatMul", c.Shaped(left, m, k), c.Shaped(right, k, l))
	} else {
		z = c.Op("MatMul", c.Shaped(left, n, m, k), c.Shaped(right, n, k, l))
	}
	return operand{c.Shaped(z, shape...), labels}
}
