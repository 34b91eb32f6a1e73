package scores_test

import (
	"math"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/scores"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

func setup(config string) *componenttest.Setup {
	return &componenttest.Setup{Slots: []componenttest.Slot{
		{Name: "registry", Factory: registry.Factory, Config: `{"heartbeat_ms":1000}`},
		{Name: "rounds", Factory: rounds.Factory, Config: `{"on_failed":"skip","fewer":true}`, Deps: []string{"registry"},
			Ops: []componenttest.Op{{Method: "Open", In: 2, Out: 1}, {Method: "Await", In: 2, Out: 1}}},
		{Name: "scores", Factory: scores.Factory, Config: config, Deps: []string{"rounds", "registry"},
			Ops: []componenttest.Op{{Method: "Contribute", In: 5, Out: 1}, {Method: "Refuse", In: 3, Out: 1},
				{Method: "Total", In: 2, Out: 3}}},
	}}
}

const plain = `{"rounds":"rounds","registry":"registry","held":200000}`

func scalar(x float64) value.Value {
	t, err := tensor.FromFloat32(nil, []float32{float32(x)})
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}

func peer(i int) value.Peer { return value.Peer(componenttest.Peer(i)) }

// begin is a bench with an open round 0 of three peers, each of which trains on 80 samples.
func begin(t *testing.T, config string) *componenttest.Bench {
	t.Helper()
	b, err := componenttest.New(setup(config))
	if err != nil {
		t.Fatal(err)
	}
	var all []value.Value
	for i := 1; i <= 3; i++ {
		b.Message("registry", componenttest.Peer(i), "heartbeat", value.Int(80), value.String("x"))
		all = append(all, peer(i))
	}
	b.Invoke("rounds", "Open", value.Int(0), value.NewList(all...))
	return b
}

func total(t *testing.T, b *componenttest.Bench, who ...int) (accuracy, loss float64, clients int) {
	t.Helper()
	var all []value.Value
	for _, i := range who {
		all = append(all, peer(i))
	}
	out, ok := b.Invoke("scores", "Total", value.Int(0), value.NewList(all...)).Outputs()
	if !ok {
		t.Fatalf("no total: %v", b.Failures())
	}
	return float64(out[0].(value.Tensor).Float32()[0]), float64(out[1].(value.Tensor).Float32()[0]),
		out[2].(*value.List).Len()
}

// TestMeansAreWeighted: by samples, in whatever order they come; what is no figure, or of more samples than a peer can
// hold back, is refused and changes nothing.
func TestMeansAreWeighted(t *testing.T) {
	say := func(b *componenttest.Bench, who int, accuracy, loss float64, samples int) {
		b.Invoke("scores", "Contribute", value.Int(0), peer(who), scalar(accuracy), scalar(loss), value.Int(samples))
	}
	for _, order := range [][]int{{1, 2, 3}, {3, 1, 2}} {
		b := begin(t, plain)
		say(b, 1, math.NaN(), 1, 10)
		say(b, 1, 0.5, math.Inf(1), 10)
		say(b, 1, 1.5, 1, 10)
		say(b, 1, 0.5, 1, 0)
		say(b, 1, 0.5, 1, 22) // of 80 others it holds back 20, or one more
		if n := len(b.Failures()); n != 5 {
			t.Fatalf("%d refusals: %v", n, b.Failures())
		}
		for _, who := range order {
			say(b, who, 0.25*float64(who), float64(who), 5*who)
		}
		say(b, 2, 1, 0, 10)
		if all := b.Failures(); !strings.Contains(all[len(all)-1].Code, value.CodeDuplicate) {
			t.Errorf("a second answer is refused by %v", all[len(all)-1])
		}
		accuracy, loss, n := total(t, b, 1, 2, 3)
		if want := (0.25*5 + 0.5*10 + 0.75*15) / 30; math.Abs(accuracy-want) > 1e-6 || n != 3 ||
			math.Abs(loss-(5+20+45)/30.0) > 1e-6 {
			t.Errorf("%v, %v of %d", accuracy, loss, n)
		}
	}
}

// TestNobodyFoundAnything: a round that was skipped has no figures, and a quantity has no accuracy.
func TestNobodyFoundAnything(t *testing.T) {
	b := begin(t, plain)
	for i := 1; i <= 3; i++ {
		b.Invoke("scores", "Refuse", value.Int(0), peer(i), value.NewList(value.String("error"), value.String("data"),
			value.String("this node holds no samples for a test")))
	}
	if accuracy, loss, n := total(t, b); !math.IsNaN(accuracy) || !math.IsNaN(loss) || n != 0 {
		t.Errorf("%v, %v of %d", accuracy, loss, n)
	}
	b = begin(t, strings.Replace(plain, "}", `,"quantity":true}`, 1))
	for i := 1; i <= 3; i++ {
		b.Invoke("scores", "Contribute", value.Int(0), peer(i), scalar(math.NaN()), scalar(2), value.Int(4))
	}
	if accuracy, loss, n := total(t, b, 1, 2, 3); !math.IsNaN(accuracy) || loss != 2 || n != 3 {
		t.Errorf("%v, %v of %d", accuracy, loss, n)
	}
}

func TestConfig(t *testing.T) {
	for _, bad := range []string{`{}`, `{"rounds":"a","registry":"b"}`, `{"rounds":"a","registry":"b","held":1000000}`,
		`{"rounds":"a","registry":"b","held":1,"more":1}`} {
		if _, err := scores.ParseConfig([]byte(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestConforms(t *testing.T) {
	step := func(name string, do func(*componenttest.Bench)) componenttest.Step {
		return componenttest.Step{Name: name, Do: do}
	}
	steps := []componenttest.Step{step("members", func(b *componenttest.Bench) {
		for i := 1; i <= 3; i++ {
			b.Message("registry", componenttest.Peer(i), "heartbeat", value.Int(80), value.String("x"))
		}
	})}
	cohort := value.NewList(peer(1), peer(2), peer(3))
	for r := range 3 {
		steps = append(steps,
			step("open", func(b *componenttest.Bench) { b.Invoke("rounds", "Open", value.Int(r), cohort) }),
			step("found", func(b *componenttest.Bench) {
				for i := 1; i <= 3; i++ {
					b.Invoke("scores", "Contribute", value.Int(r), peer(i), scalar(0.25*float64(i)), scalar(2),
						value.Int(4+i))
				}
			}),
			step("total", func(b *componenttest.Bench) { b.Invoke("scores", "Total", value.Int(r), cohort) }))
	}
	componenttest.Run(t, componenttest.Suite{Setup: *setup(plain), Steps: steps})
}
