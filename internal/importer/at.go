package importer

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Value is an input or an output of a graph.
type Value struct {
	Name  string
	DType tensor.DType
	Shape []int
}

// Constant is a value that the nodes of a graph read and that nothing changes.
type Constant struct {
	Name  string
	Value *tensor.Tensor
}

// Graph is the forward pass for one batch size: every shape is known, every operator is one of onnxop's. It is
// immutable and safe for concurrent use.
type Graph struct {
	Batch     int
	Nodes     []*onnx.NodeProto // in the order in which they can run
	Inputs    []Value           // those that the nodes read, and those that they do not, in the order of the file
	Params    []Param           // what is trained, in the order of Model.Trained
	Constants []Constant        // in the order in which the nodes read them
	Outputs   []Value           // as they were asked for; Name is the value's in Nodes
	Buffers   []Buffer          // running statistics that the nodes read as they read Params: those of Model.Live
	Renewed   []string          // in training, the value that each of Buffers has after the pass
	Masks     []Mask            // in training, the chance that the nodes read
	Types     map[string]onnxop.Type
	Repairs   []string        // what was changed for this batch, in words
	rows      map[string]bool // parameters of which the first row stands for all
}

// BatchMax bounds the batch of a graph.
const BatchMax = 1 << 20

// At returns the graph of some outputs for a batch: of the output that is trained, where none is named. Errors are
// *RefusedError, with all reasons.
func (m *Model) At(batch int, outputs ...string) (*Graph, error) {
	return m.For(Inference, batch, outputs...)
}

// For is At for a mode.
func (m *Model) For(mode Mode, batch int, outputs ...string) (*Graph, error) {
	if batch < 1 || batch > BatchMax {
		return nil, fmt.Errorf("model: a batch of %d; want 1 to %d", batch, BatchMax)
	}
	if len(outputs) == 0 {
		outputs = []string{m.output}
	}
	for _, o := range outputs {
		if !slices.ContainsFunc(m.outputs, func(p Port) bool { return p.Name == o }) {
			return nil, fmt.Errorf("model: there is no output %s", quote(o))
		}
	}
	var ref *walker
	if n := m.batch.Fixed; n > 0 && n != batch {
		var err error
		if ref, err = m.walk(mode, n, outputs, nil); err != nil {
			return nil, err
		}
	}
	w, err := m.walk(mode, batch, outputs, ref)
	if err != nil {
		return nil, err
	}
	return w.graph(outputs)
}

// walker goes over the canonical nodes for one batch.
type walker struct {
	m       *Model
	mode    Mode
	batch   int
	ref     *walker // the same for the batch that the file is fixed to, where that is another one
	types   map[string]onnxop.Type
	alias   map[string]string // values that are others
	trained map[string]bool
	nodes   []*onnx.NodeProto
	from    []int // the node of the file that each was made of
	repairs []string
	bad     refusals
	fresh   int
	cur     node
	rows    map[string]bool  // parameters of which the first row stands for all
	outer   map[string]int   // what stands before the batch in the dimension that holds it, where that is merged
	half    map[string]int32 // values that have 16 bits in the file, where they are rounded to that
	renewed map[string]string
	masks   []Mask
}

// walk goes over the nodes that the outputs need.
func (m *Model) walk(mode Mode, batch int, outputs []string, ref *walker) (*walker, error) {
	w := &walker{m: m, mode: mode, batch: batch, ref: ref, types: map[string]onnxop.Type{},
		alias: map[string]string{}, trained: map[string]bool{}, outer: map[string]int{},
		rows: map[string]bool{}, renewed: map[string]string{}}
	for i, p := range m.inputs {
		shape, err := m.inputShape(i, batch)
		if err != nil {
			return nil, err
		}
		w.types[p.Name] = onnxop.Type{DType: p.DType, Shape: shape}
	}
	if m.o.Evaluate {
		// What is trained is computed in float32 throughout; what is only run gives what it gave where it came from.
		w.half = m.halves()
	}
	for _, p := range m.params {
		if p.Trainable {
			w.trained[p.Name] = true
		}
	}
	for _, x := range m.d.initials {
		t := onnxop.Type{DType: tensor.DType(min(max(x.dtype, 0), 255)), Shape: x.shape}
		if t.Shape == nil {
			t.Shape = []int{}
		}
		if !w.trained[x.name] && (mode == Adapted || !m.live(x.name)) {
			if t.Value = x.value; t.Value == nil {
				continue // judge has said so
			}
		}
		w.types[x.name] = t
	}
	needed := m.d.neededBy(outputs...)
	for _, n := range m.d.nodes {
		if slices.ContainsFunc(n.GetOutput(), func(o string) bool { return needed[o] }) {
			w.cur = n
			w.rounded(bareNode(n.NodeProto))
		}
	}
	if ref != nil && len(w.bad.list) == 0 {
		w.checkRows(outputs)
	}
	return w, w.bad.err("run")
}

// step takes one node of the file.
func (w *walker) step(n *onnx.NodeProto) {
	for i, in := range n.Input {
		n.Input[i] = w.resolve(in)
	}
	if w.known(n) && w.ref != nil {
		w.repair(n)
	}
	if w.simple(n) {
		return
	}
	if w.known(n) && w.rewrite(n) {
		return
	}
	w.finish(n, 0)
}

// resolve follows what a value is another name of.
func (w *walker) resolve(name string) string {
	for range 1 << 16 {
		to, ok := w.alias[name]
		if !ok {
			break
		}
		name = to
	}
	return name
}

// known says whether the types of all inputs are.
func (w *walker) known(n *onnx.NodeProto) bool {
	return !slices.ContainsFunc(n.Input, func(in string) bool {
		_, ok := w.types[in]
		return in != "" && !ok
	})
}

// at is the type of input i, the zero one where it is not given.
func (w *walker) at(n *onnx.NodeProto, i int) onnxop.Type {
	if i >= len(n.Input) || n.Input[i] == "" {
		return onnxop.Type{}
	}
	return w.types[n.Input[i]]
}

// same makes an output another name of a value.
func (w *walker) same(n *onnx.NodeProto, as string) bool {
	w.alias[n.Output[0]] = as
	if t, ok := w.types[as]; ok {
		w.types[n.Output[0]] = t // for sub-graphs, which read it by its own name
	}
	return true
}

// simple takes the nodes that leave a value as it is.
func (w *walker) simple(n *onnx.NodeProto) bool {
	if n.Domain != "" || len(n.Input) == 0 || len(n.Output) == 0 || n.Output[0] == "" {
		return false
	}
	switch n.OpType {
	case "Identity":
		return w.same(n, n.Input[0])
	case "Dropout":
		if w.mode == Training && w.m.o.Dropout && w.drop(n) {
			return true
		}
		if w.m.o.TrainMode && w.trains(n) {
			return false
		}
		if len(n.Output) > 1 && n.Output[1] != "" {
			if t, ok := w.types[n.Input[0]]; ok && t.Static() {
				w.define(n.Output[1], allTrue(t.Shape))
			}
		}
		return w.same(n, n.Input[0])
	case "Cast":
		to, _ := onnx.GetInt(n, "to")
		if t, ok := w.types[n.Input[0]]; ok && int64(t.DType) == to {
			return w.same(n, n.Input[0])
		}
	case "CastLike":
		like, ok := w.types[at(n.Input, 1)]
		if !ok {
			return false
		}
		if t, ok := w.types[n.Input[0]]; ok && t.DType == like.DType {
			return w.same(n, n.Input[0])
		}
		n.OpType, n.Input = "Cast", n.Input[:1]
		n.Attribute = []*onnx.AttributeProto{onnx.AttrInt("to", int64(like.DType))}
	}
	return false
}

// trains says whether a Dropout is in training mode: what the input says at 12, and what there is below.
func (w *walker) trains(n *onnx.NodeProto) bool {
	t := w.at(n, 2)
	return !t.Absent() && (t.Value == nil || t.Value.DType() == tensor.Bool && slices.Contains(t.Value.Bool(), true))
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

func allTrue(shape []int) *tensor.Tensor {
	v := make([]bool, count(shape))
	for i := range v {
		v[i] = true
	}
	t, err := tensor.FromBool(slices.Clone(shape), v)
	if err != nil {
		return nil
	}
	return t
}

// define gives a value that is known.
func (w *walker) define(name string, t *tensor.Tensor) {
	if t != nil && name != "" {
		w.types[name] = onnxop.Of(t)
	}
}

// writtenMax bounds the nodes of a graph for a batch.
const writtenMax = 1 << 17

// stepsMax bounds how deep compound operators lie in each other.
const stepsMax = 8

// finish infers a node's results, computes them where they can be known, and keeps the node where they cannot.
func (w *walker) finish(n *onnx.NodeProto, depth int) {
	op, compound := onnxop.Lookup(n.Domain, n.OpType), lowers(n.Domain, n.OpType)
	if op == nil && !compound {
		w.refuse(n, "%s", missingOperator(n))
		return
	}
	if !w.known(n) {
		w.lose(n)
		return
	}
	if op == nil || compound && !w.constant(n) {
		w.lower(n, depth)
		return
	}
	in := make([]onnxop.Type, len(n.Input))
	for i := range n.Input {
		in[i] = w.at(n, i)
	}
	out, err := onnxop.Infer(n, in)
	if err != nil {
		w.refuse(n, "%v", err)
		return
	}
	elements, all := 0, true
	for i, t := range out {
		if !t.Static() && n.Output[i] != "" {
			w.refuse(n, "its result %s has a shape that depends on values: %v", quote(n.Output[i]), t)
			return
		}
		elements += max(t.Elements(), 0)
		all = all && t.Value != nil
		if n.Output[i] != "" {
			w.types[n.Output[i]] = t
		}
	}
	if all && len(out) > 0 {
		return
	}
	if w.constant(n) && w.fold(n, in, elements) {
		return
	}
	if len(w.nodes) >= writtenMax {
		w.refuse(n, "the graph is more than %d primitive operators; want shorter sequences or fewer layers", writtenMax)
		return
	}
	w.nodes, w.from = append(w.nodes, n), append(w.from, w.cur.from)
}

// constant says whether every input of the node is known.
func (w *walker) constant(n *onnx.NodeProto) bool {
	if n.OpType == "Shape" || n.OpType == "Size" {
		return w.at(n, 0).Static()
	}
	for i, in := range n.Input {
		if in != "" && w.at(n, i).Value == nil {
			return false
		}
	}
	return true
}

// lower writes a compound node as primitive ones.
func (w *walker) lower(n *onnx.NodeProto, depth int) {
	if depth >= stepsMax {
		w.refuse(n, "operators lie in each other more than %d deep", stepsMax)
		return
	}
	w.fresh++
	nodes, err := lowered(n, w.types, fmt.Sprintf("rhizome/at/%d", w.fresh))
	if err != nil {
		w.refuse(n, "%v", err)
		return
	}
	for _, s := range nodes {
		for i, in := range s.Input {
			s.Input[i] = w.resolve(in)
		}
		if !w.simple(s) {
			w.finish(s, depth+1)
		}
	}
}

// refuse adds a reason about the node of the file that is being taken, and gives its results up.
func (w *walker) refuse(n *onnx.NodeProto, format string, args ...any) {
	w.bad.of(w.cur.from, w.cur.NodeProto, format, args...)
	w.lose(n)
}

// lose gives a node's results up: what reads them is not judged.
func (w *walker) lose(n *onnx.NodeProto) {
	for _, o := range n.Output {
		delete(w.types, o)
	}
}

// missingOperator says that an operator is not there, in the words that lead on.
func missingOperator(n *onnx.NodeProto) string {
	switch d := n.GetDomain(); {
	case d == mlDomain && (n.GetOpType() == "TreeEnsembleClassifier" || n.GetOpType() == "TreeEnsembleRegressor" ||
		n.GetOpType() == "TreeEnsemble"):
		return "trees have no gradient; want a model of layers, such as MLPClassifier or LogisticRegression"
	case d != "":
		return fmt.Sprintf(
			"no backend here runs %s; want a model of the standard operators (export with the domain %q "+
				"switched off)", quote(d+"."+n.GetOpType()), d)
	}
	return "no backend here runs this operator; want a model without it (the operators are those of SPECIFICATION.md, " +
		"section 6)"
}

// graph returns what was made, without what no output needs.
func (w *walker) graph(outputs []string) (*Graph, error) {
	g := &Graph{Batch: w.batch, Types: w.types, Repairs: w.repairs, rows: w.rows, Params: w.m.Trained()}
	made := map[string]bool{}
	for _, n := range w.nodes {
		for _, o := range n.Output {
			made[o] = true
		}
	}
	for _, o := range outputs {
		name := w.resolve(o)
		t := w.types[name]
		if !made[name] { // an input, a parameter or a constant is an output: a node gives it its name
			id := onnx.Node("", "Identity", "", []string{name}, []string{w.unique(o)})
			w.types[id.Output[0]] = onnxop.Type{DType: t.DType, Shape: t.Shape}
			w.nodes = append(w.nodes, id)
			name = id.Output[0]
		}
		g.Outputs = append(g.Outputs, Value{Name: name, DType: t.DType, Shape: t.Shape})
	}
	needed := map[string]bool{}
	for _, v := range g.Outputs {
		needed[v.Name] = true
	}
	w.state(g, needed)
	keep := make([]bool, len(w.nodes))
	for i := len(w.nodes) - 1; i >= 0; i-- {
		n := w.nodes[i]
		keep[i] = slices.ContainsFunc(n.Output, func(o string) bool { return o != "" && needed[o] })
		for _, in := range n.Input {
			needed[in] = needed[in] || keep[i]
		}
	}
	listed := map[string]bool{}
	for i, n := range w.nodes {
		if !keep[i] {
			continue
		}
		g.Nodes = append(g.Nodes, n)
		for _, in := range n.Input {
			if v := w.types[in].Value; in != "" && v != nil && !listed[in] && !w.trained[in] && !made[in] {
				listed[in] = true
				g.Constants = append(g.Constants, Constant{Name: in, Value: v})
			}
		}
	}
	for _, k := range w.masks {
		if needed[k.Name] {
			g.Masks = append(g.Masks, k)
		}
	}
	for _, p := range w.m.inputs {
		g.Inputs = append(g.Inputs, Value{Name: p.Name, DType: p.DType, Shape: w.types[p.Name].Shape})
	}
	return g, nil
}

// unique returns a name that no value has: the one that is asked for, where it is free.
func (w *walker) unique(like string) string {
	for {
		if _, taken := w.types[like]; !taken && !w.m.d.taken[like] {
			return like
		}
		w.fresh++
		like = fmt.Sprintf("rhizome/at/%d/out", w.fresh)
	}
}
