package lower

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// imageRules move what images consist of.
var imageRules = []rule{
	{Name: "CenterCropPad", In: two, Out: one, write: centerCropPad,
		Attrs: []onnxop.Attr{attr("axes", onnx.AttributeProto_INTS, nil)}},
	{Name: "DepthToSpace", In: one, Out: one, write: depthToSpace,
		Attrs: []onnxop.Attr{{Name: "blocksize", Kind: onnx.AttributeProto_INT, Required: true},
			stringAttr("mode", "DCR")}},
	{Name: "Pad", In: upTo(2, 4), Out: one, Attrs: []onnxop.Attr{stringAttr("mode", "constant")}, write: pad},
	{Name: "SpaceToDepth", In: one, Out: one, write: spaceToDepth,
		Attrs: []onnxop.Attr{{Name: "blocksize", Kind: onnx.AttributeProto_INT, Required: true},
			stringAttr("mode", "DCR")}},
}

// blocks returns the extent of an image and the attribute blocksize.
func (c *call) blocks() (n, h, w, b int64, err error) {
	t := c.typ(0)
	b = c.int("blocksize")
	if t.Rank() != 4 || slices.Contains(t.Shape[1:], -1) || b < 1 || b > 1<<13 {
		return 0, 0, 0, 0, c.fail("the input is %v and blocksize is %d; want images of a known extent and at least 1",
			t, b)
	}
	return int64(t.Shape[1]), int64(t.Shape[2]), int64(t.Shape[3]), b, nil
}

// turned reshapes, moves dimensions, and reshapes again. The first dimension stays.
func (c *call) turned(x string, dims, perm, to []int64) string {
	x = c.With("Reshape", []string{x, c.Ints(append([]int64{0}, dims...)...)})
	x = c.With("Transpose", []string{x}, onnx.AttrInts("perm", perm...))
	return c.With("Reshape", []string{x, c.Ints(append([]int64{0}, to...)...)})
}

func depthToSpace(c *call) ([]string, error) {
	n, h, w, b, err := c.blocks()
	if err != nil {
		return nil, err
	}
	if n%(b*b) != 0 {
		return nil, c.fail("the input is %v and blocksize is %d; want channels that are a multiple of %d", c.typ(0), b,
			b*b)
	}
	to := []int64{n / b / b, h * b, w * b}
	switch mode := c.string("mode"); mode {
	case "DCR":
		return []string{c.turned(c.in[0], []int64{b, b, to[0], h, w}, []int64{0, 3, 4, 1, 5, 2}, to)}, nil
	case "CRD":
		return []string{c.turned(c.in[0], []int64{to[0], b, b, h, w}, []int64{0, 1, 4, 2, 5, 3}, to)}, nil
	default:
		return nil, c.fail("mode is %q; want DCR or CRD", mode)
	}
}

func spaceToDepth(c *call) ([]string, error) {
	n, h, w, b, err := c.blocks()
	if err != nil {
		return nil, err
	}
	if h%b != 0 || w%b != 0 {
		return nil, c.fail("the input is %v and blocksize is %d; want an image whose sides are multiples of it",
			c.typ(0), b)
	}
	perm := []int64{0, 3, 5, 1, 2, 4}
	switch mode := c.string("mode"); mode {
	case "DCR":
	case "CRD":
		perm = []int64{0, 1, 3, 5, 2, 4}
	default:
		return nil, c.fail("mode is %q; want DCR or CRD", mode)
	}
	return []string{c.turned(c.in[0], []int64{n, h / b, b, w / b, b}, perm, []int64{n * b * b, h / b, w / b})}, nil
}

// surrounded puts so many elements before and behind a value of known shape along an axis: those of a scalar, or zeros.
// Negative numbers take as many away.
func (c *call) surrounded(x string, axis int, before, behind int64, fill string) string {
	if c.Err != nil || before == 0 && behind == 0 {
		return x
	}
	shape := c.Types[x].Shape
	if before < 0 || behind < 0 {
		from, to := max(-before, 0), int64(shape[axis])+min(behind, 0)
		x = c.Op("Slice", x, c.Ints(from), c.Ints(max(to, from)), c.Ints(int64(axis)))
	}
	if fill == "" {
		fill = c.Cast(c.Constant(tensor.FromFloat32([]int{}, []float32{0})), c.Types[x].DType)
	}
	parts := make([]string, 0, 3)
	block := func(n int64) {
		if n > 0 {
			dims := make([]int64, len(shape))
			for i, d := range shape {
				dims[i] = int64(d)
			}
			dims[axis] = n
			parts = append(parts, c.Op("Expand", fill, c.Ints(dims...)))
		}
	}
	block(before)
	parts = append(parts, x)
	if block(behind); len(parts) == 1 {
		return x
	}
	return c.With("Concat", parts, onnx.AttrInt("axis", int64(axis)))
}

// taken are the elements of a value at places along an axis.
func (c *call) taken(x string, axis int, places []int64) string {
	return c.With("Gather", []string{x, c.Ints(places...)}, onnx.AttrInt("axis", int64(axis)))
}

// placesMax bounds the places that are written out along one dimension.
const placesMax = 1 << 20

func pad(c *call) ([]string, error) {
	shape, err := c.static(0)
	if err != nil {
		return nil, err
	}
	pads, err := c.known(1)
	if err != nil {
		return nil, err
	}
	axes, err := c.axesOr(3, len(shape))
	if err != nil {
		return nil, err
	}
	if pads.DType() != tensor.Int64 || pads.Len() != 2*len(axes) {
		return nil, c.fail("pads are %v; want %d numbers of int64", c.typ(1), 2*len(axes))
	}
	fill := ""
	if v := c.at(2); v != "" {
		if c.typ(2).Elements() != 1 || c.typ(2).DType != c.typ(0).DType {
			return nil, c.fail("the constant is %v; want one number of the input's element type", c.typ(2))
		}
		fill = c.With("Reshape", []string{v, c.Ints()})
	}
	x, mode := c.in[0], c.string("mode")
	for i, axis := range axes {
		before, behind := pads.Int64()[i], pads.Int64()[i+len(axes)]
		d := int64(shape[axis])
		if before < -d || behind < -d || before+behind < -d || before > onnxop.ElementsMax ||
			behind > onnxop.ElementsMax {
			return nil,
				c.fail("pads are %d and %d along dimension %d of %v; want to leave at least nothing, and at most %d",
					before, behind, axis, c.typ(0), onnxop.ElementsMax)
		}
		if mode == "constant" {
			x = c.surrounded(x, axis, before, behind, fill)
			continue
		}
		x = c.surrounded(x, axis, min(before, 0), min(behind, 0), "")
		d += min(before, 0) + min(behind, 0)
		before, behind = max(before, 0), max(behind, 0)
		if before == 0 && behind == 0 {
			continue
		}
		if d == 0 || before+d+behind > placesMax {
			return nil, c.fail("%d elements along dimension %d become %d; want at least one, and at most %d", d, axis,
				before+d+behind, placesMax)
		}
		places := make([]int64, before+d+behind)
		for j := range places {
			if places[j], err = c.mirrored(mode, int64(j)-before, d); err != nil {
				return nil, err
			}
		}
		x = c.taken(x, axis, places)
	}
	if x == c.in[0] {
		x = c.Op("Identity", x)
	}
	return []string{x}, nil
}

// mirrored is which of d elements stands at a place before or behind them.
func (c *call) mirrored(mode string, at, d int64) (int64, error) {
	switch mode {
	case "edge":
		return min(max(at, 0), d-1), nil
	case "wrap":
		return (at%d + d) % d, nil
	case "reflect":
		if d == 1 {
			return 0, nil
		}
		turn := 2 * (d - 1)
		at = (at%turn + turn) % turn
		return min(at, turn-at), nil
	}
	return 0, c.fail("mode is %q; want constant, reflect, edge or wrap", mode)
}

// axesOr returns the axes that a constant input lists, or all.
func (c *call) axesOr(i, rank int) ([]int, error) {
	var axes []int
	if c.at(i) == "" {
		for a := range rank {
			axes = append(axes, a)
		}
		return axes, nil
	}
	v, err := c.known(i)
	if err != nil {
		return nil, err
	}
	return c.resolved(onnxop.Integers(v), rank)
}

// resolved are axes that may count from the end, none of them twice.
func (c *call) resolved(list []int64, rank int) ([]int, error) {
	if _, err := onnxop.Axes(list, rank); err != nil {
		return nil, c.fail("%v", err)
	}
	axes := make([]int, len(list))
	for i, a := range list {
		axes[i] = int((a + int64(rank)) % int64(rank))
	}
	return axes, nil
}

func centerCropPad(c *call) ([]string, error) {
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
	v, err := c.known(1)
	if err != nil {
		return nil, err
	}
	to := onnxop.Integers(v)
	if len(to) != len(axes) {
		return nil, c.fail("the shape is %v; want %d dimensions", c.typ(1), len(axes))
	}
	x := c.in[0]
	for i, axis := range axes {
		if to[i] < 0 || to[i] > onnxop.ElementsMax {
			return nil, c.fail("dimension %d is to be %d; want 0 to %d", axis, to[i], onnxop.ElementsMax)
		}
		more := to[i] - int64(shape[axis])
		before := more / 2 // towards zero, as both the part that goes and the part that comes are counted
		x = c.surrounded(x, axis, before, more-before, "")
	}
	if x == c.in[0] {
		x = c.Op("Identity", x)
	}
	return []string{x}, nil
}
