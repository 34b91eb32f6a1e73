package backend

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// kernelDef is how an operator is run: a line of the table of kernels.
type kernelDef struct {
	view      bool  // the result is the first input in another shape; nothing runs
	halves    bool  // it takes floats of 16 bits as they are; else they are widened for it
	inPlace   []int // the inputs that the first result may overwrite
	canonical bool  // every NaN of the results is the one that may leave
	bind      binder
}

// binder makes what runs a step, once all its types and storages are known.
type binder func(b *binding) (run, error)

type kernelKey struct{ domain, name string }

// kernels is the table of kernels. It has an entry for every operator of package onnxop, which a test holds.
var kernels = map[kernelKey]*kernelDef{}

func init() {
	for _, family := range []map[string]kernelDef{unaryKernels, binaryKernels, matrixKernels, reduceKernels,
		softmaxKernels, moveKernels, convKernels, poolKernels, functionKernels, scatterKernels, scanKernels,
		chooseKernels} {
		for name, def := range family {
			kernels[kernelKey{"", name}] = &def
		}
	}
	for name, def := range trainingKernels {
		kernels[kernelKey{onnxop.Training, name}] = &def
	}
	for name, def := range ownKernels {
		kernels[kernelKey{onnxop.Own, name}] = &def
	}
}

// Ops returns the operators that the backend runs, as "domain.Name", sorted.
func Ops() []string {
	var names []string
	for _, op := range onnxop.All() {
		domain := op.Domain
		if domain == "" {
			domain = "ai.onnx"
		}
		names = append(names, domain+"."+op.Name)
	}
	return names
}

// binding is a step at the moment when its kernel is bound.
type binding struct {
	*step
	set     *kernel.Set
	in, out []onnxop.Type
	inSlot  []int // -1 where an input is not given
	outSlot []int

	scratch32, scratch64 int // what the step needs of the frame's scratch memory
}

// has says whether input i is given.
func (b *binding) has(i int) bool { return i < len(b.inSlot) && b.inSlot[i] >= 0 }

// known says what is wrong where the value of input i, which decides what is done, is not known when it is bound.
func (b *binding) known(i int) error {
	if b.in[i].Value != nil {
		return nil
	}
	return &RuleError{Node: nodeName(b.proto), Op: b.op.Name,
		Reason: fmt.Sprintf("input %d is not known before the run; want a constant, or an input of the graph", i)}
}

// unsupported is the error for an element type that no kernel takes. The operator's entry in onnxop refuses it before.
func (b *binding) unsupported(d tensor.DType) error {
	return &UnsupportedError{Op: b.op.Name, Domain: b.op.Domain, DType: d}
}

// byType chooses a binder by element type.
type byType map[tensor.DType]binder

// onInput binds by the element type of input i.
func onInput(i int, t byType) binder {
	return func(b *binding) (run, error) {
		if f := t[b.in[i].DType]; f != nil {
			return f(b)
		}
		return nil, b.unsupported(b.in[i].DType)
	}
}

// onOutput binds by the element type of the first output.
func onOutput(t byType) binder {
	return func(b *binding) (run, error) {
		if f := t[b.out[0].DType]; f != nil {
			return f(b)
		}
		return nil, b.unsupported(b.out[0].DType)
	}
}
