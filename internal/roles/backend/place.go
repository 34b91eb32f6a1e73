package backend

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// placing gives every value of a lowered graph its storage.
type placing struct {
	*lowered
	root  []int // for each value: the value whose elements it is, in another shape; itself for most
	last  []int // for each root: the last step that reads it
	home  []int // for each root: its storage, -1 as long as there is none
	out   []*storage
	slots map[tensor.DType]int // storages so far, by element type
	crew  crewSize             // what steps need that threads share
}

// forever is the last step of what leaves with the result.
const forever = math.MaxInt

// place assigns memory to all values and builds the steps. bytesMax bounds the slabs and the outputs together.
func place(l *lowered, bytesMax int) (*program, error) {
	p := &placing{lowered: l, slots: map[tensor.DType]int{}}
	p.live()
	for _, id := range l.src.in {
		p.home[id] = p.add(storage{kind: inInput, first: -1, last: forever}, l.types[id])
	}
	for i, st := range l.steps {
		for j, id := range st.out {
			if p.root[id] != id {
				continue
			}
			if h := p.inPlace(i, st, j); h >= 0 {
				p.home[id] = h
				p.out[h].last = max(i, p.last[id])
			} else {
				p.home[id] = p.add(storage{kind: inArena, first: i, last: max(i, p.last[id])}, l.types[id])
			}
			p.out[p.home[id]].canonical = st.def.canonical
		}
		p.registers(i, st.chain)
	}
	for _, s := range p.out {
		if s.kind == inArena && s.last == forever {
			s.kind = inOutput
		}
	}
	prog := &program{set: l.set, slabs: p.pack()}
	prog.storages = p.out
	if err := p.build(prog); err != nil {
		return nil, err
	}
	prog.storages = p.out // constants have been added
	prog.crew = p.crew
	prog.measure(l)
	return prog, prog.check(bytesMax)
}

// live finds the views and the last reader of every value.
func (p *placing) live() {
	n := len(p.types)
	p.root, p.last, p.home = make([]int, n), make([]int, n), make([]int, n)
	for id := range n {
		p.root[id], p.last[id], p.home[id] = id, -1, -1
	}
	for i, st := range p.steps {
		if st.def.view {
			p.root[st.out[0]] = p.root[st.in[0]]
		}
		for _, id := range st.in {
			if id >= 0 {
				p.last[p.root[id]] = i
			}
		}
	}
	for _, id := range p.src.out {
		p.last[p.root[id]] = forever
	}
}

// add makes a storage for a value of that type.
func (p *placing) add(s storage, t onnxop.Type) int {
	s.dtype, s.n, s.slot = t.DType, t.Elements(), p.slots[t.DType]
	p.slots[t.DType]++
	p.out = append(p.out, &s)
	return len(p.out) - 1
}

// registers makes the memory that a chain at step i has for itself.
func (p *placing) registers(i int, ch *chain) {
	if ch == nil {
		return
	}
	for j := range ch.regs {
		r := &ch.regs[j]
		at := p.add(storage{kind: inArena, first: i, last: i}, onnxop.Type{DType: r.dtype,
			Shape: []int{ch.some, r.row}})
		r.slot = p.out[at].slot
	}
}

// inPlace returns the storage of an input that result j of step i may overwrite, or -1: the step's kernel allows it,
// the step is its last reader, and the sizes agree.
func (p *placing) inPlace(i int, st *step, j int) int {
	t := p.types[st.out[j]]
	var over []int
	if st.chain != nil {
		over = st.chain.over[j]
	} else if st.over != nil {
		over = st.over[j]
	} else if j == 0 {
		over = st.def.inPlace
	}
	for _, j := range over {
		if j >= len(st.in) || st.in[j] < 0 {
			continue
		}
		h := p.home[p.root[st.in[j]]]
		if h < 0 {
			continue
		}
		if s := p.out[h]; s.kind == inArena && s.last == i && s.dtype == t.DType && s.n == t.Elements() {
			return h
		}
	}
	return -1
}

// storageOf returns the storage of a value that a step or the caller reads, making it when the value is a constant.
func (p *placing) storageOf(id int) *storage {
	r := p.root[id]
	if p.home[r] < 0 {
		p.home[r] = p.add(storage{kind: inConst, constant: p.types[r].Value, last: forever}, p.types[r])
	}
	return p.out[p.home[r]]
}

// align is the multiple of elements at which storages begin, so that none shares a cache line with another.
const align = 64

// pack gives every storage in the arena the lowest offset at which it overlaps no other that is in use at the same
// time, and returns the length of each element type's slab.
func (p *placing) pack() map[tensor.DType]int {
	slabs := map[tensor.DType]int{}
	active := map[tensor.DType][]*storage{} // by offset
	for _, s := range p.out {
		if s.kind != inArena {
			continue
		}
		used := slices.DeleteFunc(active[s.dtype], func(o *storage) bool { return o.last < s.first })
		at, i := 0, 0
		for ; i < len(used) && at+s.n > used[i].offset; i++ {
			at = (used[i].offset + used[i].n + align - 1) / align * align
		}
		s.offset = at
		active[s.dtype] = slices.Insert(used, i, s)
		slabs[s.dtype] = max(slabs[s.dtype], at+s.n)
	}
	return slabs
}
