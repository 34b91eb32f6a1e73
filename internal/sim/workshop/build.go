package workshop

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// part is a place's part of the scenario that is being built, by hand, so that the bench does not depend on the
// compiler.
type part struct {
	p    *program.Program
	base int // of its sites and ops, apart from those of the other part
}

// fn is a function that is being built.
type fn struct {
	b  *part
	id program.FuncID
}

func (b *part) fn(kind program.Kind, label string, inputs int) *fn {
	id := program.FuncID(len(b.p.Funcs))
	base := b.base + int(id)*1000
	b.p.Funcs = append(b.p.Funcs, program.Func{
		ID: id, Name: label, Kind: kind, Label: label, Edge: program.None,
		SiteBase: program.SiteID(base), OpBase: program.OpRef(base), Slots: int32(inputs), Inputs: int32(inputs),
	})
	if kind == program.KindBootstrap {
		b.p.Bootstrap = id
	}
	return &fn{b, id}
}

// recv adds the function that the envelopes of an edge start, whose values come first, then the sender and the context.
func (b *part) recv(e *program.Edge) *fn {
	f := b.fn(program.KindRecv, e.Name, len(e.Sites)+2)
	f.get().Edge = e.ID
	for i := range e.Sites {
		e.Sites[i] = f.get().SiteBase + program.SiteID(i)
	}
	return f
}

func (f *fn) get() *program.Func { return &f.b.p.Funcs[f.id] }

// add adds an op with so many outputs and returns their slots.
func (f *fn) add(o program.Op, outs int, in ...program.Slot) []program.Slot {
	x := f.get()
	o.In = in
	o.Name = fmt.Sprintf("%s.%d", x.Name, len(x.Ops))
	for range outs {
		o.Out = append(o.Out, program.Slot(x.Slots))
		x.Slots++
	}
	x.Ops = append(x.Ops, o)
	return o.Out
}

// one adds an op with one output.
func (f *fn) one(o program.Op, in ...program.Slot) program.Slot { return f.add(o, 1, in...)[0] }

func (f *fn) constant(v value.Value) program.Slot {
	return f.one(program.Op{Code: program.OpConstant, Value: v})
}

func (f *fn) bundle(in ...program.Slot) program.Slot {
	return f.one(program.Op{Code: program.OpBundle}, in...)
}

// emit tells the host.
func (f *fn) emit(name string, in ...program.Slot) {
	f.one(program.Op{Code: program.OpAppEmit, Label: name}, f.bundle(in...))
}

func (f *fn) gate(v, when program.Slot) program.Slot {
	return f.one(program.Op{Code: program.OpGate}, v, when)
}

func (f *fn) sleep(delay int64, v program.Slot) program.Slot {
	return f.one(program.Op{Code: program.OpSleep, Delay: delay}, v)
}

// permit waits for one of n permits, which the activation keeps until it ends, and hands the value on.
func (f *fn) permit(label string, n int64, v program.Slot) program.Slot {
	return f.gate(v, f.one(program.Op{Code: program.OpLimit, Label: label, N: n}, v))
}

// use calls a method of a component.
func (f *fn) use(component int32, method string, outs int, in ...program.Slot) []program.Slot {
	return f.add(program.Op{Code: program.OpComponent, Component: component, Method: method}, outs, in...)
}

// tries calls a method of the clerk again when it fails.
func (f *fn) tries(method string, attempts int32, in ...program.Slot) program.Slot {
	o := program.Op{Code: program.OpComponent, Component: clerkSlot, Method: method,
		Retry: program.Retry{Attempts: attempts, Backoff: 20 * ms}}
	return f.one(o, in...)
}

// once hands a value on for the first of each key.
func (f *fn) once(label string, v, key program.Slot) program.Slot {
	return f.one(program.Op{Code: program.OpAnyOnce, Label: label}, v, key)
}

// send sends values along an edge.
func (f *fn) send(e *program.Edge, to program.Slot, values ...program.Slot) program.Slot {
	return f.one(program.Op{Code: program.OpSend, Edge: e.ID}, append([]program.Slot{to}, values...)...)
}
