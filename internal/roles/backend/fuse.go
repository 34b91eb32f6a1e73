package backend

import (
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// fusion joins steps into one where that saves a pass over memory or a sum of exponentials. The joined step rounds
// where its parts did, so no bit of a result changes.
type fusion struct {
	*lowered
	readers []int         // how often each value is read
	maker   map[int]*step // of each value, among the steps kept
	losses  map[int]*step // by the scores that they read
	pools   map[int]*step // by what they read, the last of each
}

// fuse replaces the steps by fewer ones.
func (l *lowered) fuse() {
	f := &fusion{lowered: l, readers: make([]int, len(l.types)), maker: map[int]*step{}, losses: map[int]*step{},
		pools: map[int]*step{}}
	for _, st := range l.steps {
		for _, id := range st.in {
			if id >= 0 {
				f.readers[id]++
			}
		}
	}
	for _, id := range l.src.out {
		f.readers[id]++
	}
	kept := l.steps[:0]
	for _, st := range l.steps {
		if !f.join(st) {
			kept = append(kept, st)
		}
	}
	// What was left without a reader has been joined to its reader.
	l.steps = slices.DeleteFunc(kept, func(st *step) bool {
		return !slices.ContainsFunc(st.out, func(id int) bool { return f.readers[id] > 0 })
	})
	f.fuseQuarters()
}

// join joins a step to an earlier one, and says whether it did; or it makes the step do the work of an earlier one too.
func (f *fusion) join(st *step) bool {
	if st.op.Domain == "" {
		switch st.op.Name {
		case "Relu":
			if f.reluAfterGemm(st) {
				return true
			}
		case "Softmax":
			if f.softmaxOfLoss(st) {
				return true
			}
		case "SoftmaxCrossEntropyLoss":
			f.losses[st.in[0]] = st
		case "MaxPool":
			if f.placesOfPool(st) {
				return true
			}
			f.pools[st.in[0]] = st
		case "Where":
			f.reluGradient(st)
		case "Gemm":
			f.halfProduct(st)
		case "MatMul":
			f.transposes(st)
			if !st.transposed[0] {
				f.halfProduct(st)
			}
		case "ReduceSum":
			if f.sumOfProducts(st) {
				return true
			}
		}
	}
	for _, id := range st.out {
		f.maker[id] = st
	}
	return false
}

// reluAfterGemm: a Gemm whose result only this Relu reads ends with it.
func (f *fusion) reluAfterGemm(st *step) bool {
	m := f.maker[st.in[0]]
	if m == nil || m.op.Name != "Gemm" || m.relu || f.readers[st.in[0]] != 1 {
		return false
	}
	m.relu, m.out = true, st.out
	f.maker[st.out[0]] = m
	return true
}

// softmaxOfLoss: a loss and a Softmax of the same scores, as a training step has them, share their exponentials.
func (f *fusion) softmaxOfLoss(st *step) bool {
	x := st.in[0]
	axis, err := onnxop.Axis(onnxop.Int(st.proto, "axis"), len(f.types[x].Shape))
	m := f.losses[x]
	if m == nil || m.softmax || err != nil || axis != 1 {
		return false
	}
	m.softmax, m.out = true, append(slices.Clone(m.out), st.out[0])
	f.maker[st.out[0]] = m
	return true
}

// placesOfPool: a pool whose places alone are read, as a gradient needs them, is the pool of the same windows before
// it.
func (f *fusion) placesOfPool(st *step) bool {
	m := f.pools[st.in[0]]
	if m == nil || len(m.out) != 1 || len(st.out) != 2 || f.readers[st.out[0]] > 0 ||
		!slices.EqualFunc(m.proto.GetAttribute(), st.proto.GetAttribute(), func(a, b *onnx.AttributeProto) bool {
			return proto.Equal(a, b)
		}) {
		return false
	}
	m.out = []int{m.out[0], st.out[1]}
	f.maker[st.out[1]] = m
	return true
}

// reluGradient: Where(x > 0, d, 0), all of one shape, is one pass.
func (f *fusion) reluGradient(st *step) {
	m := f.maker[st.in[0]]
	if m == nil || m.op.Name != "Greater" || f.readers[st.in[0]] != 1 {
		return
	}
	x, d := m.in[0], st.in[1]
	t := f.types[st.out[0]]
	if !f.types[x].Equal(t) || !f.types[d].Equal(t) || !f.zero(m.in[1]) || !f.zero(st.in[2]) {
		return
	}
	switch t.DType {
	case tensor.Float32, tensor.Float64:
		f.readers[st.in[0]] = 0
		st.def, st.in = &reluGradKernel, []int{x, d}
	}
}

// zero says whether a value is known to be one positive float zero.
func (f *fusion) zero(id int) bool {
	v := f.types[id].Value
	if v == nil || v.Len() != 1 {
		return false
	}
	switch v.DType() {
	case tensor.Float32:
		return math.Float32bits(v.Float32()[0]) == 0
	case tensor.Float64:
		return math.Float64bits(v.Float64()[0]) == 0
	}
	return false
}

var reluGradKernel = kernelDef{inPlace: []int{0, 1}, bind: onOutput(byType{
	tensor.Float32: func(b *binding) (run, error) { return reluGrad(b, b.set.ReluGrad) },
	tensor.Float64: func(b *binding) (run, error) { return reluGrad(b, kernel.ReluGrad[float64]) },
})}

func reluGrad[T kernel.Float](b *binding, loop func(dst, x, dy []T)) (run, error) {
	x, d, y := b.inSlot[0], b.inSlot[1], b.outSlot[0]
	return func(f *frame) error {
		loop(data[T](f, y), data[T](f, x), data[T](f, d))
		return nil
	}, nil
}
