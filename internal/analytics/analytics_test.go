package analytics

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// table is rows in memory, read in pieces of seven.
type table struct {
	numbers []float64 // NaN: missing
	texts   []string  // "": missing
	as      []string
	at      int
}

func (t *table) Open(columns, as []string) error {
	for i, name := range columns {
		if name != "x" && name != "s" || name == "x" && as[i] == "text" || name == "s" && as[i] == "number" {
			return fmt.Errorf("no column %q of %q", name, as[i])
		}
		if t.as = append(t.as, "number"); name == "s" {
			t.as[i] = "text"
		}
	}
	t.at = 0
	return nil
}

func (t *table) Next() ([]Column, int, error) {
	n := min(7, len(t.numbers)-t.at)
	out := make([]Column, len(t.as))
	for k, as := range t.as {
		out[k].Missing = make([]bool, n)
		for i := range n {
			if as == "text" {
				out[k].Texts = append(out[k].Texts, t.texts[t.at+i])
				out[k].Missing[i] = t.texts[t.at+i] == ""
			} else {
				out[k].Numbers = append(out[k].Numbers, t.numbers[t.at+i])
				out[k].Missing[i] = math.IsNaN(t.numbers[t.at+i])
			}
		}
	}
	t.at += n
	return out, n, nil
}

func (t *table) part(rows ...int) *table {
	out := &table{}
	for _, r := range rows {
		out.numbers, out.texts = append(out.numbers, t.numbers[r]), append(out.texts, t.texts[r])
	}
	return out
}

// some returns rows with holes: numbers of all sizes, some of them often, and texts some of which many have.
func some(rng *rand.Rand, n int) *table {
	t := &table{}
	for i := range n {
		x := rng.NormFloat64() * math.Pow(10, float64(rng.IntN(8)))
		switch rng.IntN(8) {
		case 0:
			x = math.NaN()
		case 1:
			x = float64(rng.IntN(4) - 2)
		case 2:
			x = math.Float64frombits(rng.Uint64()>>12 | 0x3ff<<52)
		}
		s := fmt.Sprintf("rare %d", i)
		switch rng.IntN(4) {
		case 0:
			s = ""
		case 1:
			s = fmt.Sprintf("often %d", rng.IntN(3))
		}
		t.numbers, t.texts = append(t.numbers, x), append(t.texts, s)
	}
	return t
}

func parsed(t *testing.T, of map[string]string) []Query {
	t.Helper()
	b, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParseQueries(string(b))
	if err == nil {
		err = Check(q)
	}
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// ask takes queries through rounds over clients, whose parts come in an order that changes, and returns the answers.
func ask(t *testing.T, rng *rand.Rand, queries []Query, clients []*table, rounds int, least int64) map[string]*Answer {
	t.Helper()
	totals, out := make([]Total, len(queries)), map[string]*Answer{}
	for i, q := range queries {
		totals[i] = Begin(q)
	}
	for r := range rounds {
		asks := make([]Ask, len(queries))
		for i := range totals {
			asks[i] = totals[i].Ask()
		}
		back, err := ParseAsks(AsksValue(asks), len(queries))
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range rng.Perm(len(clients)) {
			c := clients[k].part(seq(len(clients[k].numbers))...)
			found, err := Find(queries, back, c)
			if err != nil {
				t.Fatal(err)
			}
			parts, err := ParseParts(PartsValue(found), queries, asks)
			if err != nil {
				t.Fatal(err)
			}
			for i := range parts {
				if err := parts[i].Check(queries[i], asks[i], int64(len(c.numbers))); err != nil {
					t.Fatal(err)
				}
				totals[i].Add(queries[i], &parts[i])
				if err := totals[i].Sound(queries[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, q := range queries {
			if a := totals[i].Close(q, least, r == rounds-1); a != nil {
				out[q.Name] = a
			}
			if err := totals[i].Sound(q); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// dealt deals rows to clients by chance, some of whom have none.
func dealt(rng *rand.Rand, all *table, n int) []*table {
	rows := make([][]int, n)
	for i := range all.numbers {
		k := rng.IntN(n)
		rows[k] = append(rows[k], i)
	}
	out := make([]*table, n)
	for i := range out {
		out[i] = all.part(rows[i]...)
	}
	return out
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var everything = map[string]string{
	"rows": "count", "x": "count x", "s": "count s", "no-x": "missing x", "no-s": "missing s", "sum": "sum x",
	"mean": "mean x", "var": "variance x", "dev": "deviation x", "min": "min x", "max": "max x",
	"hist": "histogram x edges=-2,0,1,1.5,100", "kinds": "categories s most=1000", "heavy": "heavy s rows=5",
	"q": "quantile x at=0,0.1,0.25,0.5,0.999,1",
}

// TestAnswersAreThoseOfTheJoinedData: each answer is, to the bit, what plain arithmetic gives over all rows at one
// place, however they are dealt and in whatever order the parts come.
func TestAnswersAreThoseOfTheJoinedData(t *testing.T) {
	queries := parsed(t, everything)
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 7))
		all := some(rng, 50+rng.IntN(200))
		got := ask(t, rng, queries, dealt(rng, all, 1+rng.IntN(9)), 6, 1)
		again := ask(t, rng, queries, dealt(rng, all, 1+rng.IntN(9)), 6, 1)
		for _, a := range again {
			for i := range a.Counts {
				a.Counts[i].Clients = 0
			}
			a.Clients = got[a.Name].Clients
		}
		var x []float64
		sum, squares, n := new(big.Rat), new(big.Rat), new(big.Rat)
		counts := map[string]int64{}
		for i, v := range all.numbers {
			if s := all.texts[i]; s != "" {
				counts[s]++
			}
			if math.IsNaN(v) {
				continue
			}
			x = append(x, v)
			r := new(big.Rat).SetFloat64(v)
			sum.Add(sum, r)
			squares.Add(squares, new(big.Rat).Mul(r, r))
		}
		slices.Sort(x)
		n.SetInt64(int64(len(x)))
		mean := new(big.Rat).Quo(sum, n)
		spread := new(big.Rat).Sub(squares, new(big.Rat).Mul(mean, sum))
		spread.Quo(spread, new(big.Rat).SetInt64(int64(len(x)-1)))
		nearest := func(r *big.Rat) float64 { f, _ := r.Float64(); return f }
		texts := 0
		for _, k := range counts {
			texts += int(k)
		}
		for name, want := range map[string]float64{
			"rows": float64(len(all.numbers)), "x": float64(len(x)), "s": float64(texts),
			"no-x": float64(len(all.numbers) - len(x)), "no-s": float64(len(all.numbers) - texts),
			"sum": nearest(sum), "mean": nearest(mean), "var": nearest(spread), "dev": math.Sqrt(nearest(spread)),
			"min": x[0], "max": x[len(x)-1],
		} {
			if a := got[name]; a == nil || a.Value == nil || *a.Value != want {
				t.Errorf("seed %d, %s: %s, want %v", seed, name, text(t, a), want)
			}
		}
		for _, p := range got["q"].Quantiles {
			if k := max(1, int(math.Ceil(p.At*float64(len(x))-1e-9))); p.Value == nil || *p.Value != x[k-1]+0 {
				t.Errorf("seed %d: the quantile %s, want %v", seed, text(t, p), x[k-1])
			}
		}
		inBins := make([]int64, 6)
		edges := []float64{-2, 0, 1, 1.5, 100}
		for _, v := range x {
			k := 0
			for k < len(edges) && v >= edges[k] && !(k == 4 && v == 100) {
				k++
			}
			inBins[k]++
		}
		for i, b := range got["hist"].Counts {
			if *b.Count != inBins[i] {
				t.Errorf("seed %d: bin %s, want %d", seed, text(t, b), inBins[i])
			}
		}
		for name, least := range map[string]int64{"kinds": 1, "heavy": 5} {
			found := map[string]int64{}
			for _, b := range got[name].Counts {
				found[*b.Text] = *b.Count
			}
			for s, k := range counts {
				if _, there := found[s]; there != (k >= least) || there && found[s] != k {
					t.Errorf("seed %d, %s: %q is told %d times, and is there %d times", seed, name, s, found[s], k)
				}
			}
		}
		for _, a := range got {
			for i := range a.Counts {
				a.Counts[i].Clients = 0
			}
		}
		if text(t, got) != text(t, again) {
			t.Errorf("seed %d: dealt otherwise\n%s\n%s", seed, text(t, got), text(t, again))
		}
	}
}

// TestTheOrderIsAllTheSame: the totals of a round have the same bits in every order of the parts.
func TestTheOrderIsAllTheSame(t *testing.T) {
	queries := parsed(t, everything)
	all := some(rand.New(rand.NewPCG(1, 1)), 90)
	clients := dealt(rand.New(rand.NewPCG(2, 1)), all, 6)
	first := ""
	for seed := range uint64(5) {
		got := text(t, ask(t, rand.New(rand.NewPCG(seed, 3)), queries, clients, 6, 2))
		if first == "" {
			first = got
		}
		if got != first {
			t.Fatalf("another order, other answers\n%s\n%s", first, got)
		}
	}
}

// TestAFewAreWithheld: what fewer clients than least contributed to is not told, nor how much it was.
func TestAFewAreWithheld(t *testing.T) {
	nan := math.NaN()
	clients := []*table{
		{numbers: []float64{1, 2, 100}, texts: []string{"a", "a", "only one has it"}},
		{numbers: []float64{1, nan, nan}, texts: []string{"a", "b", ""}},
		{numbers: []float64{nan, nan, nan}, texts: []string{"b", "a", ""}},
	}
	got := ask(t, rand.New(rand.NewPCG(1, 1)), parsed(t, everything), clients, 6, 2)
	if a := got["mean"]; a.Withheld != "" || *a.Value != 26 || a.Clients != 2 || a.Values != 4 {
		t.Errorf("of two clients: %s", text(t, a))
	}
	if s := text(t, got["hist"]); !strings.Contains(s, "withheld") || got["hist"].Values != 0 ||
		got["hist"].Counts[4].Count != nil || got["hist"].Counts[2].Count != nil && *got["hist"].Counts[2].Count != 0 {
		t.Errorf("bins of one client: %s", s)
	}
	if s := text(t, got["kinds"]); strings.Contains(s, "only one") || !strings.Contains(s, `"text":"b"`) {
		t.Errorf("a text of one client: %s", s)
	}
	three := ask(t, rand.New(rand.NewPCG(1, 1)), parsed(t, everything), clients, 6, 3)
	for _, name := range []string{"sum", "mean", "var", "min", "max", "q", "hist", "x"} {
		if s := text(t, three[name]); three[name].Withheld != "fewer than 3 clients contributed" ||
			strings.ContainsAny(strings.Split(s, "asked")[0], "456789") || three[name].Value != nil ||
			three[name].Quantiles != nil || three[name].Counts != nil || three[name].Values != 0 {
			t.Errorf("%s of two clients: %s", name, s)
		}
	}
	if a := three["rows"]; a.Withheld != "" || *a.Value != 9 {
		t.Errorf("rows of three: %s", text(t, a))
	}
}

// TestAQuantileInFewRounds: before it is found it lies between what is told, and a stated width ends it earlier.
func TestAQuantileInFewRounds(t *testing.T) {
	all := some(rand.New(rand.NewPCG(4, 4)), 300)
	queries := parsed(t, map[string]string{"q": "quantile x at=0.5", "wide": "quantile x at=0.5 width=1000"})
	exact := *ask(t, rand.New(rand.NewPCG(1, 1)), queries, []*table{all}, 6, 1)["q"].Quantiles[0].Value
	for rounds := 1; rounds < 6; rounds++ {
		got := ask(t, rand.New(rand.NewPCG(1, 1)), queries, []*table{all}, rounds, 1)
		for _, name := range []string{"q", "wide"} {
			if p := got[name].Quantiles[0]; p.Low > exact || p.High < exact {
				t.Errorf("%d rounds: %s, and it is %v", rounds, text(t, p), exact)
			}
		}
		if p := got["wide"].Quantiles[0]; rounds > 3 && !(p.High-p.Low <= 1000) {
			t.Errorf("%d rounds: %s is wider than 1000", rounds, text(t, p))
		}
	}
}

// TestPoisonIsRefused: what no client can have counted is refused, whatever of it is wrong.
func TestPoisonIsRefused(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	c := some(rng, 40)
	queries := parsed(t, everything)
	asks := make([]Ask, len(queries))
	for i, q := range queries {
		total := Begin(q)
		asks[i] = total.Ask()
	}
	found, err := Find(queries, asks, c)
	if err != nil {
		t.Fatal(err)
	}
	of := func(name string) int { return slices.IndexFunc(queries, func(q Query) bool { return q.Name == name }) }
	for what, spoil := range map[string]func(p []Part){
		"more values than rows":    func(p []Part) { p[of("x")].Values = 41 },
		"values below 0":           func(p []Part) { p[of("x")].Values = -1 },
		"a count too many":         func(p []Part) { p[of("x")].Counts = []int64{1} },
		"holes below 0":            func(p []Part) { p[of("no-x")].Counts = []int64{-1} },
		"a bin below 0":            func(p []Part) { p[of("hist")].Counts[0], p[of("hist")].Counts[1] = -1, 1 },
		"bins of other values":     func(p []Part) { p[of("hist")].Counts[1]++ },
		"a bin too few":            func(p []Part) { p[of("hist")].Counts = p[of("hist")].Counts[1:] },
		"a least of no number":     func(p []Part) { p[of("min")].Low = math.NaN() },
		"a least without end":      func(p []Part) { p[of("min")].Low = math.Inf(-1) },
		"a least above the most":   func(p []Part) { p[of("min")].Low = p[of("min")].High + 1 },
		"ends that nobody wants":   func(p []Part) { p[of("sum")].High = 1 },
		"no sum":                   func(p []Part) { p[of("sum")].Sum = nil },
		"a sum beyond all numbers": func(p []Part) { p[of("sum")].Sum = new(big.Int).Lsh(big.NewInt(1), 2200) },
		"squares below 0":          func(p []Part) { p[of("var")].Squares = big.NewInt(-1) },
		"a variance below 0":       func(p []Part) { p[of("var")].Squares = new(big.Int) },
		"a sum of nothing":         func(p []Part) { p[of("sum")].Values = 0 },
		"texts in no order":        func(p []Part) { slices.Reverse(p[of("kinds")].Texts) },
		"a text that is not there": func(p []Part) { p[of("kinds")].Counts[0] = 0 },
		"a text too long":          func(p []Part) { p[of("kinds")].Texts[0] = strings.Repeat("a", 300) },
		"too many, and told":       func(p []Part) { p[of("kinds")].Over = true },
		"prefixes of more values":  func(p []Part) { p[of("heavy")].Counts[3] += 40 },
		"a bracket of others":      func(p []Part) { p[of("q")].Counts[3]++ },
		"less than all numbers":    func(p []Part) { moved(p[of("q")].Counts[:quantileBins+2], 0) },
		"more than all numbers":    func(p []Part) { moved(p[of("q")].Counts[:quantileBins+2], quantileBins+1) },
		"brackets too few":         func(p []Part) { p[of("q")].Counts = p[of("q")].Counts[2:] },
	} {
		parts, err := ParseParts(PartsValue(found), queries, asks)
		if err != nil {
			t.Fatal(err)
		}
		spoil(parts)
		refused := false
		for i := range parts {
			refused = refused || parts[i].Check(queries[i], asks[i], 40) != nil
		}
		if !refused {
			t.Errorf("%s counts", what)
		}
	}
}

// moved takes one of counts to another place.
func moved(counts []int64, to int) {
	counts[slices.IndexFunc(counts, func(n int64) bool { return n > 0 })]--
	counts[to]++
}

// TestACellIsNotTold: what cannot be counted is told by its row, and neither it nor a text of a poisoned part is.
func TestACellIsNotTold(t *testing.T) {
	const secret = "SECRET"
	long := &table{numbers: make([]float64, 9), texts: slices.Repeat([]string{"a"}, 9)}
	long.texts[8] = strings.Repeat(secret, 50)
	queries := parsed(t, map[string]string{"k": "categories s"})
	_, err := Find(queries, []Ask{{Phase: Counting}}, long)
	var cell *CellError
	if !errors.As(err, &cell) || cell.Row != 1 || strings.Contains(err.Error(), secret) {
		t.Errorf("a text that is too long: %v", err) // of the second piece of seven rows
	}
	p := Part{Values: 2, Counts: []int64{1, 1}, Texts: []string{secret + "b", secret + "a"}}
	if err := p.Check(queries[0], Ask{Phase: Counting}, 2); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("texts in no order: %v", err)
	}
}

// TestAServerAsksForNoMore: a client counts what the queries say, and tells texts by long prefixes alone.
func TestAServerAsksForNoMore(t *testing.T) {
	heavy := parsed(t, map[string]string{"h": "heavy s rows=2"})
	q := parsed(t, map[string]string{"q": "quantile x at=0.5"})
	for what, of := range map[string]struct {
		queries []Query
		ask     Ask
	}{
		"all texts":            {heavy, Ask{Telling, []int64{0, 0, 0}}},
		"texts by few bits":    {heavy, Ask{Telling, []int64{10, 0, 1}}},
		"prefixes in no order": {heavy, Ask{Counting, []int64{4, 4, 3, 2}}},
		"too many prefixes":    {heavy, Ask{Counting, append([]int64{20, 0}, make([]int64, 2000)...)}},
		"too many counts":      {heavy, Ask{Counting, []int64{0, 30, 0}}},
		"no parameters":        {heavy, Ask{Counting, nil}},
		"no such phase":        {q, Ask{Telling, []int64{int64(lowest()), int64(highest())}}},
		"no bracket":           {q, Ask{Counting, []int64{int64(highest()), int64(lowest())}}},
		"half a bracket":       {q, Ask{Counting, []int64{int64(lowest())}}},
	} {
		if _, err := Find(of.queries, []Ask{of.ask}, some(rand.New(rand.NewPCG(1, 1)), 9)); err == nil {
			t.Errorf("%s is counted", what)
		}
	}
}

// TestTooManyTexts: an answer of more texts than it may have is none, in every order of the parts.
func TestTooManyTexts(t *testing.T) {
	queries := parsed(t, map[string]string{"k": "categories s most=2"})
	clients := []*table{
		{numbers: make([]float64, 2), texts: []string{"a", "b"}}, {numbers: make([]float64, 1), texts: []string{"c"}},
		{numbers: make([]float64, 3), texts: []string{"a", "b", "c"}},
	}
	for seed := range uint64(6) {
		a := ask(t, rand.New(rand.NewPCG(seed, 1)), queries, clients, 1, 1)["k"]
		if len(a.Counts) > 0 || len(a.Notes) != 1 || a.Clients != 3 {
			t.Errorf("seed %d: %s", seed, text(t, a))
		}
	}
}

// TestWhatIsToldFitsAMessage: queries of too many counts are refused, and of texts no more are told than there is room
// for, whatever is asked together.
func TestWhatIsToldFitsAMessage(t *testing.T) {
	const message = 4 << 20
	shares := " at=0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.85,0.9,0.95,0.96,0.97,0.98,1"
	of := map[string]string{}
	for i := range QueriesMax {
		of[fmt.Sprintf("q%d", i)] = "quantile x" + shares
	}
	b, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	queries, err := ParseQueries(string(b))
	if err == nil {
		err = Check(queries)
	}
	if err == nil || !strings.Contains(err.Error(), "counts in one round") {
		t.Errorf("%d quantiles of 16 shares: %v", QueriesMax, err)
	}
	of = map[string]string{}
	for i := range 9 {
		of[fmt.Sprintf("q%d", i)] = "quantile x" + shares
	}
	for i := range 4 {
		of[fmt.Sprintf("k%d", i)] = "categories s most=1024"
	}
	queries = parsed(t, of)
	for long, over := range map[int]bool{100: false, 250: true} {
		rows := &table{}
		for i := range 1024 {
			rows.numbers = append(rows.numbers, float64(i))
			rows.texts = append(rows.texts, fmt.Sprintf("%0*d", long, i))
		}
		asks := make([]Ask, len(queries))
		for i, q := range queries {
			total := Begin(q)
			asks[i] = total.Ask()
		}
		found, err := Find(queries, asks, rows)
		if err != nil {
			t.Fatal(err)
		}
		if n := PartsValue(found).Bytes(); n > message || found[0].Over != over {
			t.Errorf("texts of %d bytes: %d bytes are told, too many: %v", long, n, found[0].Over)
		}
		for i := range found {
			if err := found[i].Check(queries[i], asks[i], 1024); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestAForgedTotalIsNotSound: a total that no round can have is refused before anything is added to it or told of it.
func TestAForgedTotalIsNotSound(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	queries := parsed(t, everything)
	rows := some(rng, 60)
	for what, of := range map[string]struct {
		query string
		spoil func(t *Total)
	}{
		"texts without counts":      {"kinds", func(t *Total) { t.Counts, t.Holders = t.Counts[1:], t.Holders[1:] }},
		"a text without a count":    {"kinds", func(t *Total) { t.Texts = t.Texts[1:] }},
		"a text twice":              {"kinds", func(t *Total) { t.Texts[1] = t.Texts[0] }},
		"too many, and told":        {"kinds", func(t *Total) { t.Over = true }},
		"texts that are too few":    {"kinds", func(t *Total) { t.Counts[0]++ }},
		"a count below 0":           {"hist", func(t *Total) { t.Counts[0] -= 90; t.Counts[1] += 90 }},
		"bins of other values":      {"hist", func(t *Total) { t.Counts[2]++ }},
		"texts of a histogram":      {"hist", func(t *Total) { t.Texts = []string{"a"} }},
		"brackets of other values":  {"q", func(t *Total) { t.Values++ }},
		"brackets beyond numbers":   {"q", func(t *Total) { moved(t.Counts[:quantileBins+2], 0) }},
		"prefixes of other values":  {"heavy", func(t *Total) { t.Counts[7] += t.Values }},
		"holes of more than values": {"no-x", func(t *Total) { t.Counts[0] = t.Values + 1 }},
		"values without end":        {"x", func(t *Total) { t.Values = 1 << 62 }},
	} {
		q := queries[slices.IndexFunc(queries, func(q Query) bool { return q.Name == of.query })]
		total := Begin(q)
		found, err := Find([]Query{q}, []Ask{total.Ask()}, rows.part(seq(60)...))
		if err != nil {
			t.Fatal(err)
		}
		total.Add(q, &found[0])
		if err := total.Sound(q); err != nil {
			t.Fatal(err)
		}
		if of.spoil(&total); total.Sound(q) == nil {
			t.Errorf("%s are sound", what)
		}
	}
}

func TestQueriesAreRead(t *testing.T) {
	for line, want := range map[string]string{
		"count": "count", " mean  age ": "mean age", `sum "blood pressure"`: `sum "blood pressure"`,
		"histogram a from=0 to=1 bins=4": "histogram a edges=0,0.25,0.5,0.75,1",
		"quantile a at=0.5 width=0.1":    "quantile a at=0.5 width=0.1", "categories a": "categories a most=64",
		"heavy a clients=3": "heavy a clients=3 most=64", `count "a=b"`: `count "a=b"`,
	} {
		q, err := Parse(line)
		if err != nil || q.String() != want {
			t.Errorf("%q is %q, %v; want %q", line, q, err, want)
		}
		if again, err := Parse(q.String()); err != nil || again.String() != want {
			t.Errorf("%q is read back as %q, %v", want, again, err)
		}
	}
	for line, why := range map[string]string{
		"": "want one of", "median age": "want one of", "mean": "names no column", "mean a b": "no setting",
		"mean a at=1": `no setting "at"`, "quantile a": "no shares", "quantile a at=2": "no shares",
		"quantile a at=0.5,0.1": "ascend", "histogram a": "neither edges nor a range", "histogram a edges=1": "ascend",
		"histogram a edges=1,0": "ascend", "histogram a from=0 to=NaN bins=2": "finite",
		"histogram a from=0 to=1 bins=0": "want 1 to", "heavy a": "neither rows nor clients",
		"heavy a rows=1": "want 2 to", "heavy a rows=2 clients=2": "or both", "categories a most=0": "want 1 to",
		`mean "a`: "does not end", "mean a at=1 at=2": "twice",
	} {
		if _, err := Parse(line); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v; want %q", line, err, why)
		}
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"a":1}`, `{"a b":"count"}`, `{"a":"count"} {}`} {
		if _, err := ParseQueries(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// unread are rows that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Open(columns, _ []string) error {
	u.t.Errorf("%q are opened", columns)
	return nil
}

func (u unread) Next() ([]Column, int, error) {
	u.t.Error("rows are read")
	return nil, 0, nil
}

// TestNothingIsReadWhereNothingIsAsked: in rounds that ask nothing any more no data is opened.
func TestNothingIsReadWhereNothingIsAsked(t *testing.T) {
	parts, err := Find(parsed(t, map[string]string{"a": "mean x", "b": "count"}), make([]Ask, 2), unread{t})
	if err != nil || len(parts) != 2 || parts[0].Values != 0 {
		t.Errorf("%+v, %v", parts, err)
	}
}
