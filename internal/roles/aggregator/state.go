package aggregator

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/exact"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// State is the open rounds.
type State struct {
	Rounds []Round `snap:"1"` // ascending by number
	// Clients are the figures of the peers that answered, ascending by peer; with Config.Figures. Norms and cosines are
	// exact for small models; of larger ones they are taken from some of the elements, always the same.
	Clients Clients `snap:"2"`
	// Gather is the round whose updates are gathered, or nil.
	Gather *Gather `snap:"3"`
}

// Round is the fold of what was contributed so far.
type Round struct {
	Number  int64   `snap:"1"`
	Total   int64   `snap:"2"` // samples of all shares
	Shares  []Share `snap:"3"` // ascending by peer
	Tensors []Sum   `snap:"4"`
}

// Share is one contribution: who made it and what it weighs.
type Share struct {
	Peer    string `snap:"1"`
	Samples int64  `snap:"2"`
	// Probe is where the update points, as a vector, until the mean is known; nil where it is not looked at.
	Probe value.Value `snap:"3"`
	// Loan is a value.Loan where the update is lent; else nil.
	Loan value.Value `snap:"4"`
	// Update is the update itself, tensors, where Config.Combine wants all of them at once; else nil.
	Update []value.Value `snap:"5"`
}

// Sum is the weighted sum of one tensor: for each element a signed 128-bit integer in units of 2^-64.
type Sum struct {
	Shape []int          `snap:"1"`
	Hi    snapshot.Words `snap:"2"`
	Lo    snapshot.Words `snap:"3"`
}

// find returns where the round is or belongs, and whether it is there.
func (s *State) find(round int64) (int, bool) {
	return slices.BinarySearchFunc(s.Rounds, round, func(r Round, n int64) int {
		switch {
		case r.Number < n:
			return -1
		case r.Number > n:
			return 1
		}
		return 0
	})
}

// share returns where the peer's share is or belongs, and whether it is there.
func (r *Round) share(peer string) (int, bool) {
	return slices.BinarySearchFunc(r.Shares, peer, func(s Share, p string) int { return strings.Compare(s.Peer, p) })
}

// spareMax is how many numbers the sums of a round may have, so that their memory is kept for the next: 2 MiB of sums.
const spareMax = 128 << 10

// keep keeps the memory of sums that are needed no more.
func (c *Component) keep(sums []Sum) {
	n := 0
	for i := range sums {
		n += sums[i].Hi.Len()
	}
	if n <= spareMax {
		c.spare = sums
	}
}

// newSums returns zero sums of the tensors' shapes.
func (c *Component) newSums(tensors []*tensor.Tensor) []Sum {
	sums := c.spare
	c.spare = nil
	if !slices.EqualFunc(sums, tensors,
		func(s Sum, t *tensor.Tensor) bool { return slices.Equal(s.Shape, t.Shape()) }) {
		sums = make([]Sum, len(tensors))
		for i, t := range tensors {
			sums[i] = NewSum(t.Shape())
		}
		return sums
	}
	for i := range sums {
		sums[i].Hi.Zero()
		sums[i].Lo.Zero()
	}
	return sums
}

// NewSum returns zero sums for a tensor of the shape.
func NewSum(shape []int) Sum {
	n := 1
	for _, d := range shape {
		n *= d // the shapes are those of tensors that exist
	}
	return Sum{Shape: slices.Clone(shape), Hi: snapshot.NewWords(n), Lo: snapshot.NewWords(n)}
}

// Add adds samples times each element, which must be as many as the sum has and in range; see Summable.
func (s *Sum) Add(x []float32, samples int64) {
	for c := range s.Hi.Chunks() {
		hi, lo := s.Hi.Write(c), s.Lo.Write(c)
		exact.Add(hi, lo, x[:len(hi)], uint64(samples))
		x = x[len(hi):]
	}
}

// Mean returns the sums divided by the samples of all that was added, 1 to 2^40.
func (s *Sum) Mean(total int64) []float32 {
	d := exact.NewDivisor(uint64(total))
	x := make([]float32, s.Hi.Len())
	left := x
	for c := range s.Hi.Chunks() {
		hi := s.Hi.Read(c)
		d.Means(left[:len(hi)], hi, s.Lo.Read(c))
		left = left[len(hi):]
	}
	return x
}

// Summable returns the place of the first element that cannot be added, or -1.
func Summable(x []float32) int {
	// of the magnitudes as whole numbers: those of infinities and of what is no number are the greatest
	most := uint32(0)
	for _, v := range x {
		most = max(most, math.Float32bits(v)&(1<<31-1))
	}
	if most < math.Float32bits(exact.ValueMax) {
		return -1
	}
	for k := range x {
		if !exact.InRange(x[k]) {
			return k
		}
	}
	return -1
}

// fold adds a checked update to the sums.
func (r *Round) fold(update []*tensor.Tensor, samples int64) {
	for i, t := range update {
		r.Tensors[i].Add(t.Float32(), samples)
	}
}

// mean returns the sums divided by the total, as tensors of the types.
func (r *Round) mean(types []tensor.DType) (*value.List, error) {
	out := make([]value.Value, len(r.Tensors))
	for i, s := range r.Tensors {
		t, err := s.MeanAs(r.Total, s.Shape, typeAt(types, i))
		if err != nil {
			return nil, err
		}
		out[i] = value.Tensor{Tensor: t}
	}
	return value.NewList(out...), nil
}

// check says what is wrong with a state that was restored.
func (s *State) check(cfg Config) error {
	if len(s.Rounds) > cfg.MaxOpen {
		return fmt.Errorf("%d open rounds, at most %d", len(s.Rounds), cfg.MaxOpen)
	}
	for i := range s.Rounds {
		r := &s.Rounds[i]
		if i > 0 && r.Number <= s.Rounds[i-1].Number {
			return fmt.Errorf("round %d follows round %d", r.Number, s.Rounds[i-1].Number)
		}
		if err := r.check(cfg); err != nil {
			return fmt.Errorf("round %d: %w", r.Number, err)
		}
	}
	if n := s.kept(); n > keptMost {
		return fmt.Errorf("updates of %d elements are kept, at most %d", n, keptMost)
	}
	if err := s.Gather.check(s, &cfg); err != nil {
		return err
	}
	return s.checkFigures()
}

func (r *Round) check(cfg Config) error {
	if len(r.Shares) == 0 || len(r.Shares) > exact.PartsMax || cfg.judges() && len(r.Shares) > JudgedMost {
		return fmt.Errorf("%d shares, want 1 to %d", len(r.Shares), exact.PartsMax)
	}
	var total int64
	for i, s := range r.Shares {
		if s.Samples < 1 || s.Samples >= exact.SamplesMax || i > 0 && s.Peer <= r.Shares[i-1].Peer {
			return fmt.Errorf("share %d of peer %q with %d samples is out of range or order", i, s.Peer, s.Samples)
		}
		total += s.Samples
	}
	if total != r.Total {
		return fmt.Errorf("a total of %d samples where the shares sum to %d", r.Total, total)
	}
	if err := r.checkUpdates(cfg.Combine != ""); err != nil {
		return err
	}
	left := cfg.MaxElements
	for i, s := range r.Tensors {
		n := 1
		for _, d := range s.Shape {
			if d < 0 || d > left || n*d > left {
				return fmt.Errorf("tensor %d has the shape %v, at most %d elements are left", i, s.Shape, left)
			}
			n *= d
		}
		if s.Hi.Len() != n || s.Lo.Len() != n {
			return fmt.Errorf("tensor %d of shape %v has %d and %d words", i, s.Shape, s.Hi.Len(), s.Lo.Len())
		}
		left -= n
	}
	return nil
}
