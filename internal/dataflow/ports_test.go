package dataflow

import (
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/prove/programs"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// portsProgram calls a method that gives what it takes, between an Int port and one of the type, and tells the host.
func portsProgram(t *testing.T, method string, gives types.Type) *program.Program {
	p := programs.NewBuilder("one")
	p.Program.Components = append(p.Program.Components, program.Component{Name: "c", Places: []string{"one"}})
	f := p.Fn(program.KindInvoke, "call", 1)
	s := f.Add(program.Op{Code: program.OpComponent, Method: method, Takes: []*op.Port{{Name: "n", Type: types.Int()}},
		Gives: []*op.Port{{Name: "twice", Type: gives}}}, 1, 0)[0]
	f.Add(program.Op{Code: program.OpAppEmit, Label: "told"}, 1, s)
	if err := p.Program.Link(); err != nil {
		t.Fatal(err)
	}
	return p.Program
}

// TestValuesAreHeldAgainstPorts: a value that does not fit the port that a component declares is a failure which names
// both: one that comes does not reach the component, and one that it gives does not go on, whether it gives it at once,
// later, or out of a command. By earlier rules they pass.
func TestValuesAreHeldAgainstPorts(t *testing.T) {
	for _, c := range []struct {
		name, method string
		in           value.Value
		gives        types.Type
		rules        uint32
		want         string // in the failure; "" where there is none
	}{
		{"all fit", "same", value.Int(1), types.Int(), 4, ""},
		{"a wrong input", "same", value.String("x"), types.String(), 4,
			`slot "c", method same: input 0 (n) is of type String; want Int`},
		{"a wrong input by earlier rules", "same", value.String("x"), types.String(), 3, ""},
		{"a wrong input of a command", "work", value.String("x"), types.String(), 4, "input 0 (n) is of type String"},
		{"a wrong output", "same", value.Int(1), types.Float(), 4, "output 0 (twice) is of type Int; want Float"},
		{"nothing for an output", "tell", value.Int(1), types.Float(), 4, "output 0 (twice) is of type Trigger"},
		{"a wrong output by earlier rules", "same", value.Int(1), types.Float(), 3, ""},
		{"a wrong output that comes later", "later", value.Int(1), types.Float(), 4, "output 0 (twice) is of type Int"},
		{"a wrong result of a command", "work", value.Int(1), types.Float(), 4,
			"output 0 (twice) is a List with 1 items"},
	} {
		y := newYard(t, portsProgram(t, c.method, c.gives), testLimits())
		y.m.SetRules(c.rules)
		y.poll()
		y.call("call", c.in)
		y.poll()
		for kind := range byte(3) {
			y.act(2+kind, 1) // completes the command, or resolves what was parked
			y.poll()
		}
		said := y.m.st.appEvents
		if len(said) != 1 {
			t.Fatalf("%s: %d events: %v", c.name, len(said), said)
		}
		f := value.Failed(said[0].Value)
		switch {
		case c.want == "" && f != nil:
			t.Errorf("%s: %v", c.name, f)
		case c.want != "" && (f == nil || f.Code != value.CodeType || !strings.Contains(f.Message, c.want)):
			t.Errorf("%s: %v, want a failure of code %q with %q", c.name, said[0].Value, value.CodeType, c.want)
		}
		if ran := len(y.parked) > 0 || strings.Contains(strings.Join(y.said, " "), "command"); ran &&
			strings.Contains(c.want, "input") {
			t.Errorf("%s: the component ran: %v", c.name, y.said)
		}
	}
}

// TestPortsCostNoMemory: a value that fits its ports is held against them without an allocation.
func TestPortsCostNoMemory(t *testing.T) {
	o := &program.Op{In: []program.Slot{0, 1, 2}, Out: []program.Slot{3}}
	list := types.ListOf(types.ListsOf(types.Int()), types.Any())
	o.Takes = []*op.Port{{Type: types.Int()}, nil, {Type: list}}
	o.Gives = []*op.Port{{Type: types.Float(), Or: types.String()}}
	in := []value.Value{value.Int(1), value.String("any"), value.NewList(value.NewList(value.Int(1)), value.Trigger{})}
	out := []value.Value{value.String("x")}
	if n := testing.AllocsPerRun(100, func() {
		if why := o.WrongInput(in) + o.WrongOutput(out); why != "" {
			t.Error(why)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
