package outages

import (
	"errors"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/wires"
)

// tally is what trials that run beside each other count. It is safe for concurrent use.
type tally struct {
	s  *prove.Shard
	mu sync.Mutex
	n  prove.Counts
}

// Add counts something that was tried or met.
func (t *tally) Add(what string, n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n[what] += n
}

// Over says whether the trial is not wanted any more; Ended is closed when it is to be given up at once.
func (t *tally) Over() bool             { return t.s.Over() }
func (t *tally) Ended() <-chan struct{} { return t.s.Ended() }

// outcome is how a trial ended.
type outcome struct {
	seed uint64
	t    *tally
	err  error
}

// together tries the seeds of a shard, up to most of them at once, for trials that mostly wait. Seeds after last are
// not tried; 0 is no last one.
func together(s *prove.Shard, most int, last uint64, try func(t *tally, seed uint64) error) error {
	ended := make(chan outcome)
	under := 0
	var not error
	more := true
	for more || under > 0 {
		for more && under < most {
			seed, ok := s.Next()
			if more = ok && (last == 0 || seed <= last); !more {
				break
			}
			under++
			go func() {
				t := &tally{s: s, n: prove.Counts{}}
				ended <- outcome{seed, t, try(t, seed)}
			}()
		}
		if under == 0 {
			break
		}
		o := <-ended
		under--
		for what, n := range o.t.n {
			s.Add(what, n)
		}
		var un *wires.UnavailableError
		var nh *prove.NotHereError
		switch {
		case errors.As(o.err, &un):
			not, more = &prove.NotHereError{Reason: un.Error()}, false
		case errors.As(o.err, &nh):
			not, more = nh, false
		case o.err != nil && !errors.Is(o.err, errOver):
			s.FailAt(o.seed, "%v", o.err)
		}
	}
	return not
}
