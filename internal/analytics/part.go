package analytics

import (
	"fmt"
	"math"
	"math/big"
	"unicode/utf8"

	"github.com/rhizome-ml/rhizome/internal/exact"
)

// Check says what is wrong with a part of a client that has so many rows, of what was asked of a query: all that its
// counts and sums cannot be together. What it says has no value and no text of the part in it: it is kept and told.
func (p *Part) Check(q Query, a Ask, rows int64) error {
	if p.Values < 0 || p.Values > rows {
		return fmt.Errorf("%s: %d values of %d rows", q.Name, p.Values, rows)
	}
	want := p.form(q, a)
	if err := p.checkForm(want); err != nil {
		return fmt.Errorf("%s: %w", q.Name, err)
	}
	if err := p.checkCounts(q, a); err != nil {
		return fmt.Errorf("%s: %w", q.Name, err)
	}
	if err := p.checkNumbers(); err != nil {
		return fmt.Errorf("%s: %w", q.Name, err)
	}
	return nil
}

// form is what a part must have: how many counts, -1 for one for each text, and which of the others.
type form struct {
	counts             int
	sum, squares, ends bool
	over               bool // it may be
}

func (p *Part) form(q Query, a Ask) form {
	if a.Phase == Idle {
		return form{}
	}
	switch q.What {
	case Missing:
		return form{counts: 1}
	case Sum, Mean:
		return form{sum: true}
	case Variance, Deviation:
		return form{sum: true, squares: true}
	case Min, Max:
		return form{ends: true}
	case Histogram:
		return form{counts: len(q.Edges) + 1}
	case Quantile:
		n := 0
		for i := 0; i < len(a.Params); i += 2 {
			n += binsOf(uint64(a.Params[i]), uint64(a.Params[i+1])) + 2
		}
		return form{counts: n}
	case Categories:
		return form{counts: -1, over: true}
	case Heavy:
		if a.Phase == Telling {
			return form{counts: -1, over: true}
		}
		return form{counts: (len(a.Params) - 2) << a.Params[1]}
	}
	return form{}
}

func (p *Part) checkForm(f form) error {
	texts := 0
	if f.counts < 0 {
		texts, f.counts = len(p.Texts), len(p.Texts)
	}
	switch {
	case len(p.Counts) != f.counts || len(p.Texts) != texts:
		return fmt.Errorf("%d counts and %d texts; want %d counts", len(p.Counts), len(p.Texts), f.counts)
	case (p.Sum != nil) != f.sum || (p.Squares != nil) != f.squares:
		return fmt.Errorf("a sum: %v, of squares: %v; want %v and %v", p.Sum != nil, p.Squares != nil, f.sum, f.squares)
	case p.Over && (!f.over || texts > 0):
		return fmt.Errorf("it has too many texts, and tells %d", texts)
	case !f.ends && (p.Low != 0 || p.High != 0):
		return fmt.Errorf("it has ends that nobody asked for")
	}
	return nil
}

// checkCounts holds counts against the values, and texts against what is asked.
func (p *Part) checkCounts(q Query, a Ask) error {
	sum := int64(0)
	for i, n := range p.Counts {
		if n < 0 || n > p.Values {
			return fmt.Errorf("count %d is %d, of %d values", i, n, p.Values)
		}
		sum += n // at most 2^20 counts of less than 2^24
	}
	all := p.Values // what the counts add up to
	switch {
	case a.Phase == Idle && p.Values != 0:
		return fmt.Errorf("%d values, and nothing is asked", p.Values)
	case a.Phase == Idle, q.What == Missing, p.Over:
		return nil
	case q.What == Quantile:
		return p.checkBrackets(a)
	case q.What == Heavy && sum > all:
		return fmt.Errorf("counts add up to %d, of %d values", sum, all)
	case (q.What == Histogram || q.What == Categories) && sum != all:
		return fmt.Errorf("counts add up to %d, of %d values", sum, all)
	}
	most := mostMax
	if q.What == Heavy {
		most = toldMax
	} else if q.What == Categories {
		most = q.Most
	}
	if len(p.Texts) > most {
		return fmt.Errorf("%d texts; want at most %d", len(p.Texts), most)
	}
	var known map[uint64]bool
	if a.Phase == Telling {
		known = map[uint64]bool{}
		for _, v := range a.Params[2:] {
			known[uint64(v)] = true
		}
	}
	for i, s := range p.Texts {
		switch {
		case len(s) > textMax || !utf8.ValidString(s) || i > 0 && s <= p.Texts[i-1]:
			return fmt.Errorf("text %d is too long, or in no order", i)
		case p.Counts[i] < 1:
			return fmt.Errorf("text %d is there %d times", i, p.Counts[i])
		case known != nil && !known[first(hashOf(s), a.Params[0])]:
			return fmt.Errorf("nobody asked for text %d", i)
		}
	}
	if q.Clients > 0 {
		for i, n := range p.Counts {
			if n > 1 {
				return fmt.Errorf("count %d is %d, and a client counts once", i, n)
			}
		}
	}
	return nil
}

// checkBrackets holds the counts of each bracket against the values: no number lies beyond the least or the greatest.
func (p *Part) checkBrackets(a Ask) error {
	at := 0
	for i := 0; i < len(a.Params); i += 2 {
		low, high := uint64(a.Params[i]), uint64(a.Params[i+1])
		n := binsOf(low, high) + 2
		sum := int64(0)
		for _, k := range p.Counts[at : at+n] {
			sum += k
		}
		if low == lowest() && p.Counts[at] != 0 || high == highest() && p.Counts[at+n-1] != 0 {
			return fmt.Errorf("bracket %d has counts beyond all numbers", i/2)
		}
		if at += n; sum != p.Values {
			return fmt.Errorf("the counts of bracket %d add up to %d, of %d values", i/2, sum, p.Values)
		}
	}
	return nil
}

// checkNumbers holds sums and ends against the values: no numbers have a sum of squares below that of their mean.
func (p *Part) checkNumbers() error {
	n := big.NewInt(p.Values)
	if math.IsNaN(p.Low) || math.IsNaN(p.High) || math.IsInf(p.Low, 0) || math.IsInf(p.High, 0) || p.Low > p.High ||
		p.Values == 0 && (p.Low != 0 || p.High != 0) {
		return fmt.Errorf("its ends are no two numbers of %d values", p.Values)
	}
	if p.Sum == nil {
		return nil
	}
	most := new(big.Int).Lsh(n, exact.SumUnit+1024)
	if p.Sum.CmpAbs(most) > 0 {
		return fmt.Errorf("a sum beyond %d times what a number can be", p.Values)
	}
	if p.Squares == nil {
		return nil
	}
	if most.Lsh(n, exact.SquareUnit+2048); p.Squares.Sign() < 0 || p.Squares.Cmp(most) > 0 {
		return fmt.Errorf("a sum of squares below 0, or beyond %d times what one can be", p.Values)
	}
	if new(big.Int).Mul(p.Squares, n).Cmp(new(big.Int).Mul(p.Sum, p.Sum)) < 0 {
		return fmt.Errorf("a variance below 0")
	}
	return nil
}
