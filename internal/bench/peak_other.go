//go:build !amd64 || purego

package bench

const (
	peakTurns = 100_000
	peakFlops = loopFlops
)

// peakWhat names what fusedPeak does.
func peakWhat() string { return "a loop of one lane" }

// fusedPeak does that many turns of a loop without vectors.
func fusedPeak(turns int) { _ = loopPeak(turns) }
