package deploy

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/clean"
)

// cutShown bounds those who are told to be kept out.
const cutShown = 64

// cutPeers returns who is kept out now for what it sent, and how often somebody was cut.
func (r *running) cutPeers() ([]CutPeer, uint64) {
	h := r.glue.bound()
	if h == nil {
		return nil, 0
	}
	now, times := h.Cuts()
	var out []CutPeer
	for _, c := range now[:min(len(now), cutShown)] {
		out = append(out, CutPeer{Peer: c.Peer, For: c.For, Times: c.Times, Frames: c.Frames, Code: c.Code,
			Reason: clean.Text(c.Reason, 200)})
	}
	return out, times
}

// cut puts into a status who is kept out.
func (s *Status) cut(now []CutPeer, times uint64) { s.Cut, s.Cuts = now, times }

// markCut marks those of the peers that are kept out, and adds those that are not among them.
func markCut(peers []PeerState, cut []CutPeer) []PeerState {
	for _, c := range cut {
		i := slices.IndexFunc(peers, func(p PeerState) bool { return p.Peer == c.Peer })
		if i < 0 {
			i = len(peers)
			peers = append(peers, PeerState{Peer: c.Peer})
		}
		peers[i].Health, peers[i].CutFor = "cut", c.For
	}
	return peers
}
