package compile

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
)

// tensorFn is a tensor function: a part of a function's tensor ops that runs as one command.
type tensorFn struct {
	name    string
	place   string
	nodes   []*node
	in, out []*val
}

// fuse puts the tensor ops of each function together, as many as can run as one, into functions which hold only
// standard ops, and one op that runs them. Constants that tensor ops read go inside. Ops that do nothing are left out
// first.
func (u *unit) fuse() {
	dropped, passed := 0, 0
	for _, f := range u.parts {
		passed += u.bypass(f)
		dropped += sweep(f)
		read := readers(f)
		for i, g := range groups(f) {
			u.fuseGroup(f, g, read, fmt.Sprintf("%s/%s/%d", f.place, f.name, i+1))
		}
		dropped += sweep(f) // constants that went inside
		u.busy(f)
	}
	u.report.did("%d pure ops that nobody reads and %d that pass a value through are left out", dropped, passed)
}

// readers counts how often each value of a function is read.
func readers(f *fn) map[*val]int {
	count := map[*val]int{}
	for _, n := range f.nodes {
		for _, v := range n.in {
			count[v]++
		}
	}
	for _, v := range f.out {
		count[v]++
	}
	return count
}

// sweep leaves out the pure ops of a function that nobody reads, and returns how many.
func sweep(f *fn) int {
	count := readers(f)
	keep := make([]bool, len(f.nodes))
	dropped := 0
	for i := len(f.nodes) - 1; i >= 0; i-- {
		n := f.nodes[i]
		keep[i] = !n.pure()
		for _, v := range n.out {
			keep[i] = keep[i] || count[v] > 0
		}
		if !keep[i] {
			dropped++
			for _, v := range n.in {
				count[v]--
			}
		}
	}
	kept := f.nodes[:0]
	for i, n := range f.nodes {
		if keep[i] {
			kept = append(kept, n)
		}
	}
	f.nodes = kept
	return dropped
}

// fuseGroup replaces a group of tensor nodes by one op. read says how often each value of the function was read before
// the first group was replaced.
func (u *unit) fuseGroup(f *fn, group []*node, read map[*val]int, name string) {
	inside, within := map[*node]bool{}, map[*val]int{} // the reads that are in the group
	for _, n := range group {
		inside[n] = true
		for _, v := range n.in {
			within[v]++
		}
	}
	t := &tensorFn{name: name, place: f.place}
	taken := map[*val]bool{}
	for _, n := range group {
		for _, v := range n.in {
			if v == nil || taken[v] || v.def != nil && inside[v.def] {
				continue
			}
			taken[v] = true
			if v.def != nil && v.def.is(op.Flow, "Constant") {
				t.nodes = append(t.nodes, v.def)
			} else {
				t.in = append(t.in, v)
			}
		}
	}
	t.nodes = append(t.nodes, group...)
	for _, n := range group {
		for _, v := range n.out {
			if read[v] > within[v] {
				t.out = append(t.out, v)
			}
		}
	}
	u.tensors = append(u.tensors, t)
	u.report.did("%s: %d tensor ops, %d constants, %d inputs, %d outputs", name, len(group), len(t.nodes)-len(group),
		len(t.in), len(t.out))
	u.put(f, t, group)
}

// put places the op that runs a tensor function where its last node stood: all its inputs are made before, and because
// the group is convex, nothing before that place reads its outputs.
func (u *unit) put(f *fn, t *tensorFn, group []*node) {
	run := &node{
		decl: u.catalogue.Lookup(op.Domain("backend", ""), "Run"), name: "run:" + t.name, line: group[0].line,
		in: t.in, home: f, place: f.place, slot: group[0].slot,
	}
	run.proto = &onnx.NodeProto{Domain: run.decl.Domain, OpType: run.decl.Name, Name: run.name,
		Attribute: []*onnx.AttributeProto{
			onnx.AttrString("slot", u.slots[run.slot].Name), onnx.AttrString("function", t.name),
		}}
	u.puts++
	for _, n := range group {
		n.put = u.puts
	}
	// What is outside keeps reading values of the run; the functions of tensors keep the values that their nodes give.
	for _, v := range t.out {
		now := &val{name: v.name, typ: v.typ, place: v.place, def: run, home: f}
		v.put, v.now = u.puts, now
		run.out = append(run.out, now)
	}
	before, after := make([]*node, 0, len(f.nodes)), []*node(nil)
	for _, n := range f.nodes {
		switch {
		case n.put == u.puts:
		case u.follows(n):
			for i, v := range n.in {
				if v != nil && v.put == u.puts {
					n.in[i] = v.now
				}
			}
			for _, v := range n.out {
				v.put, v.now = u.puts, v
			}
			after = append(after, n)
		default:
			before = append(before, n)
		}
	}
	for i, v := range f.out {
		if v.put == u.puts {
			f.out[i] = v.now
		}
	}
	f.nodes = append(append(before, run), after...)
}

// follows says whether a node depends on the group that is being put.
func (u *unit) follows(n *node) bool {
	for _, v := range n.in {
		if v != nil && v.put == u.puts {
			return true
		}
	}
	return false
}

// proto writes the tensor function: tensor nodes only, with all types.
func (t *tensorFn) proto(opset int64) *onnx.FunctionProto {
	p := &onnx.FunctionProto{
		Domain: artifact.TensorDomain, Name: t.name,
		OpsetImport: []*onnx.OperatorSetIdProto{{Domain: "", Version: opset}},
	}
	training, own := false, false
	info := func(v *val) { p.ValueInfo = append(p.ValueInfo, artifact.ValueInfo(v.name, v.typ.Forget())) }
	for _, v := range t.in {
		p.Input = append(p.Input, v.name)
		info(v)
	}
	for _, n := range t.nodes {
		node := n.asProto()
		if !n.tensor() { // a constant
			v, _ := onnx.GetTensor(n.proto, "value")
			node.Domain, node.Attribute = "", []*onnx.AttributeProto{onnx.AttrTensor("value", v)}
		}
		training = training || node.GetDomain() == onnxop.Training
		own = own || node.GetDomain() == onnxop.Own
		p.Node = append(p.Node, node)
		for _, v := range n.out {
			if v.name != "" {
				info(v)
			}
		}
	}
	for _, v := range t.out {
		p.Output = append(p.Output, v.name)
	}
	if training {
		p.OpsetImport = append(p.OpsetImport, &onnx.OperatorSetIdProto{Domain: onnxop.Training,
			Version: onnxop.TrainingVersion})
	}
	if own {
		p.OpsetImport = append(p.OpsetImport, &onnx.OperatorSetIdProto{Domain: onnxop.Own, Version: onnxop.OwnVersion})
	}
	return p
}
