package study

import (
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
)

// SamplesMax bounds the points of a curve: when there are as many, every second one is dropped and the next ones are
// taken half as often.
const SamplesMax = 2000

// ScoredNodes is how many nodes of a job without a server have their models looked at: enough for a curve, and next to
// nothing beside the run.
const ScoredNodes = 40

// Sample is what is known of a run at a virtual time. Counts are from the beginning.
type Sample struct {
	At                    time.Duration
	Round                 int // federated: rounds that ended; gossip: periods
	Up                    int // nodes that run
	InFlight              int // messages under way
	Messages, Bytes       uint64
	Events                uint64
	Crashes, Starts       uint64 // lives that ended, and that began
	Faults                uint64
	Accuracy, Least, Loss job.Number // of the newest model, or the mean over some nodes; Least is the least of those
	Scored                bool       // accuracy and loss are known
}

// series is a curve with a bounded number of points.
type series struct {
	points []Sample
	every  time.Duration
	next   time.Duration
}

// add takes a point, and says when the next one is due.
func (s *series) add(p Sample) {
	s.points = append(s.points, p)
	s.next = p.At + s.every
	if len(s.points) < SamplesMax {
		return
	}
	half := s.points[:0]
	for i := 0; i < len(s.points); i += 2 {
		half = append(half, s.points[i])
	}
	s.points = half
	s.every *= 2
}
