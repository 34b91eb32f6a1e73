//go:build amd64 && !purego

package bench

import "golang.org/x/sys/cpu"

// A turn of fusedPeak is twelve operations of eight lanes with a product and a sum each.
const (
	peakTurns = 100_000
	peakFlops = 12 * 8 * 2
)

// peakWhat names what fusedPeak does, as the products choose what they do.
func peakWhat() string {
	switch {
	case !cpu.X86.HasAVX2 || !cpu.X86.HasFMA:
		return "a loop of one lane"
	case cpu.X86.HasAVX512F:
		return "AVX-512's fused multiply-add"
	}
	return "AVX2's fused multiply-add"
}

// fusedPeak does that many turns of fused multiply-adds that wait for nothing: the most that a core gives.
func fusedPeak(turns int) {
	switch {
	case !cpu.X86.HasAVX2 || !cpu.X86.HasFMA:
		_ = loopPeak(turns * peakFlops / loopFlops)
	case cpu.X86.HasAVX512F:
		fused12wide(turns / 2)
	default:
		fused12(turns)
	}
}

// fused12 does turns > 0 times twelve independent fused multiply-adds of eight float32 each.
//
//go:noescape
func fused12(turns int)

// fused12wide does turns > 0 times twelve independent fused multiply-adds of sixteen float32 each.
//
//go:noescape
func fused12wide(turns int)
