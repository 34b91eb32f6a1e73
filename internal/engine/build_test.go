package engine

import (
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/prove/programs"
	"github.com/rhizome-ml/rhizome/value"
)

// builder makes programs by hand, so that the engine is tested apart from the compiler.
type builder struct {
	programs.Builder
	p *program.Program
}

func newBuilder(place string) *builder {
	b := programs.NewBuilder(place)
	return &builder{*b, b.Program}
}

// fn is a function that is being built.
type fn struct {
	*programs.Fn
	id program.FuncID
}

func (b *builder) fn(kind program.Kind, label string, inputs int) *fn {
	f := b.Builder.Fn(kind, label, inputs)
	return &fn{f, f.ID}
}

func (f *fn) get() *program.Func { return f.Get() }

func (f *fn) op(code program.Code, outs int, in ...program.Slot) []program.Slot {
	return f.Op(code, outs, in...)
}

func (f *fn) add(o program.Op, outs int, in ...program.Slot) []program.Slot {
	return f.Add(o, outs, in...)
}

func (f *fn) constant(v value.Value) program.Slot { return f.Constant(v) }

func (f *fn) results(slots ...program.Slot) { f.Results(slots...) }

func (b *builder) link(t tb) *program.Program {
	t.Helper()
	if err := b.p.Link(); err != nil {
		t.Fatal(err)
	}
	return b.p
}

// newEngine returns an engine for a program without components, or with the given ones.
func newEngine(t tb, p *program.Program, comps ...Component) *Engine {
	t.Helper()
	e, err := New(testConfig(p, comps...))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func testConfig(p *program.Program, comps ...Component) Config {
	l := DefaultLimits()
	l.OpsPerPoll = 1 << 20
	return Config{Program: p, Components: comps, Registry: value.NewRegistry(), Self: "self", Seed: 7, Limits: l,
		Anyone: p.Places()}
}

// bound has an engine go by limits that need not be ones which a configuration may have. They are not those of its
// State.
func (e *Engine) bound(l *Limits) {
	machine := l.machine()
	e.limits = l
	e.m.Bound(&machine)
}
