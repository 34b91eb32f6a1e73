package evaluation

import (
	"fmt"
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/value"
)

// server is a tally behind rounds and a registry.
func server() *componenttest.Setup {
	return &componenttest.Setup{Seed: 1, Slots: []componenttest.Slot{
		{Name: "registry", Factory: registry.Factory, Config: `{"heartbeat_ms":3600000}`,
			Ops: []componenttest.Op{{Method: "Await", In: 1, Out: 1}}},
		{Name: "rounds", Factory: rounds.Factory, Deps: []string{"registry"}, Config: `{}`, Ops: []componenttest.Op{
			{Method: "Open", In: 2, Out: 1}, {Method: "Await", In: 2, Out: 1}}},
		{Name: "tally", Factory: newTally, Deps: []string{"rounds", "registry"}, Config: `{"classes":2}`,
			Ops: []componenttest.Op{
				{Method: "Contribute", In: 5, Out: 1}, {Method: "Refuse", In: 3, Out: 1},
				{Method: "Total", In: 2, Out: 4}}},
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

func answer(b *componenttest.Bench, round, who int, counts []float32, loss float64, samples int) *value.Failure {
	return b.Invoke("tally", "Contribute", value.Int(round), peer(who), floats([]int{2, 2}, counts),
		floats(nil, []float32{float32(loss)}), value.Int(samples)).Failure
}

func join(b *componenttest.Bench) {
	for i, samples := range []int{10, 4, 6} {
		b.Message("registry", componenttest.Peer(i), "join", value.Int(samples), value.String(""))
	}
}

// TestAnswersAreChecked: an answer counts once, of a member of the cohort, for as many samples as it joined with, in
// whole counts that add up to them; what is refused changes nothing.
func TestAnswersAreChecked(t *testing.T) {
	b, err := componenttest.New(server())
	if err != nil {
		t.Fatal(err)
	}
	join(b)
	b.Invoke("rounds", "Open", value.Int(0), peers(0, 1))
	good := []float32{7, 1, 0, 2}
	for name, f := range map[string]*value.Failure{
		"more samples than joined with": answer(b, 0, 0, []float32{8, 1, 0, 2}, 1, 11),
		"fewer":                         answer(b, 0, 0, []float32{6, 1, 0, 2}, 1, 9),
		"counts of others":              answer(b, 0, 0, []float32{7, 1, 0, 1}, 1, 10),
		"half a sample":                 answer(b, 0, 0, []float32{6.5, 1.5, 0, 2}, 1, 10),
		"fewer than none":               answer(b, 0, 0, []float32{11, -1, 0, 0}, 1, 10),
		"no number":                     answer(b, 0, 0, []float32{float32(math.NaN()), 1, 0, 2}, 1, 10),
		"a loss below 0":                answer(b, 0, 0, good, -1, 10),
		"a loss that is no number":      answer(b, 0, 0, good, math.NaN(), 10),
		"a loss without end":            answer(b, 0, 0, good, math.Inf(1), 10),
		"not of the cohort":             answer(b, 0, 2, []float32{6, 0, 0, 0}, 1, 6),
		"another round":                 answer(b, 5, 0, good, 1, 10),
		"no sample":                     answer(b, 0, 0, []float32{0, 0, 0, 0}, 0, 0),
		"another form": b.Invoke("tally", "Contribute", value.Int(0), peer(0), floats([]int{4}, good),
			floats(nil, []float32{1}), value.Int(10)).Failure,
		"no tensor": b.Invoke("tally", "Contribute", value.Int(0), peer(0), value.Int(1),
			value.Int(1), value.Int(10)).Failure,
	} {
		if f == nil {
			t.Errorf("%s: it counts", name)
		}
	}
	if f := answer(b, 0, 1, []float32{1, 0, 1, 2}, 2, 4); f != nil {
		t.Fatal(f)
	}
	if f := answer(b, 0, 0, good, 5, 10); f != nil {
		t.Fatal(f)
	}
	if f := answer(b, 0, 0, good, 5, 10); f == nil {
		t.Error("an answer counts twice")
	}
	out, ok := b.Invoke("tally", "Total", value.Int(0), peers(0, 1)).Outputs()
	if !ok || fmt.Sprint(out[0].(value.Tensor).Float32(), out[1].(value.Tensor).Float32(),
		out[2].(value.Tensor).Float32()) != "[0.85714287] [0.5] [8 1 1 4]" ||
		out[3].(*value.List).Len() != 2 {
		t.Errorf("the total is %v", out)
	}
	if _, ok := b.Invoke("tally", "Total", value.Int(0), peers(0, 1)).Outputs(); ok {
		t.Error("a round is added up twice")
	}
	known := b.Component("tally").(*tally).Clients()
	if len(known) != 2 || known[0].Contributions != 1 || known[0].Samples+known[1].Samples != 14 {
		t.Errorf("members show %+v", known)
	}
}

// TestTheTallyConforms: the tally can be restored after each step, and all that changes is in its state.
func TestTheTallyConforms(t *testing.T) {
	step := func(name string, do func(*componenttest.Bench)) componenttest.Step {
		return componenttest.Step{Name: name, Do: do}
	}
	componenttest.Run(t, componenttest.Suite{Setup: *server(), Steps: []componenttest.Step{
		step("join", join),
		step("open", func(b *componenttest.Bench) { b.Invoke("rounds", "Open", value.Int(0), peers(0, 1)) }),
		step("one", func(b *componenttest.Bench) { answer(b, 0, 1, []float32{1, 0, 1, 2}, 2, 4) }),
		step("refused", func(b *componenttest.Bench) { answer(b, 0, 0, []float32{1, 0, 1, 2}, 2, 4) }),
		step("the next", func(b *componenttest.Bench) { b.Invoke("rounds", "Open", value.Int(1), peers(1, 2)) }),
		step("its first", func(b *componenttest.Bench) { answer(b, 1, 2, []float32{3, 0, 1, 2}, 1, 6) }),
		step("the other", func(b *componenttest.Bench) { answer(b, 0, 0, []float32{7, 1, 0, 2}, 5, 10) }),
		step("total", func(b *componenttest.Bench) { b.Invoke("tally", "Total", value.Int(0), peers(0, 1)) }),
	}})
}
