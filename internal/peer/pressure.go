package peer

import (
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// Pressure is what this node told its peers about the room that it has for their data, and who disregards it. It is
// thread-unsafe. Rows exist only while the node is pressed; the word that there is room again ends them all.
//
// A peer that goes on to send after three notices is muted for a while: its data is refused, typed and counted, and its
// streams send it again. Acknowledgements and answers are never refused. The way back (trap mute-for-ever) is time, and
// the end of the pressure.
type Pressure struct {
	peers int // bound
	rows  table[pressed]
}

type pressed struct {
	told       int64 // engine time of the last notice
	ignored    int32 // notices after which it went on
	counted    bool  // the last notice is among them
	mutedUntil int64 // engine time, 0 for not muted
}

// The figures of Pressure, in nanoseconds and percent of the room for inputs.
const (
	PressedAt      = 75    // percent from which on peers are told
	RelievedAt     = 50    // percent below which they are told that there is room
	PressureHoldNs = 1e9   // for which a notice asks to hold data back
	pressureAgain  = 500e6 // after which a peer that still has data here is told again
	pressureGrace  = 250e6 // within which what a peer sends was under way when it was told
	pressureMuteNs = 5e9
	ignoredToMute  = 3
)

// NewPressure returns a table with room for so many peers.
func NewPressure(peers int) *Pressure { return &Pressure{peers: peers} }

// Notify says whether a peer is to be told now that the node is pressed, and notes it.
func (x *Pressure) Notify(p wire.PeerID, now int64) bool {
	r := x.rows.get(p)
	switch {
	case r == nil && x.rows.len() >= x.peers:
		return false
	case r == nil:
		x.rows.put(p, pressed{told: now})
		return true
	case now-r.told < pressureAgain:
		return false
	}
	r.told, r.counted = now, false
	return true
}

// Sent notes that a peer sent data, and says whether that mutes it: it had three notices and time to heed them.
func (x *Pressure) Sent(p wire.PeerID, now int64) (muted bool) {
	r := x.rows.get(p)
	if r == nil || r.counted || now-r.told < pressureGrace {
		return false
	}
	r.counted = true
	if r.ignored++; r.ignored < ignoredToMute {
		return false
	}
	x.Mute(p, now)
	return true
}

// Mute refuses data of the peer for a while.
func (x *Pressure) Mute(p wire.PeerID, now int64) {
	if x.rows.get(p) == nil && x.rows.len() < x.peers {
		x.rows.put(p, pressed{})
	}
	if r := x.rows.get(p); r != nil {
		r.ignored, r.mutedUntil = 0, after(now, pressureMuteNs)
	}
}

// Muted says whether data of the peer is refused.
func (x *Pressure) Muted(p wire.PeerID, now int64) bool {
	r := x.rows.get(p)
	return r != nil && r.mutedUntil > now
}

// Relieve ends the pressure, and returns, ascending, the peers that may still hold data back.
func (x *Pressure) Relieve(now int64) []wire.PeerID {
	var out []wire.PeerID
	for _, p := range x.rows.sorted() {
		if x.rows.get(p).told > now-PressureHoldNs {
			out = append(out, p)
		}
	}
	x.rows = table[pressed]{}
	return out
}

// Pressed says whether any peer was told.
func (x *Pressure) Pressed() bool { return x.rows.len() > 0 }

// Snapshot returns the rows by peer.
func (x *Pressure) Snapshot() []snapshot.PressureSnapshot {
	var out []snapshot.PressureSnapshot
	for _, p := range x.rows.sorted() {
		r := x.rows.get(p)
		out = append(out, snapshot.PressureSnapshot{Peer: string(p), Told: r.told, Ignored: r.ignored,
			Counted: r.counted, MutedUntil: r.mutedUntil})
	}
	return out
}

// RestorePressure returns the table that the rows describe.
func RestorePressure(rows []snapshot.PressureSnapshot, peers int) (*Pressure, error) {
	x := NewPressure(peers)
	if len(rows) > peers {
		return nil, &FullError{"pressure", peers}
	}
	last := ""
	for _, r := range rows {
		switch {
		case r.Peer <= last:
			return nil, &RestoreError{"pressure", r.Peer, "the peers are not in ascending order"}
		case r.Told < 0 || r.MutedUntil < 0 || r.Ignored < 0 || r.Ignored >= ignoredToMute:
			return nil,
				&RestoreError{"pressure", r.Peer, "a time lies before time began, or so many notices mute a peer"}
		}
		x.rows.put(wire.PeerID(r.Peer), pressed{r.Told, r.Ignored, r.Counted, r.MutedUntil})
		last = r.Peer
	}
	return x, nil
}
