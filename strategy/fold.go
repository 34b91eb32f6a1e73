package strategy

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/exact"
	"github.com/rhizome-ml/rhizome/value"
)

// Fold makes one of the clients' values in out, as the aggregator of a federated job does: by Combine, or by the exact
// mean where the strategy has none. It is for a choreography of one's own, whose component calls it in Invoke when the
// updates of a round are there. A strategy that judges updates as wholes has Weigh in its place.
//
// parts[i] are the values of client i, as many as out has, each a number whose magnitude is below 2^20; clients are in
// one order on every machine, such as that of their peer ids. weights[i] is what client i weighs, 1 to 2^24 - 1, such
// as its samples. There are 1 to 65,536 clients. Whatever is else is refused as a *value.Failure, and out is as before.
// The exact mean does not depend on the order, and is rounded once.
func (c Chosen) Fold(out []float32, parts [][]float32, weights []int64) error {
	if c.Judge != nil {
		return value.Fail(value.CodeError, "strategy "+c.Name, "it judges updates as wholes; want Weigh")
	}
	if err := c.foldable(len(out), parts, weights); err != nil {
		return err
	}
	if c.Combine != nil {
		c.Combine(c, out, parts, weights)
		return nil
	}
	var hi, lo [256]uint64 // sums of a run of elements
	total := uint64(0)
	for _, w := range weights {
		total += uint64(w)
	}
	by := exact.NewDivisor(total)
	for at := 0; at < len(out); at += len(hi) {
		run := out[at:min(at+len(hi), len(out))]
		clear(hi[:])
		clear(lo[:])
		for i, p := range parts {
			exact.Add(hi[:], lo[:], p[at:at+len(run)], uint64(weights[i]))
		}
		by.Means(run, hi[:], lo[:])
	}
	return nil
}

// foldable says what is wrong with what is to become n elements.
func (c Chosen) foldable(n int, parts [][]float32, weights []int64) error {
	refuse := func(code, format string, args ...any) error {
		return value.Fail(code, "strategy "+c.Name, fmt.Sprintf(format, args...))
	}
	if len(parts) == 0 || len(parts) > exact.PartsMax || len(weights) != len(parts) {
		return refuse(value.CodeError, "%d parts and %d weights; want as many weights as parts, 1 to %d", len(parts),
			len(weights), exact.PartsMax)
	}
	for i, p := range parts {
		if len(p) != n {
			return refuse(value.CodeType, "part %d has %d elements; want %d", i, len(p), n)
		}
		if w := weights[i]; w < 1 || w >= exact.SamplesMax {
			return refuse(value.CodeError, "part %d weighs %d; want 1 to %d", i, w, exact.SamplesMax-1)
		}
		for k, x := range p {
			if !exact.InRange(x) {
				return refuse(value.CodeError, "element %d of part %d is %g; want a number between -%d and %d", k, i, x,
					exact.ValueMax, exact.ValueMax)
			}
		}
	}
	return nil
}
