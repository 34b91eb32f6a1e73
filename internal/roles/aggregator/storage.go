package aggregator

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/exact"
	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// A model may be kept and sent in floats of 16 bits. What comes is widened, which is exact, and summed as float32 is;
// the mean is rounded once, from the exact quotient, to the type of the model. Only a strategy that makes the new
// parameters of the mean has it in float32 (Config.Wide): what it makes of it is rounded then.

// Storer is what the aggregator asks of the slot Config.Model where parameters may be floats of 16 bits.
type Storer interface {
	// Stored returns the type of each parameter: float32, float16 or bfloat16.
	Stored() []tensor.DType
	// Kept returns the parameters in those types, which are not changed.
	Kept() ([]*tensor.Tensor, error)
}

// stored returns the types that tensors of an update have, and the mean unless it is wide; nil means that all are
// float32.
func (c *Component) stored(ctx *engine.Context) []tensor.DType {
	if s, ok := ctx.Dep(c.cfg.Model).(Storer); ok && c.cfg.Model != "" {
		return s.Stored()
	}
	return nil
}

// before returns the parameters that a round began with, as they are kept.
func (c *Component) before(ctx *engine.Context) ([]*tensor.Tensor, *value.Failure) {
	s, ok := ctx.Dep(c.cfg.Model).(Storer)
	if !ok {
		return c.global(ctx)
	}
	params, err := s.Kept()
	if err != nil {
		return nil, c.fail(value.CodeError, "%v", err)
	}
	return params, nil
}

// typeAt returns the type of tensor i.
func typeAt(of []tensor.DType, i int) tensor.DType {
	if i < len(of) {
		return of[i]
	}
	return tensor.Float32
}

// sheet returns where the mean of updates that look as a loan is gathered.
func (c *Config) sheet(l *value.Loan) *value.Sheet {
	layout := l.Layout()
	if c.Wide {
		layout = layout.In(tensor.Float32)
	}
	return value.NewSheet(layout)
}

// wide returns the elements of a vector in float32: for as long as nothing else is widened.
func (c *Component) wide(t *tensor.Tensor) []float32 {
	if t.DType() == tensor.Float32 {
		return t.Float32()
	}
	if cap(c.room) < t.Len() {
		c.room = make([]float32, t.Len())
	}
	x := c.room[:t.Len()]
	half.WidenInto(x, t)
	return x
}

// runOf is how many means are made at a time.
const runOf = 512

// MeanAs is Mean as a tensor of a type, of which each element is rounded once.
func (s *Sum) MeanAs(total int64, shape []int, d tensor.DType) (*tensor.Tensor, error) {
	if !half.Is(d) {
		return tensor.FromFloat32(shape, s.Mean(total))
	}
	b, err := tensor.NewBlank(d, shape)
	if err != nil {
		return nil, err
	}
	by, at := exact.NewDivisor(uint64(total)), 0
	var room [runOf]float32
	for c := range s.Hi.Chunks() {
		hi, lo := s.Hi.Read(c), s.Lo.Read(c)
		for len(hi) > 0 {
			n := min(runOf, len(hi))
			by.Odd(room[:n], hi, lo)
			put(b.Whole(), at, room[:n])
			hi, lo, at = hi[n:], lo[n:], at+n
		}
	}
	return b.Whole(), nil
}

// put rounds numbers to the elements from lo on of a tensor of a float of 16 bits that nobody has yet.
func put(t *tensor.Tensor, lo int, x []float32) {
	if t.DType() == tensor.BFloat16 {
		half.NarrowBF16(t.BFloat16()[lo:], x)
		return
	}
	half.NarrowF16(t.Float16()[lo:], x)
}

// outside says what is wrong with an element that cannot be summed, of a tensor of a type.
func outside(what string, k int, x float32, d tensor.DType) string {
	text := fmt.Sprintf("element %d of %s is %g; want a number between -2^20 and 2^20", k, what, x)
	if d == tensor.Float16 {
		text += fmt.Sprintf(", and within ±%g, as it is kept in float16", half.Most(d))
	}
	return text
}

// summable is Summable of a tensor of floats of 16 or 32 bits, with the element.
func summable(t *tensor.Tensor) (int, float32) {
	if t.DType() == tensor.Float32 {
		k := Summable(t.Float32())
		if k < 0 {
			return k, 0
		}
		return k, t.Float32()[k]
	}
	var room [runOf]float32
	for lo := 0; lo < t.Len() && half.Is(t.DType()); lo += runOf {
		part := t.Part(lo, min(lo+runOf, t.Len()))
		x := room[:part.Len()]
		half.WidenInto(x, part)
		if k := Summable(x); k >= 0 {
			return lo + k, x[k]
		}
	}
	return -1, 0
}
