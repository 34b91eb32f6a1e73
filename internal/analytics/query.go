package analytics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// What may be asked.
const (
	Count      = "count"      // rows, or the values of a column that are there
	Missing    = "missing"    // values of a column that are not there
	Sum        = "sum"        // of a column of numbers
	Mean       = "mean"       // its mean
	Variance   = "variance"   // its variance, by n-1
	Deviation  = "deviation"  // the root of that
	Min        = "min"        // its least value
	Max        = "max"        // its greatest value
	Histogram  = "histogram"  // how many values lie between edges
	Quantile   = "quantile"   // values below which shares of all values lie
	Categories = "categories" // how often each text of a column is there
	Heavy      = "heavy"      // the texts of a column that many have
)

// forms are what may be asked, with what stands behind it in a query.
var forms = []struct{ what, form string }{
	{Count, "count [COLUMN]"}, {Missing, "missing COLUMN"}, {Sum, "sum COLUMN"}, {Mean, "mean COLUMN"},
	{Variance, "variance COLUMN"}, {Deviation, "deviation COLUMN"}, {Min, "min COLUMN"}, {Max, "max COLUMN"},
	{Histogram, "histogram COLUMN edges=A,B,… or from=A to=B bins=N"}, {Quantile, "quantile COLUMN at=Q,… [width=W]"},
	{Categories, "categories COLUMN [most=N]"}, {Heavy, "heavy COLUMN rows=N or clients=N [most=N]"},
}

// The bounds of queries.
const (
	QueriesMax = 64
	binsMax    = 1024
	atMax      = 16
	mostMax    = 1024
	columnMax  = 256 // bytes of the name of a column
	heavyMin   = 2   // rows or clients of a heavy text at least

	mostCategories = 64 // where nothing is said
	mostHeavy      = 64
)

// Query is one question of a job: plain data.
type Query struct {
	Name   string    `json:"name"`
	What   string    `json:"what"`
	Column string    `json:"column,omitempty"` // "": rows
	Edges  []float64 `json:"edges,omitempty"`  // of a histogram, ascending
	At     []float64 `json:"at,omitempty"`     // shares, 0 to 1
	Width  float64   `json:"width,omitempty"`  // up to which a quantile is found; 0: to the value itself
	Most   int       `json:"most,omitempty"`   // texts
	// Rows or Clients is how many have a heavy text at least.
	Rows    int64 `json:"rows,omitempty"`
	Clients int64 `json:"clients,omitempty"`
}

// As says what the query's column is read as: "number", "text", or "" for whatever it holds.
func (q Query) As() string {
	switch q.What {
	case Count, Missing:
		return ""
	case Categories, Heavy:
		return "text"
	}
	return "number"
}

// String is the query as a job file has it.
func (q Query) String() string {
	out := q.What
	if q.Column != "" {
		name := q.Column
		if strings.ContainsAny(name, " \"=\t") || strconv.Quote(name) != `"`+name+`"` {
			name = strconv.Quote(name)
		}
		out += " " + name
	}
	list := func(key string, x []float64) {
		var s []string
		for _, v := range x {
			s = append(s, number(v))
		}
		if len(s) > 0 {
			out += " " + key + "=" + strings.Join(s, ",")
		}
	}
	list("edges", q.Edges)
	list("at", q.At)
	if q.Width > 0 {
		out += " width=" + number(q.Width)
	}
	for _, k := range []struct {
		key string
		v   int64
	}{{"rows", q.Rows}, {"clients", q.Clients}, {"most", int64(q.Most)}} {
		if k.v > 0 {
			out += fmt.Sprintf(" %s=%d", k.key, k.v)
		}
	}
	return out
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// ParseQueries reads the queries of a job, a JSON object of texts by name, in the order of their names.
func ParseQueries(text string) ([]Query, error) {
	const of = "queries"
	said := map[string]json.RawMessage{}
	if err := config.Strict([]byte(text), &said); err != nil {
		return nil, config.Errorf(of, "{NAME: QUERY, …}, such as {rows: count, age: mean age}: %v", err)
	}
	var names []string
	for name := range said {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) < 1 || len(names) > QueriesMax {
		return nil, config.Errorf(of, "there are %d; want 1 to %d", len(names), QueriesMax)
	}
	var out []Query
	for _, name := range names {
		if !goodName(name) {
			return nil, config.Errorf(of, "%.40q is the name of a query; want 1 to 64 of a-z, A-Z, 0-9, '-', '_' "+
				"and '.'", name)
		}
		var line string
		if b := bytes.TrimSpace(said[name]); json.Unmarshal(b, &line) != nil {
			return nil, config.Errorf(of, "%s is %.60s; want a text, such as mean age", name, b)
		}
		q, err := Parse(line)
		if err != nil {
			return nil, config.Errorf(of, "%s: %v", name, err)
		}
		q.Name = name
		out = append(out, q)
	}
	return out, nil
}

func goodName(s string) bool {
	return s != "" && len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	}) < 0
}

// Parse reads one query, such as "mean age" or "histogram "blood pressure" from=60 to=200 bins=14".
func Parse(line string) (Query, error) {
	words, err := split(line)
	if err != nil {
		return Query{}, err
	}
	var q Query
	form := ""
	for _, f := range forms {
		if len(words) > 0 && f.what == words[0].text && !words[0].quoted {
			q.What, form = f.what, f.form
		}
	}
	if q.What == "" {
		var all []string
		for _, f := range forms {
			all = append(all, f.what)
		}
		return q, fmt.Errorf("%.60q; want one of %s, and the name of a column", line, strings.Join(all, ", "))
	}
	bad := func(why string) (Query, error) { return q, fmt.Errorf("%.100q %s; want %s", line, why, form) }
	words = words[1:]
	set := map[string]string{}
	for i, w := range words {
		key, v, ok := strings.Cut(w.text, "=")
		switch {
		case ok && !w.quoted && i > 0:
			if _, twice := set[key]; twice {
				return bad("says " + key + " twice")
			}
			set[key] = v
		case i == 0:
			q.Column = w.text
		default:
			return bad("has the word " + strconv.Quote(w.text) + ", which is no setting")
		}
	}
	switch {
	case len(words) > 0 && q.Column == "", len(q.Column) > columnMax:
		return bad("names a column by nothing, or by too much")
	case q.Column == "" && q.What != Count:
		return bad("names no column")
	}
	if err := q.settle(set); err != nil {
		return bad(err.Error())
	}
	if len(set) > 0 {
		return bad("has no setting " + strconv.Quote(slices.Sorted(maps.Keys(set))[0]))
	}
	return q, nil
}

// settle takes the settings that a query has out of those that were said.
func (q *Query) settle(set map[string]string) error {
	take := func(key string) (string, bool) {
		v, ok := set[key]
		delete(set, key)
		return v, ok
	}
	var err error
	numbers := func(key string, most int) (x []float64) {
		text, ok := take(key)
		if !ok {
			return nil
		}
		for _, w := range strings.Split(text, ",") {
			v, bad := strconv.ParseFloat(w, 64)
			if bad != nil || math.IsNaN(v) || math.IsInf(v, 0) || len(x) == most {
				err = fmt.Errorf("has %s=%.40q; want up to %d finite numbers with commas between them", key, text, most)
				return nil
			}
			x = append(x, v+0) // no -0
		}
		return x
	}
	whole := func(key string, least, most int64) int64 {
		text, ok := take(key)
		if !ok {
			return 0
		}
		v, bad := strconv.ParseInt(text, 10, 64)
		if bad != nil || v < least || v > most {
			err = fmt.Errorf("has %s=%.40q; want %d to %d", key, text, least, most)
		}
		return v
	}
	switch q.What {
	case Histogram:
		q.Edges = numbers("edges", binsMax+1)
		from, to, bins := numbers("from", 1), numbers("to", 1), whole("bins", 1, binsMax)
		if err != nil {
			return err
		}
		if equal := from != nil && to != nil && bins > 0; equal == (q.Edges != nil) {
			return fmt.Errorf("says neither edges nor a range, or both")
		} else if equal {
			q.Edges = steps(from[0], to[0], int(bins))
		} else if from != nil || to != nil || bins > 0 {
			return fmt.Errorf("says edges and half of a range")
		}
		if len(q.Edges) < 2 || !ascending(q.Edges) {
			return fmt.Errorf("has edges that do not ascend")
		}
	case Quantile:
		q.At = numbers("at", atMax)
		if w := numbers("width", 1); w != nil {
			q.Width = w[0]
		}
		switch {
		case err != nil:
			return err
		case len(q.At) == 0 || slices.Min(q.At) < 0 || slices.Max(q.At) > 1 || !ascending(q.At):
			return fmt.Errorf("has no shares at=… of 0 to 1 that ascend")
		case q.Width < 0:
			return fmt.Errorf("has a width below 0")
		}
	case Categories:
		q.Most = int(whole("most", 1, mostMax))
		if q.Most == 0 {
			q.Most = mostCategories
		}
	case Heavy:
		q.Rows, q.Clients = whole("rows", heavyMin, 1<<40), whole("clients", heavyMin, 1<<20)
		if q.Most = int(whole("most", 1, mostMax)); q.Most == 0 {
			q.Most = mostHeavy
		}
		if err == nil && (q.Rows > 0) == (q.Clients > 0) {
			return fmt.Errorf("says neither rows nor clients, or both")
		}
	}
	return err
}

// steps are the edges of equal bins.
func steps(from, to float64, bins int) []float64 {
	out := make([]float64, bins+1)
	for i := range out {
		out[i] = from + float64(float64(to-from)*float64(i)/float64(bins))
	}
	out[bins] = to
	return out
}

func ascending(x []float64) bool {
	for i := 1; i < len(x); i++ {
		if !(x[i] > x[i-1]) || math.IsInf(x[i]-x[0], 0) {
			return false
		}
	}
	return true
}

// word is a word of a query.
type word struct {
	text   string
	quoted bool
}

// split divides a query into words; one in double quotes may have blanks.
func split(line string) (out []word, err error) {
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimSpace(rest) {
		if rest[0] == '"' {
			q, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, fmt.Errorf("%.60q has a quote that does not end", line)
			}
			text, _ := strconv.Unquote(q)
			out, rest = append(out, word{text, true}), rest[len(q):]
			continue
		}
		n := strings.IndexAny(rest, " \t\n")
		if n < 0 {
			n = len(rest)
		}
		out, rest = append(out, word{rest[:n], false}), rest[n:]
	}
	return out, nil
}

// Check says what is wrong with queries that may come from anywhere.
func Check(queries []Query) error {
	const of = "queries"
	if len(queries) < 1 || len(queries) > QueriesMax {
		return config.Errorf(of, "there are %d; want 1 to %d", len(queries), QueriesMax)
	}
	last := ""
	for _, q := range queries {
		again, err := Parse(q.String())
		again.Name = q.Name
		if err != nil || !goodName(q.Name) || q.Name <= last || again.String() != q.String() {
			return config.Errorf(of, "%.40q is no query, or stands in no order: %v", q.Name, err)
		}
		last = q.Name
	}
	counts := 0
	for _, q := range queries {
		counts += q.counts()
	}
	if counts > countsMax {
		return config.Errorf(of, "a client would tell %d counts in one round; want at most %d: a share of a quantile "+
			"takes %d, a heavy query %d, and a bin one", counts, countsMax, quantileBins+2, heavyCounts)
	}
	return nil
}

// counts is how many a part has at most, but for those of texts.
func (q Query) counts() int {
	switch q.What {
	case Histogram:
		return len(q.Edges) + 1
	case Quantile:
		return len(q.At) * (quantileBins + 2)
	case Heavy:
		return heavyCounts
	}
	return 0
}

// asksTexts says whether clients tell texts of the query.
func (q Query) asksTexts() bool { return q.What == Categories || q.What == Heavy }
