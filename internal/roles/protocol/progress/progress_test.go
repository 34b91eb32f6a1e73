package progress_test

import (
	"math"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/progress"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

func scalar(x float64) value.Value {
	t, err := tensor.FromFloat32(nil, []float32{float32(x)})
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}

func made(t *testing.T, config string) *progress.Component {
	t.Helper()
	c, err := progress.Factory(node.Env{Slot: "progress", Config: []byte(config)})
	if err != nil {
		t.Fatal(err)
	}
	return c.(*progress.Component)
}

func do(t *testing.T, c *progress.Component, method string, in ...value.Value) value.Value {
	t.Helper()
	out, err := c.Invoke(nil, method, in)
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// judge gives the component a round of that loss and accuracy, with parameters that are its number.
func judge(t *testing.T, c *progress.Component, round int, loss, accuracy float64) {
	t.Helper()
	do(t, c, "Judge", value.Int(round), scalar(accuracy), scalar(loss))
	do(t, c, "Keep", value.Int(round), value.NewList(scalar(float64(round))))
}

// TestWhichRoundsAreTested: each n-th one, and the last.
func TestWhichRoundsAreTested(t *testing.T) {
	for config, want := range map[string]string{`{}`: "11111111", `{"every":1}`: "11111111", `{"every":3}`: "00100101",
		`{"every":100}`: "00000001"} {
		c, got := made(t, config), ""
		for round := range 8 {
			due := do(t, c, "Due", value.Int(round), value.Int(7))
			got += map[value.Value]string{value.Bool(true): "1", value.Bool(false): "0"}[due]
		}
		if got != want {
			t.Errorf("%s: %s, want %s", config, got, want)
		}
	}
}

// TestItStopsWhenNothingIsGained: after so many tests in a row that were not better by so much than the last one that
// was; no number is never better; and what comes after that changes nothing.
func TestItStopsWhenNothingIsGained(t *testing.T) {
	nan := math.NaN()
	for _, x := range []struct {
		config string
		losses []float64 // accuracy is 1 less the loss
		after  int       // tests, 0: never
		why    string
	}{
		{`{"stop":"loss","patience":2}`, []float64{5, 4, 4, 4, 1}, 4, "the loss has not fallen in 2 tests since round 2, " +
			"in which it was 4"},
		{`{"stop":"loss","patience":2,"min_delta":0.5}`, []float64{5, 4.75, 4.5, 4.25, 4.125, 4.0625}, 5,
			"the loss has not fallen by 0.5 in 2 tests since round 3, in which it was 4.5"},
		{`{"stop":"loss","patience":2}`, []float64{5, 6, 4, 6, 3, 6, 2}, 0, ""},
		{`{"stop":"accuracy","patience":1}`, []float64{0.5, 0.25, 0.25, 0}, 3,
			"the accuracy has not risen in 1 tests since round 2, in which it was 0.75"},
		{`{"stop":"loss","patience":3}`, []float64{nan, math.Inf(1), nan, 1}, 3,
			"the loss was no number in 3 tests in a row"},
		{`{"stop":"loss","patience":2}`, []float64{nan, 3, nan, 2, nan, nan, 1}, 6, "since round 4"},
		{`{"best":"loss"}`, []float64{1, 2, 3, 4}, 0, ""},
	} {
		c, after := made(t, x.config), 0
		for i, loss := range x.losses {
			if do(t, c, "Goes", value.Int(i)) == value.Bool(false) {
				break
			}
			after = i + 1
			judge(t, c, i, loss, 1-loss)
		}
		if x.after == 0 {
			x.after = len(x.losses)
		}
		why := c.Stopped()
		if after != x.after || (why == "") != (x.why == "") || !strings.Contains(why, x.why) {
			t.Errorf("%s of %v: after %d, %q; want after %d, %q", x.config, x.losses, after, why, x.after, x.why)
		}
		judge(t, c, 100, 0, 2)
		if why != c.Stopped() {
			t.Errorf("%s: %q, after a round more", x.config, c.Stopped())
		}
	}
}

// TestTheBestIsKept: with the parameters of its own round, whatever is judged again, or comes late, or is no number.
func TestTheBestIsKept(t *testing.T) {
	for config, want := range map[string]int64{`{"best":"loss"}`: 3, `{"best":"accuracy"}`: 4,
		`{"best":"loss","stop":"accuracy","patience":9}`: 3} {
		c := made(t, config)
		if round, _, _, params := c.Best(); round != 0 || params != nil {
			t.Errorf("%s: before the first test the best is of round %d", config, round)
		}
		judge(t, c, 0, 3, 0.1)
		judge(t, c, 1, math.NaN(), math.NaN())
		judge(t, c, 2, 1, 0.2)
		judge(t, c, 3, 2, 0.9)
		judge(t, c, 4, 1, 0.9)
		judge(t, c, 1, 0, 1)
		do(t, c, "Keep", value.Int(2), value.NewList(scalar(77)))
		round, _, figure, params := c.Best()
		if round != want || len(params) != 1 || int64(params[0].(value.Tensor).Float32()[0]) != want-1 ||
			figure != map[int64]float64{3: 1, 4: float64(float32(0.9))}[want] {
			t.Errorf("%s: round %d, %v, %v", config, round, figure, params)
		}
	}
}

func TestConforms(t *testing.T) {
	step := func(method string, in ...value.Value) componenttest.Step {
		return componenttest.Step{Name: method, Do: func(b *componenttest.Bench) {
			b.Invoke("progress", method, in...)
		}}
	}
	var steps []componenttest.Step
	for i, loss := range []float64{3, 2, 2.5, 1, 4, 5, 6} {
		n := value.Int(i)
		steps = append(steps, step("Due", n, value.Int(6)), step("Goes", n),
			step("Judge", n, scalar(0.5), scalar(loss)), step("Keep", n, value.NewList(scalar(loss))))
	}
	steps = append(steps, step("Goes", value.String("")), step("Judge", value.Int(9),
		scalar(1), value.NewList()), step("Keep", value.Int(3), value.NewList()))
	componenttest.Run(t, componenttest.Suite{Setup: componenttest.Setup{Seed: 3, Slots: []componenttest.Slot{{
		Name: "progress", Factory: progress.Factory,
		Config: `{"every":2,"best":"loss","stop":"loss","patience":2,"min_delta":0.25}`,
		Ops: []componenttest.Op{{Method: "Due", In: 2, Out: 1}, {Method: "Goes", In: 1, Out: 1},
			{Method: "Judge", In: 3, Out: 1}, {Method: "Keep", In: 2, Out: 1}},
	}}}, Steps: steps})
	for config, ok := range map[string]bool{`{}`: true, `{"every":-1}`: false, `{"every":100001}`: false,
		`{"best":"f1"}`: false, `{"stop":"loss"}`: false, `{"patience":3}`: false, `{"stop":"f1","patience":3}`: false,
		`{"stop":"loss","patience":3,"min_delta":-1}`: false, `{"min_delta":1}`: false, `{"more":1}`: false,
		`{"stop":"accuracy","patience":3,"min_delta":0.1}`: true} {
		if _, err := progress.ParseConfig([]byte(config)); (err == nil) != ok {
			t.Errorf("%s: %v", config, err)
		}
	}
}
