package rounds

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Why somebody who was asked is not in a round that is over.
const (
	LeftLate    = "late"    // it was there, and had not answered when the round closed
	LeftRefused = "refused" // its answer does not count
	LeftSilent  = "silent"  // it was not there when the round closed
)

// Left is somebody who was asked in a round and is not in it.
type Left struct {
	Peer wire.PeerID
	Why  string // as of the constants
	// Code and Reason are those of a refusal.
	Code, Reason string
}

// Over returns who is in a round that is over, and who was asked and is not, in the order of the peers; ok is false
// where the round is not over, or too old to be remembered.
func (c *Component) Over(round int64) (in []wire.PeerID, out []Left, ok bool) {
	r := c.st.find(round)
	if r == nil || !r.Closed {
		return nil, nil, false
	}
	for _, p := range r.Cohort {
		x := Left{Peer: wire.PeerID(p), Why: LeftLate}
		i, refused := r.refusal(p)
		_, settled := slices.BinarySearch(r.Settled, p)
		_, silent := slices.BinarySearch(r.Silent, p)
		switch {
		case refused:
			x.Why, x.Code, x.Reason = LeftRefused, r.Refused[i].Code, r.Refused[i].Reason
		case settled && !r.Skipped:
			in = append(in, x.Peer)
			continue
		case settled: // it came, and the round has nobody
			x.Why, x.Code, x.Reason = LeftRefused, "skipped", "the round was skipped"
		case silent:
			x.Why = LeftSilent
		}
		out = append(out, x)
	}
	return in, out, true
}

// silent returns who of a round that closes owes it an answer and is not there.
func (c *Component) silent(ctx *engine.Context, r *Round) (out []string) {
	if !c.cfg.ends() || len(r.Settled)+len(r.Refused) == len(r.Cohort) {
		return nil
	}
	registry, f := c.registry(ctx)
	if f != nil {
		return nil
	}
	members := registry.Members()
	for _, p := range r.Cohort {
		_, member := slices.BinarySearch(members, wire.PeerID(p))
		_, lost := slices.BinarySearch(r.Lost, p)
		if r.Owes(p) && (!member || lost) {
			out = append(out, p)
		}
	}
	return out
}
