package archive

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// TestForkMoreRounds: a run that is forked with another number of rounds comes to the model of a run that had it from
// the beginning, more and fewer.
func TestForkMoreRounds(t *testing.T) {
	c := jobtest.Tiny()
	c.Rounds, c.Clients = 4, 3
	dir := filepath.Join(t.TempDir(), "run")
	run(t, local.Options{Dir: dir, Job: c})
	for _, rounds := range []int{3, 7} {
		whole := *c
		whole.Rounds = rounds
		want := run(t, local.Options{Dir: filepath.Join(t.TempDir(), "whole"), Job: &whole})
		f, err := Fork(ForkOptions{Dir: dir, At: 2, To: filepath.Join(t.TempDir(), "fork"),
			Set: map[string]string{"rounds": strconv.Itoa(rounds)}})
		if err != nil {
			t.Fatal(err)
		}
		got := run(t, local.Options{Dir: f.Dir})
		if got.ModelSHA256 != want.ModelSHA256 || got.Rounds != rounds || got.Artifact != want.Artifact ||
			!slices.Equal(got.History, want.History) {
			t.Errorf("%d rounds: %+v, from the beginning %+v", rounds, got, want)
		}
	}
}

// TestForkOtherNumbers changes what clients compute with: the rounds before are those of the run, the ones after are
// others, and the same whatever happened to the run and to the fork.
func TestForkOtherNumbers(t *testing.T) {
	c := jobtest.Tiny()
	c.Rounds, c.Clients, c.Momentum = 5, 3, 0.5
	first := filepath.Join(t.TempDir(), "first")
	plain := run(t, local.Options{Dir: first, Job: c})
	second := filepath.Join(t.TempDir(), "second")
	run(t, local.Options{Dir: second, Job: c, Chaos: 1})
	for key, text := range map[string]string{"learning_rate": "0.05", "momentum": "0.8"} {
		var models []string
		for i, dir := range []string{first, second} {
			f, err := Fork(ForkOptions{Dir: dir, At: 3, To: filepath.Join(t.TempDir(), "fork"),
				Set: map[string]string{key: text}})
			if err != nil {
				t.Fatal(err)
			}
			res := run(t, local.Options{Dir: f.Dir, Chaos: float64(i)})
			if !slices.Equal(res.History[:3], plain.History[:3]) || res.History[3] == plain.History[3] {
				t.Errorf("%s: history %v, of the run %v", key, res.History, plain.History)
			}
			models = append(models, res.ModelSHA256)
			if got, err := rundir.Stored(vfs.OS(), f.Dir); err != nil || got.Get(key) != text {
				t.Errorf("%s is remembered as %s (%v)", key, got.Get(key), err)
			}
		}
		if models[0] != models[1] || models[0] == plain.ModelSHA256 {
			t.Errorf("%s: models %q, of the run %s", key, models, plain.ModelSHA256)
		}
	}
}

// TestForkOtherSettingsRefused names each setting that a fork cannot change, and why.
func TestForkOtherSettingsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	run(t, local.Options{Dir: dir, Job: jobtest.Tiny()})
	for _, c := range []struct {
		at   int
		set  map[string]string
		want string
	}{
		{1, map[string]string{"clients": "3"}, "clients"}, {1, map[string]string{"seed": "3"}, "seed"},
		{1, map[string]string{"batch": "8"}, "batch"},
		{1, map[string]string{"nonsense": "8"}, "nonsense"}, {1, map[string]string{"momentum": "0.5"}, "momentum"},
		{2, map[string]string{"rounds": "2"}, "rounds"}, {3, map[string]string{"rounds": "9"}, "rounds"},
	} {
		var tune *TuneError
		if _, err := Fork(ForkOptions{Dir: dir, At: c.at, To: dir + "-x", Set: c.set}); !errors.As(err, &tune) ||
			tune.Key != c.want {
			t.Errorf("%v after round %d: %v", c.set, c.at, err)
		}
	}
	var bad *job.ConfigError
	if _,
		err := Fork(ForkOptions{Dir: dir, At: 1, To: dir + "-x",
		Set: map[string]string{"learning_rate": "99"}}); !errors.As(err, &bad) {
		t.Errorf("a value that is not possible: %v", err)
	}
}

// TestSameShape: only values of constants may differ, and only by others of their kind.
func TestSameShape(t *testing.T) {
	make := func(change func(p *program.Program)) *program.Program {
		p := &program.Program{Funcs: []program.Func{{Name: "f", Slots: 2,
			Ops: []program.Op{{Name: "c", Value: value.Int(1), Out: []program.Slot{1}}}}}}
		change(p)
		return p
	}
	nothing := func(*program.Program) {}
	for name, c := range map[string]struct {
		change func(p *program.Program)
		same   bool
	}{
		"nothing":      {nothing, true},
		"a line":       {func(p *program.Program) { p.Funcs[0].Ops[0].Line = "elsewhere.go:7" }, true},
		"a value":      {func(p *program.Program) { p.Funcs[0].Ops[0].Value = value.Int(2) }, true},
		"another type": {func(p *program.Program) { p.Funcs[0].Ops[0].Value = value.Float(2) }, false},
		"no value":     {func(p *program.Program) { p.Funcs[0].Ops[0].Value = nil }, false},
		"a tensor":     {func(p *program.Program) { p.Funcs[0].Ops[0].Value = zeroTensor() }, false},
		"an op":        {func(p *program.Program) { p.Funcs[0].Ops = append(p.Funcs[0].Ops, program.Op{}) }, false},
		"an input":     {func(p *program.Program) { p.Funcs[0].Ops[0].In = []program.Slot{0} }, false},
		"slots":        {func(p *program.Program) { p.Funcs[0].Slots = 3 }, false},
		"a function":   {func(p *program.Program) { p.Funcs = nil }, false},
		"an edge":      {func(p *program.Program) { p.Edges = []program.Edge{{}} }, false},
		"a component":  {func(p *program.Program) { p.Components = []program.Component{{}} }, false},
	} {
		if why := sameShape(make(nothing), make(c.change)); (why == "") != c.same {
			t.Errorf("%s: %q", name, why)
		}
	}
	if sameKind(zeroTensor(), zeroTensor(2)) || !sameKind(zeroTensor(), zeroTensor()) {
		t.Error("tensors are taken for one another by other than type and shape")
	}
}

// zeroTensor returns a tensor of that shape.
func zeroTensor(shape ...int) value.Value {
	n := 1
	for _, d := range shape {
		n *= d
	}
	t, err := tensor.FromFloat32(shape, make([]float32, n))
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}
