package analytics

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/exact"
)

// Column is a column of some rows, as whoever has them reads it: numbers or texts, and where there is none.
type Column struct {
	Numbers []float64
	Texts   []string
	Missing []bool
}

// Rows are the rows of a client, read piece by piece.
type Rows interface {
	// Open says of columns, by name, that they will be read: as "text" or "number", or "" for what they hold. An
	// error says what is wrong with one.
	Open(columns, as []string) error
	// Next reads the next rows of all of them, and how many there are; 0 after the last one. What it gives is good
	// until it is called again.
	Next() (columns []Column, rows int, err error)
}

// The phases of an Ask.
const (
	Idle     = 0 // nothing is asked any more
	Counting = 1
	Telling  = 2 // the texts of a heavy query whose counts are large enough
)

// Ask is what a round asks of a query.
type Ask struct {
	Phase int64
	// Params are of a quantile the lowest and highest key of each bracket, and of a heavy query the bits of the
	// prefixes that are known, how many are counted beyond them, and these prefixes, ascending.
	Params []int64
}

// Part is what a client found.
type Part struct {
	Values  int64    // that are there, or rows
	Counts  []int64  // by the query
	Sum     *big.Int // in units of package exact
	Squares *big.Int
	Low     float64
	High    float64
	Texts   []string // ascending, one for each of Counts
	Over    bool     // there are more texts than the query takes
}

// OfAsk is what errors of an Ask are of (config.Error).
const OfAsk = "ask"

// The bounds of what a client finds.
const (
	quantileBins = 1 << 11 // of a bracket
	heavyCounts  = 1 << 14 // of prefixes
	heavyBits    = 32      // of a prefix at most
	heavyEnough  = 24      // bits of a prefix by which texts are told
	prefixesMax  = 1 << 10
	toldMax      = 1 << 12 // texts that a client tells
	textMax      = 256     // bytes of a text

	// What a client tells in one round is one message of 4 MiB at most: counts of 8 bytes, and texts, of which each
	// query has a share. As charged, a text has textCharge bytes besides.
	countsMax  = 5 << 16
	textsBytes = 5 << 18
	textCharge = 80
)

// counter counts one query.
type counter interface {
	take(c *Column, rows int) error
	part() *Part
}

// Find counts what is asked of queries over rows, which are read once.
func Find(queries []Query, asks []Ask, rows Rows) ([]Part, error) {
	if len(asks) != len(queries) {
		return nil, config.Errorf(OfAsk, "%d queries are asked; want %d", len(asks), len(queries))
	}
	var names, as []string
	counters, at := make([]counter, len(queries)), make([]int, len(queries))
	share := textShare(queries)
	for i, q := range queries {
		if err := asks[i].check(q); err != nil {
			return nil, err
		}
		if at[i] = -1; asks[i].Phase == Idle {
			continue
		}
		if counters[i] = newCounter(q, asks[i], share); q.Column == "" {
			continue
		}
		for k, name := range names {
			if name == q.Column && as[k] == q.As() {
				at[i] = k
			}
		}
		if at[i] < 0 {
			at[i], names, as = len(names), append(names, q.Column), append(as, q.As())
		}
	}
	out := make([]Part, len(queries))
	if !slices.ContainsFunc(counters, func(c counter) bool { return c != nil }) {
		return out, nil // nothing is asked any more, and nothing is read
	}
	if err := rows.Open(names, as); err != nil {
		return nil, err
	}
	for {
		columns, n, err := rows.Next()
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		for i, c := range counters {
			if c == nil {
				continue
			}
			var of *Column
			if at[i] >= 0 {
				of = &columns[at[i]]
			}
			if err := c.take(of, n); err != nil {
				return nil, fmt.Errorf("%s: %w", queries[i].Name, err)
			}
		}
	}
	for i, c := range counters {
		if c != nil {
			out[i] = *c.part()
		}
	}
	return out, nil
}

// textShare is how many bytes of texts are told of each query that asks for some.
func textShare(queries []Query) int {
	n := 0
	for _, q := range queries {
		if q.asksTexts() {
			n++
		}
	}
	return textsBytes / max(n, 1)
}

// within says whether the texts of a query are few enough to be told.
func within(share int, texts []string) bool {
	for _, s := range texts {
		share -= len(s) + textCharge
	}
	return share >= 0
}

// newCounter counts a query, of which so many bytes of texts are told.
func newCounter(q Query, a Ask, share int) counter {
	switch q.What {
	case Count, Missing:
		return &counted{missing: q.What == Missing}
	case Min, Max:
		return &ends{}
	case Histogram:
		return &bins{edges: q.Edges, counts: make([]int64, len(q.Edges)+1)}
	case Quantile:
		return newBrackets(a)
	case Categories:
		return &kinds{most: q.Most, share: share, counts: map[string]int64{}}
	case Heavy:
		return newPrefixes(q, a, share)
	}
	m := &sums{sum: exact.NewSum()}
	if q.What == Variance || q.What == Deviation {
		m.squares = exact.NewSquares()
	}
	return m
}

// check says what is wrong with what is asked, which comes from the server. Texts are told by long prefixes of a few
// alone: so no server learns more of them than the query says.
func (a Ask) check(q Query) error {
	bad := func(format string, args ...any) error {
		return config.Errorf(OfAsk, "%s: "+format, append([]any{q.Name}, args...)...)
	}
	n := len(a.Params)
	switch {
	case a.Phase != Idle && a.Phase != Counting && (a.Phase != Telling || q.What != Heavy):
		return bad("there is no phase %d", a.Phase)
	case a.Phase == Idle || q.What != Heavy && q.What != Quantile:
		if n > 0 {
			return bad("%d parameters; want none", n)
		}
		return nil
	case q.What == Quantile:
		if n != 2*len(q.At) {
			return bad("%d parameters; want the ends of %d brackets", n, len(q.At))
		}
		for i := 0; i < n; i += 2 {
			low, high := uint64(a.Params[i]), uint64(a.Params[i+1])
			if low > high || low < lowest() || high > highest() {
				return bad("the bracket %d has no two ends", i/2)
			}
		}
		return nil
	}
	if n < 2 || n > 2+prefixesMax {
		return bad("%d parameters; want bits, and up to %d prefixes", n, prefixesMax)
	}
	known, more, list := a.Params[0], a.Params[1], a.Params[2:]
	switch {
	case known < 0 || more < 0 || known > heavyBits || more > heavyBits || known+more > heavyBits ||
		int64(len(list))<<more > heavyCounts:
		return bad("%d bits beyond %d of %d prefixes", more, known, len(list))
	case a.Phase == Telling && (more != 0 || known < heavyEnough):
		return bad("texts are told by prefixes of at least %d bits, not %d", heavyEnough, known)
	}
	for i, v := range list {
		if v < 0 || v>>known != 0 || i > 0 && v <= list[i-1] {
			return bad("prefix %d is none of %d bits, or in no order", i, known)
		}
	}
	return nil
}
