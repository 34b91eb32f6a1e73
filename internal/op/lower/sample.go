package lower

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// sampleRules take what lies between the elements of images, at places that are numbers of the run: each result is a
// sum of elements nearby, which Gather takes, with weights. So its gradient by the image is put where that was taken,
// and the one by the places goes through the weights; where a place is rounded there is none.
var sampleRules = []rule{
	{Name: "AffineGrid", In: two, Out: one, Types: floats, Attrs: []onnxop.Attr{intAttr("align_corners", 0)},
		write: affineGrid},
	{Name: "DeformConv", In: upTo(3, 5), Out: one, Types: floats, write: deformConv,
		Attrs: append(slices.Clone(windowAttrs), attr("kernel_shape", onnx.AttributeProto_INTS, nil),
			intAttr("group", 1), intAttr("offset_group", 1))},
	{Name: "GridSample", In: two, Out: one, Types: floats, write: gridSample,
		Attrs: []onnxop.Attr{intAttr("align_corners", 0), stringAttr("mode", "linear"),
			stringAttr("padding_mode", "zeros")}},
	{Name: "RoiAlign", In: upTo(3, 3), Out: one, Types: floats, write: roiAlign,
		Attrs: []onnxop.Attr{stringAttr("coordinate_transformation_mode", "half_pixel"), stringAttr("mode", "avg"),
			intAttr("output_height", 1), intAttr("output_width", 1), intAttr("sampling_ratio", 0),
			floatAttr("spatial_scale", 1)}},
}

// spot is one element of a line that counts at a place: where it stands among the rows of the image, what it counts
// ("" is 1), and where it is one of the line at all ("" is everywhere).
type spot struct{ at, weight, inside string }

// joined are two values by an operator, of which the first may be missing.
func (c *call) joined(op, a, b string) string {
	if a == "" {
		return b
	}
	if b == "" {
		return a
	}
	return c.Op(op, a, b)
}

// rows turns images into a list of their elements, each a row of the channels of one group, image by image and group by
// group. first is the number of the first row of each, of the shape [images, groups].
func (c *call) rows(x string, groups int) (rows, first string, err error) {
	shape := c.Types[x].Shape
	n, channels, size := shape[0], shape[1], 1
	for _, d := range shape[2:] {
		if d < 1 {
			return "", "", c.fail("the input is %v; want images of at least one element", c.Types[x])
		}
		size *= d
	}
	if n*groups > placesMax {
		return "", "", c.fail("there are %d images; want at most %d", n*groups, placesMax)
	}
	rows = c.Transposed(c.Shaped(x, n, groups, channels/groups, size), 0, 1, 3, 2)
	starts := make([]int64, n*groups)
	for i := range starts {
		starts[i] = int64(i) * int64(size)
	}
	return c.Shaped(rows, n*groups*size, channels/groups), c.Constant(tensor.FromInt64([]int{n, groups}, starts)), c.Err
}

// spotAt is the element at a whole place of a line of n, of which neighbours are stride rows apart. A place beyond the
// line, or none, reads an element of the line all the same.
func (c *call) spotAt(place string, n, stride int) spot {
	at := c.Cast(place, tensor.Int64)
	at = c.Op("Clip", at, c.Number(at, 0), c.Number(at, float64(n-1)))
	if stride > 1 {
		at = c.Op("Mul", at, c.Number(at, float64(stride)))
	}
	return spot{at: at, inside: c.lies(place, 0, float64(n-1))}
}

// lies says where lo ≤ x ≤ hi.
func (c *call) lies(x string, lo, hi float64) string {
	return c.Op("And", c.Op("GreaterOrEqual", x, c.Number(x, lo)), c.Op("LessOrEqual", x, c.Number(x, hi)))
}

// linearSpots are the two elements around a place.
func (c *call) linearSpots(x string, n, stride int) []spot {
	left := c.Op("Floor", x)
	part := c.Op("Sub", x, left)
	a, b := c.spotAt(left, n, stride), c.spotAt(c.Op("Add", left, c.Number(x, 1)), n, stride)
	a.weight, b.weight = c.Op("Sub", c.Number(x, 1), part), part
	return []spot{a, b}
}

// blended are the rows that count at a place, one for each choice of a spot along every line, times what it counts. A
// row that is not of the image is 0, whatever stands where it reads.
func (c *call) blended(rows string, with spot, lines [][]spot) []string {
	if c.Err != nil {
		return nil
	}
	if len(lines) > 0 {
		var out []string
		for _, s := range lines[0] {
			out = append(out, c.blended(rows, spot{at: c.joined("Add", with.at, s.at),
				weight: c.joined("Mul", with.weight, s.weight), inside: c.joined("And", with.inside, s.inside)},
				lines[1:])...)
		}
		return out
	}
	axis := c.Ints(int64(c.Types[with.at].Rank()))
	y, w := c.With("Gather", []string{rows, with.at}, onnx.AttrInt("axis", 0)), with.weight
	if with.inside != "" {
		y = c.Op("Where", c.Op("Unsqueeze", with.inside, axis), y, c.Number(y, 0))
		if w != "" {
			w = c.Op("Where", with.inside, w, c.Number(y, 0))
		}
	}
	if w != "" {
		y = c.Op("Mul", y, c.Op("Unsqueeze", w, axis))
	}
	return []string{y}
}

// summed is the sum of values, one after the other.
func (c *call) summed(parts []string) string {
	if c.Err != nil {
		return ""
	}
	y := parts[0]
	for _, p := range parts[1:] {
		y = c.Op("Add", y, p)
	}
	return y
}

// edges is what a GridSample makes of places beyond a line.
type edges struct {
	padding string
	align   bool
}

// known says whether a padding is one, by its name.
func (e edges) known() bool {
	return slices.Contains([]string{"zeros", "border", "reflection"}, e.padding)
}

// brought brings places of a line of n into it, where that is asked for. The line ends at its outermost elements, or
// half an element beyond them.
func (e edges) brought(c *call, x string, n int) string {
	least, most := c.Number(x, 0), c.Number(x, float64(n-1))
	switch {
	case e.padding == "zeros":
		return x
	case e.padding == "border":
	case e.align && n == 1:
		return c.Like(x, 0)
	default:
		lo, length := -0.5, float64(n)
		if e.align {
			lo, length = 0, length-1
		}
		far := c.Op("Abs", c.Op("Sub", x, c.Number(x, lo)))
		turns := c.Op("Floor", c.Op("Div", far, c.Number(x, length)))
		rest := c.Op("Sub", far, c.Op("Mul", turns, c.Number(x, length)))
		half := c.Op("Mul", turns, c.Number(x, 0.5))
		even := c.Op("Equal", half, c.Op("Floor", half))
		turned := c.Op("Where", even, c.Op("Add", rest, c.Number(x, lo)),
			c.Op("Sub", c.Number(x, lo+length), rest))
		x = c.Op("Where", c.lies(x, lo, lo+length), x, turned)
	}
	return c.Op("Clip", x, least, most)
}

// spots are the elements of a line that count at a place. The nearest of two as near is the even one. A mode that is
// none has none.
func (e edges) spots(c *call, mode string, x string, n, stride int) []spot {
	switch mode {
	case "nearest":
		x = e.brought(c, c.Op("Round", x), n)
		return []spot{c.spotAt(c.Op("Round", x), n, stride)}
	case "linear", "bilinear":
		return c.linearSpots(e.brought(c, x, n), n, stride)
	case "cubic", "bicubic":
		left := c.Op("Floor", x)
		part := c.Op("Sub", x, left)
		out := make([]spot, 4)
		for i := range out {
			place := c.Op("Round", e.brought(c, c.Op("Add", left, c.Number(x, float64(i-1))), n))
			out[i] = c.spotAt(place, n, stride)
			out[i].weight = c.cubicWeight(part, i)
		}
		return out
	}
	return nil
}

// cubicWeight is what element i of four counts, the second of which is so far in front of a place (Keys, "Cubic
// convolution interpolation for digital image processing", 1981, with a = -0.75).
func (c *call) cubicWeight(part string, i int) string {
	const a = -0.75
	num := func(v float64) string { return c.Number(part, v) }
	far := part
	switch i {
	case 0:
		far = c.Op("Add", part, num(1))
	case 2, 3:
		far = c.Op("Sub", num(float64(i-1)), part)
	}
	if i == 1 || i == 2 {
		y := c.Op("Sub", c.Op("Mul", far, num(a+2)), num(a+3))
		return c.Op("Add", c.Op("Mul", c.Op("Mul", y, far), far), num(1))
	}
	y := c.Op("Add", c.Op("Mul", c.Op("Sub", c.Op("Mul", far, num(a)), num(5*a)), far), num(8*a))
	return c.Op("Sub", c.Op("Mul", y, far), num(4*a))
}

// gridSample takes images at places that a grid lists, of which -1 and 1 are the edges. As in the standard's reference,
// a place is rounded to the nearest element before it is brought into the image.
func gridSample(c *call) ([]string, error) {
	shape, err := c.static(0)
	if err != nil {
		return nil, err
	}
	grid, err := c.static(1)
	if err != nil {
		return nil, err
	}
	k := len(shape) - 2
	if k < 1 || k > 3 || len(grid) != k+2 || grid[0] != shape[0] || grid[k+1] != k ||
		!slices.Contains(floats, c.typ(1).DType) {
		return nil, c.fail("the input is %v and the grid %v; want images of 1 to 3 dimensions, and for each a grid of "+
			"as many dimensions of floats, the last one of places", c.typ(0), c.typ(1))
	}
	e, mode := edges{c.string("padding_mode"), c.int("align_corners") != 0}, c.string("mode")
	if !e.known() {
		return nil, c.fail("padding_mode is %q; want zeros, border or reflection", e.padding)
	}
	rows, first, err := c.rows(c.in[0], 1)
	if err != nil {
		return nil, err
	}
	many := 1
	for _, d := range grid[1 : k+1] {
		many *= d
	}
	places := c.Shaped(c.Cast(c.in[1], c.typ(0).DType), grid[0], many, k)
	lines, stride := make([][]spot, k), 1
	for d := k - 1; d >= 0; d-- { // the grid lists the innermost dimension first
		n := shape[d+2]
		x := c.Shaped(c.Sliced(places, 2, k-1-d, k-d), grid[0], many)
		x = c.Op("Add", x, c.Number(x, 1))
		if e.align {
			x = c.Op("Mul", c.Op("Mul", x, c.Number(x, 0.5)), c.Number(x, float64(n-1)))
		} else {
			x = c.Op("Mul", c.Op("Sub", c.Op("Mul", x, c.Number(x, float64(n))), c.Number(x, 1)), c.Number(x, 0.5))
		}
		if lines[d] = e.spots(c, mode, x, n, stride); lines[d] == nil {
			return nil, c.fail("mode is %q; want nearest, linear or cubic", mode)
		}
		stride *= n
	}
	y := c.Transposed(c.summed(c.blended(rows, spot{at: first}, lines)), 0, 2, 1)
	return []string{c.Shaped(y, append([]int{shape[0], shape[1]}, grid[1:k+1]...)...)}, c.Err
}

// affineGrid is a grid of places, each turned by a matrix. A dimension of one element has it in the middle.
func affineGrid(c *call) ([]string, error) {
	theta, err := c.static(0)
	if err != nil {
		return nil, err
	}
	size, err := c.shapeOf(1)
	if err != nil {
		return nil, err
	}
	k, many := len(size)-2, int64(1)
	for _, d := range size[min(2, len(size)):] {
		many = min(many*d, placesMax+1)
	}
	if k != 2 && k != 3 || !slices.Equal(theta, []int{int(size[0]), k, k + 1}) || many > placesMax {
		return nil, c.fail("the matrices are %v for a size of %v; want one of [2, 3] or [3, 4] for each image of two or "+
			"three dimensions, and at most %d places", c.typ(0), size, placesMax)
	}
	places := make([]float64, 0, many*int64(k+1))
	for i := range many {
		rest := i
		for d := k + 1; d >= 2; d-- {
			n := size[d]
			at, steps := float64(rest%n), float64(n)
			rest /= n
			switch {
			case c.int("align_corners") == 0:
				places = append(places, (2*at+1)/steps-1)
			case n == 1:
				places = append(places, 0)
			default:
				places = append(places, 2*at/(steps-1)-1)
			}
		}
		places = append(places, 1)
	}
	base := c.Cast(c.Constant(tensor.FromFloat64([]int{int(many), k + 1}, places)), c.typ(0).DType)
	y := c.Op("MatMul", base, c.Transposed(c.in[0], 0, 2, 1))
	dims := []int{int(size[0])}
	for _, d := range append(size[2:], int64(k)) {
		dims = append(dims, int(d))
	}
	return []string{c.Shaped(y, dims...)}, c.Err
}
