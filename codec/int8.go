package codec

import (
	"encoding/binary"
	"math"

	"github.com/rhizome-ml/rhizome/tensor"
)

// The codec int8 keeps one byte of each element: the nearest of 255 multiples of the tensor's scale, half to even. The
// scale is the least float32 that is not below 1/127 of the largest magnitude, so an element is off by at most half of
// the scale, but for the rounding of one float32 product.
var _ = register(entry{"int8", 1, none(&floats{name: "int8", pack: packInt8, unpack: unpackInt8})})

const int8Most = 127

func packInt8(b []byte, t *tensor.Tensor) ([]byte, bool) {
	x := t.Float32()
	var most float32
	for _, v := range x {
		most = max(most, v, -v)
	}
	scale := scaleOf(most)
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(scale))
	for _, v := range x {
		q := 0.0
		if scale > 0 {
			q = math.RoundToEven(float64(v) / float64(scale))
		}
		b = append(b, byte(int8(q)))
	}
	return b, true
}

// scaleOf returns the scale for a largest magnitude.
func scaleOf(most float32) float32 {
	scale := most / int8Most
	if float64(scale)*int8Most < float64(most) { // exact: the product of 24 bits and 7
		scale = math.Nextafter32(scale, math.MaxFloat32)
	}
	return scale
}

func unpackInt8(b []byte, n int) ([]float32, string) {
	if len(b) != 4+n {
		return nil, "has another number of bytes than its shape has elements; want one for each behind the scale"
	}
	scale := math.Float32frombits(binary.LittleEndian.Uint32(b))
	if !(scale >= 0 && scale <= scaleOf(math.MaxFloat32)) || math.Signbit(float64(scale)) {
		return nil, "has a scale that no finite tensor has"
	}
	x := make([]float32, n)
	for i, q := range b[4:] {
		if int8(q) < -int8Most {
			return nil, "has the byte -128; want -127 to 127"
		}
		v := float64(int8(q)) * float64(scale)                         // exact
		x[i] = float32(max(-math.MaxFloat32, min(v, math.MaxFloat32))) // which the largest scale would pass
	}
	return x, ""
}
