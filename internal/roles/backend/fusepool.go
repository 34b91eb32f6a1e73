package backend

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// fuseQuarters joins what stands around pools of quarters: what brings a gradient back through one, a ScatterAdd to its
// places and the gradient of the Relu before it, is one pass that reads nothing of the pool's size; and that Relu, if
// nothing else reads it then, is a part of the pool. The greatest element of a window is positive where what it comes
// from is, and the others of the window get nothing: no bit changes.
func (f *fusion) fuseQuarters() {
	clear(f.maker)
	for _, st := range f.steps {
		for _, id := range st.out {
			f.maker[id] = st
		}
	}
	for _, st := range f.steps {
		if st.op.Domain == "" && st.op.Name == "MaxPool" && f.types[st.in[0]].DType == tensor.Float32 {
			f.quarters(st)
		}
	}
	f.steps = slices.DeleteFunc(f.steps, func(st *step) bool { return len(st.out) == 0 })
}

func (f *fusion) quarters(st *step) {
	p, err := pooling(&binding{step: st, in: f.typesOf(st.in)}, f.types[st.in[0]])
	if err != nil || !p.Quarters() || onnxop.Int(st.proto, "storage_order") != 0 {
		return
	}
	x := st.in[0]
	if len(st.out) > 1 {
		for _, back := range f.readersOf(st.out[1]) {
			f.quartersBack(st, p, back)
		}
	}
	relu := f.maker[x]
	if relu != nil && relu.op.Domain == "" && relu.op.Name == "Relu" && relu.out[0] == x &&
		len(f.readersOf(x)) == 1 && !slices.Contains(f.src.out, x) {
		st.in, st.def = relu.in, quartersKernel(p, true)
		relu.out = nil
	}
}

// quartersBack makes one pass of a ScatterAdd to the places of a pool of quarters, and of the gradient of a Relu of
// what the pool reads.
func (f *fusion) quartersBack(pool *step, p *kernel.Pool, st *step) {
	x, y := pool.in[0], pool.out[0]
	if st.op.Domain != onnxop.Own || st.op.Name != "ScatterAdd" || st.in[1] != pool.out[1] ||
		!f.types[st.in[0]].Equal(f.types[y]) || !f.types[st.out[0]].Equal(f.types[x]) {
		return
	}
	st.in, st.def = st.in[:2], backKernel(p, false)
	next := f.readersOf(st.out[0])
	if len(next) != 1 || slices.Contains(f.src.out, st.out[0]) {
		return
	}
	if grad := next[0]; grad.def == &reluGradKernel && grad.in[0] == x && grad.in[1] == st.out[0] {
		st.in, st.def, st.out = append(slices.Clone(st.in), y), backKernel(p, true), grad.out
		grad.in, grad.out = nil, nil
	}
}

// readersOf returns the steps that read a value.
func (f *fusion) readersOf(id int) (out []*step) {
	for _, st := range f.steps {
		if len(st.out) > 0 && slices.Contains(st.in, id) {
			out = append(out, st)
		}
	}
	return out
}

// quartersKernel is a pool of quarters, with a Relu before it or not.
func quartersKernel(p *kernel.Pool, relu bool) *kernelDef {
	return &kernelDef{bind: func(b *binding) (run, error) {
		x, out, most := b.inSlot[0], slices.Clone(b.outSlot), b.set.MaxQuarters
		return func(f *frame) error {
			var at []int64
			if len(out) > 1 {
				at = data[int64](f, out[1])
			}
			most(p, data[float32](f, out[0]), at, data[float32](f, x), relu)
			return nil
		}, nil
	}}
}

// backKernel is the way back through a pool of quarters, from what comes and its places; and, with the greatest
// elements, through a Relu before it.
func backKernel(p *kernel.Pool, relu bool) *kernelDef {
	return &kernelDef{bind: func(b *binding) (run, error) {
		in, x, give := slices.Clone(b.inSlot), b.outSlot[0], b.set.GiveQuarters
		return func(f *frame) error {
			var top []float32
			if relu {
				top = data[float32](f, in[2])
			}
			give(p, data[float32](f, x), data[float32](f, in[0]), data[int64](f, in[1]), top)
			return nil
		}, nil
	}}
}
