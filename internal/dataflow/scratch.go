package dataflow

import (
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// Scratch is memory that machines of one thread work in, and that means nothing between two Polls.
type Scratch struct {
	pools   map[*program.Program]*pool
	rings   [][]ready
	args    []value.Value // of the component that is being called
	results []value.Value // that it gives
	in      []value.Value // of the activation that is being started
	timers  []*timer
}

// scratchTimers is how many timers that are armed no more are kept.
const scratchTimers = 256

// pool is the free frames of a program, by function.
type pool struct{ free [][]*Frame }

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

func (s *Scratch) poolOf(p *program.Program) *pool {
	if s.pools == nil {
		s.pools = map[*program.Program]*pool{}
	}
	if s.pools[p] == nil {
		s.pools[p] = &pool{free: make([][]*Frame, len(p.Funcs))}
	}
	return s.pools[p]
}
