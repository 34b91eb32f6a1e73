package aggregator

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// keptMost bounds the elements of all updates that are kept until their rounds close, with Config.Combine.
const keptMost = 1 << 28

// combineOf returns the strategy of a text, by which updates become one, nil for the exact mean.
func combineOf(text string) (*strategy.Chosen, error) {
	if text == "" {
		return nil, nil
	}
	c, err := strategy.Parse(text)
	if err != nil {
		return nil, err
	}
	if c.Combine == nil && c.Judge == nil {
		return nil, &strategy.ParseError{Got: c.Name,
			Want: "one that says how updates become one, or nothing for the exact mean"}
	}
	return &c, nil
}

// combined makes one of the parts of some members, vectors or tensors of n elements; nil where updates are summed.
func (c *Component) combined(parts []value.Value, members []Share, n int) []float32 {
	if c.combine == nil {
		return nil
	}
	weights := make([]int64, len(members))
	for i := range members {
		weights[i] = members[i].Samples
	}
	out := make([]float32, n)
	c.combine.Combine(*c.combine, out, widened(parts), weights)
	return out
}

// kept returns how many elements the updates that are kept have; those of a round have the same shapes.
func (s *State) kept() (n int) {
	for i := range s.Rounds {
		shares := s.Rounds[i].Shares
		for _, v := range shares[0].Update {
			n += v.(value.Tensor).Len() * len(shares)
		}
	}
	return n
}

// keepsMore says why one more update cannot be kept, or nil.
func (c *Component) keepsMore(tensors []*tensor.Tensor) *value.Failure {
	if c.combine == nil {
		return nil
	}
	if n, more := c.st.kept(), elements(tensors); more > c.keptMost-n {
		return c.fail(value.CodeOverflow,
			"the updates that are kept until their rounds close have %d elements, this one %d more; at most %d are kept",
			n, more, c.keptMost)
	}
	return nil
}

// combineAll makes one of the whole updates of a round: all of them, or what is left of them by the weights.
func (c *Component) combineAll(r *Round, types []tensor.DType, weights []float64, before []*tensor.Tensor) (*value.List,
	error) {
	out := make([]value.Value, len(r.Shares[0].Update))
	for i := range out {
		parts := make([]value.Value, len(r.Shares))
		for k := range parts {
			parts[k] = r.Shares[k].Update[i]
		}
		first := parts[0].(value.Tensor)
		var t *tensor.Tensor
		var err error
		if weights != nil {
			given, members, of := heard(parts, r.Shares, weights)
			t, err = c.judged(given, members, of, before[i], first.Shape(), typeAt(types, i))
		} else if t, err = tensor.FromFloat32(first.Shape(), c.combined(parts, r.Shares, first.Len())); err == nil {
			t, err = half.Narrow(t, typeAt(types, i))
		}
		if err != nil {
			return nil, err
		}
		out[i] = value.Tensor{Tensor: t}
	}
	return value.NewList(out...), nil
}

// checkUpdates says what is wrong with the updates of a round that was restored.
func (r *Round) checkUpdates(combines bool) error {
	for i := range r.Shares {
		s := &r.Shares[i]
		if want := combines && s.lends() == nil; want != (len(s.Update) > 0) || want && len(r.Tensors) > 0 ||
			len(s.Update) != len(r.Shares[0].Update) {
			return fmt.Errorf("share %d of peer %q has an update of %d tensors", i, s.Peer, len(s.Update))
		}
		for k, v := range s.Update {
			t, ok := v.(value.Tensor)
			first, ok2 := r.Shares[0].Update[k].(value.Tensor)
			if !ok || !ok2 || t.DType() != tensor.Float32 || !slices.Equal(t.Shape(), first.Shape()) {
				return fmt.Errorf("tensor %d of the update of %q is unlike that of the first", k, s.Peer)
			}
		}
	}
	return nil
}
