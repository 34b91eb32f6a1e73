//go:build amd64 && !purego

package bench

import "golang.org/x/sys/cpu"

// A turn of fusedPeak is twelve operations of eight lanes with a product and a sum each.
const (
	peakTurns = 100_000
	peakFlops = 12 * 8 * 2
	peakWhat  = "AVX2's fused multiply-add"
)

// fusedPeak does that many turns of fused multiply-adds that wait for nothing: the most that a core gives.
func fusedPeak(turns int) {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		fused12(turns)
		return
	}
	_ = loopPeak(turns * peakFlops / loopFlops)
}

// fused12 does turns > 0 times twelve independent fused multiply-adds of eight float32 each.
//
//go:noescape
func fused12(turns int)
