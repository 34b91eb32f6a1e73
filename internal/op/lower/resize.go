package lower

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// resizeRules make images larger or smaller, one dimension after the other: nearest takes elements, the others multiply
// with a matrix that has the weights of a line.
var resizeRules = []rule{
	{Name: "Resize", In: upTo(1, 4), Out: one, write: resize, Attrs: []onnxop.Attr{intAttr("antialias", 0),
		attr("axes", onnx.AttributeProto_INTS, nil), stringAttr("coordinate_transformation_mode", "half_pixel"),
		floatAttr("cubic_coeff_a", -0.75), intAttr("exclude_outside", 0), floatAttr("extrapolation_value", 0),
		stringAttr("keep_aspect_ratio_policy", "stretch"), stringAttr("mode", "nearest"),
		stringAttr("nearest_mode", "round_prefer_floor")}},
	{Name: "Upsample", In: upTo(1, 2), Out: one, write: upsample, Attrs: []onnxop.Attr{stringAttr("mode", "nearest"),
		attr("scales", onnx.AttributeProto_FLOATS, nil)}},
}

// line is one dimension that is resized.
type line struct {
	axis     int
	from, to int
	scale    float64
	width    float64 // the scaled length, of which to is the whole part
	lo, hi   float64 // the part that tf_crop_and_resize takes
}

func resize(c *call) ([]string, error) {
	shape, err := c.static(0)
	if err != nil {
		return nil, err
	}
	list, ok := onnx.GetInts(c.node, "axes")
	if !ok {
		list = span(0, len(shape))
	}
	axes, err := c.resolved(list, len(shape))
	if err != nil {
		return nil, err
	}
	lines := make([]line, len(axes))
	for i, a := range axes {
		lines[i] = line{axis: a, from: shape[a], hi: 1}
	}
	if err := c.extents(lines); err != nil {
		return nil, err
	}
	if c.string("coordinate_transformation_mode") == "tf_crop_and_resize" {
		roi, err := c.numbers(1, 2*len(lines))
		if err != nil {
			return nil, err
		}
		for i := range lines {
			lines[i].lo, lines[i].hi = roi[i], roi[i+len(lines)]
		}
	}
	return c.resized(c.in[0], lines, pixels{mode: c.string("mode"), nearest: c.string("nearest_mode"),
		place: c.string("coordinate_transformation_mode"), cubic: c.float("cubic_coeff_a"),
		exclude: c.int("exclude_outside") != 0, smooth: c.int("antialias") != 0,
		outside: c.float("extrapolation_value")})
}

// upsample is the form that Resize had before: coordinates are multiples, and the nearest is the one below.
func upsample(c *call) ([]string, error) {
	shape, err := c.static(0)
	if err != nil {
		return nil, err
	}
	var scales []float64
	if v, ok := onnx.GetFloats(c.node, "scales"); ok {
		for _, s := range v {
			scales = append(scales, float64(s))
		}
	} else if scales, err = c.numbers(1, len(shape)); err != nil {
		return nil, err
	}
	if len(scales) != len(shape) {
		return nil, c.fail("there are %d scales; want %d", len(scales), len(shape))
	}
	lines := make([]line, len(shape))
	for i, d := range shape {
		lines[i] = line{axis: i, from: d}
		if err := c.scaledTo(&lines[i], scales[i]); err != nil {
			return nil, err
		}
	}
	mode := c.string("mode")
	if mode == "bilinear" {
		mode = "linear"
	}
	return c.resized(c.in[0], lines, pixels{mode: mode, nearest: "floor", place: "asymmetric"})
}

// numbers returns a constant input of n floats.
func (c *call) numbers(i, n int) ([]float64, error) {
	v, err := c.known(i)
	if err != nil {
		return nil, err
	}
	if v == nil || v.Len() != n {
		return nil, c.fail("input %d is %v; want %d numbers", i, c.typ(i), n)
	}
	switch v.DType() {
	case tensor.Float64:
		return v.Float64(), nil
	case tensor.Float32:
		var out []float64
		for _, x := range v.Float32() {
			out = append(out, float64(x))
		}
		return out, nil
	}
	return nil, c.fail("input %d is %v; want floats", i, c.typ(i))
}

// scaledTo sets the result of a dimension by its scale.
func (c *call) scaledTo(l *line, scale float64) error {
	to := math.Floor(float64(l.from) * scale)
	if !(scale > 0) || !(to <= placesMax) {
		return c.fail("the scale of dimension %d is %v; want more than 0 and a result of at most %d", l.axis, scale,
			placesMax)
	}
	l.to, l.scale, l.width = int(to), scale, float64(l.from)*scale
	return nil
}

// extents sets the results of dimensions by scales or by sizes.
func (c *call) extents(lines []line) error {
	if t := c.typ(2); !t.Absent() && t.Elements() != 0 {
		scales, err := c.numbers(2, len(lines))
		for i := 0; i < len(lines) && err == nil; i++ {
			err = c.scaledTo(&lines[i], scales[i])
		}
		return err
	}
	sizes, err := c.shapeOf(3)
	if err != nil {
		return err
	}
	if len(sizes) != len(lines) {
		return c.fail("the sizes are %v; want scales or %d sizes", sizes, len(lines))
	}
	policy, same := c.string("keep_aspect_ratio_policy"), 0.0
	for i, to := range sizes {
		if to > placesMax || lines[i].from == 0 {
			return c.fail("dimension %d of %v is to be %d; want a dimension that is not empty and at most %d",
				lines[i].axis, c.typ(0), to, placesMax)
		}
		scale := float64(to) / float64(lines[i].from)
		lines[i].to, lines[i].scale, lines[i].width = int(to), scale, float64(to)
		if i == 0 || policy == "not_larger" && scale < same || policy == "not_smaller" && scale > same {
			same = scale
		}
	}
	switch policy {
	case "stretch":
	case "not_larger", "not_smaller":
		for i := range lines {
			to := math.Floor(same*float64(lines[i].from) + 0.5)
			if to > placesMax {
				return c.fail("dimension %d of %v is to be %v; want at most %d", lines[i].axis, c.typ(0), to, placesMax)
			}
			lines[i].to, lines[i].scale, lines[i].width = int(to), same, float64(lines[i].from)*same
		}
	default:
		return c.fail("keep_aspect_ratio_policy is %q; want stretch, not_larger or not_smaller", policy)
	}
	return nil
}

// pixels is how elements of a line are made of others.
type pixels struct {
	mode, nearest, place string
	cubic, outside       float64
	exclude, smooth      bool
}

// resized resizes the dimensions that change.
func (c *call) resized(x string, lines []line, p pixels) ([]string, error) {
	for _, l := range lines {
		if l.from == l.to && l.width == float64(l.to) && p.place != "tf_crop_and_resize" {
			continue
		}
		if l.from == 0 {
			return nil, c.fail("dimension %d of %v is empty; want elements to make others of", l.axis, c.typ(0))
		}
		if p.mode == "nearest" {
			places, beyond, err := p.places(c, l)
			if err != nil {
				return nil, err
			}
			x = c.replaced(c.taken(x, l.axis, places), l, beyond, p.outside)
			continue
		}
		if !slices.Contains(floats, c.typ(0).DType) {
			return nil, c.fail("the input is %v; want floats for the mode %q", c.typ(0), p.mode)
		}
		if l.from > placesMax*4/max(l.to, 1) {
			return nil, c.fail("dimension %d goes from %d to %d; want a product of at most %d", l.axis, l.from, l.to,
				placesMax*4)
		}
		m, beyond, err := p.matrix(c, l)
		if err != nil {
			return nil, err
		}
		x = c.replaced(c.along(x, l, m), l, beyond, p.outside)
	}
	if x == c.in[0] {
		x = c.Op("Identity", x)
	}
	return []string{x}, c.Err
}

// along multiplies every line of a value along an axis with a matrix of l.to rows.
func (c *call) along(x string, l line, m []float64) string {
	if c.Err != nil {
		return ""
	}
	shape := slices.Clone(c.Types[x].Shape)
	before, behind := 1, 1
	for i, d := range shape {
		if i < l.axis {
			before *= d
		}
		if i > l.axis {
			behind *= d
		}
	}
	w := c.Cast(c.Constant(tensor.FromFloat64([]int{l.to, l.from}, m)), c.typ(0).DType)
	shape[l.axis] = l.to
	if behind == 1 {
		w = c.With("Transpose", []string{w})
		return c.Shaped(c.Op("MatMul", c.Shaped(x, before, l.from), w), shape...)
	}
	return c.Shaped(c.Op("MatMul", w, c.Shaped(x, before, l.from, behind)), shape...)
}

// replaced puts one number where places of a line are beyond the input.
func (c *call) replaced(x string, l line, beyond []bool, v float64) string {
	if c.Err != nil || !slices.Contains(beyond, true) {
		return x
	}
	dims := slices.Repeat([]int{1}, len(c.Types[x].Shape))
	dims[l.axis] = l.to
	t, err := tensor.FromBool(dims, beyond)
	return c.Op("Where", c.Constant(t, err), c.Cast(c.Constant(tensor.FromFloat32([]int{}, []float32{float32(v)})),
		c.typ(0).DType), x)
}

// at returns where element i of the result lies on the line. It is computed in float32, as exporters and other runtimes
// do: which element is the nearest one can depend on it.
func (p *pixels) at(c *call, l line, i int) (float64, error) {
	x, from, to, width, scale := float32(i), float32(l.from), float32(l.to), float32(l.width), float32(l.scale)
	half := (x+0.5)/scale - 0.5
	switch p.place {
	case "half_pixel":
		x = half
	case "half_pixel_symmetric":
		x = float32(from/2*(1-to/width)) + (x+0.5)/scale - 0.5
	case "pytorch_half_pixel":
		if x = half; l.to == 1 {
			x = 0
		}
	case "align_corners":
		if l.to > 1 {
			x = x * (from - 1) / (width - 1)
		}
	case "asymmetric":
		x /= scale
	case "tf_crop_and_resize":
		lo, hi := float32(l.lo), float32(l.hi)
		if l.to == 1 {
			x = 0.5 * (lo + hi) * (from - 1)
		} else {
			x = float32(lo*(from-1)) + x*(hi-lo)*(from-1)/(width-1)
		}
	default:
		return 0, c.fail("coordinate_transformation_mode is %q; want half_pixel, half_pixel_symmetric, "+
			"pytorch_half_pixel, align_corners, asymmetric or tf_crop_and_resize", p.place)
	}
	return float64(x), nil
}

// beyond says whether a place counts as outside of the line.
func (p *pixels) beyond(x float64, l line) bool {
	return p.place == "tf_crop_and_resize" && (x < 0 || x > float64(l.from-1))
}

// places are the nearest elements.
func (p *pixels) places(c *call, l line) ([]int64, []bool, error) {
	out, beyond := make([]int64, l.to), make([]bool, l.to)
	for i := range out {
		x, err := p.at(c, l, i)
		if err != nil {
			return nil, nil, err
		}
		beyond[i] = p.beyond(x, l)
		switch p.nearest {
		case "round_prefer_floor":
			x = math.Ceil(x - 0.5)
		case "round_prefer_ceil":
			x = math.Floor(x + 0.5)
		case "floor":
			x = math.Floor(x)
		case "ceil":
			x = math.Ceil(x)
		default:
			return nil, nil, c.fail("nearest_mode is %q; want round_prefer_floor, round_prefer_ceil, floor or ceil",
				p.nearest)
		}
		out[i] = int64(min(max(x, 0), float64(l.from-1)))
	}
	return out, beyond, nil
}

// matrix has the weights of each element of the result, one row for each.
func (p *pixels) matrix(c *call, l line) ([]float64, []bool, error) {
	if p.mode != "linear" && p.mode != "cubic" {
		return nil, nil, c.fail("mode is %q; want nearest, linear or cubic", p.mode)
	}
	out, beyond := make([]float64, l.to*l.from), make([]bool, l.to)
	scale := 1.0
	if p.smooth {
		scale = min(l.width/float64(l.from), 1)
	}
	reach := 1.0 // how far an element counts, at full scale
	if p.mode == "cubic" {
		reach = 2
	}
	first := math.Floor(-reach/scale) + 1
	if -first > placesMax {
		return nil, nil, c.fail("the scale of dimension %d is %v; want a larger one", l.axis, scale)
	}
	for i := range l.to {
		x, err := p.at(c, l, i)
		if err != nil {
			return nil, nil, err
		}
		if !(math.Abs(x) <= 1<<40) {
			return nil, nil, c.fail("element %d of dimension %d lies at %v; want a finite place", i, l.axis, x)
		}
		beyond[i] = p.beyond(x, l)
		base := math.Ceil(x) - 1 // the element at the left, which is never x itself
		row, sum := out[i*l.from:(i+1)*l.from], 0.0
		for k := first; k <= 1-first; k++ {
			w := p.weight(float64((k - (x - base)) * scale))
			at := base + k
			if p.exclude && (at < 0 || at >= float64(l.from)) {
				continue
			}
			sum += w
			row[int(min(max(at, 0), float64(l.from-1)))] += w
		}
		if p.smooth || p.exclude {
			for j := range row {
				row[j] /= sum
			}
		}
	}
	return out, beyond, nil
}

// weight is how much an element counts at a distance (for cubic: Keys, "Cubic convolution interpolation for digital
// image processing", 1981).
func (p *pixels) weight(d float64) float64 {
	d = math.Abs(d)
	if p.mode == "linear" {
		return max(1-d, 0)
	}
	switch a := p.cubic; {
	case d <= 1:
		return float64((float64((a+2)*d)-(a+3))*d*d) + 1
	case d < 2:
		return float64((float64((float64(a*d)-float64(5*a))*d)+float64(8*a))*d) - float64(4*a)
	}
	return 0
}
