//go:build amd64 && !purego

package half

import (
	"golang.org/x/sys/cpu"

	"github.com/rhizome-ml/rhizome/tensor"
)

// The vector loops take n elements, n a multiple of 16 and not 0.

//go:noescape
func narrowBF16x16(dst *tensor.BF16, src *float32, n int)

//go:noescape
func widenBF16x16(dst *float32, src *tensor.BF16, n int)

//go:noescape
func narrowF16x16(dst *tensor.F16, src *float32, n int)

//go:noescape
func widenF16x16(dst *float32, src *tensor.F16, n int)

// Each of these converts as many of the first elements as it can, and returns how many those are.

func narrowBF16Vector(dst []tensor.BF16, src []float32) int {
	n := len(src) &^ 15
	if n == 0 || !cpu.X86.HasAVX2 {
		return 0
	}
	narrowBF16x16(&dst[0], &src[0], n)
	return n
}

func widenBF16Vector(dst []float32, src []tensor.BF16) int {
	n := len(src) &^ 15
	if n == 0 || !cpu.X86.HasAVX2 {
		return 0
	}
	widenBF16x16(&dst[0], &src[0], n)
	return n
}

func narrowF16Vector(dst []tensor.F16, src []float32) int {
	n := len(src) &^ 15
	if n == 0 || !cpu.X86.HasAVX2 || !cpu.X86.HasF16C {
		return 0
	}
	narrowF16x16(&dst[0], &src[0], n)
	return n
}

func widenF16Vector(dst []float32, src []tensor.F16) int {
	n := len(src) &^ 15
	if n == 0 || !cpu.X86.HasAVX2 || !cpu.X86.HasF16C {
		return 0
	}
	widenF16x16(&dst[0], &src[0], n)
	return n
}
