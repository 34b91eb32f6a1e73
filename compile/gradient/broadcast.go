package gradient

import "github.com/rhizome-ml/rhizome/onnx"

// unbroadcast sums a gradient over the dimensions in which an input was stretched to the shape of the result, so that it
// has the input's shape.
func (e *chain) unbroadcast(d, x string) string {
	if e.err != nil {
		return ""
	}
	from, to := e.b.types[d], e.b.types[x]
	if from.Unranked || to.Unranked {
		e.err = &Error{Where: x, Reason: "has an unknown number of dimensions and may have been stretched; want a known rank"}
		return ""
	}
	lead := len(from.Shape) - len(to.Shape)
	var axes []int64
	for i := range from.Shape {
		if i < lead || (to.Shape[i-lead] == 1 && from.Shape[i] != 1) {
			axes = append(axes, int64(i))
		}
	}
	if len(axes) > 0 {
		keep := int64(1)
		if len(axes) == lead {
			keep = 0
		}
		d = e.with("ReduceSum", []string{d, e.ints(axes...)}, onnx.AttrInt("keepdims", keep))
	}
	return e.reshape(d, x)
}
