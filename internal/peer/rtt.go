package peer

// RTT is the round-trip time to a peer, from the first sending of a number to its acknowledgement: mean and mean
// deviation, smoothed as TCP does (RFC 6298, section 2), in whole nanoseconds. It is plain data; the zero value knows
// nothing.
type RTT struct {
	Smooth, Var int64 // ns
	Samples     int32 // up to rttSamplesMax, which is enough to know
}

const (
	rttWarm       = 3
	rttSamplesMax = 1 << 20
	rttMax        = 3600e9 // ns; a longer one counts as this
)

// Sample takes one round-trip time in nanoseconds.
func (r *RTT) Sample(ns int64) {
	ns = min(max(ns, 0), rttMax)
	if r.Samples == 0 {
		r.Smooth, r.Var = ns, ns/2
	} else {
		d := ns - r.Smooth
		r.Var += (max(d, -d) - r.Var) / 4
		r.Smooth += d / 8
	}
	r.Samples = min(r.Samples+1, rttSamplesMax)
}

// Budget returns how long an exchange with the peer may take as a rule, in nanoseconds; 0 before there are enough
// samples.
func (r *RTT) Budget() int64 {
	if r.Samples < rttWarm {
		return 0
	}
	return r.Smooth + 4*r.Var
}

// sound says whether samples can have given this.
func (r *RTT) sound() bool {
	return r.Smooth >= 0 && r.Smooth <= rttMax && r.Var >= 0 && r.Var <= rttMax && r.Samples >= 0 &&
		r.Samples <= rttSamplesMax &&
		(r.Samples > 0 || r.Smooth == 0 && r.Var == 0)
}
