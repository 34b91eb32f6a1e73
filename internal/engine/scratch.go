package engine

import (
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Scratch is memory that an engine works in during a Poll and that means nothing between two Polls: free frames, the buffers
// of outputs, arguments and envelopes. The engines of one thread may share one, so that a node that rests holds none of it
// and many nodes work in the same few cache lines. It is thread-unsafe.
//
// An Output then is valid until the next Poll or Deliver of any engine that shares the Scratch.
type Scratch struct {
	limits []*Limits
	lists  map[*Limits][]snapshot.LimitSnapshot // of those, as snapshots have them; read-only
	pools  map[*program.Program]*pool
	rings  [][]ready

	owner   *Engine // whose output is in out
	out     Output
	ctx     Context
	args    []value.Value // of the component that is being called
	results []value.Value // that it gives
	inputs  []value.Value // of the activation that is being started
	peers   []wire.PeerID // that are being sent to
	fills   []wire.Fill   // of an envelope that nobody keeps
	send    wire.Envelope // likewise
	emit    wire.Envelope // that is being encoded
	envs    []*wire.Envelope
	raws    [][]byte
	timers  []*timer
}

// The most that a Scratch keeps of what may be had again.
const (
	scratchEnvelopes = 64
	scratchRaws      = 4096
	scratchTimers    = 256
	scratchRawBytes  = 64 << 10 // of one buffer
)

// pool is the free frames of a program, by function.
type pool struct{ free [][]*frame }

// NewScratch returns an empty Scratch.
func NewScratch() *Scratch { return &Scratch{pools: map[*program.Program]*pool{}} }

// Recycle gives back the bytes of a packet that one of the engines put out, when nobody reads them any more: neither the
// network, nor an input that a node has accepted and not yet processed, nor a capture of such a node.
func (s *Scratch) Recycle(raw []byte) {
	if len(s.raws) < scratchRaws && cap(raw) <= scratchRawBytes {
		s.raws = append(s.raws, raw[:0])
	}
}

// raw returns an empty buffer, or nil.
func (s *Scratch) raw() []byte {
	n := len(s.raws)
	if n == 0 {
		return nil
	}
	b := s.raws[n-1]
	s.raws = s.raws[:n-1]
	return b
}

// limitsOf returns the one copy of limits.
func (s *Scratch) limitsOf(l Limits) *Limits {
	for _, known := range s.limits {
		if *known == l {
			return known
		}
	}
	s.limits = append(s.limits, &l)
	return &l
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

func (s *Scratch) poolOf(p *program.Program) *pool {
	if s.pools[p] == nil {
		s.pools[p] = &pool{free: make([][]*frame, len(p.Funcs))}
	}
	return s.pools[p]
}

// ring returns a buffer for a frontier.
func (s *Scratch) ring() []ready {
	n := len(s.rings)
	if n == 0 {
		return make([]ready, 64)
	}
	b := s.rings[n-1]
	s.rings = s.rings[:n-1]
	return b
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

// timer returns a timer to fill in.
func (s *Scratch) timer() *timer {
	n := len(s.timers)
	if n == 0 {
		return new(timer)
	}
	t := s.timers[n-1]
	s.timers = s.timers[:n-1]
	return t
}

// freeTimer takes back a timer that is armed no more.
func (s *Scratch) freeTimer(t *timer) {
	if len(s.timers) < scratchTimers {
		*t = timer{}
		s.timers = append(s.timers, t)
	}
}
