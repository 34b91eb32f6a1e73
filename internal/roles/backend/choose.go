package backend

import (
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// chooseKernels write what package onnxop has found among inputs that are known.
var chooseKernels = map[string]kernelDef{
	"NonMaxSuppression": {bind: nonMaxSuppression},
	"Unique": {bind: onInput(0, byType{tensor.Float32: unique[float32], tensor.Float64: unique[float64],
		tensor.Int64: unique[int64], tensor.Int32: unique[int32], tensor.Int16: unique[int16],
		tensor.Int8: unique[int8], tensor.Uint64: unique[uint64], tensor.Uint32: unique[uint32],
		tensor.Uint16: unique[uint16],
		tensor.Uint8:  unique[uint8], tensor.Bool: unique[bool]})},
}

func nonMaxSuppression(b *binding) (run, error) {
	for i := range b.in {
		if b.in[i].Absent() {
			continue
		}
		if err := b.known(i); err != nil {
			return nil, err
		}
	}
	kept, y := onnxop.Kept(b.proto, b.in), b.outSlot[0]
	return func(f *frame) error {
		copy(data[int64](f, y), kept)
		return nil
	}, nil
}

func unique[T kernel.Elem](b *binding) (run, error) {
	if err := b.known(0); err != nil {
		return nil, err
	}
	d, axis, err := onnxop.UniqueOf(b.proto, b.in[0].Value)
	if err != nil {
		return nil, err
	}
	l := kernel.Lanes{Outer: 1, N: b.in[0].Elements(), Inner: 1}
	if axis >= 0 {
		l = kernel.LanesOf(b.in[0].Shape, axis)
	}
	x := b.inSlot[0]
	return func(f *frame) error {
		for i, list := range [][]int64{nil, d.First, d.Of, d.Count} {
			if i < len(b.outSlot) && b.outSlot[i] >= 0 && i > 0 {
				copy(data[int64](f, b.outSlot[i]), list)
			}
		}
		if b.outSlot[0] < 0 {
			return nil
		}
		return kernel.Gather(l, data[T](f, b.outSlot[0]), data[T](f, x), d.First)
	}, nil
}
