package deploy

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// label says how a value comes from data: through how many ops of arithmetic at least, on the way on which there are
// fewest.
type label struct {
	ops  int    // far: not from data at all
	from string // the method that gave the data
}

// far is the label of what does not come from data.
const far = math.MaxInt32

// The bound of a walk, in ops looked at. A program that needs more is not followed, and all that leaves it counts as
// data.
const walkMax = 20_000_000

// flow follows data through a place's part of a program: each value gets the least number of arithmetic ops through
// which it comes from what the data component gives. What only moves or cuts data (a Reshape, a Slice, a list, a queue)
// counts for nothing, and what a component was given may come out of it again as it went in. That a program decides by
// data which of two constants it sends is not seen.
type flow struct {
	p       *program.Program
	tensor  map[string]*onnx.FunctionProto
	labels  [][]label // by function and slot
	stores  map[string]label
	changed bool
	looked  int
}

// follow returns the flow of a program.
func follow(p *program.Program, model *onnx.ModelProto) *flow {
	f := &flow{p: p, tensor: map[string]*onnx.FunctionProto{}, stores: map[string]label{}}
	for _, fn := range model.GetFunctions() {
		if fn.GetDomain() == artifact.TensorDomain {
			f.tensor[fn.GetName()] = fn
		}
	}
	for i := range p.Funcs {
		all := make([]label, p.Funcs[i].Slots)
		for k := range all {
			all[k].ops = far
		}
		f.labels = append(f.labels, all)
	}
	for f.changed = true; f.changed && f.looked < walkMax; {
		f.changed = false
		for i := range p.Funcs {
			f.function(&p.Funcs[i])
		}
	}
	return f
}

// whole says whether everything was followed to its end.
func (f *flow) whole() bool { return !f.changed }

func (f *flow) lower(at *label, to label) {
	if to.ops < at.ops {
		*at, f.changed = to, true
	}
}

func (f *flow) store(name string, in label) {
	if have, ok := f.stores[name]; !ok || in.ops < have.ops {
		f.stores[name], f.changed = in, true
	}
}

func (f *flow) stored(name string) label {
	if l, ok := f.stores[name]; ok {
		return l
	}
	return label{ops: far}
}

func (f *flow) function(fn *program.Func) {
	all := f.labels[fn.ID]
	if fn.Kind == program.KindEvent && len(all) > 0 {
		f.lower(&all[0], f.stored("event "+fn.Label))
	}
	for i := range fn.Ops {
		f.op(&fn.Ops[i], all)
	}
}

func (f *flow) op(o *program.Op, all []label) {
	f.looked++
	in := label{ops: far} // the nearest of all inputs
	for _, s := range o.In {
		if s >= 0 && all[s].ops < in.ops {
			in = all[s]
		}
	}
	out := func(l label) {
		for _, s := range o.Out {
			f.lower(&all[s], l)
		}
	}
	switch o.Code {
	case program.OpQueuePut, program.OpHoldPut, program.OpPublish, program.OpRecord:
		f.store(storeOf(o), in)
	case program.OpQueueTake, program.OpHoldTake:
		out(f.stored(storeOf(o)))
	case program.OpLoop:
		f.call(o.Body, o.In[1:], o.Out, all, 1)
		f.again(o.Body)
	case program.OpCall:
		f.call(o.Body, o.In, o.Out, all, 0)
	case program.OpIf:
		f.call(o.Body, o.In[1:], o.Out, all, 0)
		f.call(o.Else, o.In[1:], o.Out, all, 0)
	case program.OpComponent:
		f.component(o, in, all, out)
	case program.OpSend, program.OpRequest, program.OpReply, program.OpConstant, program.OpClock, program.OpRandom,
		program.OpCorrelate:
	default:
		out(in)
	}
}

func storeOf(o *program.Op) string {
	switch o.Code {
	case program.OpQueuePut, program.OpQueueTake:
		return "queue " + o.Label
	case program.OpPublish:
		return "event " + o.Label
	case program.OpRecord:
		return "record " + o.Label
	}
	return "hold " + o.Label
}

// call gives the inputs of a body what the caller has, from the first one that takes a value on, and the caller what
// the body gives.
func (f *flow) call(body program.FuncID, in, out []program.Slot, all []label, first int) {
	if body < 0 {
		return
	}
	b := &f.p.Funcs[body]
	for i, s := range in {
		if s >= 0 && first+i < int(b.Inputs) {
			f.lower(&f.labels[body][first+i], all[s])
		}
	}
	for i, s := range out {
		if i < len(b.Outputs) {
			f.lower(&all[s], f.labels[body][b.Outputs[i]])
		}
	}
}

// again gives a loop's body what its last run gave.
func (f *flow) again(body program.FuncID) {
	if body < 0 {
		return
	}
	b := &f.p.Funcs[body]
	for i, s := range b.Outputs {
		if 1+i < int(b.Inputs) {
			f.lower(&f.labels[body][1+i], f.labels[body][s])
		}
	}
}

// component follows a method of a component.
func (f *flow) component(o *program.Op, in label, all []label, out func(label)) {
	c := &f.p.Components[o.Component]
	switch {
	case c.Role == "data" && (o.Method == "Begin" || o.Method == "Loaded" || o.Method == "Reset"):
		return // how many samples and batches there are
	case c.Role == "data" && c.Kind == data.KindColumns: // which counts, and gives nothing else out
		out(label{1, c.Name + "." + o.Method})
		return
	case c.Role == "data":
		out(label{0, c.Name + "." + o.Method})
		return
	case c.Role == "backend" && len(o.Method) > 4 && f.tensor[o.Method[4:]] != nil:
		f.tensors(f.tensor[o.Method[4:]], o, all)
		return
	}
	// It may give out again what it was given, or what it takes of a data component that it uses.
	f.store("component "+c.Name, in)
	for _, dep := range c.Deps {
		if k := f.p.ComponentOf(dep); k >= 0 && f.p.Components[k].Role == "data" && c.Role != "protocol" {
			f.store("component "+c.Name, label{1, "the component " + c.Name + ", which reads " + dep})
		}
	}
	out(f.stored("component " + c.Name))
}

// movers are the tensor operators that move, cut or copy what they are given, and compute nothing of it.
var movers = []string{"Identity", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Gather",
	"GatherElements", "GatherND", "Concat", "Split",
	"Cast", "CastLike", "Expand", "Tile", "Pad", "Where", "Scatter", "ScatterElements", "ScatterND", "DepthToSpace",
	"SpaceToDepth", "Compress", "Neg", "ReverseSequence", "Trilu"}

// tensors follows a tensor function, node by node.
func (f *flow) tensors(fn *onnx.FunctionProto, o *program.Op, all []label) {
	at := map[string]label{}
	for i, name := range fn.GetInput() {
		if i < len(o.In) && o.In[i] >= 0 && all[o.In[i]].ops < far {
			at[name] = all[o.In[i]]
		}
	}
	for _, n := range fn.GetNode() {
		f.looked++
		near := label{ops: far}
		for _, name := range n.GetInput() {
			if l, ok := at[name]; ok && l.ops < near.ops {
				near = l
			}
		}
		if near.ops == far || n.GetOpType() == "Shape" || n.GetOpType() == "Size" {
			continue
		}
		if !slices.Contains(movers, n.GetOpType()) {
			near.ops++
		}
		for _, name := range n.GetOutput() {
			at[name] = near
		}
	}
	for i, name := range fn.GetOutput() {
		if l, ok := at[name]; ok && i < len(o.Out) {
			f.lower(&all[o.Out[i]], l)
		}
	}
}

// typesOf returns what a part's function says of its slots.
func typesOf(model *onnx.ModelProto, place, name string, slots int) []types.Type {
	out := make([]types.Type, slots)
	for _, fn := range model.GetFunctions() {
		if fn.GetDomain() != artifact.PartDomain+place || fn.GetName() != name {
			continue
		}
		known := map[string]types.Type{}
		for _, v := range fn.GetValueInfo() {
			if t, err := artifact.TypeOf(v); err == nil {
				known[v.GetName()] = t
			}
		}
		at := 0
		note := func(name string) {
			if at < slots {
				out[at] = known[name]
			}
			at++
		}
		for _, in := range fn.GetInput() {
			note(in)
		}
		for _, n := range fn.GetNode() {
			for _, out := range n.GetOutput() {
				note(out)
			}
		}
	}
	return out
}

// bytesOf returns how many bytes a value of a type has, or -1 where the type does not say.
func bytesOf(t types.Type) int64 {
	switch t.ID {
	case value.TypeTrigger:
		return 0
	case value.TypeInt, value.TypeFloat:
		return 8
	case value.TypeBool:
		return 1
	case value.TypeTensor:
		return tensorBytes(t.Tensor)
	case value.TypeList:
		if !t.Sized {
			return -1
		}
		total := int64(0)
		for _, item := range t.Items {
			n := bytesOf(item)
			if n < 0 {
				return -1
			}
			total += n
		}
		return total
	}
	return -1
}

func tensorBytes(t onnxop.Type) int64 {
	if t.Unranked || t.DType == 0 {
		return -1
	}
	n := int64(t.DType.Size())
	for _, d := range t.Shape {
		if d < 0 || n > math.MaxInt32 {
			return -1
		}
		n *= int64(d)
	}
	return n
}
