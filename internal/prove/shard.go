package prove

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

// Shard is one process's share of a part: one of so many seeds in a row. It is thread-unsafe.
type Shard struct {
	Index, Of int
	Dir       string // a folder of the run that all shards share, for what a part prepares
	Turn      Turn   // of a part that rotates: whose share this is

	first    uint64
	one      bool          // only the first seed
	ended    chan struct{} // closed when the parent has ended it; nil where there is none
	deadline time.Time
	report   func(*State)
	reported time.Time
	mark     *os.File // holds the present seed, should the process die

	state   State
	handed  uint64 // seeds
	current uint64
}

// State is how far a shard is.
type State struct {
	Counts   Counts    `json:"counts"`
	Seeds    uint64    `json:"seeds"`
	Next     uint64    `json:"next"` // the seeds below it that are this shard's were handed out
	Failures []Failure `json:"failures,omitempty"`
	Failed   uint64    `json:"failed,omitempty"` // all failures, of which a few are kept
	Error    string    `json:"error,omitempty"`  // the part could not be tried
	NotHere  string    `json:"not_here,omitempty"`
	Done     bool      `json:"done,omitempty"`
}

// failuresKept bounds the failures that are shown; a part with more than failuresMax ends.
const (
	failuresKept = 5
	failuresMax  = 50
)

// Next returns the next seed, or false when the floors are reached or time is up.
func (s *Shard) Next() (seed uint64, ok bool) {
	now := time.Now()
	if s.report != nil && now.Sub(s.reported) > 300*time.Millisecond {
		s.reported = now
		s.report(&s.state)
	}
	switch {
	case s.one && s.handed > 0, s.state.Failed >= failuresMax, s.Over():
		return 0, false
	}
	seed = s.first
	if !s.one {
		seed += uint64(s.Index) + s.handed*uint64(s.Of)
	}
	s.handed++
	s.current = seed
	s.state.Seeds, s.state.Next = s.handed, seed+1
	if s.mark != nil {
		fmt.Fprintf(&offsetWriter{s.mark}, "%20d", seed)
	}
	return seed, true
}

// offsetWriter writes at the beginning of a file.
type offsetWriter struct{ f *os.File }

func (w *offsetWriter) Write(p []byte) (int, error) { return w.f.WriteAt(p, 0) }

// Single says whether one seed is shown again: a part may then say more about it.
func (s *Shard) Single() bool { return s.one }

// Over says whether the floors are reached or time is up, for parts of which a seed takes long.
func (s *Shard) Over() bool {
	select {
	case <-s.ended:
		return true
	default:
	}
	return !s.deadline.IsZero() && time.Now().After(s.deadline)
}

// Ended is closed when nobody waits for this shard any more: what is under way may be given up, and is to be cleaned up
// at once.
func (s *Shard) Ended() <-chan struct{} { return s.ended }

// Add counts something that was tried or met.
func (s *Shard) Add(what string, n uint64) { s.state.Counts[what] += n }

// Fail notes that the promise did not hold for the present seed.
func (s *Shard) Fail(format string, args ...any) { s.FailAt(s.current, format, args...) }

// FailAt notes that the promise did not hold for a seed.
func (s *Shard) FailAt(seed uint64, format string, args ...any) {
	s.state.Failed++
	if len(s.state.Failures) < failuresKept {
		s.state.Failures = append(s.state.Failures, Failure{seed, fmt.Sprintf(format, args...)})
	}
}

// run runs a part to its end, through its panics: each is a failure of the seed at which it came.
func (s *Shard) run(p Part) {
	s.state.Counts = Counts{}
	for {
		err, panicked := s.try(p)
		var not *NotHereError
		if errors.As(err, &not) {
			s.state.NotHere = not.Reason
		} else if err != nil {
			s.state.Error = err.Error()
		}
		if !panicked || s.one || s.state.Failed >= failuresMax {
			break
		}
	}
	s.state.Done = true
	if s.report != nil {
		s.report(&s.state)
	}
}

func (s *Shard) try(p Part) (err error, panicked bool) {
	defer func() {
		if r := recover(); r != nil {
			panicked = true
			s.Fail("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return p.Run(s), false
}
