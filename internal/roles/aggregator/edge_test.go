package aggregator_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// tiered is a node beside edges: one of them, or the server that adds up what they give.
func tiered(place, rule, config string) *componenttest.Setup {
	return &componenttest.Setup{
		Place: place, Targets: map[string][]wire.PeerID{"server": {componenttest.Peer(7)},
			"edges": {componenttest.Peer(8), componenttest.Peer(9)}},
		Slots: []componenttest.Slot{
			{Name: "registry", Factory: registry.Factory, Config: `{"edges":"edges"}`},
			{Name: "rounds", Factory: rounds.Factory, Config: rule, Deps: []string{"registry"},
				Ops: []componenttest.Op{{Method: "Open", In: 2, Out: 1}, {Method: "Await", In: 2, Out: 1}}},
			{Name: "model", Factory: model.Factory, Config: `{"mlp":[2,1]}`},
			{Name: "aggregator", Factory: aggregator.Factory, Config: config,
				Derived: []string{"spare", "combine", "past"}, Deps: []string{"rounds", "registry", "model"},
				Ops: []componenttest.Op{{Method: "Contribute", In: 4, Out: 1}, {Method: "Mean", In: 2, Out: 4},
					{Method: "Sum", In: 2, Out: 2}, {Method: "AddSum", In: 4, Out: 1},
					{Method: "Refuse", In: 3, Out: 1}}},
		},
	}
}

func edge(t *testing.T) *componenttest.Bench {
	return bench(t, tiered("edges", `{"on_failed":"skip","fewer":true,"newest":true}`,
		`{"model":"model","figures":true,"passes":true}`))
}

func top(t *testing.T) *componenttest.Bench {
	b := bench(t, tiered("server", `{"on_failed":"stop"}`, `{"model":"model","figures":true,"variances":[1]}`))
	for k, clients := range map[int][]int{8: {1, 2}, 9: {3}} {
		b.Message("registry", componenttest.Peer(k), "roster", value.Int(1), rosterOf(clients...))
	}
	return b
}

func rosterOf(clients ...int) value.Value {
	var out []value.Value
	for _, p := range inOrder(clients...).Items() {
		out = append(out, value.NewList(p, value.Int(100), value.String("")))
	}
	return value.NewList(out...)
}

// inOrder is cohort, sorted.
func inOrder(peers ...int) *value.List {
	slices.SortFunc(peers, func(a, b int) int {
		return strings.Compare(string(componenttest.Peer(a)), string(componenttest.Peer(b)))
	})
	return cohort(peers...).(*value.List)
}

// backwards is a list from its end.
func backwards(l *value.List) value.Value {
	out := slices.Clone(l.Items())
	slices.Reverse(out)
	return value.NewList(out...)
}

func ints(shape []int, x ...int64) value.Value {
	t, err := tensor.FromInt64(shape, x)
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}

func doubles(shape []int, x ...float64) value.Value {
	t, err := tensor.FromFloat64(shape, x)
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}

// TestSumsOfEdges: two edges, of which one refuses a client, and a server: the mean is that of all updates that count.
func TestSumsOfEdges(t *testing.T) {
	a, b, s := edge(t), edge(t), top(t)
	join(a, 1, 2)
	join(b, 3)
	for _, e := range []struct {
		*componenttest.Bench
		of []int
	}{{a, []int{1, 2}}, {b, []int{3}}, {s, []int{1, 2, 3}}} {
		open(e.Bench, 0, e.of...)
	}
	if f := contribute(a, 0, 1, weights(1, -1, 0.1), 10); f != nil {
		t.Fatal(f)
	}
	if f := contribute(a, 0, 2, weights(1, float32(math.NaN()), 0), 10); f == nil || f.Code != aggregator.CodeDiverged {
		t.Fatal(f)
	}
	a.Invoke("aggregator", "Refuse", value.Int(0), peer(2), value.NewList(value.String("diverged"), value.String(""),
		value.String("element 1 is NaN")))
	if f := contribute(b, 0, 3, weights(0.5, 3, 1e-9), 7); f != nil {
		t.Fatal(f)
	}
	for i, e := range []*componenttest.Bench{b, a} { // in this order: the round fails, and closes, with what a refused
		who := 9 - i
		members, ok := e.Invoke("rounds", "Await", value.Int(0), value.Trigger{}).Outputs()
		if !ok {
			t.Fatalf("edge %d does not close its round", who)
		}
		out, ok := e.Invoke("aggregator", "Sum", value.Int(0), members[0]).Outputs()
		if !ok {
			t.Fatal(e.Failures())
		}
		if f := s.Invoke("aggregator", "AddSum", value.Int(0), peer(who), out[0], out[1]).Failure; f != nil {
			t.Fatal(f)
		}
	}
	r := s.Invoke("rounds", "Await", value.Int(0), value.Trigger{})
	if r.Failure == nil || !strings.Contains(r.Failure.Message, "element 1 is NaN") {
		t.Errorf("a job that stops says %v", r.Failure)
	}
	st := s.Component("aggregator").State().(*aggregator.State)
	refused := slices.IndexFunc(st.Clients, func(x aggregator.Client) bool { return value.Peer(x.Peer) == peer(2) })
	if len(st.Clients) != 3 || refused < 0 || st.Clients[refused].Refusals != 1 ||
		st.Clients[refused].Code != "diverged" || st.Rounds[0].Total != 17 {
		t.Errorf("the server knows %+v, and sums %d", st.Clients, st.Rounds[0].Total)
	}
	got := st.Rounds[0].Tensors[0].Mean(17)
	if want := []float32{float32(13.5 / 17), float32(11.0 / 17)}; got[0] != want[0] || got[1] != want[1] {
		t.Errorf("the mean is %v, want %v", got, want)
	}
}

// TestWhomAnEdgeDoesNotTellOfIsAskedAgain: an edge did not know one of its clients when it was asked, since the client
// has come from another edge. The others count, and that one still owes its answer.
func TestWhomAnEdgeDoesNotTellOfIsAskedAgain(t *testing.T) {
	e, s := edge(t), top(t)
	join(e, 1)
	open(e, 0, 1)
	open(s, 0, 1, 2, 3)
	if f := contribute(e, 0, 1, weights(1, -1, 0.1), 10); f != nil {
		t.Fatal(f)
	}
	members, _ := e.Invoke("rounds", "Await", value.Int(0), value.Trigger{}).Outputs()
	out, ok := e.Invoke("aggregator", "Sum", value.Int(0), members[0]).Outputs()
	if !ok {
		t.Fatal(e.Failures())
	}
	if f := s.Invoke("aggregator", "AddSum", value.Int(0), peer(8), out[0], out[1]).Failure; f != nil {
		t.Fatal(f)
	}
	r := s.Component("rounds").State().(*rounds.State).Rounds[0]
	if !slices.Equal(r.Lost, []string{string(componenttest.Peer(2))}) || len(r.Settled) != 1 || len(r.Refused) > 0 {
		t.Errorf("to be asked again are %q of %q", r.Lost, r.Cohort)
	}
}

// TestARoundOfAnEdgeBeginsAnew: a server that asks an edge again for a round, open or closed, has lost what it came to.
// The edge asks its clients again, and counts each once.
func TestARoundOfAnEdgeBeginsAnew(t *testing.T) {
	b := edge(t)
	join(b, 1, 2)
	give := func(who ...int) {
		t.Helper()
		for _, k := range who {
			if f := contribute(b, 3, k, weights(float32(k), 0, 0), 10); f != nil {
				t.Fatal(f)
			}
		}
	}
	open(b, 3, 1, 2)
	before := b.Invoke("rounds", "Await", value.Int(3), value.Trigger{})
	give(1)
	open(b, 3, 1, 2)
	if out, done := before.Outputs(); !done || out[0].(*value.List).Len() > 0 {
		t.Errorf("who waited for the round of before has %v", out)
	}
	give(2, 1)
	open(b, 3, 1, 2)
	give(1, 2)
	members, ok := b.Invoke("rounds", "Await", value.Int(3), value.Trigger{}).Outputs()
	if !ok {
		t.Fatal("the round does not close")
	}
	out, ok := b.Invoke("aggregator", "Sum", value.Int(3), members[0]).Outputs()
	if !ok {
		t.Fatal(b.Failures())
	}
	if got := out[0].(*value.List).At(0).(value.Tensor).Int64(); got[0] != 30 || got[1] != 0 {
		t.Errorf("the sum is %v, want 10 times 1 and 2", got)
	}
	if f := b.Invoke("rounds", "Open", value.Int(2), cohort(1)).Failure; f == nil || f.Code != value.CodeLate {
		t.Errorf("a round before it: %v", f)
	}
}

// TestAMalformedSumChangesNothing: a sum that cannot be one, or that is of clients who are not its edge's, is refused
// with a code, and nothing of it stays.
func TestAMalformedSumChangesNothing(t *testing.T) {
	b := top(t)
	open(b, 0, 1, 2, 3)
	states := func() (all []byte) {
		for _, slot := range []string{"aggregator", "rounds", "registry"} {
			s, err := snapshot.Marshal(value.NewRegistry(), b.Component(slot).State())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s...)
		}
		return all
	}
	sum := func(x ...int64) value.Value {
		return value.NewList(ints([]int{2, 1, 2}, x[:4]...), ints([]int{1, 2}, x[4:]...))
	}
	tally := func(who value.Value, samples []int64, refused ...value.Value) value.Value {
		return value.NewList(who, ints([]int{len(samples)}, samples...), doubles([]int{len(samples), 4},
			make([]float64, 4*len(samples))...), value.NewList(refused...))
	}
	no := func(who int) value.Value {
		return value.NewList(peer(who), value.String("diverged"), value.String("no number"))
	}
	good, ten := sum(0, 0, -1, -1, 0, 5), []int64{10}
	before := states()
	for name, c := range map[string]struct {
		edge       int
		sum, tally value.Value
		code       string
	}{
		"beyond all updates":    {9, sum(10<<20, 0, 0, 0, 0, 0), tally(cohort(3), ten), value.CodeError},
		"below all updates":     {9, sum(-10<<20, 0, 0, 0, 0, 0), tally(cohort(3), ten), value.CodeError},
		"the least number":      {9, sum(math.MinInt64, 0, 0, 0, 0, 0), tally(cohort(3), ten), value.CodeError},
		"a variance below 0":    {9, sum(0, 0, 0, 0, -1, 5), tally(cohort(3), ten), value.CodeError},
		"of another's client":   {9, good, tally(cohort(1), ten), value.CodeStranger},
		"of a client of nobody": {9, good, tally(cohort(4), ten), value.CodeStranger},
		"refuses another's":     {9, good, tally(cohort(3), ten, no(1)), value.CodeStranger},
		"refuses unheard": {8, good, tally(cohort(1), ten, value.NewList(peer(2), value.String(value.CodeSend),
			value.String("gone"))), value.CodeError},
		"counts and refuses": {9, good, tally(cohort(3), ten, no(3)), value.CodeError},
		"by no edge":         {3, good, tally(cohort(3), ten), value.CodeStranger},
		"twice the same":     {8, good, tally(cohort(1, 1), []int64{10, 10}), value.CodeError},
		"out of order":       {8, good, tally(backwards(inOrder(1, 2)), []int64{10, 10}), value.CodeError},
		"no samples":         {9, good, tally(cohort(3), []int64{0}), value.CodeOverflow},
		"too many samples":   {9, good, tally(cohort(3), []int64{101}), value.CodeError},
		"fewer samples":      {8, good, tally(inOrder(1, 2), ten), value.CodeType},
		"of nobody":          {9, good, tally(cohort(), nil), value.CodeError},
		"means":              {9, weights(1, 2, 3), tally(cohort(3), ten), value.CodeError},
		"one tensor":         {9, value.NewList(ints([]int{1, 2}, 0, 0)), tally(cohort(3), ten), value.CodeError},
		"another shape": {9, value.NewList(ints([]int{1, 2, 2}, 0, 0, 0, 0), ints([]int{1, 2}, 0, 0)),
			tally(cohort(3), ten), value.CodeError},
		"no tensor":       {9, value.NewList(value.Int(1), value.Int(2)), tally(cohort(3), ten), value.CodeType},
		"no tally":        {9, good, value.NewList(), value.CodeType},
		"another tally":   {9, good, value.NewList(cohort(3), cohort(3), cohort(3), cohort(3)), value.CodeType},
		"refuses nothing": {9, good, tally(cohort(3), ten, value.Int(1)), value.CodeType},
	} {
		f := b.Invoke("aggregator", "AddSum", value.Int(0), peer(c.edge), c.sum, c.tally).Failure
		if f == nil || f.Code != c.code {
			t.Errorf("%s: got %v, want code %q", name, f, c.code)
		}
		if !bytes.Equal(states(), before) {
			t.Fatalf("%s: a refused sum changed the state", name)
		}
	}
	if f := b.Invoke("aggregator", "AddSum", value.Int(0), peer(9), good, tally(cohort(3), ten)).Failure; f != nil {
		t.Errorf("a good sum after bad ones: %v", f)
	}
	if f := b.Invoke("aggregator", "AddSum", value.Int(0), peer(9), good, tally(cohort(3), ten)).Failure; f == nil ||
		f.Code != value.CodeDuplicate {
		t.Errorf("again: %v", f)
	}
	if f := b.Invoke("aggregator", "AddSum", value.Int(7), peer(9), good, tally(cohort(3), ten)).Failure; f == nil ||
		f.Code != value.CodeStranger {
		t.Errorf("of a round that was never opened: %v", f)
	}
	// what cannot be used of an edge is refused of all its clients
	b.Invoke("aggregator", "Refuse", value.Int(0), peer(8), value.NewList(value.String(value.CodeError),
		value.String(""), value.String("no sum")))
	if r := b.Invoke("rounds", "Await", value.Int(0), value.Trigger{}); r.Failure == nil ||
		strings.Count(r.Failure.Message, "no sum") != 2 {
		t.Errorf("a job of which an edge fails says %v", r.Failure)
	}
}
