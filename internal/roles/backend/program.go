package backend

import (
	"fmt"
	"slices"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// program is a graph for inputs of given shapes, ready to run. It is immutable but for its pool of frames, and safe for
// concurrent use.
type program struct {
	set       *kernel.Set
	storages  []*storage
	slabs     map[tensor.DType]int // the length of each slab
	scratch32 int
	scratch64 int
	inputs    []*storage
	fresh     []int // the outputs that have memory of their own, which is new for each run
	memory    Memory
	crew      crewSize
	steps     []boundStep
	outputs   []output
	frames    sync.Pool
}

// run does one step on the memory of a frame.
type run func(f *frame) error

type boundStep struct {
	run  run
	node *onnx.NodeProto
}

// output says what one output is: a storage in a shape.
type output struct {
	storage *storage
	shape   []int
	same    int // the first output with the same storage; itself for most
	input   int // the input whose storage it is, or -1
}

// bytes is the size of the output.
func (o *output) bytes() int { return o.storage.n * o.storage.dtype.Size() }

// build binds every step of p to its storages.
func (p *placing) build(prog *program) error {
	for _, id := range p.src.in {
		prog.inputs = append(prog.inputs, p.out[p.home[id]])
	}
	for _, st := range p.steps {
		if st.def.view {
			continue
		}
		bind := p.bind
		if st.chain != nil {
			bind = p.bindChain
		}
		if st.chain != nil && st.chain.planes > 0 {
			bind = p.bindAttention
		}
		r, b, err := bind(st)
		if err != nil {
			return err
		}
		prog.steps = append(prog.steps, boundStep{run: r, node: st.proto})
		prog.scratch32, prog.scratch64 = max(prog.scratch32, b.scratch32), max(prog.scratch64, b.scratch64)
	}
	for i, id := range p.src.out {
		o := output{storage: p.storageOf(id), shape: p.types[id].Shape, same: i, input: -1}
		for j := i - 1; j >= 0; j-- {
			if prog.outputs[j].storage == o.storage {
				o.same = j
			}
		}
		for j, s := range prog.inputs {
			if s == o.storage {
				o.input = j
			}
		}
		if o.storage.kind == inOutput && o.same == i {
			prog.fresh = append(prog.fresh, i)
		}
		prog.outputs = append(prog.outputs, o)
	}
	return nil
}

// bind binds a step to its storages, and says what scratch memory it needs.
func (p *placing) bind(st *step) (run, *binding, error) {
	b := &binding{step: st, set: p.set, in: p.typesOf(st.in), out: p.typesOf(st.out)}
	for _, id := range st.in {
		b.inSlot = append(b.inSlot, p.slotOf(id))
	}
	for _, id := range st.out {
		b.outSlot = append(b.outSlot, p.slotOf(id))
	}
	r, err := st.def.bind(b)
	return r, b, err
}

// slotOf returns the slot of a value, -1 for one that is not given.
func (p *placing) slotOf(id int) int {
	if id < 0 {
		return -1
	}
	return p.storageOf(id).slot
}

// check compares the memory of one run with its bound.
func (p *program) check(bytesMax int) error {
	bytes := p.scratch32*4 + p.scratch64*8 + p.crew.bytes()
	for d, n := range p.slabs {
		bytes += n * d.Size()
	}
	for _, i := range p.fresh {
		bytes += p.outputs[i].bytes()
	}
	if bytes > bytesMax {
		return &LimitError{What: "bytes of a run", Got: bytes, Max: bytesMax}
	}
	return nil
}

// run runs the program on inputs of its shapes, in the memory of outputs that are given up, where there are any.
func (p *program) run(in, spent []*tensor.Tensor) ([]*tensor.Tensor, error) {
	if err := p.spend(in, spent); err != nil {
		return nil, err
	}
	f, _ := p.frames.Get().(*frame)
	if f == nil {
		f = p.newFrame()
	}
	for i, s := range p.inputs {
		each(s.dtype).provide(f, s, in[i])
	}
	for _, i := range p.fresh {
		var t *tensor.Tensor
		if spent != nil {
			t = spent[i]
		}
		each(p.outputs[i].storage.dtype).provide(f, p.outputs[i].storage, t)
	}
	var err error
	for i := range p.steps {
		if err = p.steps[i].run(f); err != nil {
			n := p.steps[i].node
			err = &RunError{Node: nodeName(n), Op: n.GetOpType(), Err: err}
			break
		}
	}
	var out []*tensor.Tensor
	if err == nil {
		out, err = p.collect(f, in, spent)
	}
	for _, s := range p.inputs {
		each(s.dtype).release(f, s)
	}
	for _, i := range p.fresh {
		each(p.outputs[i].storage.dtype).release(f, p.outputs[i].storage)
	}
	p.frames.Put(f)
	return out, err
}

// spend says what is wrong with outputs that are given up.
func (p *program) spend(in, spent []*tensor.Tensor) error {
	if spent != nil && len(spent) != len(p.outputs) {
		return &SpentError{Index: len(spent), Reason: fmt.Sprintf("%d outputs given up; want none or %d", len(spent),
			len(p.outputs))}
	}
	for j, i := range p.fresh {
		if spent == nil || spent[i] == nil {
			continue
		}
		t, o := spent[i], &p.outputs[i]
		if t.DType() != o.storage.dtype || !slices.Equal(t.Shape(), o.shape) {
			return &SpentError{Index: i, Reason: fmt.Sprintf("is %v; want %v%v", onnxop.Of(t), o.storage.dtype,
				o.shape)}
		}
		alias := func(other *tensor.Tensor) bool { return each(o.storage.dtype).alias(t, other) }
		if slices.ContainsFunc(in, alias) {
			return &SpentError{Index: i, Reason: "is an input of this run"}
		}
		for _, k := range p.fresh[:j] {
			if spent[k] != nil && alias(spent[k]) {
				return &SpentError{Index: i, Reason: fmt.Sprintf("is output %d too", k)}
			}
		}
	}
	return nil
}

// collect makes tensors of the outputs. The list of those that were given up becomes theirs.
func (p *program) collect(f *frame, in, spent []*tensor.Tensor) ([]*tensor.Tensor, error) {
	out := spent
	if spent == nil {
		out = make([]*tensor.Tensor, len(p.outputs))
	}
	for i, o := range p.outputs {
		var err error
		switch {
		case o.input >= 0:
			out[i], err = in[o.input].Reshape(o.shape)
		case o.storage.kind == inConst:
			out[i], err = o.storage.constant.Reshape(o.shape)
		case o.same != i:
			out[i], err = out[o.same].Reshape(o.shape)
		default:
			e := each(o.storage.dtype)
			if !o.storage.canonical {
				e.finish(f, p.set, o.storage)
			}
			if spent == nil || spent[i] == nil {
				out[i], err = e.tensor(f, o.storage, o.shape)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// newFrame makes the memory of a run.
func (p *program) newFrame() *frame {
	f := &frame{scratch32: make([]float32, p.scratch32), scratch64: make([]float64, p.scratch64)}
	for d, n := range p.slabs {
		each(d).reserve(f, n)
	}
	for _, s := range p.storages {
		each(s.dtype).attach(f, s)
	}
	f.hire(&p.crew, p.storages)
	return f
}
