//go:build !amd64 || purego

package half

import "github.com/rhizome-ml/rhizome/tensor"

// Each of these converts as many of the first elements as it can, and returns how many those are: none here.

func narrowBF16Vector([]tensor.BF16, []float32) int { return 0 }
func narrowF16Vector([]tensor.F16, []float32) int   { return 0 }
func widenBF16Vector([]float32, []tensor.BF16) int  { return 0 }
func widenF16Vector([]float32, []tensor.F16) int    { return 0 }
