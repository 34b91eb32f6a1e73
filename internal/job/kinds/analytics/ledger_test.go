package analytics

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/analytics"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// server is a ledger behind rounds and a registry, of a count and a least value.
func server() *componenttest.Setup {
	return &componenttest.Setup{Seed: 1, Slots: []componenttest.Slot{
		{Name: "registry", Factory: registry.Factory, Config: `{"heartbeat_ms":3600000}`,
			Ops: []componenttest.Op{{Method: "Await", In: 1, Out: 1}}},
		{Name: "rounds", Factory: rounds.Factory, Deps: []string{"registry"},
			Config: `{"on_failed":"stop","fewer":true}`, Ops: []componenttest.Op{
				{Method: "Open", In: 2, Out: 1}, {Method: "Await", In: 2, Out: 1}}},
		{Name: ledgerSlot, Factory: newLedger, Deps: []string{"rounds", "registry"},
			Config: `{"queries":[{"name":"low","what":"min","column":"x"},{"name":"rows","what":"count"}],"least":2,` +
				`"rounds":2}`,
			Ops: []componenttest.Op{{Method: "Ask", In: 1, Out: 1}, {Method: "Contribute", In: 3, Out: 1},
				{Method: "Refuse", In: 3, Out: 1}, {Method: "Close", In: 2, Out: 3}}},
	}}
}

func peer(i int) value.Value { return value.Peer(componenttest.Peer(i)) }

func peers(who ...int) value.Value {
	var out []value.Value
	for _, i := range who {
		out = append(out, peer(i))
	}
	return value.NewList(out...)
}

// counted is what a client found: a least value of so many, and rows.
func counted(low float64, values, rows int) value.Value {
	none, err := tensor.FromInt64([]int{0}, nil)
	if err != nil {
		panic("analytics: " + err.Error())
	}
	of := func(n int, low float64) value.Value {
		return value.NewList(value.Int(n), value.Tensor{Tensor: none}, value.NewBytes(nil), value.NewBytes(nil),
			value.Float(low), value.Float(low), value.NewList(), value.Bool(false))
	}
	return value.NewList(of(values, low), of(rows, 0))
}

func contribute(b *componenttest.Bench, round, who int, found value.Value) *value.Failure {
	return b.Invoke(ledgerSlot, "Contribute", value.Int(round), peer(who), found).Failure
}

func join(b *componenttest.Bench) {
	for i, rows := range []int{10, 4, 6} {
		b.Message("registry", componenttest.Peer(i), "join", value.Int(rows), value.String(""))
	}
}

// TestAnswersOfClientsAreChecked: an answer counts once, of a member of the cohort, to the round that is open, for no
// more rows than it joined with; what is refused changes nothing.
func TestAnswersOfClientsAreChecked(t *testing.T) {
	b, err := componenttest.New(server())
	if err != nil {
		t.Fatal(err)
	}
	join(b)
	b.Invoke("rounds", "Open", value.Int(0), peers(0, 1))
	for name, f := range map[string]*value.Failure{
		"more rows than joined with": contribute(b, 0, 0, counted(1, 5, 11)),
		"no number":                  contribute(b, 0, 0, counted(math.NaN(), 5, 10)),
		"another form":               contribute(b, 0, 0, value.NewList(value.Int(1))),
		"no list":                    contribute(b, 0, 0, value.Int(1)),
		"not of the cohort":          contribute(b, 0, 2, counted(1, 5, 6)),
		"another round":              contribute(b, 1, 0, counted(1, 5, 10)),
		"who never joined":           contribute(b, 0, 5, counted(1, 5, 10)),
	} {
		if f == nil {
			t.Errorf("%s counts", name)
		}
	}
	if f := contribute(b, 0, 1, counted(-3, 4, 4)); f != nil {
		t.Fatal(f)
	}
	if f := contribute(b, 0, 0, counted(2, 1, 10)); f != nil {
		t.Fatal(f)
	}
	if f := contribute(b, 0, 0, counted(2, 1, 10)); f == nil {
		t.Error("an answer counts twice")
	}
	out, ok := b.Invoke(ledgerSlot, "Close", value.Int(0), peers(0, 1)).Outputs()
	if !ok || out[0] != value.Int(2) || len(out[1].(value.Bytes).Raw()) > 0 {
		t.Fatalf("the round ends with %v", out)
	}
	b.Invoke("rounds", "Open", value.Int(1), peers(0, 1))
	if f := contribute(b, 1, 0, counted(2, 1, 10)); f == nil {
		t.Error("what nobody asks any more counts")
	}
	if f := contribute(b, 1, 0, counted(0, 0, 0)); f != nil {
		t.Fatal(f)
	}
	b.Invoke(ledgerSlot, "Refuse", value.Int(1), peer(1),
		value.NewList(value.String("error"), value.String("data"), value.String("it lies")))
	out, ok = b.Invoke(ledgerSlot, "Close", value.Int(1), peers(0)).Outputs()
	if !ok {
		t.Fatal("the last round does not end")
	}
	told := string(out[1].(value.Bytes).Raw())
	for _, want := range []string{`"value":-3`, `"value":14`, `"refused":[{"round":2`, "it lies"} {
		if !strings.Contains(told, want) {
			t.Errorf("told %s; want %s", told, want)
		}
	}
	known := slices.Clone(b.Component(ledgerSlot).(*ledger).Clients())
	slices.SortFunc(known, func(a, b aggregator.Client) int { return cmp.Compare(a.Samples, b.Samples) })
	if len(known) != 2 || known[0].Contributions != 1 || known[0].Refusals != 1 || known[0].Reason != "it lies" ||
		known[1].Contributions != 2 || known[1].Samples != 10 || known[1].Refusals != 0 {
		t.Errorf("members show %+v", known)
	}
}

// TestAnswersThatAreTooLarge: where all answers together are too large to be told, the largest are withheld in words.
// The others are told.
func TestAnswersThatAreTooLarge(t *testing.T) {
	large := func(name string, bins int) string {
		a := &analytics.Answer{Name: name, Asked: strings.Repeat("histogram ", 99), Clients: 3, Values: 7}
		for range bins {
			a.Counts = append(a.Counts, analytics.Bin{Withheld: true})
		}
		text, err := marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	l := &ledger{}
	for i := range 40 {
		l.st.Answers = append(l.st.Answers, large("q", 400+i*i*3))
	}
	if err := l.fit(); err != nil {
		t.Fatal(err)
	}
	all, told, before := 0, 0, true
	for i, text := range l.st.Answers {
		all += len(text)
		whole := text == large("q", 400+i*i*3)
		if told++; !whole {
			told--
		}
		if whole && !before || !whole && !strings.Contains(text, `"withheld":"the answers of all`) {
			t.Errorf("answer %d is %.300s", i, text)
		}
		before = whole
	}
	if all > answersBytes || told < 20 || told == 40 {
		t.Errorf("%d answers are told, of %d bytes", told, all)
	}
}

// TestTheLedgerConforms: the ledger can be restored after each step, and all that changes is in its state.
func TestTheLedgerConforms(t *testing.T) {
	step := func(name string, do func(*componenttest.Bench)) componenttest.Step {
		return componenttest.Step{Name: name, Do: do}
	}
	componenttest.Run(t, componenttest.Suite{Setup: *server(), Steps: []componenttest.Step{
		step("join", join),
		step("open", func(b *componenttest.Bench) { b.Invoke("rounds", "Open", value.Int(0), peers(0, 1)) }),
		step("ask", func(b *componenttest.Bench) { b.Invoke(ledgerSlot, "Ask", value.Trigger{}) }),
		step("one", func(b *componenttest.Bench) { contribute(b, 0, 1, counted(-3, 4, 4)) }),
		step("refused", func(b *componenttest.Bench) { contribute(b, 0, 0, counted(2, 11, 10)) }),
		step("told so", func(b *componenttest.Bench) {
			b.Invoke(ledgerSlot, "Refuse", value.Int(0), peer(0),
				value.NewList(value.String("error"), value.String("data"), value.String("it lies")))
		}),
		step("closed", func(b *componenttest.Bench) { b.Invoke(ledgerSlot, "Close", value.Int(0), peers(1)) }),
		step("the next", func(b *componenttest.Bench) { b.Invoke("rounds", "Open", value.Int(1), peers(0, 1)) }),
		step("its first", func(b *componenttest.Bench) { contribute(b, 1, 1, counted(0, 0, 0)) }),
	}})
}
