package backend

import (
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
)

// uniform binds what makes chance of a key.
func uniform(b *binding) (run, error) {
	place, key, out := uint32(onnxop.Int(b.proto, "place")), b.inSlot[0], b.outSlot[0]
	return func(f *frame) error {
		kernel.Uniform(data[float32](f, out), uint64(data[int64](f, key)[0]), place)
		return nil
	}, nil
}
