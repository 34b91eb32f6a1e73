package importer

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/tensor"
)

// rowed returns a parameter that holds a row for each sample of the batch that the file was written for, such as a
// class token, as the file must have it: where it was trained for another batch the first row stood for all, and no
// gradient reached the others. They are as they were, or all decayed alike; then the first is put in their place.
func rowed(was, v *tensor.Tensor) *tensor.Tensor {
	if was == nil || v.DType() != tensor.Float32 || was.DType() != tensor.Float32 || len(v.Shape()) < 2 ||
		!slices.Equal(was.Shape(), v.Shape()) || v.Shape()[0] < 2 {
		return v
	}
	n := v.Len() / v.Shape()[0]
	old, now := was.Float32()[n:], v.Float32()
	top := 0
	for i := range old {
		if math.Abs(float64(old[i])) > math.Abs(float64(old[top])) {
			top = i
		}
	}
	if len(old) == 0 {
		return v
	}
	factor := 1.0
	if old[top] != 0 {
		factor = float64(now[n+top]) / float64(old[top])
	}
	if factor <= 0 || factor > 1 {
		return v
	}
	const near = 1e-4 // of decays that were rounded at each step
	for i := range old {
		want := factor * float64(old[i])
		if math.Abs(float64(now[n+i])-want) > near*math.Abs(want) || factor == 1 && now[n+i] != old[i] {
			return v
		}
	}
	out, err := tensor.FromFloat32(v.Shape(), slices.Repeat(now[:n], v.Shape()[0]))
	if err != nil {
		return v
	}
	return out
}
