package rhizome_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/component"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// idler is a component that cannot start, and has nothing to do.
type idler struct{ state struct{} }

func (i *idler) State() any    { return &i.state }
func (*idler) Restored() error { return nil }
func (*idler) Start(*component.Context) error {
	return errors.New("no partition: set the option\x1b[2J")
}

func (*idler) Invoke(*component.Context, string, []value.Value) ([]value.Value, error) {
	return []value.Value{value.Int(1)}, nil
}

// idle is a job of two nodes whose components cannot start. With ticks it goes on without an end.
func idle(t *testing.T, ticks bool) rhizome.Job {
	t.Helper()
	g := graph.New("idle")
	here := g.Place("here")
	own := g.Component(graph.Component{Name: "own", Role: "protocol", Kind: "idler", At: []graph.Place{here},
		Methods: []graph.Method{{Name: "Go", In: []graph.Port{{Name: "tick"}},
			Out: []graph.Port{{Name: "n", Type: types.Int()}}}}})
	g.AppEmit("went", g.Invoke(own, "Go", g.Input(here, "go", types.Int())[0])[0])
	if ticks {
		g.Count("ticks", g.Interval(here, 20*time.Millisecond))
	}
	p, err := rhizome.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	j := rhizome.Job{Program: p, Nodes: map[string]int{"here": 2}, Components: []component.Kind{{Role: "protocol",
		Name: "idler", New: func(component.Env) (component.Component, error) { return &idler{}, nil }}}}
	j.Until.Place, j.Until.Event = "here", "went"
	return j
}

// TestWhatFailedFirstIsTold: a job that cannot end says so with the first failure that nothing handled, a run at once
// when nothing is under way any more, again when it is run again, and else when its context ends; a simulation when its
// time is over.
func TestWhatFailedFirstIsTold(t *testing.T) {
	told := func(err error, failed bool) {
		t.Helper()
		var stuck *rhizome.StuckError
		if !errors.As(err, &stuck) || stuck.Ended != 0 || stuck.Of != 2 {
			t.Fatalf("%v, want a *StuckError with 0 of 2", err)
		}
		if !failed {
			return
		}
		if stuck.Failure == nil || stuck.Member.Place != "here" ||
			!strings.Contains(err.Error(), "here-00") || !strings.Contains(err.Error(),
			"no partition: set the option") {
			t.Errorf("%v names no failure", err)
		}
		if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q shows a failure raw", err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	j, dir := idle(t, false), t.TempDir()
	_, err := rhizome.Run(ctx, dir, j)
	told(err, true)
	_, err = rhizome.Run(ctx, dir, j)
	told(err, false)
	_, err = rhizome.Simulate(ctx, j, rhizome.Conditions{Limit: time.Minute})
	told(err, true)

	// Two seconds are enough for a failure, where nothing else has the machine.
	for limit := 2 * time.Second; limit < time.Minute; limit *= 2 {
		short, cancel := context.WithTimeout(t.Context(), limit)
		_, err = rhizome.Run(short, t.TempDir(), idle(t, true))
		if cancel(); err == nil || strings.Contains(err.Error(), "no partition") {
			break
		}
	}
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no partition") ||
		!strings.Contains(err.Error(), "here-00") {
		t.Errorf("a run whose context ends: %v", err)
	}
}

// TestUntilIsAnEventOfTheProgram: a job that waits for an event which its program does not tell there is refused with
// those that it does; a component of one's own may tell any.
func TestUntilIsAnEventOfTheProgram(t *testing.T) {
	g := graph.New("ticks")
	here, there := g.Place("here"), g.Place("there")
	n := g.Interval(here, time.Second)
	g.AppEmit("ticked", n)
	g.If(g.At(here).Constant(value.Bool(true)),
		func(b *graph.Graph) []graph.Value { return []graph.Value{b.At(here).AppEmit("inner", n)} },
		func(b *graph.Graph) []graph.Value { return []graph.Value{b.At(here).AppEmit("other", n)} })
	g.AppEmit("elsewhere", g.Interval(there, time.Second))
	p, err := rhizome.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	for event, names := range map[string]string{"tikced": `["inner" "other" "ticked"]`, "elsewhere": "ticked",
		"ticked": "", "inner": ""} {
		j := rhizome.Job{Program: p, Nodes: map[string]int{"here": 1, "there": 1}}
		j.Until.Place, j.Until.Event = "here", event
		_, ran := rhizome.Simulate(t.Context(), j, rhizome.Conditions{Limit: time.Minute})
		if names == "" {
			if ran != nil {
				t.Errorf("%s: %v", event, ran)
			}
			continue
		}
		_, err := rhizome.Run(t.Context(), t.TempDir(), j)
		for _, err := range []error{ran, err} {
			var wrong *rhizome.ConfigError
			if !errors.As(err, &wrong) || wrong.Field != "Until.Event" || !strings.Contains(err.Error(), names) ||
				!strings.Contains(err.Error(), "Job.Until.Event") {
				t.Errorf("%s: %v, want one that names %s", event, err, names)
			}
		}
	}
}

// TestAnotherJobInItsDirectory: a directory of a job refuses another one by the job's own field.
func TestAnotherJobInItsDirectory(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	j := idle(t, false)
	if _, err := rhizome.Run(ctx, dir, j); !errors.As(err, new(*rhizome.StuckError)) {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*rhizome.Job){
		"Seed":  func(j *rhizome.Job) { j.Seed = 9 },
		"Nodes": func(j *rhizome.Job) { j.Nodes = map[string]int{"here": 3} },
		`Options["own"]`: func(j *rhizome.Job) {
			j.Options = func(rhizome.Member) map[string]any { return map[string]any{"own": map[string]int{"a": 1}} }
		},
		"Options": func(j *rhizome.Job) {
			j.Options = func(rhizome.Member) map[string]any { return map[string]any{"owm": 1} }
		},
		"Program": func(j *rhizome.Job) { j.Program = idle(t, true).Program },
	} {
		other := j
		change(&other)
		_, err := rhizome.Run(ctx, dir, other)
		var wrong *rhizome.ConfigError
		if !errors.As(err, &wrong) || wrong.Field != field || !strings.Contains(err.Error(), "Job."+field+" is") {
			t.Errorf("another %s: %v", field, err)
		}
	}
}
