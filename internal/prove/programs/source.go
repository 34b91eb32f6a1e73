// Package programs draws random programs and schedules for two nodes, with every op of the engine. The tests of package
// engine draw them from a property test, which makes what fails smaller; the proofs draw them from a seed. Whatever
// draws, the same numbers give the same programs.
package programs

import "math/rand/v2"

// Source draws numbers.
type Source interface {
	// Int returns a number from lo to hi, both included; the label says what for.
	Int(lo, hi int, label string) int
}

// Seeded returns a Source whose numbers come from a seed alone.
func Seeded(seed uint64) Source { return seeded{rand.New(rand.NewPCG(seed, 0))} }

type seeded struct{ rng *rand.Rand }

func (s seeded) Int(lo, hi int, _ string) int { return lo + s.rng.IntN(hi-lo+1) }

// Bytes returns a Source whose numbers are read from bytes, such as those of a fuzz target; when they are used up, each
// is the least that it may be.
func Bytes(b []byte) Source { return &drawn{b} }

type drawn struct{ b []byte }

func (d *drawn) Int(lo, hi int, _ string) int {
	n := 0
	for most := hi - lo; most > 0 && len(d.b) > 0; most >>= 8 {
		n, d.b = n<<8|int(d.b[0]), d.b[1:]
	}
	return lo + n%(hi-lo+1)
}

func coin(src Source, label string) bool { return src.Int(0, 1, label) == 1 }
