package analytics

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/exact"
)

// Answer is what is told of a query.
type Answer struct {
	Name  string `json:"name"`
	Asked string `json:"asked"` // the query
	// Clients is how many contributed, and Values of how many rows or values the answer is. Both are 0 where it is
	// withheld, which Withheld says, in words.
	Clients  int64  `json:"clients"`
	Values   int64  `json:"values"`
	Withheld string `json:"withheld,omitempty"`
	// Value is the answer where it is one number.
	Value     *float64 `json:"value,omitempty"`
	Quantiles []Point  `json:"quantiles,omitempty"`
	Counts    []Bin    `json:"counts,omitempty"`
	Notes     []string `json:"notes,omitempty"`
}

// TooLarge is the answer where it has more bytes than can be told.
func (a *Answer) TooLarge() *Answer {
	asked := a.Asked
	if len(asked) > askedShort {
		asked = strings.ToValidUTF8(asked[:askedShort], "") + "…"
	}
	return &Answer{Name: a.Name, Asked: asked, Withheld: "the answers of all queries are too large to be told at once, " +
		"and this is one of the largest: ask for less of it, or in a job of its own"}
}

// askedShort bounds a query that is told without an answer, in bytes.
const askedShort = 200

// Point is a quantile: the value itself, or two that it lies between.
type Point struct {
	At    float64  `json:"at"`
	Value *float64 `json:"value,omitempty"`
	Low   float64  `json:"low"`
	High  float64  `json:"high"`
}

// Bin is a count: of values from Low up to High, of which one is missing at the ends, or of a text.
type Bin struct {
	Low      *float64 `json:"low,omitempty"`
	High     *float64 `json:"high,omitempty"`
	Text     *string  `json:"text,omitempty"`
	Count    *int64   `json:"count,omitempty"` // missing where it is withheld
	Clients  int64    `json:"clients,omitempty"`
	Withheld bool     `json:"withheld,omitempty"`
}

// answer is what the total comes to.
func (t *Total) answer(q Query, least int64) *Answer {
	a := &Answer{Name: q.Name, Asked: q.String()}
	switch {
	case t.Values == 0:
		a.Withheld = "no client has a value"
		return a
	case t.Clients < least:
		a.Withheld = fmt.Sprintf("fewer than %d clients contributed", least)
		return a
	}
	a.Clients, a.Values = t.Clients, t.Values
	switch q.What {
	case Count:
		a.set(float64(t.Values))
	case Missing:
		a.set(float64(t.Counts[0]))
	case Sum:
		a.set(exact.Quotient(intOf(t.Sum), exact.SumUnit, big.NewInt(1)))
	case Mean:
		a.set(exact.Quotient(intOf(t.Sum), exact.SumUnit, big.NewInt(t.Values)))
	case Variance, Deviation:
		t.spread(q, a)
	case Min:
		a.set(t.Low)
	case Max:
		a.set(t.High)
	case Histogram:
		t.histogram(q, a, least)
	case Quantile:
		ends := t.narrowed(q)
		for i, share := range q.At {
			low, high := numberOf(uint64(ends[2*i])), numberOf(uint64(ends[2*i+1]))
			p := Point{At: share, Low: low, High: high}
			if low == high {
				p.Value = &low
			}
			a.Quantiles = append(a.Quantiles, p)
		}
	case Categories:
		if t.Over {
			a.Notes = append(a.Notes, fmt.Sprintf("there are more than %d texts, or too long ones: ask heavy for those "+
				"that many have, or most=%d", q.Most, mostMax))
			break
		}
		t.texts(q, a, least)
	case Heavy:
		t.heavy(q, a, least)
	}
	return a
}

// set is the answer of one number; one that float64 does not hold is told in words.
func (a *Answer) set(x float64) {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		a.Notes = append(a.Notes, "the answer is beyond what float64 holds")
		return
	}
	a.Value = &x
}

// spread is the variance (n·Q − S²) / (n·(n−1)) of n values with the sum S and that of squares Q, or its root.
func (t *Total) spread(q Query, a *Answer) {
	if t.Values < 2 {
		a.Notes = append(a.Notes, "one value has no variance")
		return
	}
	n, s := big.NewInt(t.Values), intOf(t.Sum)
	top := new(big.Int).Mul(n, intOf(t.Squares))
	top.Sub(top, s.Mul(s, s))
	v := exact.Quotient(top, exact.SquareUnit, new(big.Int).Mul(n, big.NewInt(t.Values-1)))
	if q.What == Deviation {
		v = math.Sqrt(v)
	}
	a.set(v)
}

// bin is a count that is told, unless it is of some clients and of fewer than least.
func (t *Total) bin(i int, least int64) Bin {
	n := t.Counts[i]
	if t.Holders[i] > 0 && t.Holders[i] < least {
		return Bin{Withheld: true}
	}
	return Bin{Count: &n, Clients: t.Holders[i]}
}

func (t *Total) histogram(q Query, a *Answer, least int64) {
	held := 0
	for i := range t.Counts {
		b := t.bin(i, least)
		if i > 0 {
			b.Low = &q.Edges[i-1]
		}
		if i < len(q.Edges) {
			b.High = &q.Edges[i]
		}
		if b.Withheld {
			held++
		}
		a.Counts = append(a.Counts, b)
	}
	a.note(held, least)
}

// note says that counts are withheld. One that is withheld alone would be what the others leave, so no total is told.
func (a *Answer) note(held int, least int64) {
	if held > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("%d counts are withheld: fewer than %d clients contributed to each", held,
			least))
		a.Values = 0
	}
}

// texts tells texts and their counts, the most frequent first; those of fewer than least clients are not told at all.
func (t *Total) texts(q Query, a *Answer, least int64) {
	held := 0
	for i := range t.Texts {
		b := t.bin(i, least)
		if b.Withheld {
			held++
			continue
		}
		s := t.Texts[i]
		b.Text = &s
		a.Counts = append(a.Counts, b)
	}
	slices.SortStableFunc(a.Counts, func(x, y Bin) int {
		if *x.Count != *y.Count {
			return int(min(max(*y.Count-*x.Count, -1), 1))
		}
		return strings.Compare(*x.Text, *y.Text)
	})
	a.note(held, least)
}

func (t *Total) heavy(q Query, a *Answer, least int64) {
	switch {
	case !t.Told && t.follow(q) != nil:
		a.Notes = append(a.Notes, fmt.Sprintf("not found yet: rounds of at least %d find it", HeavyRounds))
		return
	case t.Over:
		a.Notes = append(a.Notes, "there are more texts than a server keeps: ask for those that more have")
		return
	case !t.Told:
		return // nobody has one
	}
	few := &Total{}
	for i, n := range t.Counts {
		if n >= q.Rows+q.Clients {
			few.Texts, few.Counts = append(few.Texts, t.Texts[i]), append(few.Counts, n)
			few.Holders = append(few.Holders, t.Holders[i])
		}
	}
	few.texts(q, a, least)
	if len(a.Counts) > q.Most {
		a.Notes = append(a.Notes, fmt.Sprintf("there are %d; the first %d are told", len(a.Counts), q.Most))
		a.Counts = a.Counts[:q.Most]
	}
	if t.Lost {
		a.Notes = append(a.Notes, "some may be missing: so many texts were there that not all could be followed")
	}
}
