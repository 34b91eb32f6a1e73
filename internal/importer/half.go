package importer

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// isHalf says whether a type is one of 16 bits, which is computed in float32: initializers, inputs and results are
// float32 here, and the file has its own type again when it is exported.
func isHalf(d int32) bool {
	return d == int32(onnx.TensorProto_FLOAT16) || d == int32(onnx.TensorProto_BFLOAT16)
}

// widened returns a tensor of 16 bits as float32, or nil where its data is not that of its shape.
func widened(p *onnx.TensorProto, shape []int) *tensor.Tensor {
	n := count(shape)
	v := make([]float32, 0, min(n, 1<<20))
	bits := func(b uint16) {
		if p.GetDataType() == int32(onnx.TensorProto_BFLOAT16) {
			v = append(v, math.Float32frombits(uint32(b)<<16))
		} else {
			v = append(v, fromFloat16(b))
		}
	}
	switch {
	case len(p.RawData) == 2*n:
		for i := range n {
			bits(binary.LittleEndian.Uint16(p.RawData[2*i:]))
		}
	case len(p.RawData) == 0 && len(p.Int32Data) == n:
		for _, b := range p.Int32Data {
			bits(uint16(b))
		}
	default:
		return nil
	}
	t, err := tensor.FromFloat32(shape, v)
	if err != nil {
		return nil
	}
	return t
}

// narrowed returns float32 numbers as 16 bits each, little-endian, rounded to nearest, ties to even.
func narrowed(v []float32, d int32) []byte {
	out := make([]byte, 0, 2*len(v))
	for _, x := range v {
		b := toFloat16(x)
		if d == int32(onnx.TensorProto_BFLOAT16) {
			b = toBFloat16(x)
		}
		out = binary.LittleEndian.AppendUint16(out, b)
	}
	return out
}

func fromFloat16(b uint16) float32 {
	sign, e, m := uint32(b>>15)<<31, int(b>>10&31), uint32(b&1023)
	switch {
	case e == 31:
		return math.Float32frombits(sign | 255<<23 | m<<13)
	case e == 0: // a multiple of 2^-24
		f := float32(m) / (1 << 24)
		return math.Float32frombits(sign | math.Float32bits(f))
	}
	return math.Float32frombits(sign | uint32(e+112)<<23 | m<<13)
}

func toFloat16(x float32) uint16 {
	b := math.Float32bits(x)
	sign, mag := uint16(b>>31)<<15, b&0x7fffffff
	switch {
	case mag > 255<<23:
		return sign | 0x7e00
	case mag >= 0x477ff000: // rounds to 65536 or more
		return sign | 0x7c00
	case mag < 113<<23: // below 2^-14: a multiple of 2^-24
		f := float64(math.Float32frombits(mag)) * (1 << 24)
		return sign | uint16(math.RoundToEven(f))
	}
	mag -= 112 << 23
	return sign | uint16((mag+0xfff+(mag>>13&1))>>13)
}

func toBFloat16(x float32) uint16 {
	b := math.Float32bits(x)
	if b&0x7fffffff > 255<<23 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// halves returns the inputs and initializers of 16 bits.
func (m *Model) halves() map[string]int32 {
	out := map[string]int32{}
	for _, v := range m.file.GetGraph().GetInput() {
		if d := v.GetType().GetTensorType().GetElemType(); isHalf(d) {
			out[v.GetName()] = d
		}
	}
	for _, x := range m.d.initials {
		if x.half != 0 {
			out[x.name] = x.half
		}
	}
	return out
}

// rounded takes a node of the file, and rounds results that have 16 bits in the file to those.
func (w *walker) rounded(n *onnx.NodeProto) {
	half := w.cur.half
	if n.OpType != "Cast" {
		for _, in := range w.cur.Input {
			half = max(half, w.half[in])
		}
	}
	if half == 0 || len(w.half) == 0 {
		w.step(n)
		return
	}
	for _, o := range n.Output {
		w.half[o] = half
	}
	outputs := append([]string{}, n.Output...)
	for i, o := range n.Output {
		if o != "" {
			w.fresh++
			n.Output[i] = w.unique(fmt.Sprintf("rhizome/at/%d/wide", w.fresh))
		}
	}
	inner := append([]string{}, n.Output...)
	w.step(n)
	for i, o := range inner {
		o = w.resolve(o)
		t, ok := w.types[o]
		switch {
		case !ok:
		case t.DType != tensor.Float32 || w.half[o] != 0:
			w.same(&onnx.NodeProto{Output: outputs[i : i+1]}, o)
		default:
			narrow := w.put("Cast", []string{o}, onnx.AttrInt("to", int64(half)))
			w.finish(onnx.Node("", "Cast", outputs[i], []string{narrow}, outputs[i:i+1],
				onnx.AttrInt("to", int64(tensor.Float32))), 0)
		}
	}
}
