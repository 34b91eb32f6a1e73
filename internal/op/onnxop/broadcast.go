package onnxop

import "fmt"

// Broadcast returns the shape of the result of an elementwise operator on two shapes, by the multidirectional rule of
// ONNX (that of NumPy): shapes are aligned at their last dimension and a 1 stretches. A dimension that is not known
// gives the other where that is more than 1, and else stays not known.
func Broadcast(a, b []int) ([]int, error) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := make([]int, len(a))
	copy(out, a)
	for i, y := range b {
		at := len(a) - len(b) + i
		switch x := a[at]; {
		case x == y || y == 1 || y == -1 && x != 1:
		case x == 1 || x == -1:
			out[at] = y
		default:
			return nil, fmt.Errorf("shapes %v and %v do not broadcast: %d and %d at dimension %d from the end", a, b, x,
				y, len(a)-at)
		}
	}
	return out, nil
}

// broadcastAll is Broadcast over the shapes of several types, of which any may be unranked.
func (c *call) broadcastAll(in []Type) (Type, error) {
	out := Type{DType: in[0].DType, Shape: in[0].Shape, Unranked: in[0].Unranked}
	for _, t := range in[1:] {
		if t.Unranked || out.Unranked {
			out.Shape, out.Unranked = nil, true
			continue
		}
		s, err := Broadcast(out.Shape, t.Shape)
		if err != nil {
			return Type{}, c.fail("%v", err)
		}
		out.Shape = s
	}
	return out, nil
}

// Axis resolves an axis that may count from the end, for a tensor of that rank.
func Axis(axis int64, rank int) (int, error) {
	if axis < int64(-rank) || axis >= int64(rank) {
		return 0, fmt.Errorf("axis %d is outside of [%d, %d]", axis, -rank, rank-1)
	}
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis), nil
}

// Axes resolves axes that may count from the end and returns them as a set: one flag per dimension. An axis that stands
// twice is an error.
func Axes(axes []int64, rank int) ([]bool, error) {
	set := make([]bool, rank)
	for _, a := range axes {
		i, err := Axis(a, rank)
		if err != nil {
			return nil, err
		}
		if set[i] {
			return nil, fmt.Errorf("axis %d stands twice", a)
		}
		set[i] = true
	}
	return set, nil
}
