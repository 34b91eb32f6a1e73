package backend

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
)

// foldElements bounds the results that are computed ahead of all runs when they are larger than what they are made
// from.
const foldElements = 1 << 16

// lowered is a source for given types of its inputs: every type is known, and what remains to do depends on the inputs.
type lowered struct {
	src   *source
	set   *kernel.Set
	types []onnxop.Type // of every value; with the value where it is known
	block int           // the elements of a value that a chain works on at once
	steps []*step

	weights int // the elements of attentions that are kept for the way back

	ops, values int // the steps before any were joined, and the bytes of what they make
}

// step is one thing that a program does.
type step struct {
	sourceNode
	def     *kernelDef
	relu    bool // a Relu follows on the result of a Gemm
	softmax bool // a loss has the softmax of its scores as one more output, the last
	chain   *chain
	lanes   []*lane // of a sweep
	over    [][]int // for each result of a sweep: the inputs whose memory it may take

	transposed [2]bool // a MatMul reads an operand with its last two dimensions exchanged
	summed     bool    // a MatMul adds the products of all its matrices, as the terms of one
	more       bool    // a MatMul adds to its result, which holds the sums of earlier blocks of terms
}

// lower gives every value its type for those of the inputs, which are static, and computes what can be known.
func lower(s *source, set *kernel.Set, block int, inputs []onnxop.Type) (*lowered, error) {
	l := &lowered{src: s, set: set, types: make([]onnxop.Type, len(s.names)), block: block}
	for id, t := range s.known {
		if t != nil {
			l.types[id] = onnxop.Of(t)
		}
	}
	for i, id := range s.in {
		l.types[id] = inputs[i]
	}
	for _, n := range s.steps {
		if err := l.add(n); err != nil {
			return nil, err
		}
	}
	l.count()
	l.fuse()
	l.attend()
	l.sparse()
	l.sweep()
	l.chains()
	return l, nil
}

// add infers the results of a node, and computes them if it can, or appends the step that will.
func (l *lowered) add(n sourceNode) error {
	in := l.typesOf(n.in)
	out, err := onnxop.Infer(n.proto, in)
	if err != nil {
		return err
	}
	known := true
	for i, t := range out {
		if !t.Static() {
			return l.src.fail("node %q (%s) gives %v: its shape depends on values that no input or constant decides",
				nodeName(n.proto), n.op.Name, t)
		}
		if said, ok := l.src.declared[l.src.names[n.out[i]]]; ok && (t.DType != said.DType || !said.Unranked &&
			!fits(t.Shape, said.Shape)) {
			return l.src.fail("node %q (%s) gives %v; it is declared as %v", nodeName(n.proto), n.op.Name, t, said)
		}
		if t.Elements() == 0 && t.Value == nil { // there is nothing to compute
			if t.Value, err = each(t.DType).empty(t.Shape); err != nil {
				return err
			}
		}
		l.types[n.out[i]] = t
		known = known && t.Value != nil
	}
	if known {
		return nil
	}
	st := &step{sourceNode: n, def: kernels[kernelKey{n.op.Domain, n.op.Name}]}
	if !st.def.view && !st.def.halves && slices.ContainsFunc(append(in, out...), isHalf) {
		return l.widen(st)
	}
	return l.schedule(st)
}

// schedule computes the results of a step if it can, or appends it.
func (l *lowered) schedule(st *step) error {
	given, elements, constant := 0, 0, true
	for _, id := range st.in {
		if id >= 0 {
			given += l.types[id].Elements()
			constant = constant && l.types[id].Value != nil
		}
	}
	for _, id := range st.out {
		elements += l.types[id].Elements()
	}
	if constant && elements <= max(given, foldElements) {
		return l.fold(st)
	}
	l.steps = append(l.steps, st)
	return nil
}

// fold runs a step whose inputs are known, as a program of its own, and keeps the results as constants.
func (l *lowered) fold(st *step) error {
	alone := &lowered{src: &source{graph: l.src.graph}, set: l.set, steps: []*step{{def: st.def}}}
	alone.steps[0].sourceNode = sourceNode{proto: st.proto, op: st.op, in: alone.take(l, st.in),
		out: alone.take(l, st.out)}
	alone.src.out = alone.steps[0].out
	p, err := place(alone, math.MaxInt)
	if err != nil {
		return err
	}
	values, err := p.run(nil, nil)
	if err != nil {
		return err
	}
	for i, id := range st.out {
		l.types[id].Value = values[i]
	}
	return nil
}

// take gives l values of the types of others and returns their numbers.
func (l *lowered) take(from *lowered, ids []int) []int {
	out := make([]int, len(ids))
	for i, id := range ids {
		out[i] = -1
		if id >= 0 {
			out[i] = len(l.types)
			l.types = append(l.types, from.types[id])
		}
	}
	return out
}

// typesOf returns the types of values, the zero Type for one that is not given.
func (l *lowered) typesOf(ids []int) []onnxop.Type {
	out := make([]onnxop.Type, len(ids))
	for i, id := range ids {
		if id >= 0 {
			out[i] = l.types[id]
		}
	}
	return out
}
