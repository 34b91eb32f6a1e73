package analytics

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"unicode/utf8"

	"github.com/rhizome-ml/rhizome/internal/exact"
)

// counted counts what is there, and what is not.
type counted struct {
	missing       bool
	values, holes int64
}

func (c *counted) take(of *Column, rows int) error {
	for i := range rows {
		if of != nil && of.Missing[i] {
			c.holes++
		} else {
			c.values++
		}
	}
	return nil
}

func (c *counted) part() *Part {
	if c.missing { // it contributes where it has rows
		return &Part{Values: c.values + c.holes, Counts: []int64{c.holes}}
	}
	return &Part{Values: c.values}
}

// CellError says of the cell of a row, of those that Next gave last, that it cannot be counted. It does not tell it.
type CellError struct {
	Row    int
	Reason string
}

// Error says what is wrong, without the value.
func (e *CellError) Error() string { return fmt.Sprintf("row %d %s", e.Row, e.Reason) }

// each calls do with the numbers that are there.
func each(of *Column, rows int, do func(x float64)) error {
	for i := range rows {
		if of.Missing[i] {
			continue
		}
		x := of.Numbers[i]
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return &CellError{i, "is no finite number"}
		}
		do(x)
	}
	return nil
}

// sums are a sum, and one of squares.
type sums struct {
	values       int64
	sum, squares *exact.Wide
}

func (s *sums) take(of *Column, rows int) error {
	return each(of, rows, func(x float64) {
		s.values++
		s.sum.Add(x)
		if s.squares != nil {
			s.squares.AddSquare(x)
		}
	})
}

func (s *sums) part() *Part {
	p := &Part{Values: s.values, Sum: s.sum.Int()}
	if s.squares != nil {
		p.Squares = s.squares.Int()
	}
	return p
}

// ends are the least and the greatest number.
type ends struct {
	values    int64
	low, high float64
}

func (e *ends) take(of *Column, rows int) error {
	return each(of, rows, func(x float64) {
		if x += 0; e.values == 0 {
			e.low, e.high = x, x
		}
		e.low, e.high = min(e.low, x), max(e.high, x)
		e.values++
	})
}

func (e *ends) part() *Part { return &Part{Values: e.values, Low: e.low, High: e.high} }

// bins count what lies below the first edge, between two, where the last bin has its upper edge, and above the last.
type bins struct {
	edges  []float64
	counts []int64
	values int64
}

func (b *bins) take(of *Column, rows int) error {
	n := len(b.edges)
	return each(of, rows, func(x float64) {
		b.values++
		k := sort.Search(n, func(i int) bool { return b.edges[i] > x })
		if k == n && x == b.edges[n-1] {
			k = n - 1
		}
		b.counts[k]++
	})
}

func (b *bins) part() *Part { return &Part{Values: b.values, Counts: b.counts} }

// keyOf maps finite numbers to whole ones in their order; numberOf is the way back.
func keyOf(x float64) uint64 {
	b := math.Float64bits(x + 0) // -0 is 0
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

func numberOf(key uint64) float64 {
	if key>>63 != 0 {
		return math.Float64frombits(key &^ (1 << 63))
	}
	return math.Float64frombits(^key)
}

// lowest and highest are the keys of all finite numbers.
func lowest() uint64  { return keyOf(-math.MaxFloat64) }
func highest() uint64 { return keyOf(math.MaxFloat64) }

// binWidth is how many keys each bin of a bracket has, the last one perhaps fewer, and binsOf how many bins there are.
func binWidth(low, high uint64) uint64 { return (high-low)/quantileBins + 1 }
func binsOf(low, high uint64) int      { return int((high-low)/binWidth(low, high)) + 1 }

// brackets count, for each of some brackets, what lies below it, in each of its bins, and above it.
type brackets struct {
	ends   []uint64
	counts [][]int64
	values int64
}

func newBrackets(a Ask) *brackets {
	b := &brackets{}
	for i := 0; i < len(a.Params); i += 2 {
		low, high := uint64(a.Params[i]), uint64(a.Params[i+1])
		b.ends = append(b.ends, low, high)
		b.counts = append(b.counts, make([]int64, binsOf(low, high)+2))
	}
	return b
}

func (b *brackets) take(of *Column, rows int) error {
	return each(of, rows, func(x float64) {
		b.values++
		k := keyOf(x)
		for i, c := range b.counts {
			low, high := b.ends[2*i], b.ends[2*i+1]
			switch {
			case k < low:
				c[0]++
			case k > high:
				c[len(c)-1]++
			default:
				c[1+(k-low)/binWidth(low, high)]++
			}
		}
	})
}

func (b *brackets) part() *Part { return &Part{Values: b.values, Counts: slices.Concat(b.counts...)} }

// words calls do with the texts that are there.
func words(of *Column, rows int, do func(s string)) error {
	for i := range rows {
		if of.Missing[i] {
			continue
		}
		s := of.Texts[i]
		if len(s) > textMax || !utf8.ValidString(s) {
			return &CellError{i, fmt.Sprintf("is a text of more than %d bytes, or not of UTF-8", textMax)}
		}
		do(s)
	}
	return nil
}

// kinds count texts, of which there are few.
type kinds struct {
	most   int
	share  int
	counts map[string]int64
	values int64
}

func (k *kinds) take(of *Column, rows int) error {
	return words(of, rows, func(s string) {
		k.values++
		if _, there := k.counts[s]; there || len(k.counts) <= k.most {
			k.counts[s]++
		}
	})
}

func (k *kinds) part() *Part {
	p := &Part{Values: k.values}
	if p.Over = len(k.counts) > k.most; !p.Over {
		p.Texts, p.Counts = sorted(k.counts)
		if !within(k.share, p.Texts) {
			p.Texts, p.Counts, p.Over = nil, nil, true
		}
	}
	return p
}

// sorted returns texts, ascending, and their counts.
func sorted(of map[string]int64) (texts []string, counts []int64) {
	for _, s := range slices.Sorted(maps.Keys(of)) {
		texts, counts = append(texts, s), append(counts, of[s])
	}
	return texts, counts
}

// hashOf is by whose first bits texts are counted.
func hashOf(s string) uint64 {
	sum := sha256.Sum256([]byte(s))
	return binary.BigEndian.Uint64(sum[:8])
}

// first returns the first bits of a hash.
func first(hash uint64, bits int64) uint64 { return hash >> (64 - bits) }

// prefixes count texts by the first bits of their hash, where they begin as some prefixes do; or tell those texts.
type prefixes struct {
	ask         Ask
	known, more int64 // bits
	at          map[uint64]int
	once        bool // a text or a prefix counts once, however many rows have it
	counts      []int64
	told        map[string]int64
	values      int64
	over        bool
	share       int
}

func newPrefixes(q Query, a Ask, share int) *prefixes {
	p := &prefixes{ask: a, known: a.Params[0], more: a.Params[1], at: map[uint64]int{}, once: q.Clients > 0,
		told: map[string]int64{}, share: share}
	for i, v := range a.Params[2:] {
		p.at[uint64(v)] = i
	}
	if a.Phase == Counting {
		p.counts = make([]int64, len(p.at)<<p.more)
	}
	return p
}

func (p *prefixes) take(of *Column, rows int) error {
	return words(of, rows, func(s string) {
		p.values++
		h := hashOf(s)
		i, there := p.at[first(h, p.known)]
		if !there {
			return
		}
		if p.ask.Phase == Counting {
			k := i<<p.more | int(first(h, p.known+p.more)&(1<<p.more-1))
			if p.counts[k]++; p.once {
				p.counts[k] = 1
			}
			return
		}
		n, there := p.told[s]
		if !there && len(p.told) == toldMax {
			p.over = true
			return
		}
		if p.told[s] = n + 1; p.once {
			p.told[s] = 1
		}
	})
}

func (p *prefixes) part() *Part {
	out := &Part{Values: p.values, Counts: p.counts, Over: p.over}
	if p.ask.Phase == Telling && !p.over {
		out.Texts, out.Counts = sorted(p.told)
		if !within(p.share, out.Texts) {
			out.Texts, out.Counts, out.Over = nil, nil, true
		}
	}
	return out
}
