package lower

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// roiAlign samples boxes of images at a number of places for each element of the result, of which it gives the mean, or
// the greatest of what counts there. Places more than one element beyond an image give 0.
func roiAlign(c *call) ([]string, error) {
	shape, err := c.static(0)
	if err != nil {
		return nil, err
	}
	rois, err := c.static(1)
	if err != nil {
		return nil, err
	}
	if len(shape) != 4 || len(rois) != 2 || rois[1] != 4 || !slices.Contains(floats, c.typ(1).DType) ||
		c.typ(2).DType != tensor.Int64 || !slices.Equal(c.typ(2).Shape, rois[:1]) {
		return nil, c.fail("the input is %v, the boxes are %v and their images %v; want [images, channels, height, "+
			"width], boxes of 4 floats, and one int64 for each", c.typ(0), c.typ(1), c.typ(2))
	}
	ratio, scale, mode := c.int("sampling_ratio"), c.float("spatial_scale"), c.string("mode")
	if ratio == 0 {
		return nil, c.fail("sampling_ratio is 0, so that each box decides in the run how many places there are; want a " +
			"number of at least 1")
	}
	half := c.string("coordinate_transformation_mode")
	if ratio < 0 || ratio > 1<<10 || mode != "avg" && mode != "max" || half != "half_pixel" &&
		half != "output_half_pixel" {
		return nil, c.fail("sampling_ratio is %d, mode %q and coordinate_transformation_mode %q; want 1 to %d, avg or "+
			"max, and half_pixel or output_half_pixel", ratio, mode, half, 1<<10)
	}
	rows, first, err := c.rows(c.in[0], 1)
	if err != nil {
		return nil, err
	}
	image := c.Op("Gather", c.Shaped(first, shape[0]), c.in[2])
	boxes := c.Cast(c.in[1], c.typ(0).DType)
	lines, dims, stride := make([][]spot, 2), []int{rois[0]}, 1
	sizes := []int64{c.int("output_height"), c.int("output_width")}
	for d := 1; d >= 0; d-- {
		if sizes[d] < 1 || sizes[d]*ratio > placesMax {
			return nil, c.fail("the result has %v elements and sampling_ratio is %d; want 1 to %d places", sizes, ratio,
				placesMax)
		}
		edge := func(i int) string {
			v := c.Op("Mul", c.Sliced(boxes, 1, i, i+1), c.Number(boxes, scale))
			if half == "half_pixel" {
				v = c.Op("Sub", v, c.Number(v, 0.5))
			}
			return v
		}
		from := edge(1 - d)
		length := c.Op("Sub", edge(3-d), from)
		if half != "half_pixel" {
			length = c.Op("Max", length, c.Number(length, 1))
		}
		bin := c.Op("Div", length, c.Number(length, float64(sizes[d])))
		bins, parts := make([]float64, sizes[d]*ratio), make([]float64, sizes[d]*ratio)
		for i := range bins {
			bins[i], parts[i] = float64(int64(i)/ratio), (float64(int64(i)%ratio)+0.5)/float64(ratio)
		}
		list := func(v []float64) string {
			return c.Cast(c.Constant(tensor.FromFloat64([]int{len(v)}, v)), c.typ(0).DType)
		}
		x := c.Op("Add", c.Op("Add", from, c.Op("Mul", bin, list(bins))), c.Op("Mul", bin, list(parts)))
		if d == 0 {
			x = c.Op("Unsqueeze", x, c.Ints(2))
		} else {
			x = c.Op("Unsqueeze", x, c.Ints(1))
		}
		n := shape[d+2]
		alive := c.lies(x, -1, float64(n))
		lines[d] = c.linearSpots(c.Op("Clip", x, c.Number(x, 0), c.Number(x, float64(n-1))), n, stride)
		for i := range lines[d] {
			lines[d][i].inside = c.Op("And", lines[d][i].inside, alive)
		}
		stride *= n
	}
	for _, s := range sizes {
		dims = append(dims, int(s), int(ratio))
	}
	near := c.blended(rows, spot{at: c.Shaped(image, rois[0], 1, 1)}, lines)
	var y string
	if mode == "avg" {
		y = c.over("ReduceMean", c.Shaped(c.summed(near), append(dims, shape[1])...), []int64{2, 4})
	} else {
		y = c.over("ReduceMax", c.Shaped(c.Op("Max", near...), append(dims, shape[1])...), []int64{2, 4})
	}
	y = c.Shaped(y, rois[0], dims[1], dims[3], shape[1])
	return []string{c.Transposed(y, 0, 3, 1, 2)}, c.Err
}

// deformed is what a DeformConv is made of.
type deformed struct {
	n, channels, results, groups, offsets int
	size, kernel, out                     [2]int // of images, of the filter, of the result
	pads, strides, dilations              []int64
}

// deformConv is a convolution whose every element of the filter has a place of its own in each window, and there a
// weight of its own where a mask is given.
func deformConv(c *call) ([]string, error) {
	f, err := c.deformed()
	if err != nil {
		return nil, err
	}
	rows, first, err := c.rows(c.in[0], f.offsets)
	if err != nil {
		return nil, err
	}
	taps, many := f.kernel[0]*f.kernel[1], f.out[0]*f.out[1]
	moves := c.Shaped(c.Cast(c.in[2], c.typ(0).DType), f.n, f.offsets, taps, 2, many)
	lines, stride := make([][]spot, 2), 1
	for d := 1; d >= 0; d-- {
		at := make([]float64, taps*many)
		for i := range at {
			tap, to := i/many, i%many
			tap, to = [2]int{tap / f.kernel[1], tap % f.kernel[1]}[d], [2]int{to / f.out[1], to % f.out[1]}[d]
			at[i] = float64(int64(to)*f.strides[d] - f.pads[d] + int64(tap)*f.dilations[d])
		}
		plain := c.Cast(c.Constant(tensor.FromFloat64([]int{taps, many}, at)), c.typ(0).DType)
		x := c.Op("Add", plain, c.Shaped(c.Sliced(moves, 3, d, d+1), f.n, f.offsets, taps, many))
		lines[d] = c.linearSpots(x, f.size[d], stride)
		stride *= f.size[d]
	}
	y := c.summed(c.blended(rows, spot{at: c.Shaped(first, f.n, f.offsets, 1, 1)}, lines))
	if c.at(4) != "" {
		y = c.Op("Mul", y, c.Shaped(c.Cast(c.in[4], c.typ(0).DType), f.n, f.offsets, taps, many, 1))
	}
	y = c.Shaped(c.Transposed(y, 0, 1, 4, 2, 3), f.n, f.groups, f.channels/f.groups*taps, many)
	w := c.Shaped(c.in[1], f.groups, f.results/f.groups, f.channels/f.groups*taps)
	y = c.Shaped(c.Op("MatMul", w, y), f.n, f.results, f.out[0], f.out[1])
	if c.at(3) != "" {
		y = c.Op("Add", y, c.Shaped(c.in[3], f.results, 1, 1))
	}
	return []string{y}, c.Err
}

// deformed reads shapes and attributes of a DeformConv, all of which have to agree.
func (c *call) deformed() (*deformed, error) {
	var shapes [3][]int
	for i := range shapes {
		var err error
		if shapes[i], err = c.static(i); err != nil {
			return nil, err
		}
		if len(shapes[i]) != 4 {
			return nil, c.fail("input %d is %v; want four dimensions", i, c.typ(i))
		}
	}
	x, w, moves := shapes[0], shapes[1], shapes[2]
	f := &deformed{n: x[0], channels: x[1], results: w[0], size: [2]int(x[2:]), kernel: [2]int(w[2:]),
		out: [2]int(moves[2:])}
	said, err := c.each("kernel_shape", 2, 1, 1)
	if err == nil {
		f.pads, err = c.each("pads", 4, 0, 0)
	}
	if err == nil {
		f.strides, err = c.each("strides", 2, 1, 1)
	}
	if err == nil {
		f.dilations, err = c.each("dilations", 2, 1, 1)
	}
	if err != nil {
		return nil, err
	}
	if _, ok := onnx.GetInts(c.node, "kernel_shape"); ok && (said[0] != int64(w[2]) || said[1] != int64(w[3])) {
		return nil, c.fail("kernel_shape is %v and the filter %v; want the same", said, c.typ(1))
	}
	groups, offsets := c.int("group"), c.int("offset_group")
	if groups < 1 || offsets < 1 || groups > int64(x[1]) || offsets > int64(x[1]) || x[1]%int(groups) != 0 ||
		x[1]%int(offsets) != 0 || w[0]%int(groups) != 0 || w[1] != x[1]/int(groups) || w[2] < 1 || w[3] < 1 {
		return nil, c.fail("the input is %v and the filter %v for %d groups, and %d of offsets; want channels that are "+
			"multiples of both, and a filter of those of one group", c.typ(0), c.typ(1), groups, offsets)
	}
	f.groups, f.offsets = int(groups), int(offsets)
	taps := int64(w[2]) * int64(w[3])
	for d := range 2 {
		rest := int64(x[d+2]) + f.pads[d] + f.pads[d+2] - (int64(w[d+2])-1)*f.dilations[d] - 1
		if rest < 0 || int64(f.out[d]) != rest/f.strides[d]+1 {
			return nil, c.fail("the offsets are %v; want one for each of the windows that the filter %v has on %v",
				c.typ(2), c.typ(1), c.typ(0))
		}
	}
	many := int64(f.out[0]) * int64(f.out[1])
	if taps > placesMax || many > placesMax || taps*many > 4*placesMax {
		return nil, c.fail("the filter has %d elements and %d windows; want a product of at most %d", taps, many,
			4*placesMax)
	}
	whole := []int{x[0], int(offsets * taps), f.out[0], f.out[1]}
	mask, bias := c.typ(4), c.typ(3)
	if moves[0] != x[0] || int64(moves[1]) != 2*int64(whole[1]) || !slices.Contains(floats, c.typ(2).DType) ||
		!mask.Absent() && (!slices.Equal(mask.Shape, whole) || !slices.Contains(floats, mask.DType)) ||
		!bias.Absent() && !slices.Equal(bias.Shape, w[:1]) {
		return nil, c.fail("the offsets are %v, the bias %v and the mask %v; want two floats for each element of the "+
			"filter in each window, one for each of the results, and one for each place", c.typ(2), bias, mask)
	}
	return f, nil
}
