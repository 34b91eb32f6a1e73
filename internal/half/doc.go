// Package half converts between float32 and the floats of 16 bits that tensors hold, in bulk.
//
// To narrow is to round to the nearest, of two the even one, once; to widen is exact. Every NaN becomes the one NaN of
// its type, whatever its sign and payload: so the vector loops and the scalar ones give the same bits, on every
// machine. Everything here is pure.
package half

import (
	"math"

	"github.com/rhizome-ml/rhizome/tensor"
)

// The names by which settings know the types.
const (
	NameF32  = "f32"
	NameBF16 = "bf16"
	NameF16  = "f16"
)

// Of returns the type of a name; ok is false for any other.
func Of(name string) (d tensor.DType, ok bool) {
	switch name {
	case NameF32:
		return tensor.Float32, true
	case NameBF16:
		return tensor.BFloat16, true
	case NameF16:
		return tensor.Float16, true
	}
	return 0, false
}

// Is says whether a type is a float of 16 bits.
func Is(d tensor.DType) bool { return d == tensor.Float16 || d == tensor.BFloat16 }

// Most returns the greatest number that a float of a type holds. What is nearer to the next one, which there is not,
// becomes infinite.
func Most(d tensor.DType) float64 {
	switch d {
	case tensor.Float16:
		return 65504
	case tensor.BFloat16:
		return 0x1.fep127
	}
	return math.MaxFloat32
}

// The NaN of each type.
const (
	nanF32  = 0x7fc00000
	nanBF16 = 0x7fc0
	nanF16  = 0x7e00
)

// NarrowBF16 rounds src to dst, which is at least as long.
func NarrowBF16(dst []tensor.BF16, src []float32) {
	dst = dst[:len(src)]
	n := narrowBF16Vector(dst, src)
	narrowBF16(dst[n:], src[n:])
}

// NarrowF16 rounds src to dst, which is at least as long.
func NarrowF16(dst []tensor.F16, src []float32) {
	dst = dst[:len(src)]
	n := narrowF16Vector(dst, src)
	narrowF16(dst[n:], src[n:])
}

// WidenBF16 writes src to dst, which is at least as long.
func WidenBF16(dst []float32, src []tensor.BF16) {
	dst = dst[:len(src)]
	n := widenBF16Vector(dst, src)
	widenBF16(dst[n:], src[n:])
}

// WidenF16 writes src to dst, which is at least as long.
func WidenF16(dst []float32, src []tensor.F16) {
	dst = dst[:len(src)]
	n := widenF16Vector(dst, src)
	widenF16(dst[n:], src[n:])
}

func narrowBF16(dst []tensor.BF16, src []float32) {
	for i, x := range src {
		b := math.Float32bits(x)
		r := tensor.BF16((b + 0x7fff + b>>16&1) >> 16)
		if x != x {
			r = nanBF16
		}
		dst[i] = r
	}
}

func widenBF16(dst []float32, src []tensor.BF16) {
	for i, x := range src {
		v := math.Float32frombits(uint32(x) << 16)
		if v != v {
			v = math.Float32frombits(nanF32)
		}
		dst[i] = v
	}
}

func narrowF16(dst []tensor.F16, src []float32) {
	const (
		infinite  = 0x7f800000
		tooLarge  = (127 + 16) << 23 // 65536
		subnormal = (127 - 14) << 23 // below it a float16 has less than 10 bits of fraction
	)
	for i, x := range src {
		b := math.Float32bits(x)
		sign, b := uint16(b>>31)<<15, b&(1<<31-1)
		var r uint16
		switch {
		case b > infinite:
			sign, r = 0, nanF16
		case b >= tooLarge:
			r = 0x7c00
		case b >= subnormal: // a carry out of the fraction goes to the exponent, and at the end to what is infinite
			r = uint16((b - (127-15)<<23 + 0xfff + b>>13&1) >> 13)
		default: // beside 1/2 the last place is 2^-24, which is that of a subnormal: the addition rounds
			r = uint16(math.Float32bits(math.Float32frombits(b)+0.5) - math.Float32bits(0.5))
		}
		dst[i] = tensor.F16(sign | r)
	}
}

func widenF16(dst []float32, src []tensor.F16) {
	for i, x := range src {
		v := x.Float32()
		if v != v {
			v = math.Float32frombits(nanF32)
		}
		dst[i] = v
	}
}
