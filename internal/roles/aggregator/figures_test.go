package aggregator_test

import (
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/value"
)

// figured is a server whose rounds can end and whose aggregator keeps figures.
func figured(config string) *componenttest.Setup {
	s := server(config)
	s.Slots[1].Config, s.Slots[1].Deps = `{"on_failed":"skip"}`, []string{"registry"}
	s.Slots[3].Ops = append(s.Slots[3].Ops, componenttest.Op{Method: "Refuse", In: 3, Out: 1})
	return s
}

// mean opens a round of peers 1 to len(updates), lets each contribute its update with its samples, and returns the
// mean.
func mean(t *testing.T, b *componenttest.Bench, updates [][3]float32, samples []int) []float32 {
	t.Helper()
	who := make([]int, len(updates))
	for i := range who {
		who[i] = i + 1
	}
	open(b, 0, who...)
	await := b.Invoke("rounds", "Await", value.Int(0), value.Trigger{})
	for i, u := range updates {
		if f := contribute(b, 0, i+1, weights(u[0], u[1], u[2]), samples[i]); f != nil {
			t.Fatal(f)
		}
	}
	m, ok := await.Outputs()
	if !ok {
		t.Fatal("the round did not close")
	}
	out, ok := b.Invoke("aggregator", "Aggregate", value.Int(0), m[0]).Outputs()
	if !ok {
		t.Fatal("there is no mean")
	}
	return out[0].(*value.List).At(0).(value.Tensor).Float32()
}

// TestNobodyWeighsWhatHeSays (U8, trap declared-weight): a client that claims as many samples as it may moves the mean
// no further than the job lets it.
func TestNobodyWeighsWhatHeSays(t *testing.T) {
	updates := [][3]float32{{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {-1000, -1000, -1000}}
	for config, want := range map[string]float64{
		`{"model":"model","figures":true}`:                                          -999.7,
		`{"model":"model","figures":true,"weighting":"uniform"}`:                    -249.25,
		`{"model":"model","figures":true,"max_samples":100}`:                        -249.25,
		`{"model":"model","figures":true,"weighting":"uniform","clip":2}`:           0.25,
		`{"model":"model","figures":true,"max_samples":100,"clip":2,"max_open":2}`:  0.25,
		`{"model":"model","figures":true,"weighting":"samples","max_samples":5000}`: -942.7,
	} {
		b := bench(t, figured(config))
		join(b, 1, 2, 3)
		b.Message("registry", componenttest.Peer(4), "join", value.Int(1<<20), value.String("eve"))
		got := mean(t, b, updates, []int{100, 100, 100, 1 << 20})
		if d := float64(got[0]) - want; math.Abs(d) > 2 || want == 0.25 && (got[0] < -2 || got[0] > 2) {
			t.Errorf("%s: the mean is %v, want about %v", config, got, want)
		}
	}
}

// TestClipBoundsWhatAnUpdateChanges: the norm of what an update changes of the parameters is scaled down to the bound,
// its direction stays, and one within the bound keeps its bits.
func TestClipBoundsWhatAnUpdateChanges(t *testing.T) {
	b := bench(t, figured(`{"model":"model","figures":true,"clip":0.5}`))
	join(b, 1)
	global := parameters(t, b)
	far := [3]float32{global[0] + 30, global[1] + 40, global[2]}
	got := mean(t, b, [][3]float32{far}, []int{10})
	if d := math.Hypot(float64(got[0]-global[0]), float64(got[1]-global[1])); math.Abs(d-0.5) > 1e-6 ||
		math.Abs(float64(got[0]-global[0])-0.3) > 1e-6 {
		t.Errorf("an update 50 away was clipped to %v, %g away; want 0.5", got, d)
	}
	if c := clients(b)[0]; math.Abs(c.Norm-50) > 1e-4 || c.Clipped != 1 {
		t.Errorf("its figures are %+v", c)
	}
	b = bench(t, figured(`{"model":"model","figures":true,"clip":0.5}`))
	join(b, 1)
	near := [3]float32{global[0] + 0.1, global[1], global[2] - 0.1}
	if got := mean(t, b, [][3]float32{near}, []int{10}); got[0] != near[0] || got[1] != near[1] {
		t.Errorf("an update within the bound became %v, was %v", got, near)
	}
}

func parameters(t *testing.T, b *componenttest.Bench) []float32 {
	t.Helper()
	params, err := b.Component("model").(aggregator.Parameters).Params()
	if err != nil {
		t.Fatal(err)
	}
	return append(append([]float32{}, params[0].Float32()...), params[1].Float32()...)
}

func clients(b *componenttest.Bench) []aggregator.Client {
	return b.Component("aggregator").(*aggregator.Component).Clients()
}

// TestFiguresShowWhoIsUnlikeTheOthers: who pulls against the rest has a cosine that shows it, and refusals are counted
// with the last reason (case 18).
func TestFiguresShowWhoIsUnlikeTheOthers(t *testing.T) {
	b := bench(t, figured(`{"model":"model","figures":true}`))
	join(b, 1, 2, 3)
	g := parameters(t, b)
	mean(t, b, [][3]float32{{g[0] + 1, g[1] + 1, g[2]}, {g[0] + 1, g[1] + 0.9, g[2]}, {g[0] - 1, g[1] - 1, g[2]}},
		[]int{10, 20, 10})
	c := b.Component("aggregator").(*aggregator.Component)
	if c.Refused(componenttest.Peer(2)) {
		t.Error("whose answer counted was refused")
	}
	open(b, 1, 1, 2, 3)
	b.Invoke("aggregator", "Refuse", value.Int(1), peer(2), value.NewList(value.String(aggregator.CodeDiverged),
		value.String("x"), value.String("element 3 is NaN")))
	b.Invoke("aggregator", "Refuse", value.Int(1), peer(3), value.NewList(value.String(value.CodeSend),
		value.String("x"), value.String("it is away")))
	c = b.Component("aggregator").(*aggregator.Component)
	if !c.Refused(componenttest.Peer(2)) || c.Refused(componenttest.Peer(1)) || c.Refused(componenttest.Peer(3)) {
		t.Error("of three, whose answers counted, was refused, and never came, not the second alone was refused")
	}
	odd, by := 0, map[string]aggregator.Client{}
	for _, c := range clients(b) {
		by[c.Peer] = c
		if !c.Compared || c.Norm == 0 || c.Contributions != 1 {
			t.Errorf("%+v", c)
		}
		if c.Cosine < -0.9 {
			odd++
		} else if c.Cosine < 0.9 {
			t.Errorf("a cosine of %g", c.Cosine)
		}
	}
	if c := by[string(componenttest.Peer(2))]; odd != 1 || len(by) != 3 || c.Refusals != 1 ||
		c.Reason != "element 3 is NaN" || c.RefusedRound != 1 || c.Samples != 20 {
		t.Errorf("%d pull against the others; the refused one has %+v", odd, by[string(componenttest.Peer(2))])
	}
	if r, err := b.Restored(); err != nil || len(clients(r)) != 3 {
		t.Errorf("after a restore: %v", err)
	}
}
