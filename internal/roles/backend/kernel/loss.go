package kernel

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/fmath"
)

// Reduction says what becomes of the losses of the single positions.
type Reduction uint8

// The reductions of a loss: the sum divided by the sum of the weights, the sum, or no reduction at all.
const (
	ReduceToMean Reduction = iota
	ReduceToSum
	ReduceToNone
)

// Loss is the negative log-likelihood of labels under scores [N, C, d…], whose lanes run along C.
type Loss[T Float] struct {
	Lanes     Lanes
	Weights   []T // one for each class, or nil
	Ignore    int64
	HasIgnore bool // labels that equal Ignore count for nothing
	Reduction Reduction
}

// LabelError says that a label is not a class.
type LabelError struct {
	Index   int // of the position, in row-major order
	Label   int64
	Classes int
}

// Error names the position, the label and the range of classes.
func (e *LabelError) Error() string {
	return fmt.Sprintf("label %d at position %d is not a class; want 0 to %d", e.Label, e.Index, e.Classes-1)
}

// FromScores writes the loss of scores that are not normalized, their log-softmax to logProb and their softmax to prob,
// each unless it is nil; both have the bits that LogSoftmax and Softmax give. out has one element, or one for each
// position without a reduction. scratch holds N values.
func FromScores[T Float, L int64 | int32](soft *Soft[T], s *Loss[T], out, logProb, prob, scores []T, labels []L,
	scratch []float64) error {
	l := s.Lanes
	var t total
	e := scratch[:l.N]
	for pos, label := range labels {
		at := pos/l.Inner*l.N*l.Inner + pos%l.Inner
		m, sum := exponentials(soft, l, e, scores, at)
		log := fmath.Log(sum)
		if logProb != nil {
			soft.less(l, logProb, scores, at, m, log)
		}
		if prob != nil {
			soft.over(l, prob, e, at, sum)
		}
		if err := s.add(&t, out, pos, int64(label), scores[at:], m, log); err != nil {
			return err
		}
	}
	s.finish(t, out)
	return nil
}

// FromLogProb writes the loss of scores that are logarithms of probabilities.
func FromLogProb[T Float, L int64 | int32](s *Loss[T], out, logProb []T, labels []L) error {
	l := s.Lanes
	var t total
	for pos, label := range labels {
		at := pos/l.Inner*l.N*l.Inner + pos%l.Inner
		if err := s.add(&t, out, pos, int64(label), logProb[at:], 0, 0); err != nil {
			return err
		}
	}
	s.finish(t, out)
	return nil
}

// total is the running sum of losses and of weights, in float64, from zero, in the order of the positions.
type total struct{ loss, weight float64 }

// add adds the loss of a position with that label to t, or writes it to out when nothing is reduced. The logarithm of a
// probability is the score of the class in the lane minus m minus sum.
func (s *Loss[T]) add(t *total, out []T, pos int, label int64, lane []T, m, sum float64) error {
	var w, loss float64
	if !s.HasIgnore || label != s.Ignore {
		if label < 0 || label >= int64(s.Lanes.N) {
			return &LabelError{Index: pos, Label: label, Classes: s.Lanes.N}
		}
		if w = 1; s.Weights != nil {
			w = float64(s.Weights[label])
		}
		loss = float64(w * -(float64(lane[int(label)*s.Lanes.Inner]) - m - sum))
	}
	if s.Reduction == ReduceToNone {
		out[pos] = T(loss)
		return nil
	}
	t.loss += loss
	t.weight += w
	return nil
}

// finish writes what the reduction makes of the total.
func (s *Loss[T]) finish(t total, out []T) {
	switch s.Reduction {
	case ReduceToMean:
		out[0] = T(t.loss / t.weight)
	case ReduceToSum:
		out[0] = T(t.loss)
	}
}
