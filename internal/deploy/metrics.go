package deploy

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// outliers finds clients whose updates work against those of the others, as those of a site do that means something
// else by its classes. Where sites have different data, updates of all come to point away from each other when little
// is left to learn; so it counts by how much, and whether there is still much to learn. It is thread-unsafe.
type outliers struct {
	largest job.Number          // norm of the largest update of the job so far
	away    map[wire.PeerID]int // rounds in a row
	told    map[wire.PeerID]bool
	round   int // the last that was looked at
}

// The rule: in so many rounds in a row, the client's update is at least a share of the job's largest one, and reaches
// at least as far against the mean of the others' updates as a typical one of theirs is long.
const (
	awayRounds = 3
	awayShare  = 0.25
)

// look takes a round, and returns what is to be told of it, or nothing. A client is told once, and again when it has
// been with the others in between.
func (o *outliers) look(r *rundir.RoundMetrics) string {
	if o.away == nil {
		o.away, o.told = map[wire.PeerID]int{}, map[wire.PeerID]bool{}
	}
	for _, c := range r.Clients {
		if c.Norm > o.largest { // which what is not a number is not
			o.largest = c.Norm
		}
	}
	r.Largest = o.largest
	if r.Round <= o.round {
		return ""
	}
	o.round = r.Round
	var names []string
	for i, c := range r.Clients {
		if c.Others == nil {
			continue
		}
		against := float64(c.Norm) * -float64(*c.Others)
		if typical := typicalNorm(r.Clients, i); typical <= 0 || against < typical ||
			float64(c.Norm) < awayShare*float64(o.largest) {
			delete(o.away, c.Peer)
			delete(o.told, c.Peer)
			continue
		}
		if o.away[c.Peer]++; o.away[c.Peer] >= awayRounds && !o.told[c.Peer] {
			o.told[c.Peer] = true
			names = append(names, fmt.Sprintf("%s (cosine %.2f to the others, norm %.3g)", c.Name, *c.Others, c.Norm))
		}
	}
	switch {
	case len(names) == 0:
		return ""
	case len(r.Clients) == 2: // which of the two it is, nobody can tell
		return fmt.Sprintf(
			"round %d: for %d rounds the updates of %s and %s have worked against each other (cosine %.2f): do both "+
				"mean the same by their classes and columns?",
			r.Round, awayRounds, r.Clients[0].Name, r.Clients[1].Name, *r.Clients[0].Others)
	}
	return fmt.Sprintf(
		"round %d: for %d rounds the updates of %s have worked against those of the others: do they mean the same "+
			"by their classes and columns?",
		r.Round, awayRounds, strings.Join(names, " and "))
}

// typicalNorm returns the median norm of the updates of a round but one, 0 where there is no other.
func typicalNorm(all []rundir.ClientRound, but int) float64 {
	var norms []float64
	for i, c := range all {
		if i != but && c.Others != nil {
			norms = append(norms, float64(c.Norm))
		}
	}
	if len(norms) == 0 {
		return 0
	}
	slices.Sort(norms)
	return (norms[len(norms)/2] + norms[(len(norms)-1)/2]) / 2
}

// note takes down a round that is over, with who answered it and how, and tells it. h is nil while the node is being
// started: then noteAll does it, when it has.
func (s *server) note(h *host.Host, r job.Round, now time.Time) {
	if h == nil {
		s.noting.Lock()
		s.early = append(s.early, r)
		s.noting.Unlock()
		return
	}
	var all []observe.Round
	after := min(r.Number-1, s.noted())
	h.View(func(n *node.Node) {
		all = observe.RoundsAfter(n, after)
		s.learnNames(observe.SeenOf(n))
	})
	s.noting.Lock()
	defer s.noting.Unlock()
	for _, of := range all {
		var told *job.Round
		if of.Round > r.Number {
			break // its own event comes
		}
		if of.Round == r.Number {
			told = &r
		}
		s.take(of, told, now)
	}
}

// noted returns the last round that is written down; where none are, it is beyond all.
func (s *server) noted() int {
	s.noting.Lock()
	defer s.noting.Unlock()
	if s.metrics == nil {
		return math.MaxInt
	}
	return s.metrics.Last().Round
}

// noteAll takes down the rounds that were told while the node was being started, and those before them that nobody has
// written down.
func (s *server) noteAll(all []observe.Round) {
	s.noting.Lock()
	defer s.noting.Unlock()
	for _, of := range all {
		var told *job.Round
		for i := range s.early {
			if s.early[i].Number == of.Round {
				told = &s.early[i]
			}
		}
		s.take(of, told, time.Time{})
	}
}

// take writes a round down, and tells it where it is the one that was just told.
func (s *server) take(of observe.Round, told *job.Round, now time.Time) {
	line := rundir.MetricsOf(of, told, func(peer string) string { return s.called(wire.PeerID(peer)) })
	if told != nil && !now.IsZero() {
		line.Time, line.TookS = now.UTC().Truncate(time.Millisecond), float64(s.course.last().Milliseconds())/1000
	}
	text := s.away.look(&line)
	if s.metrics != nil {
		if err := s.metrics.Add(line); err != nil {
			s.o.Notify(Warning{"rounds are not written to " + rundir.MetricsFile + " any more: " + err.Error()})
			s.metrics.Close()
			s.metrics = nil
		}
	}
	if len(line.Clients) == 0 || told == nil {
		return
	}
	s.o.Notify(RoundFigures{line.Round, line.Clients})
	if text != "" {
		s.o.Notify(Warning{text})
	}
}

// RoundFigures tells who answered a round, and how.
type RoundFigures struct {
	Round   int                  `json:"round"`
	Clients []rundir.ClientRound `json:"clients"`
}
