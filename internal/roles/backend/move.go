package backend

import (
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// moveKernels put elements elsewhere and compute nothing. Some never run: a Constant, a Shape and a Size are known
// ahead of all runs, and a view is its input in another shape.
var moveKernels = map[string]kernelDef{
	"Identity":  {view: true},
	"Reshape":   {view: true},
	"Flatten":   {view: true},
	"Squeeze":   {view: true},
	"Unsqueeze": {view: true},
	"Constant":  {},
	"Shape":     {},
	"Size":      {},
	"ConstantOfShape": {halves: true, bind: onOutput(byType{
		tensor.Float32: fill[float32], tensor.Float64: fill[float64], tensor.Int64: fill[int64],
		tensor.Int32: fill[int32],
		tensor.Uint8: fill[uint8], tensor.Int8: fill[int8],
		tensor.Int16:  fill[int16],
		tensor.Uint16: fill[uint16],
		tensor.Uint32: fill[uint32],
		tensor.Uint64: fill[uint64], tensor.Bool: fill[bool],
		tensor.Float16:  fill[tensor.F16],
		tensor.BFloat16: fill[tensor.BF16],
	})},
	"Transpose": strided(transposeWalk),
	"Expand":    strided(expandWalk),
	"Slice":     strided(sliceWalk),
	"Concat": {halves: true, bind: onInput(0, byType{
		tensor.Float32: concat[float32], tensor.Float64: concat[float64], tensor.Int64: concat[int64],
		tensor.Int32: concat[int32],
		tensor.Uint8: concat[uint8], tensor.Int8: concat[int8],
		tensor.Int16:  concat[int16],
		tensor.Uint16: concat[uint16],
		tensor.Uint32: concat[uint32],
		tensor.Uint64: concat[uint64], tensor.Bool: concat[bool],
		tensor.Float16:  concat[tensor.F16],
		tensor.BFloat16: concat[tensor.BF16],
	})},
	"Gather": {halves: true, bind: onInput(0, byType{
		tensor.Float32: gather[float32], tensor.Float64: gather[float64], tensor.Int64: gather[int64],
		tensor.Int32: gather[int32],
		tensor.Uint8: gather[uint8], tensor.Int8: gather[int8],
		tensor.Int16:  gather[int16],
		tensor.Uint16: gather[uint16],
		tensor.Uint32: gather[uint32],
		tensor.Uint64: gather[uint64], tensor.Bool: gather[bool],
		tensor.Float16:  gather[tensor.F16],
		tensor.BFloat16: gather[tensor.BF16],
	})},
	"OneHot": {bind: onInput(2, byType{
		tensor.Float32: oneHot[float32], tensor.Float64: oneHot[float64], tensor.Int64: oneHot[int64],
		tensor.Int32: oneHot[int32],
		tensor.Uint8: oneHot[uint8], tensor.Int8: oneHot[int8],
		tensor.Int16:  oneHot[int16],
		tensor.Uint16: oneHot[uint16],
		tensor.Uint32: oneHot[uint32],
		tensor.Uint64: oneHot[uint64], tensor.Bool: oneHot[bool],
		tensor.Float16:  oneHot[tensor.F16],
		tensor.BFloat16: oneHot[tensor.BF16],
	})},
}

// wayOf returns the way over a result in step with the input that it is taken from, and where the way begins in it.
type wayOf func(b *binding) (w kernel.Walk, offset int, err error)

// strided is the entry of an operator whose result is its first input in another order.
func strided(way wayOf) kernelDef {
	return kernelDef{halves: true, bind: onInput(0, byType{
		tensor.Float32: copied[float32](way), tensor.Float64: copied[float64](way), tensor.Int64: copied[int64](way),
		tensor.Int32: copied[int32](way), tensor.Uint8: copied[uint8](way), tensor.Int8: copied[int8](way),
		tensor.Int16:    copied[int16](way),
		tensor.Uint16:   copied[uint16](way),
		tensor.Uint32:   copied[uint32](way),
		tensor.Uint64:   copied[uint64](way),
		tensor.Bool:     copied[bool](way),
		tensor.Float16:  copied[tensor.F16](way),
		tensor.BFloat16: copied[tensor.BF16](way),
	})}
}

func copied[T kernel.Elem](way wayOf) binder {
	return func(b *binding) (run, error) {
		w, offset, err := way(b)
		if err != nil {
			return nil, err
		}
		x, y := b.inSlot[0], b.outSlot[0]
		return func(f *frame) error {
			kernel.Copy(&w, data[T](f, y), data[T](f, x), offset)
			return nil
		}, nil
	}
}

func transposeWalk(b *binding) (kernel.Walk, int, error) {
	perm, err := onnxop.Perm(b.proto, len(b.in[0].Shape))
	if err != nil {
		return kernel.Walk{}, 0, err
	}
	from := kernel.Strides(b.in[0].Shape)
	strides := make([]int, len(perm))
	for i, p := range perm {
		strides[i] = from[p]
	}
	return kernel.NewWalk(b.out[0].Shape, strides), 0, nil
}

func expandWalk(b *binding) (kernel.Walk, int, error) {
	return kernel.Broadcast(b.out[0].Shape, b.in[0].Shape), 0, nil
}

func sliceWalk(b *binding) (kernel.Walk, int, error) {
	ranges, err := onnxop.Ranges(b.proto, b.in)
	if err != nil {
		return kernel.Walk{}, 0, err
	}
	strides, offset := kernel.Strides(b.in[0].Shape), 0
	for i, r := range ranges {
		offset += r.Start * strides[i]
		strides[i] *= r.Step
	}
	return kernel.NewWalk(b.out[0].Shape, strides), offset, nil
}

// fill binds a ConstantOfShape that is too large to be kept.
func fill[T kernel.Elem](b *binding) (run, error) {
	t, err := onnxop.Fill(b.proto)
	if err != nil {
		return nil, err
	}
	x, y := view[T](t)[0], b.outSlot[0]
	return func(f *frame) error {
		dst := data[T](f, y)
		for i := range dst {
			dst[i] = x
		}
		return nil
	}, nil
}

func concat[T kernel.Elem](b *binding) (run, error) {
	l, err := lanes(b)
	if err != nil {
		return nil, err
	}
	axis, err := onnxop.Axis(onnxop.Int(b.proto, "axis"), len(b.out[0].Shape))
	if err != nil {
		return nil, err
	}
	sizes := make([]int, len(b.in))
	for i, t := range b.in {
		sizes[i] = t.Shape[axis] * l.Inner
	}
	whole, ins, y := b.out[0].Shape[axis]*l.Inner, b.inSlot, b.outSlot[0]
	return func(f *frame) error {
		at := 0
		for i, s := range ins {
			kernel.Place(data[T](f, y), data[T](f, s), l.Outer, sizes[i], whole, at)
			at += sizes[i]
		}
		return nil
	}, nil
}

func gather[T kernel.Elem](b *binding) (run, error) {
	return onInput(1, byType{tensor.Int64: gatherBy[T, int64], tensor.Int32: gatherBy[T, int32]})(b)
}

func gatherBy[T kernel.Elem, I int64 | int32](b *binding) (run, error) {
	l, err := lanes(b)
	if err != nil {
		return nil, err
	}
	x, indices, y := b.inSlot[0], b.inSlot[1], b.outSlot[0]
	return func(f *frame) error {
		return kernel.Gather(l, data[T](f, y), data[T](f, x), data[I](f, indices))
	}, nil
}

func oneHot[T kernel.Elem](b *binding) (run, error) {
	return onInput(0, byType{
		tensor.Float32: oneHotBy[T, float32], tensor.Float64: oneHotBy[T, float64], tensor.Int64: oneHotBy[T, int64],
		tensor.Int32: oneHotBy[T, int32], tensor.Uint8: oneHotBy[T, uint8], tensor.Int8: oneHotBy[T, int8],
		tensor.Int16:  oneHotBy[T, int16],
		tensor.Uint16: oneHotBy[T, uint16],
		tensor.Uint32: oneHotBy[T, uint32],
		tensor.Uint64: oneHotBy[T, uint64],
	})(b)
}

func oneHotBy[T kernel.Elem, I kernel.Number](b *binding) (run, error) {
	axis, err := onnxop.Axis(onnxop.Int(b.proto, "axis"), len(b.out[0].Shape))
	if err != nil {
		return nil, err
	}
	l := kernel.LanesOf(b.out[0].Shape, axis)
	indices, values, y := b.inSlot[0], b.inSlot[2], b.outSlot[0]
	return func(f *frame) error {
		v := data[T](f, values)
		kernel.OneHot(l, data[T](f, y), data[I](f, indices), v[0], v[1])
		return nil
	}, nil
}
