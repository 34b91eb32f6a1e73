package engine

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/program"
	"github.com/rhizome-ml/rhizome/value"
)

// builder makes programs by hand, so that the engine is tested apart from the compiler.
type builder struct{ p *program.Program }

func newBuilder(place string) *builder {
	return &builder{&program.Program{Place: place, Bootstrap: program.None, Main: program.None, Digest: [32]byte{1}}}
}

// fn is a function that is being built.
type fn struct {
	b  *builder
	id program.FuncID
}

func (b *builder) fn(kind program.Kind, label string, inputs int) *fn {
	id := program.FuncID(len(b.p.Funcs))
	b.p.Funcs = append(b.p.Funcs, program.Func{
		ID: id, Name: fmt.Sprintf("%s%d", label, id), Kind: kind, Label: label, Edge: program.None,
		SiteBase: program.SiteID(id) * 1000, OpBase: program.OpRef(id) * 1000, Slots: int32(inputs), Inputs: int32(inputs),
	})
	switch kind {
	case program.KindBootstrap:
		b.p.Bootstrap = id
	case program.KindMain:
		b.p.Main = id
	}
	return &fn{b, id}
}

func (f *fn) get() *program.Func { return &f.b.p.Funcs[f.id] }

// op adds an op with so many outputs and returns their slots.
func (f *fn) op(code program.Code, outs int, in ...program.Slot) []program.Slot {
	return f.add(program.Op{Code: code}, outs, in...)
}

func (f *fn) add(o program.Op, outs int, in ...program.Slot) []program.Slot {
	x := f.get()
	o.In = in
	if o.Name == "" {
		o.Name = fmt.Sprintf("%s.op%d", x.Name, len(x.Ops))
	}
	for range outs {
		o.Out = append(o.Out, program.Slot(x.Slots))
		x.Slots++
	}
	x.Ops = append(x.Ops, o)
	return o.Out
}

func (f *fn) constant(v value.Value) program.Slot {
	return f.add(program.Op{Code: program.OpConstant, Value: v}, 1)[0]
}

func (f *fn) results(slots ...program.Slot) { f.get().Outputs = slots }

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
	return Config{Program: p, Components: comps, Registry: value.NewRegistry(), Self: "self", Seed: 7, Limits: l}
}
