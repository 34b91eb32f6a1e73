package analytics

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// AsksValue is what a round asks, as it travels: a list with, for each query, its phase and its parameters.
func AsksValue(asks []Ask) value.Value {
	out := make([]value.Value, len(asks))
	for i, a := range asks {
		out[i] = value.NewList(value.Int(a.Phase), whole(a.Params))
	}
	return value.NewList(out...)
}

// ParseAsks reads what AsksValue wrote, of n queries. Find checks the rest.
func ParseAsks(v value.Value, n int) ([]Ask, error) {
	list, ok := v.(*value.List)
	if !ok || list.Len() != n {
		return nil, fmt.Errorf("what is asked is no list of %d", n)
	}
	out := make([]Ask, n)
	for i, v := range list.Items() {
		of, ok := v.(*value.List)
		if !ok || of.Len() != 2 {
			return nil, fmt.Errorf("ask %d is no list of two", i)
		}
		phase, ok1 := of.At(0).(value.Int)
		params, ok2 := wholeOf(of.At(1))
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("ask %d is no phase and parameters", i)
		}
		out[i] = Ask{int64(phase), params}
	}
	return out, nil
}

// PartsValue is what a client found, as it travels: for each query a list of the number of values, counts, the sum,
// that of squares, the least and the greatest value, texts, and whether there are too many.
func PartsValue(parts []Part) value.Value {
	out := make([]value.Value, len(parts))
	for i, p := range parts {
		texts := make([]value.Value, len(p.Texts))
		for k, s := range p.Texts {
			texts[k] = value.String(s)
		}
		var sum, squares []byte
		if p.Sum != nil {
			sum = AppendInt(nil, p.Sum)
		}
		if p.Squares != nil {
			squares = AppendInt(nil, p.Squares)
		}
		out[i] = value.NewList(value.Int(p.Values), whole(p.Counts), value.NewBytes(sum), value.NewBytes(squares),
			value.Float(p.Low), value.Float(p.High), value.NewList(texts...), value.Bool(p.Over))
	}
	return value.NewList(out...)
}

// ParseParts reads what PartsValue wrote, of what was asked of queries. Part.Check holds it against the rest.
func ParseParts(v value.Value, queries []Query, asks []Ask) ([]Part, error) {
	list, ok := v.(*value.List)
	if !ok || list.Len() != len(queries) {
		return nil, fmt.Errorf("an answer is a list of %d", len(queries))
	}
	out := make([]Part, len(queries))
	for i, v := range list.Items() {
		if err := out[i].parse(v, queries[i], asks[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", queries[i].Name, err)
		}
	}
	return out, nil
}

func (p *Part) parse(v value.Value, q Query, a Ask) error {
	of, ok := v.(*value.List)
	if !ok || of.Len() != 8 {
		return fmt.Errorf("want a list of eight")
	}
	values, ok1 := of.At(0).(value.Int)
	counts, ok2 := wholeOf(of.At(1))
	sum, ok3 := of.At(2).(value.Bytes)
	squares, ok4 := of.At(3).(value.Bytes)
	low, ok5 := of.At(4).(value.Float)
	high, ok6 := of.At(5).(value.Float)
	texts, ok7 := of.At(6).(*value.List)
	over, ok8 := of.At(7).(value.Bool)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || !ok7 || !ok8 {
		return fmt.Errorf("want an Int, a tensor of int64, two Bytes, two Float, a list and a Bool")
	}
	p.Values, p.Counts, p.Low, p.High, p.Over = int64(values), counts, float64(low), float64(high), bool(over)
	for _, v := range texts.Items() {
		s, ok := v.(value.String)
		if !ok {
			return fmt.Errorf("a text is a %s", v.Type())
		}
		p.Texts = append(p.Texts, string(s))
	}
	var err error
	f := p.form(q, a)
	if p.Sum, err = ParseInt(sum.Raw()); err == nil {
		p.Squares, err = ParseInt(squares.Raw())
	}
	switch {
	case err != nil:
		return err
	case !f.sum && p.Sum.Sign() != 0 || !f.squares && p.Squares.Sign() != 0:
		return fmt.Errorf("a sum that nobody asked for")
	}
	if !f.sum {
		p.Sum = nil
	}
	if !f.squares {
		p.Squares = nil
	}
	return nil
}

func whole(x []int64) value.Value {
	t, err := tensor.FromInt64([]int{len(x)}, x)
	if err != nil {
		panic("analytics: " + err.Error()) // as many elements as the shape has
	}
	return value.Tensor{Tensor: t}
}

func wholeOf(v value.Value) ([]int64, bool) {
	t, ok := v.(value.Tensor)
	if !ok || t.DType() != tensor.Int64 || t.Rank() != 1 || t.Len() > 1<<20 {
		return nil, false
	}
	if t.Len() == 0 {
		return nil, true
	}
	return append([]int64(nil), t.Int64()...), true
}
