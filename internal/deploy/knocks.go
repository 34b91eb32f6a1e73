package deploy

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// knockEvery is the least time between two lines about peers that were turned away.
const knockEvery = time.Second

// knocks tells of peers that were turned away, one line in knockEvery at most and the first of each code, and counts
// all of them: nobody fills a log by knocking. It is safe for concurrent use.
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
	first := k.counts[code] == 0 // of its kind: no flood of another kind hides it
	k.counts[code]++
	if since := now.Sub(k.last); !first && !k.last.IsZero() && since >= 0 && since < knockEvery {
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

// turnedAway returns how many were turned away, also of those whom the transport did not let show who they are.
func (r *running) turnedAway() map[string]uint64 {
	out := r.knocks.look()
	if t, ok := r.net.(interface{ Stats() libp2p.Stats }); ok {
		if n := t.Stats().Crowded; n > 0 {
			out[AwayCrowded] += n
		}
	}
	return out
}

// turnAway counts and tells that a peer was turned away.
func (r *running) turnAway(code, text string) {
	if line := r.knocks.note(code, text, time.Now()); line != "" {
		r.o.Notify(Warning{line})
	}
}

// turnAwayBeside is turnAway for those who must not wait until it is told.
func (r *running) turnAwayBeside(code, text string) {
	if line := r.knocks.note(code, text, time.Now()); line != "" {
		select {
		case r.away <- line:
		default: // nobody reads what is told
		}
	}
}

// reportAway tells what turnAwayBeside noted, until the node ends.
func (r *running) reportAway() {
	for {
		select {
		case line := <-r.away:
			r.o.Notify(Warning{line})
		case line := <-r.awayCuts:
			r.o.Notify(Warning{line})
		case <-r.done.Done():
			return
		}
	}
}

// knocked notes that a peer came and has no link. It heard that it is turned away, and not for which list.
func (r *running) knocked(p wire.PeerID, remote string, reason error) {
	code, why := AwayLink, clean.Text(reason.Error(), 200)
	var coded interface{ Code() string }
	var id *wire.PeerIDError
	switch {
	case errors.As(reason, &id):
		code, why = AwayIdentity, "its key is of another kind than ed25519"
	case errors.As(reason, &coded):
		code = coded.Code()
	}
	switch code {
	case AwayBlocked:
		why = "it is blocked; rhizome unblock lets it in"
	case AwayAllowlist:
		why = "it is not on the allowlist; rhizome allow lets it in"
	case AwayEarly:
		why = "this node is not ready yet; it may come again"
	}
	r.turnAwayBeside(code, fmt.Sprintf("%s at %s was turned away (%s): %s", clean.Text(string(p), 64),
		clean.Text(remote, 100), code, why))
}

// refused notes what the node refused of a peer for good, where that is no matter of course. It is counted by the node.
func (r *running) refused(ev *engine.Event, err error) {
	var no *engine.RefusedError
	if ev.Envelope == nil || !errors.As(err, &no) {
		return
	}
	switch no.Code {
	case engine.RefusedFormat, engine.RefusedVersion, engine.RefusedAddress, engine.RefusedDigest,
		engine.RefusedStranger:
		r.turnAwayBeside(AwayMessage, fmt.Sprintf("a message of %s was refused (%s): %s",
			clean.Text(ev.Envelope.From, 64), no.Code, clean.Text(no.Reason, 200)))
	}
}

// cut notes that a peer is kept out for a while. A peer is cut seldom, and its line is not to be lost behind those of
// its messages.
func (r *running) cut(c host.Cut) {
	line := r.cuts.note(AwayJunk, fmt.Sprintf("%s is cut off for %s: of %d messages %d were refused, the last (%s): %s",
		clean.Text(string(c.Peer), 64),
		Spoken(c.For), c.Frames+c.Taken, c.Frames, c.Code, clean.Text(c.Reason, 200)), time.Now())
	if line == "" {
		return
	}
	select {
	case r.awayCuts <- line:
	default: // nobody reads what is told
	}
}
