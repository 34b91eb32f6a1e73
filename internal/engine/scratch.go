package engine

import (
	"github.com/rhizome-ml/rhizome/internal/dataflow"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// Scratch is memory that an engine works in during a Poll and that means nothing between two Polls: free frames, the
// buffers of outputs, arguments and envelopes. The engines of one thread may share one, so that a node that rests holds
// none of it and many nodes work in the same few cache lines. It is thread-unsafe.
//
// An Output then is valid until the next Poll or Deliver of any engine that shares the Scratch.
type Scratch struct {
	limits []*heldLimits
	lists  map[*Limits][]snapshot.LimitSnapshot // of those, as snapshots have them; read-only
	m      dataflow.Scratch                     // of the machines

	owner *Engine // whose output is in out
	out   Output
	ctx   Context
	peers []wire.PeerID // that are being sent to
	fills []wire.Fill   // of an envelope that nobody keeps
	send  wire.Envelope // likewise
	emit  wire.Envelope // that is being encoded
	envs  []*wire.Envelope
	raws  [][]byte
	large [][]byte // likewise, of rawLarge bytes and more: they are not for packets of a few bytes
}

// The most that a Scratch keeps of what may be had again.
const (
	scratchEnvelopes = 64
	scratchRaws      = 4096
	scratchRawBytes  = 64 << 10 // of one buffer
	scratchLarge     = 64
	rawLarge         = 4 << 10
)

// NewScratch returns an empty Scratch.
func NewScratch() *Scratch { return &Scratch{} }

// Recycle gives back the bytes of a packet that one of the engines put out, when nobody reads them any more: neither
// the network, nor an input that a node has accepted and not yet processed, nor a capture of such a node.
func (s *Scratch) Recycle(raw []byte) {
	switch {
	case cap(raw) > scratchRawBytes:
	case cap(raw) >= rawLarge && len(s.large) < scratchLarge:
		s.large = append(s.large, raw[:0])
	case cap(raw) < rawLarge && len(s.raws) < scratchRaws:
		s.raws = append(s.raws, raw[:0])
	}
}

// raw returns an empty buffer for a packet with values of that many bytes, or nil.
func (s *Scratch) raw(bytes int) []byte {
	from := &s.raws
	if bytes >= rawLarge {
		from = &s.large
	}
	n := len(*from)
	if n == 0 {
		return nil
	}
	b := (*from)[n-1]
	*from = (*from)[:n-1]
	return b
}

// heldLimits are limits that engines go by, and what their machines go by of them.
type heldLimits struct {
	all     Limits
	machine dataflow.Limits
}

// hold returns the one copy of limits.
func (s *Scratch) hold(l Limits) *heldLimits {
	for _, known := range s.limits {
		if known.all == l {
			return known
		}
	}
	s.limits = append(s.limits, &heldLimits{l, l.machine()})
	return s.limits[len(s.limits)-1]
}

// listOf returns limits of limitsOf as a list that must not be changed: each capture has one.
func (s *Scratch) listOf(l *Limits) []snapshot.LimitSnapshot {
	list := s.lists[l]
	if list == nil {
		if s.lists == nil {
			s.lists = map[*Limits][]snapshot.LimitSnapshot{}
		}
		list = l.listed()
		s.lists[l] = list
	}
	return list
}

// envelope returns an envelope to decode into.
func (s *Scratch) envelope() *wire.Envelope {
	n := len(s.envs)
	if n == 0 {
		return &wire.Envelope{}
	}
	env := s.envs[n-1]
	s.envs = s.envs[:n-1]
	return env
}

// freeEnvelope takes back an envelope that was processed: what is kept of it is its values and texts.
func (s *Scratch) freeEnvelope(env *wire.Envelope) {
	if len(s.envs) >= scratchEnvelopes {
		return
	}
	fills := env.Fills
	clear(fills)
	*env = wire.Envelope{Fills: fills[:0]}
	s.envs = append(s.envs, env)
}
