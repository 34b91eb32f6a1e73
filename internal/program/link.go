package program

import "fmt"

// Link fills the derived tables of every function (Sources, UseStart, Uses, Need) and checks that the program is sound:
// every slot index, body, edge and component that an op names exists, every slot has at most one writer, and bodies do
// not call each other in a circle. A Program that was linked without an error can be run.
func (p *Program) Link() error {
	if err := p.check(); err != nil {
		return err
	}
	p.tables()
	return nil
}

// check fills the tables of the functions and checks what they refer to.
func (p *Program) check() error {
	for i := range p.Funcs {
		f := &p.Funcs[i]
		if f.ID != FuncID(i) {
			return fmt.Errorf("program: function %q has id %d at index %d", f.Name, f.ID, i)
		}
		if err := p.linkFunc(f); err != nil {
			return fmt.Errorf("program: function %q: %w", f.Name, err)
		}
	}
	for _, start := range []FuncID{p.Bootstrap, p.Main} {
		if start != None && (start < 0 || int(start) >= len(p.Funcs)) {
			return fmt.Errorf("program: start function %d of %d does not exist", start, len(p.Funcs))
		}
	}
	return p.checkCalls()
}

// tables fills the tables of the whole program.
func (p *Program) tables() {
	p.linkStarts()
	p.places = p.allPlaces()
}

// linkStarts fills the tables of what starts the functions. Of two receives of an edge the first stands; Load refuses
// them.
func (p *Program) linkStarts() {
	p.recv, p.subs, p.phases = make([]FuncID, len(p.Edges)), map[string][]FuncID{}, map[string][]FuncID{}
	for i := range p.recv {
		p.recv[i] = None
	}
	for i := range p.Funcs {
		switch f := &p.Funcs[i]; f.Kind {
		case KindRecv:
			if f.Edge >= 0 && int(f.Edge) < len(p.recv) && p.recv[f.Edge] == None {
				p.recv[f.Edge] = f.ID
			}
		case KindEvent:
			p.subs[f.Label] = append(p.subs[f.Label], f.ID)
		case KindLifecycle:
			p.phases[f.Label] = append(p.phases[f.Label], f.ID)
		}
	}
}

func (p *Program) linkFunc(f *Func) error {
	if f.Inputs < 0 || f.Inputs > f.Slots {
		return fmt.Errorf("%d inputs in %d slots", f.Inputs, f.Slots)
	}
	written := make([]bool, f.Slots)
	for s := range f.Inputs {
		written[s] = true
	}
	counts := make([]int32, f.Slots+1)
	f.Sources, f.Need = nil, make([]uint16, len(f.Ops))
	for i := range f.Ops {
		op := &f.Ops[i]
		inputs := 0
		for _, s := range op.In {
			if s == None {
				continue
			}
			if s < 0 || int32(s) >= f.Slots {
				return fmt.Errorf("op %d (%s) reads slot %d of %d", i, op.Name, s, f.Slots)
			}
			counts[s+1]++
			inputs++
		}
		for _, s := range op.Out {
			if s < 0 || int32(s) >= f.Slots || written[s] {
				return fmt.Errorf("op %d (%s) writes slot %d, which does not exist or has a writer", i, op.Name, s)
			}
			written[s] = true
		}
		switch {
		case op.Code == OpDeadline || inputs == 0:
			f.Sources = append(f.Sources, int32(i))
		case op.Code == OpThreshold:
			if op.N < 1 || op.N > int64(inputs) {
				return fmt.Errorf("op %d (%s) waits for %d of %d arrivals", i, op.Name, op.N, inputs)
			}
			f.Need[i] = uint16(op.N)
		case op.Code == OpAny:
			f.Need[i] = 1
		default:
			f.Need[i] = uint16(inputs)
		}
		if err := p.checkOp(op); err != nil {
			return fmt.Errorf("op %d (%s): %w", i, op.Name, err)
		}
	}
	for _, s := range f.Outputs {
		if s < 0 || int32(s) >= f.Slots {
			return fmt.Errorf("output slot %d of %d", s, f.Slots)
		}
	}
	f.index(counts)
	return nil
}

// index builds the readers by slot in compressed rows: counts[s+1] holds the readers of slot s.
func (f *Func) index(counts []int32) {
	for s := 1; s < len(counts); s++ {
		counts[s] += counts[s-1]
	}
	f.UseStart = counts
	f.Uses = make([]Use, counts[len(counts)-1])
	next := append([]int32(nil), counts...)
	for i := range f.Ops {
		for k, s := range f.Ops[i].In {
			if s != None {
				f.Uses[next[s]] = Use{Op: int32(i), Input: int32(k)}
				next[s]++
			}
		}
	}
}

// checkOp checks what an op refers to outside its function.
func (p *Program) checkOp(op *Op) error {
	body := func(id FuncID) error {
		if id < 0 || int(id) >= len(p.Funcs) || p.Funcs[id].Kind != KindBody {
			return fmt.Errorf("calls function %d, which is no body here", id)
		}
		if len(p.Funcs[id].Outputs) != len(op.Out) {
			return fmt.Errorf("body %q has %d results for %d outputs", p.Funcs[id].Name, len(p.Funcs[id].Outputs),
				len(op.Out))
		}
		want := len(op.In)
		if op.Code == OpIf {
			want-- // the condition stays here
		} // a loop gives its body the index in place of the count
		if int(p.Funcs[id].Inputs) != want {
			return fmt.Errorf("body %q has %d inputs for %d values", p.Funcs[id].Name, p.Funcs[id].Inputs, want)
		}
		return nil
	}
	switch op.Code {
	case OpIf:
		if err := body(op.Else); err != nil {
			return err
		}
		return body(op.Body)
	case OpLoop:
		if len(op.In) < 1 || len(op.Out) != len(op.In)-1 {
			return fmt.Errorf("a loop of %d inputs has %d outputs", len(op.In), len(op.Out))
		}
		return body(op.Body)
	case OpCall:
		return body(op.Body)
	case OpSend, OpRequest, OpReply:
		if op.Edge < 0 || int(op.Edge) >= len(p.Edges) {
			return fmt.Errorf("edge %d of %d", op.Edge, len(p.Edges))
		}
	case OpComponent:
		if op.Component < 0 || int(op.Component) >= len(p.Components) || !p.Components[op.Component].At(p.Place) {
			return fmt.Errorf("component %d does not live at %q", op.Component, p.Place)
		}
	case OpConstant:
		if op.Value == nil {
			return fmt.Errorf("a constant without a value")
		}
	case OpEncode, OpDecode:
		if op.Codec == nil {
			return fmt.Errorf("no codec")
		}
	case 0:
		return fmt.Errorf("no code")
	}
	return nil
}

// checkCalls refuses recursion: a call depth is then bounded by the number of functions.
func (p *Program) checkCalls() error {
	state := make([]uint8, len(p.Funcs)) // 0 new, 1 on the path, 2 done
	var visit func(id FuncID) error
	visit = func(id FuncID) error {
		switch state[id] {
		case 1:
			return fmt.Errorf("program: function %q calls itself; recursion is not bounded, use a loop",
				p.Funcs[id].Name)
		case 2:
			return nil
		}
		state[id] = 1
		for i := range p.Funcs[id].Ops {
			op := &p.Funcs[id].Ops[i]
			switch op.Code {
			case OpIf:
				if err := visit(op.Else); err != nil {
					return err
				}
				fallthrough
			case OpLoop, OpCall:
				if err := visit(op.Body); err != nil {
					return err
				}
			}
		}
		state[id] = 2
		return nil
	}
	for i := range p.Funcs {
		if err := visit(FuncID(i)); err != nil {
			return err
		}
	}
	return nil
}
