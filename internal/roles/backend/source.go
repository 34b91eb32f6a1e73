package backend

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// graph is what a GraphProto and a FunctionProto have in common.
type graph struct {
	name         string
	nodes        []*onnx.NodeProto
	inputs       []string
	types        []onnxop.Type          // of the inputs; the zero Type where it is not known
	declared     map[string]onnxop.Type // what is said of other values, which has to hold
	outputs      []string
	initializers []*onnx.TensorProto
	opset        int64
}

// source is a graph with numbers for names. It is immutable.
type source struct {
	graph
	steps []sourceNode
	names []string         // of every value
	in    []int            // the value of each input
	out   []int            // the value of each output
	known []*tensor.Tensor // the initializers, by value; nil elsewhere
	keyed []bool           // for each input: its value decides the shape of something
}

type sourceNode struct {
	proto *onnx.NodeProto
	op    *onnxop.Op
	in    []int // -1 where an optional input is not given
	out   []int
}

// parse checks names, order and operators of a graph and drops the nodes that no output needs.
func parse(g graph) (*source, error) {
	s := &source{graph: g}
	ids := map[string]int{}
	define := func(name string) (int, error) {
		if name == "" { // an output that nobody asks for
			s.names, s.known = append(s.names, ""), append(s.known, nil)
			return len(s.names) - 1, nil
		}
		if _, twice := ids[name]; twice {
			return 0, s.fail("value %q is made twice", name)
		}
		ids[name] = len(s.names)
		s.names = append(s.names, name)
		s.known = append(s.known, nil)
		return ids[name], nil
	}
	for _, p := range g.initializers {
		if p.GetName() == "" {
			return nil, s.fail("an initializer has no name")
		}
		id, err := define(p.GetName())
		if err != nil {
			return nil, err
		}
		if s.known[id], err = tensor.FromProto(p, tensor.DefaultLimits()); err != nil {
			return nil, s.fail("initializer %q: %v", p.GetName(), err)
		}
	}
	for i, name := range g.inputs {
		if name == "" {
			return nil, s.fail("input %d has no name", i)
		}
		id, err := define(name)
		if err != nil {
			return nil, err
		}
		s.in = append(s.in, id)
	}
	for _, n := range g.nodes {
		if err := s.addNode(n, ids, define); err != nil {
			return nil, err
		}
	}
	for i, name := range g.outputs {
		id, ok := ids[name]
		if !ok {
			return nil, s.fail("output %d, %q, is made by no node", i, name)
		}
		s.out = append(s.out, id)
	}
	s.prune()
	return s, nil
}

func (s *source) fail(format string, args ...any) error {
	return &GraphError{Graph: s.name, Reason: fmt.Sprintf(format, args...)}
}

// addNode resolves the names of a node, which must be defined before it.
func (s *source) addNode(n *onnx.NodeProto, ids map[string]int, define func(string) (int, error)) error {
	sn := sourceNode{proto: n, op: onnxop.Lookup(n.GetDomain(), n.GetOpType())}
	if sn.op == nil {
		return &UnsupportedError{Op: n.GetOpType(), Domain: n.GetDomain()}
	}
	version := s.opset
	switch sn.op.Domain {
	case onnxop.Training:
		version = onnxop.TrainingVersion
	case onnxop.Own:
		version = onnxop.OwnVersion
	}
	if !onnxop.Supported(n.GetDomain(), n.GetOpType(), version) {
		return &UnsupportedError{Op: n.GetOpType(), Domain: n.GetDomain(), Version: version}
	}
	for _, name := range n.GetInput() {
		id := -1
		if name != "" {
			var ok bool
			if id, ok = ids[name]; !ok {
				return s.fail("node %q (%s) reads %q, which nothing before it makes; nodes must stand after what "+
					"they read", nodeName(n), n.GetOpType(), name)
			}
		}
		sn.in = append(sn.in, id)
	}
	for _, name := range n.GetOutput() {
		id, err := define(name)
		if err != nil {
			return err
		}
		sn.out = append(sn.out, id)
	}
	s.steps = append(s.steps, sn)
	return nil
}

// nodeName is the node's name, or its first output where it has none.
func nodeName(n *onnx.NodeProto) string {
	if n.GetName() == "" && len(n.GetOutput()) > 0 {
		return n.GetOutput()[0]
	}
	return n.GetName()
}

// prune keeps the nodes that an output needs, and finds the inputs whose values decide shapes. One way back over the
// nodes is enough for both, because readers stand after what they read.
func (s *source) prune() {
	needed, decides := make([]bool, len(s.names)), make([]bool, len(s.names))
	for _, id := range s.out {
		needed[id] = true
	}
	keep := make([]bool, len(s.steps))
	for i := len(s.steps) - 1; i >= 0; i-- {
		n, decisive := &s.steps[i], false
		for _, id := range n.out {
			keep[i] = keep[i] || needed[id]
			decisive = decisive || decides[id]
		}
		if !keep[i] {
			continue
		}
		if n.op.Name == "Shape" || n.op.Name == "Size" {
			decisive = false // they read the shape alone
		}
		for _, id := range n.in {
			if id >= 0 {
				needed[id] = true
				decides[id] = decides[id] || decisive
			}
		}
		for _, j := range n.op.Decides {
			if j < len(n.in) && n.in[j] >= 0 {
				decides[n.in[j]] = true
			}
		}
	}
	kept := s.steps[:0]
	for i, n := range s.steps {
		if keep[i] {
			kept = append(kept, n)
		}
	}
	s.steps = kept
	s.keyed = make([]bool, len(s.in))
	for i, id := range s.in {
		s.keyed[i] = decides[id]
	}
}
