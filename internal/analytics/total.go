package analytics

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"
)

// Total is what came of a query so far: the parts of a round that were added, and what earlier rounds found. It is
// plain data, the same whatever the order of the parts.
type Total struct {
	Clients int64    `snap:"1"` // whose parts have values
	Values  int64    `snap:"2"`
	Counts  []int64  `snap:"3"`
	Holders []int64  `snap:"4"` // clients, for each of Counts
	Sum     []byte   `snap:"5"` // a sign and a whole number, none for 0
	Squares []byte   `snap:"6"`
	Low     float64  `snap:"7"`
	High    float64  `snap:"8"`
	Texts   []string `snap:"9"` // ascending, one for each of Counts
	Over    bool     `snap:"10"`

	Params []int64 `snap:"11"` // of the Ask of the round
	Lost   bool    `snap:"12"` // of a heavy query: there were more prefixes than are followed
	Told   bool    `snap:"13"` // of a heavy query: texts are asked for
	Done   bool    `snap:"14"`
}

// Begin returns the total of a query of which nothing is known.
func Begin(q Query) Total {
	t := Total{}
	switch q.What {
	case Quantile:
		for range q.At {
			t.Params = append(t.Params, int64(lowest()), int64(highest()))
		}
	case Heavy:
		t.Params = []int64{0, 14, 0} // the one prefix of no bits
	}
	return t
}

// Ask is what the round asks.
func (t *Total) Ask() Ask {
	switch {
	case t.Done:
		return Ask{}
	case t.Told:
		return Ask{Telling, t.Params}
	}
	return Ask{Counting, t.Params}
}

// unionMax bounds the different texts of all clients.
const unionMax = 1 << 14

// Add adds a part that Check has seen. It does not depend on the order of the parts: a total that has more texts than
// it can have stays so.
func (t *Total) Add(q Query, p *Part) {
	if t.Done || p.Values == 0 {
		return
	}
	if t.Values == 0 {
		t.Low, t.High = p.Low, p.High
	}
	t.Low, t.High = min(t.Low, p.Low), max(t.High, p.High)
	t.Clients++
	t.Values += p.Values
	add := func(to *[]byte, x *big.Int) {
		if x != nil {
			*to = AppendInt(nil, new(big.Int).Add(x, intOf(*to)))
		}
	}
	add(&t.Sum, p.Sum)
	add(&t.Squares, p.Squares)
	if q.What == Categories || t.Told {
		t.addTexts(q, p)
		return
	}
	if t.Counts == nil {
		t.Counts, t.Holders = make([]int64, len(p.Counts)), make([]int64, len(p.Counts))
	}
	for i, n := range p.Counts {
		if t.Counts[i] += n; n > 0 {
			t.Holders[i]++
		}
	}
}

func (t *Total) addTexts(q Query, p *Part) {
	most := unionMax
	if q.What == Categories {
		most = q.Most
	}
	t.Over = t.Over || p.Over
	for i, s := range p.Texts {
		at, there := slices.BinarySearch(t.Texts, s)
		if !there && !t.Over {
			t.Texts, t.Counts = slices.Insert(t.Texts, at, s), slices.Insert(t.Counts, at, 0)
			t.Holders = slices.Insert(t.Holders, at, 0)
			t.Over = len(t.Texts) > most
		}
		if t.Over {
			break
		}
		t.Counts[at] += p.Counts[i]
		t.Holders[at]++
	}
	if t.Over {
		t.Texts, t.Counts, t.Holders = nil, nil, nil
	}
}

// Close takes the round to its end: it returns the answer, or nil where the next round asks on. Last says that there is
// no next one, and least how many clients an answer is of at least.
func (t *Total) Close(q Query, least int64, last bool) *Answer {
	if t.Done {
		return nil
	}
	next := t.next(q)
	if next != nil && !last {
		*t = *next
		return nil
	}
	a := t.answer(q, least)
	*t = Total{Done: true}
	return a
}

// next is the total with which the next round begins, nil where there is nothing left to find.
func (t *Total) next(q Query) *Total {
	switch q.What {
	case Quantile:
		return t.narrow(q)
	case Heavy:
		return t.follow(q)
	}
	return nil
}

// rank is how many of n values are at or below the quantile of a share, at least 1: the share of n, rounded up. The
// share is the decimal number that people write: a tenth of 50 is 5, and not a little more.
func rank(share float64, n int64) int64 {
	r, _ := new(big.Rat).SetString(number(share)) // finite
	r.Mul(r, new(big.Rat).SetInt64(n))
	up, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		up.Add(up, big.NewInt(1))
	}
	return max(1, min(n, up.Int64()))
}

// narrowed returns the brackets in which the quantiles lie, by the counts.
func (t *Total) narrowed(q Query) []int64 {
	out, at := slices.Clone(t.Params), 0
	for i, share := range q.At {
		low, high := uint64(t.Params[2*i]), uint64(t.Params[2*i+1])
		n := binsOf(low, high) + 2
		counts, left := t.Counts[at:at+n], rank(share, t.Values)
		at += n
		k := 0
		for left > counts[k] {
			left -= counts[k]
			k++
		}
		switch width := binWidth(low, high); {
		case k == 0: // others answered before
			high, low = low-1, lowest()
		case k == n-1:
			low, high = high+1, highest()
		default:
			low += uint64(k-1) * width
			high = low + min(width-1, high-low)
		}
		out[2*i], out[2*i+1] = int64(low), int64(high)
	}
	return out
}

// narrow is the total of the next round of a quantile.
func (t *Total) narrow(q Query) *Total {
	if t.Values == 0 {
		return nil
	}
	next := &Total{Params: t.narrowed(q)}
	for i := 0; i < len(next.Params); i += 2 {
		low, high := uint64(next.Params[i]), uint64(next.Params[i+1])
		if low != high && !(numberOf(high)-numberOf(low) <= q.Width) {
			return next
		}
	}
	return nil
}

// follow is the total of the next round of a heavy query.
func (t *Total) follow(q Query) *Total {
	if t.Told || t.Values == 0 {
		return nil
	}
	known, more := t.Params[0], t.Params[1]
	type prefix struct{ bits, count int64 }
	var found []prefix
	for i, n := range t.Counts {
		if n >= q.Rows+q.Clients { // one of them is 0
			found = append(found, prefix{t.Params[2+i>>more]<<more | int64(i)&(1<<more-1), n})
		}
	}
	next := &Total{Lost: t.Lost}
	if len(found) > prefixesMax {
		slices.SortStableFunc(found, func(a, b prefix) int { return int(min(max(b.count-a.count, -1), 1)) })
		found, next.Lost = found[:prefixesMax], true
	}
	if len(found) == 0 {
		return nil
	}
	slices.SortFunc(found, func(a, b prefix) int { return int(min(max(a.bits-b.bits, -1), 1)) })
	known += more
	if next.Told = known >= heavyEnough; next.Told {
		more = 0
	} else {
		for more = 0; known+more < heavyBits && int64(len(found))<<(more+1) <= heavyCounts; more++ {
		}
	}
	next.Params = []int64{known, more}
	for _, f := range found {
		next.Params = append(next.Params, f.bits)
	}
	return next
}

// HeavyRounds is how many rounds a heavy query takes at most: 14 bits, three times at least 4 more, and the texts.
const HeavyRounds = 5

// AppendInt appends a whole number as a sign and its bytes, the most significant first; 0 is nothing.
func AppendInt(to []byte, x *big.Int) []byte {
	if x.Sign() == 0 {
		return to
	}
	sign := byte(0)
	if x.Sign() < 0 {
		sign = 1
	}
	return append(append(to, sign), x.Bytes()...)
}

// ParseInt reads what AppendInt wrote: there is one form of each number.
func ParseInt(b []byte) (*big.Int, error) {
	if len(b) == 0 {
		return new(big.Int), nil
	}
	if len(b) < 2 || len(b) > 1<<10 || b[0] > 1 || b[1] == 0 {
		return nil, fmt.Errorf("%d bytes are no whole number", len(b))
	}
	x := new(big.Int).SetBytes(b[1:])
	if b[0] == 1 {
		x.Neg(x)
	}
	return x, nil
}

// intOf is ParseInt of what Sound has seen.
func intOf(b []byte) *big.Int {
	x, err := ParseInt(b)
	if err != nil {
		panic("analytics: " + err.Error())
	}
	return x
}

// Sound says what is wrong with a total that may come from anywhere.
func (t *Total) Sound(q Query) error {
	bad := func(why string) error { return fmt.Errorf("the total of %s %s", q.Name, why) }
	if t.Done {
		if t.Clients != 0 || t.Values != 0 || len(t.Counts)+len(t.Holders)+len(t.Texts)+len(t.Params) > 0 {
			return bad("is done, and holds something")
		}
		return nil
	}
	if err := t.Ask().check(q); err != nil {
		return err
	}
	sum, err := ParseInt(t.Sum)
	squares, err2 := ParseInt(t.Squares)
	if err != nil || err2 != nil {
		return bad("has sums that are none")
	}
	p := Part{Values: t.Values, Counts: t.Counts, Low: t.Low, High: t.High, Texts: t.Texts, Over: t.Over}
	f := p.form(q, t.Ask())
	if f.sum {
		p.Sum = sum
	}
	if f.squares {
		p.Squares = squares
	}
	switch {
	case t.Clients < 0 || t.Clients > t.Values || len(t.Holders) != len(t.Counts):
		return bad(fmt.Sprintf("has %d values of %d clients", t.Values, t.Clients))
	case t.Values == 0 && len(t.Counts) > 0, !f.sum && len(t.Sum) > 0, !f.squares && len(t.Squares) > 0:
		return bad("has sums or counts of nobody")
	case slices.ContainsFunc(t.Holders, func(n int64) bool { return n < 0 || n > t.Clients }):
		return bad("has counts of clients that did not answer")
	case len(t.Texts) > unionMax || !slices.IsSortedFunc(t.Texts, strings.Compare):
		return bad("has texts in no order")
	case t.Values > 0 && f.counts >= 0 && len(t.Counts) != f.counts:
		return bad("has another number of counts")
	}
	if err := t.soundCounts(q, &p); err != nil {
		return bad(err.Error())
	}
	if err := p.checkNumbers(); err != nil {
		return bad(err.Error())
	}
	return nil
}

// valuesMax is above the values of all clients.
const valuesMax = 1 << 40

// soundCounts says what is wrong with counts and texts, whose number Sound has seen where it is known.
func (t *Total) soundCounts(q Query, p *Part) error {
	ask, sum := t.Ask(), int64(0)
	if t.Values < 0 || t.Values > valuesMax {
		return fmt.Errorf("has %d values", t.Values)
	}
	for _, n := range t.Counts {
		if n < 0 || n > t.Values {
			return fmt.Errorf("has a count of %d, of %d values", n, t.Values)
		}
		sum += n // of at most 2^20
	}
	texts := 0
	if q.What == Categories || ask.Phase == Telling {
		texts = len(t.Counts)
	}
	for i, s := range t.Texts {
		if len(s) > textMax || !utf8.ValidString(s) || i > 0 && s == t.Texts[i-1] {
			return fmt.Errorf("has a text that is none, or twice")
		}
	}
	switch {
	case len(t.Counts) > 1<<20, len(t.Texts) != texts, t.Over && texts > 0, q.What == Categories && texts > q.Most:
		return fmt.Errorf("has %d texts and %d counts", len(t.Texts), len(t.Counts))
	case t.Values == 0:
		return nil
	case q.What == Quantile:
		return p.checkBrackets(ask)
	case q.What == Histogram && sum != t.Values, q.What == Heavy && sum > t.Values,
		q.What == Categories && sum != t.Values && !t.Over:
		return fmt.Errorf("has counts that add up to %d, of %d values", sum, t.Values)
	}
	return nil
}
