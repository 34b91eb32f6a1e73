package deploy

import (
	"fmt"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// knockEvery is the least time between two lines about peers that were turned away.
const knockEvery = time.Second

// knocks tells of peers that were turned away, one line in knockEvery at most, and counts all of them: nobody fills a log by
// knocking. It is safe for concurrent use.
type knocks struct {
	mu     sync.Mutex
	last   time.Time
	untold int
	counts map[string]uint64 // by code
}

// codesMax bounds the codes that are counted; a code that came from elsewhere is "other".
const codesMax = 32

// note counts one that was turned away, and returns the line to tell, or "".
func (k *knocks) note(code, text string, now time.Time) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.counts == nil {
		k.counts = map[string]uint64{}
	}
	if _, known := k.counts[code]; !known && len(k.counts) >= codesMax {
		code = "other"
	}
	k.counts[code]++
	if since := now.Sub(k.last); !k.last.IsZero() && since >= 0 && since < knockEvery {
		k.untold++
		return ""
	}
	if k.untold > 0 {
		text += fmt.Sprintf(" (and %d more that are only counted)", k.untold)
	}
	k.last, k.untold = now, 0
	return text
}

// look returns how many were turned away, by code.
func (k *knocks) look() map[string]uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := map[string]uint64{}
	for code, n := range k.counts {
		out[code] = n
	}
	return out
}

// turnedAway returns how many were turned away, also of those whom the transport did not let say a word.
func (r *running) turnedAway() map[string]uint64 {
	out := r.knocks.look()
	if t, ok := r.net.(interface{ Stats() libp2p.Stats }); ok {
		s := t.Stats()
		for code, n := range map[string]uint64{AwayIdentity: s.Foreign, AwayLink: s.Refused - min(s.Refused, s.Foreign)} {
			if n > 0 {
				out[code] += n
			}
		}
	}
	return out
}

// turnAway counts and tells that a peer was turned away.
func (r *running) turnAway(code, text string) {
	if line := r.knocks.note(code, text, time.Now()); line != "" {
		r.o.Tell(Warning{line})
	}
}
