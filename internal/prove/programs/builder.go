package programs

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// Builder makes a program by hand, apart from the compiler.
type Builder struct{ Program *program.Program }

// NewBuilder begins a program that plays a place.
func NewBuilder(place string) *Builder {
	return &Builder{&program.Program{Place: place, Bootstrap: program.None, Main: program.None, Digest: [32]byte{1}}}
}

// Fn is a function that is being built.
type Fn struct {
	b  *Builder
	ID program.FuncID
}

// Fn adds a function with so many inputs in its first slots.
func (b *Builder) Fn(kind program.Kind, label string, inputs int) *Fn {
	id := program.FuncID(len(b.Program.Funcs))
	b.Program.Funcs = append(b.Program.Funcs, program.Func{
		ID: id, Name: fmt.Sprintf("%s%d", label, id), Kind: kind, Label: label, Edge: program.None,
		SiteBase: program.SiteID(id) * 1000, OpBase: program.OpRef(id) * 1000, Slots: int32(inputs),
		Inputs: int32(inputs),
	})
	switch kind {
	case program.KindBootstrap:
		b.Program.Bootstrap = id
	case program.KindMain:
		b.Program.Main = id
	}
	return &Fn{b, id}
}

// Get returns the function as it stands; it is valid until the next one is added.
func (f *Fn) Get() *program.Func { return &f.b.Program.Funcs[f.ID] }

// Op adds an op with so many outputs and returns their slots.
func (f *Fn) Op(code program.Code, outs int, in ...program.Slot) []program.Slot {
	return f.Add(program.Op{Code: code}, outs, in...)
}

// Add adds an op that has more to say than its code.
func (f *Fn) Add(o program.Op, outs int, in ...program.Slot) []program.Slot {
	x := f.Get()
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

// Constant adds a constant and returns its slot.
func (f *Fn) Constant(v value.Value) program.Slot {
	return f.Add(program.Op{Code: program.OpConstant, Value: v}, 1)[0]
}

// Results says which slots the function returns.
func (f *Fn) Results(slots ...program.Slot) { f.Get().Outputs = slots }
