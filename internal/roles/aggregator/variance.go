package aggregator

import (
	"slices"

	"github.com/rhizome-ml/rhizome/value"
)

// variance refuses numbers of a tensor of an update that can be no variances where it holds such: of one below 0 there
// is no root, and every model that has it gives no numbers from then on. Means, medians and what is clipped of those
// that pass are not below 0 either.
func (c *Component) variance(tensor int, x []float32) *value.Failure {
	if _, ok := slices.BinarySearch(c.cfg.Variances, tensor); !ok {
		return nil
	}
	k := slices.IndexFunc(x, func(v float32) bool { return v < 0 })
	if k < 0 {
		return nil
	}
	return c.fail(value.CodeError, "tensor %d of the update has %g; want no number below 0, for it holds variances",
		tensor, x[k])
}
