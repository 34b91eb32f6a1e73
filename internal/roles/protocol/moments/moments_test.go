package moments_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/moments"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

const slot = "moments"

func setup() componenttest.Setup {
	return componenttest.Setup{Slots: []componenttest.Slot{
		{Name: "registry", Factory: registry.Factory},
		{Name: "sums", Factory: rounds.Factory, Config: `{"on_failed":"stop","fewer":true,"asks":"sums.ask"}`,
			Deps: []string{"registry"},
			Ops:  []componenttest.Op{{Method: "Open", In: 2, Out: 1}, {Method: "Await", In: 2, Out: 1}}},
		{Name: slot, Factory: moments.Factory, Config: `{"features":2,"rounds":"sums"}`,
			Deps: []string{"sums", "registry"},
			Ops: []componenttest.Op{{Method: "Contribute", In: 5, Out: 1}, {Method: "Refuse", In: 3, Out: 1},
				{Method: "Constants", In: 2, Out: 3}, {Method: "Scale", In: 1, Out: 2}}},
	}}
}

func begin(b *componenttest.Bench, peers ...int) {
	var cohort []value.Value
	for _, p := range peers {
		b.Message("registry", componenttest.Peer(p), "join", value.Int(100), value.String("site"))
		cohort = append(cohort, peer(p))
	}
	b.Invoke("sums", "Open", value.Int(0), value.NewList(cohort...))
}

func peer(i int) value.Value { return value.Peer(componenttest.Peer(i)) }

// source is samples of two features.
func source(t *testing.T, x []float32) dataset.Source {
	t.Helper()
	s, err := dataset.InMemory(dataset.Schema{Shape: []int{2}, Features: tensor.Float32},
		dataset.Batch{Features: dataset.Column{Float32: x}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valuesOf(t *testing.T, s dataset.Source, rows []int) []value.Value {
	t.Helper()
	m, err := dataset.MomentsOf(s, rows)
	if err != nil {
		t.Fatal(err)
	}
	v, err := moments.Values(m)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func contribute(b *componenttest.Bench, who int, sums ...value.Value) *value.Failure {
	return b.Invoke(slot, "Contribute", append([]value.Value{value.Int(0), peer(who)}, sums...)...).Failure
}

func state(t *testing.T, b *componenttest.Bench, slots ...string) (out []byte) {
	t.Helper()
	for _, name := range slots {
		s, err := snapshot.Marshal(value.NewRegistry(), b.Component(name).State())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s...)
	}
	return out
}

// TestTheOrderIsAllTheSame: whatever the order in which sums come, also where nearly everything cancels, the state is
// the same to the bit, and the constants are those of all samples at one place.
func TestTheOrderIsAllTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float32, 120)
	for i := range x {
		x[i] = float32(rng.NormFloat64() * []float64{1e-20, 1, 1e20}[rng.IntN(3)])
	}
	s := source(t, x)
	m, err := dataset.MomentsOf(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	shift, divide, err := m.Constants("standard", 1)
	if err != nil {
		t.Fatal(err)
	}
	var before []byte
	for _, order := range [][]int{{1, 2, 3}, {3, 1, 2}, {2, 3, 1}, {3, 2, 1}} {
		u := setup()
		b, err := componenttest.New(&u)
		if err != nil {
			t.Fatal(err)
		}
		begin(b, 1, 2, 3)
		await := b.Invoke("sums", "Await", value.Int(0), value.Trigger{})
		for _, who := range order {
			rows := []int{}
			for i := range 60 {
				if i%3 == who-1 {
					rows = append(rows, i)
				}
			}
			if f := contribute(b, who, valuesOf(t, s, rows)...); f != nil {
				t.Fatal(f)
			}
		}
		now := state(t, b, slot)
		if before != nil && !bytes.Equal(now, before) {
			t.Errorf("the order %v makes another state", order)
		}
		before = now
		members, ok := await.Outputs()
		if !ok {
			t.Fatal("the round is not over")
		}
		if f := b.Invoke(slot, "Scale", value.Trigger{}).Failure; f == nil {
			t.Error("there are constants before they are made")
		}
		out, ok := b.Invoke(slot, "Constants", value.Int(0), members[0]).Outputs()
		if !ok {
			t.Fatal(b.Failures())
		}
		if !slices.Equal(out[1].(value.Tensor).Float64(), shift) ||
			!slices.Equal(out[2].(value.Tensor).Float64(), divide) {
			t.Errorf("the constants are %v and %v; want %v and %v", out[1], out[2], shift, divide)
		}
		if out, ok = b.Invoke(slot, "Scale", value.Trigger{}).Outputs(); !ok ||
			!slices.Equal(out[0].(value.Tensor).Float64(), shift) {
			t.Error("Scale gives others")
		}
	}
}

// TestWhatIsRefusedChangesNothing: of one who sends what cannot be sums of its samples nothing stays, and those of the
// others are scaled by.
func TestWhatIsRefusedChangesNothing(t *testing.T) {
	u := setup()
	b, err := componenttest.New(&u)
	if err != nil {
		t.Fatal(err)
	}
	begin(b, 1, 2)
	s := source(t, []float32{1, 2, 3, 4})
	good := valuesOf(t, s, nil)
	one := func(shape []int, x ...float64) value.Value {
		v, err := tensor.FromFloat64(shape, x)
		if err != nil {
			t.Fatal(err)
		}
		return value.Tensor{Tensor: v}
	}
	before := state(t, b, slot, "sums")
	for what, k := range map[string]struct {
		who  int
		sums []value.Value
	}{
		"a stranger": {9, good}, "the wrong order": {1, []value.Value{good[1], good[0],
			good[2]}},
		"no tensor": {1, []value.Value{good[0], value.Int(1), good[2]}},
		"long":      {1, []value.Value{good[0], one([]int{2, 15}, make([]float64, 30)...), good[2]}},
		"flat":      {1, []value.Value{good[0], one([]int{2}, 1, 1), good[2]}},
		"small":     {1, []value.Value{good[0], one([]int{2, 1}, 1e-300, 1), good[2]}},
	} {
		if f := contribute(b, k.who, k.sums...); f == nil || !bytes.Equal(state(t, b, slot, "sums"), before) {
			t.Errorf("%s: %v", what, f)
		}
	}
	if f := contribute(b, 1, good...); f != nil {
		t.Fatal(f)
	}
	if f := contribute(b, 1, good...); f == nil || f.Code != value.CodeDuplicate {
		t.Errorf("the same twice: %v", f)
	}
	why := value.NewList(value.String("error"), value.String("data"), value.String("its file has gone"))
	b.Invoke(slot, "Refuse", value.Int(0), peer(2), why)
	out, ok := b.Invoke(slot, "Constants", value.Int(0), value.NewList(peer(1))).Outputs()
	if !ok {
		t.Fatal(b.Failures())
	}
	told := out[0].(*value.List)
	if refused := told.At(5).(*value.List); told.At(0) != value.Int(1) || told.At(1) != value.Int(2) ||
		refused.Len() != 1 || !strings.Contains(string(refused.At(0).(*value.List).At(1).(value.String)), "gone") {
		t.Errorf("told %v", told)
	}
	if f := b.Invoke(slot, "Constants", value.Int(0), value.NewList(peer(1))).Failure; f == nil {
		t.Error("constants were made twice")
	}
}

func TestConforms(t *testing.T) {
	s := source(t, []float32{1, 2, 3, 4})
	sums := valuesOf(t, s, nil)
	step := func(name string, do func(b *componenttest.Bench)) componenttest.Step {
		return componenttest.Step{Name: name, Do: do}
	}
	componenttest.Run(t, componenttest.Suite{Setup: setup(), Steps: []componenttest.Step{
		step("begin", func(b *componenttest.Bench) { begin(b, 1, 2) }),
		step("early", func(b *componenttest.Bench) { b.Invoke(slot, "Scale", value.Trigger{}) }),
		step("first", func(b *componenttest.Bench) { contribute(b, 1, sums...) }),
		step("garbage", func(b *componenttest.Bench) { contribute(b, 2, sums[1], sums[0], sums[2]) }),
		step("second", func(b *componenttest.Bench) { contribute(b, 2, sums...) }),
		step("constants", func(b *componenttest.Bench) {
			b.Invoke(slot, "Constants", value.Int(0), value.NewList(peer(1), peer(2)))
		}),
		step("scale", func(b *componenttest.Bench) { b.Invoke(slot, "Scale", value.Trigger{}) }),
	}})
}

func TestConfig(t *testing.T) {
	for _, text := range []string{`{}`, `{"features":0}`, `{"features":100000}`, `{"features":2,"shape":[3]}`,
		`{"features":2,"each":-1}`, `{"features":2,"divisor":1e40}`, `{"features":2,"more":1}`} {
		if _, err := moments.ParseConfig([]byte(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
