package importer

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The types of two bits, which are younger than the messages of package onnx.
const (
	uint2 onnx.TensorProto_DataType = 25
	int2  onnx.TensorProto_DataType = 26
)

// packedBits returns how many bits an element of a type has of which several share a byte, and whether it has a sign; 0
// for every other type. Such an initializer is one of 8 bits here, with the same numbers, and in the exported file it
// is as it was.
func packedBits(d int32) (bits int, signed bool) {
	switch onnx.TensorProto_DataType(d) {
	case onnx.TensorProto_INT4:
		return 4, true
	case onnx.TensorProto_UINT4:
		return 4, false
	case int2:
		return 2, true
	case uint2:
		return 2, false
	}
	return 0, false
}

// unpacked returns the numbers of an initializer of packed elements, the first in the lowest bits, or nil where its
// data is not that of its shape.
func unpacked(p *onnx.TensorProto, shape []int) *tensor.Tensor {
	bits, signed := packedBits(p.GetDataType())
	n, each := count(shape), 8/bits
	raw := p.RawData
	if len(raw) == 0 {
		if len(p.Int32Data) != (n+each-1)/each {
			return nil
		}
		for _, b := range p.Int32Data {
			raw = append(raw, byte(b))
		}
	}
	if len(raw) != (n+each-1)/each {
		return nil
	}
	plain, minus := make([]uint8, n), make([]int8, n)
	for i := range n {
		v := raw[i/each] >> (i % each * bits) & (1<<bits - 1)
		plain[i], minus[i] = v, int8(v<<(8-bits))>>(8-bits)
	}
	t, err := tensor.FromUint8(shape, plain)
	if signed {
		t, err = tensor.FromInt8(shape, minus)
	}
	if err != nil {
		return nil
	}
	return t
}

// checkPacked refuses nodes that would round to a packed type: their results are not of one here. Where a file has such
// initializers, what says the type has to be an initializer of another one.
func (d *draft) checkPacked(bad *refusals) {
	some := false
	for _, x := range d.initials {
		some = some || x.packed
	}
	if !some {
		return
	}
	for _, n := range d.nodes {
		if n.NodeProto == nil {
			continue
		}
		at := map[string]int{"QuantizeLinear": 2, "CastLike": 1}[n.GetOpType()]
		if at == 0 || len(n.Input) <= at || n.Input[at] == "" {
			continue
		}
		if x := d.named[n.Input[at]]; x == nil || x.packed {
			bad.add(n.from, n.GetOpType(), nodeName(n.NodeProto), "it may round to a type of less than 8 bits; want 8 "+
				"or 16, said by an initializer")
		}
	}
}
