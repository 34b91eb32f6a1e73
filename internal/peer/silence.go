package peer

import "math/bits"

// Silence is a φ-accrual failure detector (Hayashibara and others, 2004) for one peer: how likely is it that a silence
// as long as this one is just a long one? It is fed with the silences that ended, and asked about the one that lasts.
// Silences count only while something of the peer is awaited, so that an idle peer is never suspected. It is plain data
// under one owner; the zero value knows nothing.
//
// φ is -log10 of that likelihood under a normal distribution. It rises with the length of the silence alone, so the
// question whether it has reached 8 or 16 is one about a number of deviations: no logarithm is taken, and all is in
// integers.
type Silence struct {
	ended []uint16 // lengths in the form of pack, oldest first

	// Derived from ended, in microseconds:
	sum, squares int64
}

// The figures of Silence. z are the standard normal quantiles of 1e-8 and 1e-16, in thousandths, rounded up.
const (
	SuspectPhi = 8
	DownPhi    = 16
	zSuspect   = 5613
	zDown      = 8223

	silenceWarm   = 8       // silences that must have been seen before one is judged
	silenceMaxUs  = 60e6    // a longer one counts as this
	deviationUs   = 500e3   // the least: what a resend, a sync of the disk or a pause of the machine takes
	DefaultSilent = 1000    // silences that are remembered
	EdgeSilent    = 100     // on a small device
	mantissa      = 1 << 11 // of pack
)

// pack returns a length in 16 bits: 11 bits of precision and an exponent, rounded down. Lengths up to a minute fit.
func pack(us int64) uint16 {
	shift := max(0, bits.Len64(uint64(us))-11)
	return uint16(shift<<11 | int(us>>shift))
}

func unpack(p uint16) int64 { return int64(p%mantissa) << (p >> 11) }

// Ended takes a silence of so many nanoseconds that has ended; at most size are remembered.
func (s *Silence) Ended(ns int64, size int) {
	p := pack(min(max(ns/1000, 0), silenceMaxUs))
	if size <= 0 {
		return
	}
	if len(s.ended) >= size { // what was remembered stays as it is in memory, because captures share it
		s.add(s.ended[0], -1)
		s.ended = s.ended[1:]
	}
	s.ended = append(s.ended, p)
	s.add(p, 1)
}

func (s *Silence) add(p uint16, sign int64) {
	us := unpack(p)
	s.sum += sign * us
	s.squares += sign * us * us
}

// Limits returns how long a silence lasts until φ is 8, and until it is 16, in nanoseconds: 0 while too little is
// known.
func (s *Silence) Limits() (suspect, down int64) {
	n := int64(len(s.ended))
	if n < silenceWarm {
		return 0, 0
	}
	mean := s.sum / n
	deviation := max(deviationUs, mean/4, root(max(0, s.squares/n-mean*mean)))
	at := func(z int64) int64 { return (mean + (z*deviation+999)/1000) * 1000 }
	return at(zSuspect), at(zDown)
}

// lengths returns what is remembered, oldest first, in microseconds.
func (s *Silence) lengths() []uint64 {
	var out []uint64
	for _, p := range s.ended {
		out = append(out, uint64(unpack(p)))
	}
	return out
}

// root returns the whole part of the square root.
func root(x int64) int64 {
	if x == 0 {
		return 0
	}
	r := int64(1) << ((bits.Len64(uint64(x)) + 1) / 2)
	for {
		next := (r + x/r) / 2
		if next >= r {
			return r
		}
		r = next
	}
}
