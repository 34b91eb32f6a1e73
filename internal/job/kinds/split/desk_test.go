package split

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// server is a desk behind the rounds of its edges and a registry.
func server() *componenttest.Setup {
	asks := func(name string) componenttest.Slot {
		return componenttest.Slot{Name: name, Factory: rounds.Factory, Deps: []string{"registry"},
			Config: `{"on_failed":"stop","asks":"` + name + `.ask"}`, Ops: []componenttest.Op{
				{Method: "Open", In: 2, Out: 1}, {Method: "Await", In: 2, Out: 1}}}
	}
	return &componenttest.Setup{Seed: 1, Slots: []componenttest.Slot{
		{Name: "registry", Factory: registry.Factory, Config: `{"heartbeat_ms":3600000}`,
			Ops: []componenttest.Op{{Method: "Await", In: 1, Out: 1}}},
		asks("begin"), asks("step"),
		{Name: "desk", Factory: newDesk, Deps: []string{"registry", "begin", "step"}, Derived: []string{"cfg"},
			Config: `{"batch":4,"epochs":2,"edges":[{"rounds":"begin","answer":[{"name":"samples","is":"samples"},` +
				`{"name":"batches","is":"steps"}]},{"rounds":"step","answer":[{"name":"activations","dtype":1,` +
				`"shape":[2]},{"name":"labels","dtype":7,"shape":[2],"classes":3}]}]}`,
			Ops: []componenttest.Op{{Method: "Pick", In: 2, Out: 1}, {Method: "Ask", In: 3, Out: 1},
				{Method: "Question", In: 1, Out: 1}, {Method: "Contribute", In: 3, Out: 1},
				{Method: "Refuse", In: 3, Out: 1}, {Method: "Answer", In: 2, Out: 1}, {Method: "Sound", In: 2, Out: 1},
				{Method: "Failed", In: 1, Out: 1}}},
	}}
}

func peer(i int) value.Value { return value.Peer(componenttest.Peer(i)) }

func list(v ...value.Value) value.Value { return value.NewList(v...) }

func reals(x ...float32) value.Value {
	t, err := tensor.FromFloat32([]int{len(x)}, x)
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}

func whole(x ...int64) value.Value {
	t, err := tensor.FromInt64([]int{len(x)}, x)
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}

func join(b *componenttest.Bench) {
	for i, samples := range []int{10, 4} {
		b.Message("registry", componenttest.Peer(i), "join", value.Int(samples), value.String(""))
	}
}

// ask asks a peer along an edge, and returns the number of the question.
func ask(t *testing.T, b *componenttest.Bench, edge int, who value.Value, question ...value.Value) value.Value {
	out, ok := b.Invoke("desk", "Ask", value.Int(edge), value.Int(6), list(question...)).Outputs()
	if !ok {
		t.Fatal("it cannot be asked")
	}
	b.Invoke([]string{"begin", "step"}[edge], "Open", out[0], list(who))
	return out[0]
}

func contribute(b *componenttest.Bench, number, who value.Value, answer ...value.Value) *value.Failure {
	return b.Invoke("desk", "Contribute", number, who, list(answer...)).Failure
}

// TestAnswersAreChecked: an answer counts once, of the peer that was asked, in the form that the edge has, in numbers;
// what is refused changes nothing.
func TestAnswersAreChecked(t *testing.T) {
	b, err := componenttest.New(server())
	if err != nil {
		t.Fatal(err)
	}
	join(b)
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	n := ask(t, b, 0, peer(0), value.Int(0))
	for name, f := range map[string]*value.Failure{
		"more samples than joined with": contribute(b, n, peer(0), value.Int(11), value.Int(6)),
		"none":                          contribute(b, n, peer(0), value.Int(0), value.Int(0)),
		"more batches":                  contribute(b, n, peer(0), value.Int(10), value.Int(8)),
		"one value":                     contribute(b, n, peer(0), value.Int(10)),
		"another form":                  contribute(b, n, peer(0), value.Int(10), reals(6)),
		"of another peer":               contribute(b, n, peer(1), value.Int(4), value.Int(2)),
		"of a stranger":                 contribute(b, n, peer(5), value.Int(4), value.Int(2)),
		"of another question":           contribute(b, value.Int(7), peer(0), value.Int(10), value.Int(6)),
	} {
		if f == nil {
			t.Errorf("%s: it counts", name)
		}
	}
	if f := contribute(b, n, peer(0), value.Int(10), value.Int(6)); f != nil {
		t.Fatal(f)
	}
	if f := contribute(b, n, peer(0), value.Int(10), value.Int(6)); f == nil {
		t.Error("an answer counts twice")
	}
	if out, ok := b.Invoke("desk", "Answer", n, list(peer(0))).Outputs(); !ok || !reflect.DeepEqual(out[0],
		list(value.Int(10), value.Int(6))) {
		t.Errorf("the answer is %v", out)
	}
	if _, ok := b.Invoke("desk", "Answer", n, list(peer(0))).Outputs(); ok {
		t.Error("an answer is taken twice")
	}
	figures := func() []aggregator.Client { return b.Component("desk").(*desk).Clients() }
	if c := figures(); len(c) != 1 || c[0].Contributions != 0 || c[0].Samples != 10 || c[0].Round != 6 {
		t.Errorf("at the beginning of its turn its figures are %+v", c)
	}
	n = ask(t, b, 1, peer(1), reals(1, 2))
	for name, f := range map[string]*value.Failure{
		"no number":       contribute(b, n, peer(1), reals(1, nan), whole(0, 2)),
		"no end":          contribute(b, n, peer(1), reals(inf, 1), whole(0, 2)),
		"one more":        contribute(b, n, peer(1), reals(1, 2, 3), whole(0, 2)),
		"no float":        contribute(b, n, peer(1), whole(1, 2), whole(0, 2)),
		"a class too far": contribute(b, n, peer(1), reals(1, 2), whole(0, 3)),
		"a class below 0": contribute(b, n, peer(1), reals(1, 2), whole(-1, 2)),
	} {
		if f == nil || name[:2] == "no" && name != "no float" && f.Code != rounds.CodeDiverged {
			t.Errorf("%s: %v", name, f)
		}
	}
	if f := contribute(b, n, peer(1), reals(1, 2), whole(0, 2)); f != nil {
		t.Error(f)
	}
	b.Invoke("desk", "Answer", n, list(peer(1)))
	if c := figures(); len(c) != 2 || c[0].Contributions+c[1].Contributions != 1 || c[0].Refusals+c[1].Refusals != 0 {
		t.Errorf("at the end of a turn they are %+v", c)
	}
	if f := b.Invoke("desk", "Ask", value.Int(1), value.Int(6), list(reals(1, nan))).Failure; f == nil ||
		f.Code != rounds.CodeDiverged {
		t.Errorf("the server sends what is no number: %v", f)
	}
	for _, x := range []float32{nan, inf, 1 << 21} {
		if f := b.Invoke("desk", "Sound", list(reals(1), reals(0, x)), list(peer(1))).Failure; f == nil ||
			f.Code != rounds.CodeDiverged {
			t.Errorf("%v is sound: %v", x, f)
		}
	}
	out, ok := b.Invoke("desk", "Failed", list(value.String("error"), value.String("desk"), value.String("why"))).
		Outputs()
	if !ok || out[0].(*value.List).At(0) != value.Value(value.Int(6)) ||
		out[0].(*value.List).At(1) != value.Value(value.String("desk: why")) {
		t.Errorf("it failed in %v", out)
	}
}

// TestTheDeskConforms: the desk can be restored after each step, and all that changes is in its state.
func TestTheDeskConforms(t *testing.T) {
	step := func(name string, do func(*componenttest.Bench)) componenttest.Step {
		return componenttest.Step{Name: name, Do: do}
	}
	componenttest.Run(t, componenttest.Suite{Setup: *server(), Steps: []componenttest.Step{
		step("join", join),
		step("pick", func(b *componenttest.Bench) {
			b.Invoke("desk", "Pick", list(peer(0), peer(1)), value.Int(1))
			b.Invoke("desk", "Pick", list(peer(0), peer(1)), value.Int(2))
		}),
		step("ask", func(b *componenttest.Bench) {
			b.Invoke("desk", "Ask", value.Int(0), value.Int(0), list(value.Int(3)))
			b.Invoke("begin", "Open", value.Int(1), list(peer(0)))
		}),
		step("one at a time", func(b *componenttest.Bench) {
			b.Invoke("desk", "Ask", value.Int(1), value.Int(0), list(reals(3, 4)))
		}),
		step("question", func(b *componenttest.Bench) { b.Invoke("desk", "Question", value.Int(1)) }),
		step("answer", func(b *componenttest.Bench) {
			contribute(b, value.Int(1), peer(0), value.Int(10), value.Int(6))
		}),
		step("taken", func(b *componenttest.Bench) { b.Invoke("desk", "Answer", value.Int(1), list(peer(0))) }),
		step("the next", func(b *componenttest.Bench) {
			b.Invoke("desk", "Ask", value.Int(1), value.Int(0), list(reals(3, 4)))
			b.Invoke("step", "Open", value.Int(2), list(peer(0)))
		}),
		step("refused", func(b *componenttest.Bench) {
			contribute(b, value.Int(2), peer(0), reals(1), whole(1, 1))
			b.Invoke("desk", "Refuse", value.Int(2), peer(0), list(value.String("type"), value.String("desk"),
				value.String("another form")))
		}),
		step("failed", func(b *componenttest.Bench) {
			b.Invoke("desk", "Failed", list(value.String("error"), value.String("step"), value.String("no more")))
		}),
	}})
	for _, c := range []string{`{}`, `{"batch":1,"epochs":1,"edges":[]}`,
		`{"batch":0,"epochs":1,"edges":[{"rounds":"a","answer":[{"name":"x"}]}]}`,
		`{"batch":1,"epochs":1,"edges":[{"rounds":"","answer":[{"name":"x"}]}]}`,
		`{"batch":1,"epochs":1,"edges":[{"rounds":"a","answer":[{"name":"x","is":"what"}]}]}`} {
		if _, err := newDesk(node.Env{Slot: "desk", Config: []byte(c)}); err == nil {
			t.Errorf("a desk of %s", c)
		}
	}
}

// TestThePartConforms: a step that is asked for again reads what was there before it, and one that does not follow
// fails, in words, and changes nothing. A turn that is begun once more is taken back only from its first step on.
func TestThePartConforms(t *testing.T) {
	setup := componenttest.Setup{Seed: 3, Slots: []componenttest.Slot{{
		Name: "part", Factory: newPart, Config: `{"values":[{"dtype":1,"shape":[2]}]}`, Derived: []string{"cfg"},
		Ops: []componenttest.Op{{Method: "Begin", In: 2, Out: 1}, {Method: "Read", In: 2, Out: 1},
			{Method: "Held", In: 1, Out: 1}, {Method: "Write", In: 3, Out: 1}},
	}}}
	var steps []componenttest.Step
	call := func(method string, in ...value.Value) {
		steps = append(steps, componenttest.Step{Name: method,
			Do: func(b *componenttest.Bench) { b.Invoke("part", method, in...) }})
	}
	call("Read", value.Int(0), value.Int(0))
	call("Begin", value.Int(2), list(reals(1, 2)))
	call("Begin", value.Int(2), list(reals(1)))
	call("Write", value.Int(2), value.Int(0), list(reals(3, 4)))
	call("Read", value.Int(2), value.Int(1))
	call("Write", value.Int(2), value.Int(1), list(reals(5, 6)))
	call("Write", value.Int(2), value.Int(1), list(reals(7, 8)))
	call("Begin", value.Int(2), list(reals(1, 2)))
	call("Held", value.Int(2))
	call("Read", value.Int(2), value.Int(0))
	call("Begin", value.Int(3), list(reals(1, 2)))
	componenttest.Run(t, componenttest.Suite{Setup: setup, Steps: steps})

	p, err := newPart(node.Env{Slot: "part", Config: []byte(`{"values":[{"dtype":1,"shape":[1]}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range []struct {
		method      string
		round, step int64
		x           float32 // written, or read
		fails       bool
	}{
		{"Read", 0, 0, 0, true}, {"Held", 0, 0, 0, true}, {"Write", 0, 0, 1, true},
		{"Begin", 4, 0, 1, false}, {"Read", 4, 0, 1, false}, {"Read", 4, 1, 0, true}, {"Read", 3, 0, 0, true},
		{"Write", 4, 0, 2, false}, {"Read", 4, 0, 1, false}, {"Read", 4, 1, 2, false}, {"Write", 4, 0, 2, false},
		{"Write", 4, 2, 9, true}, {"Write", 4, 1, 3, false}, {"Read", 4, 0, 0, true}, {"Read", 4, 1, 2, false},
		{"Held", 4, 0, 3, false}, {"Held", 5, 0, 0, true},
		// begun again: it goes on where it is, or anew where that is asked for
		{"Begin", 4, 0, 7, false}, {"Held", 4, 0, 3, false}, {"Read", 4, 2, 3, false}, {"Write", 4, 2, 4, false},
		{"Read", 4, 0, 7, false}, {"Read", 4, 2, 0, true}, {"Write", 4, 0, 8, false}, {"Held", 4, 0, 8, false},
	} {
		in := []value.Value{value.Int(s.round), value.Int(s.step), list(reals(s.x))}
		switch s.method {
		case "Begin":
			in = []value.Value{in[0], in[2]}
		case "Read":
			in = in[:2]
		case "Held":
			in = in[:1]
		}
		out, err := p.Invoke(nil, s.method, in)
		if (err != nil) != s.fails || err != nil && !strings.Contains(err.Error(), "went back in time") {
			t.Fatalf("step %d, %s: %v", i, s.method, err)
		}
		if s.fails || s.method == "Begin" || s.method == "Write" {
			continue
		}
		if got := out[0].(*value.List).At(0).(value.Tensor).Float32(); !slices.Equal(got, []float32{s.x}) {
			t.Errorf("step %d, %s: %v, want %v", i, s.method, got, s.x)
		}
	}
	for _, c := range []string{`{}`, `{"values":[{"dtype":1,"shape":[-1]}]}`, `{"values":[{"dtype":1,"shape":[9999999]}]}`} {
		if _, err := newPart(node.Env{Slot: "part", Config: []byte(c)}); err == nil {
			t.Errorf("a part of %s", c)
		}
	}
}
