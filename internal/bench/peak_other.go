//go:build !amd64 || purego

package bench

const (
	peakTurns = 100_000
	peakFlops = loopFlops
	peakWhat  = "a loop of one lane"
)

// fusedPeak does that many turns of a loop without vectors.
func fusedPeak(turns int) { _ = loopPeak(turns) }
