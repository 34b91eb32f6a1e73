// Package progress follows how good the model of a job becomes from round to round, as the component kind "progress"
// version 1: which rounds are tested, when nothing more is to be gained, and which round made the best model.
//
// What it decides is a function of the figures that it was given and is kept in its state, so a job that is stopped
// anywhere decides the same when it goes on.
//
// Ops of the component:
//
//	Due(round Int, last Int)                → Bool      whether the round is tested: each of Config.Every, and the last
//	Goes(round Int)                         → Bool      whether the round is trained: none after the job has stopped
//	Judge(round Int, accuracy, loss Tensor) → trigger   takes the figures of a round that was tested
//	Keep(round Int, params List)            → trigger   keeps the parameters, where the round is the best so far
package progress

import (
	"fmt"
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "protocol"
	Kind    = "progress"
	Version = 1
)

// What a model is judged by, on the samples that are held out.
const (
	Loss     = "loss"     // the smaller the better
	Accuracy = "accuracy" // the larger the better
)

// paramsMax bounds the tensors that are kept.
const paramsMax = 1 << 14

// Config is the settings of the component.
type Config struct {
	// Every is how many rounds are between two tests, 1 to 100,000; 0 means 1.
	Every int `json:"every,omitempty"`
	// Best is by which figure the best model is kept, Loss or Accuracy; "" keeps none.
	Best string `json:"best,omitempty"`
	// Stop is the figure that has to become better, or the job stops; "" never stops it.
	Stop string `json:"stop,omitempty"`
	// Patience is in how many tests in a row it may fail to, 1 to 100,000, with Stop.
	Patience int `json:"patience,omitempty"`
	// MinDelta is by how much it has to become better than it was when it last did, with Stop; 0 or more.
	MinDelta float64 `json:"min_delta,omitempty"`
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte { return config.JSON(c) }

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) { return config.Parse("progress config", b, Config.check) }

func (c Config) check() (Config, error) {
	const of = "progress config"
	if c.Every == 0 {
		c.Every = 1
	}
	for _, word := range []string{c.Best, c.Stop} {
		if word != "" && word != Loss && word != Accuracy {
			return c, config.Errorf(of, "best or stop is %q; want %q, %q, or none", word, Loss, Accuracy)
		}
	}
	if (c.Stop == "") != (c.Patience == 0) || c.Stop == "" && c.MinDelta != 0 ||
		!(c.MinDelta >= 0 && c.MinDelta <= math.MaxFloat32) {
		return c, config.Errorf(of, "stop is %q, patience %d and min_delta %g; want the first two or none of them, and 0 "+
			"or more", c.Stop, c.Patience, c.MinDelta)
	}
	if err := config.Within(of, "patience", int64(c.Patience), 0, 100_000); err != nil {
		return c, err
	}
	return c, config.Within(of, "every", int64(c.Every), 1, 100_000)
}

// Component follows one job. It is thread-unsafe, like every component.
type Component struct {
	slot string
	cfg  Config
	st   State
}

// State is what came of the tests so far.
type State struct {
	Judged int64 `snap:"1"` // rounds that were taken: 1 + the number of the last one that was tested

	Best   float64       `snap:"2"` // the figure of the best model
	BestIn int64         `snap:"3"` // 1 + the round that made it; 0 before there is one
	Params []value.Value `snap:"4"` // its parameters; none where none are kept

	Mark    float64 `snap:"5"` // what has to become better
	MarkIn  int64   `snap:"6"` // 1 + the round in which it last did; 0 before there is one
	Failed  int64   `snap:"7"` // tests since then
	Stopped bool    `snap:"8"`
}

// Factory builds the component of a slot.
func Factory(env node.Env) (engine.Component, error) {
	c, err := ParseConfig(env.Config)
	if err != nil {
		return nil, err
	}
	return &Component{slot: env.Slot, cfg: c}, nil
}

// Methods returns what a choreography may invoke on it.
func Methods() []graph.Method {
	round := graph.Port{Name: "round", Type: types.Int()}
	return []graph.Method{{
		Name: "Due", Doc: "Says whether a round is tested.",
		In:  []graph.Port{round, {Name: "last", Type: types.Int()}},
		Out: []graph.Port{{Name: "due", Type: types.Bool()}},
	}, {
		Name: "Goes", Doc: "Says whether a round is trained.",
		In:  []graph.Port{round},
		Out: []graph.Port{{Name: "goes", Type: types.Bool()}},
	}, {
		Name: "Judge", Doc: "Takes the figures of a round that was tested.",
		In:  []graph.Port{round, {Name: "accuracy", Type: types.Tensor()}, {Name: "loss", Type: types.Tensor()}},
		Out: []graph.Port{{Name: "judged", Type: types.Trigger()}},
	}, {
		Name: "Keep", Doc: "Keeps the parameters of a round that is the best so far.",
		In:  []graph.Port{round, {Name: "params", Type: types.ListsOf(types.Tensor())}},
		Out: []graph.Port{{Name: "kept", Type: types.Trigger()}},
	}}
}

// State returns what came of the tests so far.
func (c *Component) State() any { return &c.st }

// Restored checks that the state is one that a job of these settings can come to.
func (c *Component) Restored() error {
	s := &c.st
	if s.Judged < 0 || s.BestIn < 0 || s.BestIn > s.Judged || s.MarkIn < 0 || s.MarkIn > s.Judged || s.Failed < 0 ||
		len(s.Params) > paramsMax || len(s.Params) > 0 && s.BestIn == 0 || s.Stopped && c.cfg.Stop == "" {
		return fmt.Errorf("%s: best in round %d and better in round %d of %d, %d tests since then, stopped = %v", c.slot,
			s.BestIn, s.MarkIn, s.Judged, s.Failed, s.Stopped)
	}
	return nil
}

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(_ *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	takes := map[string]int{"Due": 2, "Goes": 1, "Judge": 3, "Keep": 2}[method]
	if takes == 0 {
		return nil, c.fail(value.CodeError, "no op %q; want Due, Goes, Judge or Keep", method)
	}
	if len(in) != takes {
		return nil, c.fail(value.CodeType, "%s takes %d values, not %d", method, takes, len(in))
	}
	round, ok := in[0].(value.Int)
	if !ok || round < 0 || round > math.MaxInt64-1 {
		return nil, c.fail(value.CodeType, "%s takes a round as an Int of 0 or more", method)
	}
	switch method {
	case "Due":
		last, ok := in[1].(value.Int)
		if !ok {
			return nil, c.fail(value.CodeType, "Due takes the last round as an Int, not as %s", in[1].Type())
		}
		return []value.Value{value.Bool((int64(round)+1)%int64(c.cfg.Every) == 0 || round == last)}, nil
	case "Goes":
		return []value.Value{value.Bool(!c.st.Stopped)}, nil
	case "Judge":
		accuracy, ok1 := figure(in[1])
		loss, ok2 := figure(in[2])
		if !ok1 || !ok2 {
			return nil, c.fail(value.CodeType, "Judge takes accuracy and loss as scalars of float32")
		}
		c.judge(int64(round)+1, accuracy, loss)
	case "Keep":
		if f := c.keep(int64(round)+1, in[1]); f != nil {
			return nil, f
		}
	}
	return []value.Value{value.Trigger{}}, nil
}

// judge takes the figures of a round, which is numbered from 1. One that was taken before, or that comes after the job
// has stopped, changes nothing.
func (c *Component) judge(round int64, accuracy, loss float64) {
	s := &c.st
	if round <= s.Judged || s.Stopped {
		return
	}
	s.Judged = round
	of := func(what string) float64 {
		if what == Accuracy {
			return accuracy
		}
		return loss
	}
	if x := of(c.cfg.Best); c.cfg.Best != "" && better(c.cfg.Best, x, s.Best, 0, s.BestIn > 0) {
		s.Best, s.BestIn, s.Params = x, round, nil
	}
	if c.cfg.Stop == "" {
		return
	}
	if x := of(c.cfg.Stop); better(c.cfg.Stop, x, s.Mark, c.cfg.MinDelta, s.MarkIn > 0) {
		s.Mark, s.MarkIn, s.Failed = x, round, 0
		return
	}
	s.Failed++
	s.Stopped = s.Failed >= int64(c.cfg.Patience)
}

// better says whether a figure is better than another by at least so much; anything that is a number is better than
// none.
func better(of string, x, than, by float64, known bool) bool {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return false
	case !known:
		return true
	case of == Accuracy:
		x, than = -x, -than
	}
	return x < than && x <= than-by
}

// keep keeps the parameters of a round where it is the best so far.
func (c *Component) keep(round int64, params value.Value) *value.Failure {
	list, ok := params.(*value.List)
	if !ok || list.Len() == 0 || list.Len() > paramsMax ||
		slices.ContainsFunc(list.Items(), func(v value.Value) bool { _, is := v.(value.Tensor); return !is }) {
		return c.fail(value.CodeType, "Keep takes a List of 1 to %d Tensor", paramsMax)
	}
	if c.st.BestIn == round && c.st.Judged == round {
		c.st.Params = slices.Clone(list.Items())
	}
	return nil
}

// figure returns the number in a scalar of float32.
func figure(v value.Value) (float64, bool) {
	t, ok := v.(value.Tensor)
	if !ok || t.DType() != tensor.Float32 || t.Len() != 1 || len(t.Shape()) > 0 {
		return 0, false
	}
	return float64(t.Float32()[0]), true
}

// Best returns which round, from 1, has made the best model so far, its figure, and its parameters; 0 where there is
// none.
func (c *Component) Best() (round int64, of string, figure float64, params []value.Value) {
	if c.st.BestIn == 0 {
		return 0, c.cfg.Best, 0, nil
	}
	return c.st.BestIn, c.cfg.Best, c.st.Best, slices.Clone(c.st.Params)
}

// Stopped says why the job has stopped, "" where it has not.
func (c *Component) Stopped() string {
	if !c.st.Stopped {
		return ""
	}
	better := "fallen"
	if c.cfg.Stop == Accuracy {
		better = "risen"
	}
	by := ""
	if c.cfg.MinDelta > 0 {
		by = fmt.Sprintf(" by %g", c.cfg.MinDelta)
	}
	if c.st.MarkIn == 0 {
		return fmt.Sprintf("the %s was no number in %d tests in a row", c.cfg.Stop, c.st.Failed)
	}
	return fmt.Sprintf("the %s has not %s%s in %d tests since round %d, in which it was %.4g", c.cfg.Stop, better, by,
		c.st.Failed, c.st.MarkIn, c.st.Mark)
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
