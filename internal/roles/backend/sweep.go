package backend

import (
	"slices"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// What an optimizer does to each parameter, with what it keeps of it, is one step: it goes once over all of them, some
// elements at a time, for which it does each operation, so that only what it reads and what leaves goes through memory.
// Each operation rounds as it would alone, so no bit of a result changes. Threads share the elements.

const (
	// sweepBlock is how many elements are done at once: 4 KiB.
	sweepBlock = 1 << 10

	// sweepWork is the number of elements, times operations, that are worth a thread.
	sweepWork = 1 << 19
)

// sweptOps are the operations on elements that a sweep does.
var sweptOps = map[string]func(s *kernel.Set) *kernel.Rows[float32, float32]{
	"Add": func(s *kernel.Set) *kernel.Rows[float32, float32] { return &s.Add },
	"Sub": func(s *kernel.Set) *kernel.Rows[float32, float32] { return &s.Sub },
	"Mul": func(s *kernel.Set) *kernel.Rows[float32, float32] { return &s.Mul },
	"Div": func(s *kernel.Set) *kernel.Rows[float32, float32] { return &s.Div },
}

// sweeping finds the steps of a sweep.
type sweeping struct {
	*lowered
	roots   []int
	readers map[int][]*step // of each root, without views
	out     map[int]bool    // the roots of what leaves
	swept   map[int]*step   // by what they make
}

// sweep joins what is done to parameters at the end of a step of training.
func (l *lowered) sweep() {
	if l.block < 0 {
		return
	}
	s := &sweeping{lowered: l, roots: l.rootsOf(), readers: map[int][]*step{}, out: map[int]bool{},
		swept: map[int]*step{}}
	for _, st := range l.steps {
		if st.def.view {
			continue
		}
		for _, id := range st.in {
			if id >= 0 {
				s.readers[s.roots[id]] = append(s.readers[s.roots[id]], st)
			}
		}
	}
	for _, id := range l.src.out {
		s.out[s.roots[id]] = true
	}
	for _, st := range slices.Backward(l.steps) {
		if s.last(st) {
			s.swept[st.out[0]] = st
		}
	}
	var lanes []*lane
	taken := map[*step]bool{}
	for _, of := range s.groups() {
		if s.descends(of) {
			lanes = append(lanes, s.lane(of))
			for _, st := range of {
				taken[st] = true
			}
		}
	}
	if len(lanes) == 0 {
		return
	}
	l.steps = slices.DeleteFunc(l.steps, func(st *step) bool { return taken[st] })
	l.steps = append(l.steps, s.step(lanes))
}

// last says whether a step is an operation on elements that only such ones of as many elements read, or nobody but the
// caller.
func (s *sweeping) last(st *step) bool {
	if st.op.Domain != "" || len(st.out) != 1 || sweptOps[st.op.Name] == nil && st.op.Name != "Sqrt" ||
		st.def != kernels[kernelKey{"", st.op.Name}] {
		return false
	}
	n := s.types[st.out[0]].Elements()
	for _, id := range st.in {
		if t := s.types[id]; t.DType != tensor.Float32 || t.Elements() != n && t.Elements() != 1 {
			return false
		}
	}
	for _, r := range s.readers[st.out[0]] {
		if len(r.out) != 1 || s.swept[r.out[0]] != r || s.types[r.out[0]].Elements() != n {
			return false
		}
	}
	return n > 0 && (s.out[st.out[0]] || len(s.readers[st.out[0]]) > 0)
}

// groups are the steps that hand elements to each other, each in order.
func (s *sweeping) groups() (out [][]*step) {
	of := map[int]int{} // of each root: another of its group, nearer to the one that stands for it
	find := func(root int) int {
		for of[root] != root {
			of[root], root = of[of[root]], of[of[root]]
		}
		return root
	}
	for _, st := range s.steps {
		id := st.out[0]
		if s.swept[id] != st {
			continue
		}
		of[id] = id
		for _, in := range st.in {
			if r := s.roots[in]; s.swept[r] != nil {
				of[find(id)] = find(r)
			}
		}
	}
	at := map[int]int{}
	for _, st := range s.steps {
		if s.swept[st.out[0]] != st {
			continue
		}
		g := find(st.out[0])
		if _, ok := at[g]; !ok {
			at[g], out = len(out), append(out, nil)
		}
		out[at[g]] = append(out[at[g]], st)
	}
	return out
}

// descends says whether steps end in what is left of an input, of which they take something away.
func (s *sweeping) descends(of []*step) bool {
	return slices.ContainsFunc(of, func(st *step) bool {
		return st.op.Name == "Sub" && s.out[st.out[0]] && slices.Contains(s.src.in, s.roots[st.in[0]]) &&
			s.types[st.in[0]].Elements() == s.types[st.out[0]].Elements()
	})
}

// lane is what a sweep does to the elements of one parameter.
type lane struct {
	n         int
	ops       []laneOp
	in, out   []int // values that it reads and makes; what has one element is read as a number
	registers int
	over      [][]int // for each of out: those of in whose memory it may take
	step      *step   // the first
}

// laneOp is an operation of a lane.
type laneOp struct {
	name     string
	a, b, to operand // b is not there for Sqrt
}

// operand says where elements are.
type operand struct {
	kind operandKind
	at   int // in the lane's inputs or outputs, or the number of the register
}

type operandKind uint8

const (
	fromInput operandKind = iota
	fromNumber
	fromOutput
	fromRegister
)

// lane makes the lane of a group.
func (s *sweeping) lane(of []*step) *lane {
	k := &lane{n: s.types[of[0].out[0]].Elements(), step: of[0]}
	made, last := map[int]operand{}, map[int]int{} // by root
	for i, st := range of {
		for _, id := range st.in {
			last[s.roots[id]] = i
		}
	}
	var free []int
	for i, st := range of {
		op := laneOp{name: st.op.Name}
		for j, id := range st.in {
			o := k.read(s, made, id)
			if j == 0 {
				op.a = o
			} else {
				op.b = o
			}
		}
		for _, id := range st.in { // the result may lie where an operand was
			o := made[s.roots[id]]
			if last[s.roots[id]] == i && o.kind == fromRegister && !slices.Contains(free, o.at) {
				free = append(free, o.at)
			}
		}
		id := st.out[0]
		switch {
		case s.out[id]:
			op.to = operand{fromOutput, len(k.out)}
			k.out = append(k.out, id)
			k.over = append(k.over, s.overOf(k, last, i, id))
		case len(free) > 0:
			op.to = operand{fromRegister, free[len(free)-1]}
			free = free[:len(free)-1]
		default:
			op.to = operand{fromRegister, k.registers}
			k.registers++
		}
		made[id] = op.to
		k.ops = append(k.ops, op)
	}
	return k
}

// read returns where a lane finds a value.
func (k *lane) read(s *sweeping, made map[int]operand, id int) operand {
	if o, ok := made[s.roots[id]]; ok {
		return o
	}
	at := slices.Index(k.in, id)
	if at < 0 {
		at = len(k.in)
		k.in = append(k.in, id)
	}
	if s.types[id].Elements() == 1 && k.n > 1 {
		return operand{fromNumber, at}
	}
	return operand{fromInput, at}
}

// overOf returns the inputs of a lane so far whose memory result i may take: nothing behind it reads them.
func (s *sweeping) overOf(k *lane, last map[int]int, i, id int) (over []int) {
	for j, in := range k.in {
		if s.types[in].Elements() == s.types[id].Elements() && last[s.roots[in]] <= i {
			over = append(over, j)
		}
	}
	return over
}

// step makes the step of lanes.
func (s *sweeping) step(lanes []*lane) *step {
	st := &step{sourceNode: sourceNode{proto: lanes[0].step.proto, op: lanes[0].step.op}, lanes: lanes}
	readers := map[int]int{} // lanes that read a root
	for _, k := range lanes {
		for _, id := range k.in {
			readers[s.roots[id]]++
		}
	}
	for _, k := range lanes {
		for _, over := range k.over {
			over = slices.DeleteFunc(over, func(j int) bool { return readers[s.roots[k.in[j]]] > 1 })
			for i := range over {
				over[i] += len(st.in)
			}
			st.over = append(st.over, over)
		}
		st.in, st.out = append(st.in, k.in...), append(st.out, k.out...)
	}
	st.def = &kernelDef{canonical: true, bind: bindSweep}
	return st
}

// swept is a lane whose operands have slots.
type swept struct {
	n   int
	ops []sweptOp
	out []int
}

// sweptOp is an operation of a lane; rows is nil for the square root.
type sweptOp struct {
	rows     *kernel.Rows[float32, float32]
	a, b, to operand // at is a slot, but of a register
}

// bindSweep binds a sweep.
func bindSweep(b *binding) (run, error) {
	var lanes []swept
	total, work, registers, in, out := 0, 0, 0, b.inSlot, b.outSlot
	for _, k := range b.lanes {
		slot := func(o operand) operand {
			switch o.kind {
			case fromInput, fromNumber:
				o.at = in[o.at]
			case fromOutput:
				o.at = out[o.at]
			}
			return o
		}
		w := swept{n: k.n, out: slices.Clone(out[:len(k.out)])}
		for _, op := range k.ops {
			s := sweptOp{a: slot(op.a), b: slot(op.b), to: slot(op.to)}
			if of := sweptOps[op.name]; of != nil {
				s.rows = of(b.set)
			}
			w.ops = append(w.ops, s)
		}
		lanes = append(lanes, w)
		in, out = in[len(k.in):], out[len(k.out):]
		total, work, registers = total+k.n, work+k.n*len(k.ops), max(registers, k.registers)
	}
	w := &boundSweep{set: b.set, lanes: lanes, total: total, each: registers * sweepBlock,
		parts: max(1, min(b.set.Workers, work/sweepWork))}
	b.scratch32 = w.parts * w.each
	if w.parts == 1 {
		return func(f *frame) error {
			w.part(f, 0)
			return nil
		}, nil
	}
	var idle sync.Pool
	return func(f *frame) error {
		s, _ := idle.Get().(*sharedSweep)
		if s == nil {
			s = &sharedSweep{work: w}
		}
		s.f = f
		s.Run(w.parts, s)
		s.f = nil
		idle.Put(s)
		return nil
	}, nil
}

// boundSweep is a sweep that is bound.
type boundSweep struct {
	set                *kernel.Set
	lanes              []swept
	total, each, parts int // elements, values of scratch memory of a part, parts
}

// part does a part of the elements, counted over all lanes.
func (w *boundSweep) part(f *frame, part int) {
	lo, hi := w.total*part/w.parts, w.total*(part+1)/w.parts
	registers := f.scratch32[part*w.each : (part+1)*w.each]
	for i := range w.lanes {
		k := &w.lanes[i]
		for at := max(lo, 0); at < min(hi, k.n); at += sweepBlock {
			k.block(w.set, f, at, min(at+sweepBlock, hi, k.n), registers)
		}
		if lo, hi = lo-k.n, hi-k.n; hi <= 0 {
			return
		}
	}
}

// sharedSweep is a sweep that threads share.
type sharedSweep struct {
	kernel.Crew
	work *boundSweep
	f    *frame
}

// Part does a part.
func (s *sharedSweep) Part(i int) { s.work.part(s.f, i) }

// block does the operations of a lane on the elements from lo to hi, and makes every NaN that leaves the same.
func (k *swept) block(set *kernel.Set, f *frame, lo, hi int, registers []float32) {
	elements := func(o operand) []float32 {
		if o.kind == fromRegister {
			return registers[o.at*sweepBlock:][:hi-lo]
		}
		return f.f32.slots[o.at][lo:hi]
	}
	for i := range k.ops {
		op := &k.ops[i]
		to := elements(op.to)
		switch {
		case op.rows == nil:
			set.Sqrt(to, elements(op.a))
		case op.a.kind == fromNumber:
			op.rows.SV(to, f.f32.slots[op.a.at][0], elements(op.b))
		case op.b.kind == fromNumber:
			op.rows.VS(to, elements(op.a), f.f32.slots[op.b.at][0])
		default:
			op.rows.VV(to, elements(op.a), elements(op.b))
		}
	}
	for _, slot := range k.out {
		set.CanonicalNaN(f.f32.slots[slot][lo:hi])
	}
}
