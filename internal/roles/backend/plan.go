package backend

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Options are the choices of compiling a graph. The zero value is a good one.
type Options struct {
	// Opset is the version of the standard operator set that a GraphProto is written in; 0 means onnxop.Opset. A
	// FunctionProto says its own.
	Opset int64
	// Inputs are the types of the inputs, in order. They may be left out: then a GraphProto's own count, and a
	// FunctionProto's inputs may be anything until a run brings them.
	Inputs []onnxop.Type
	// Rules are those by which products are added; 0 means Fused.
	Rules kernel.Rules
	// Scalar forbids the vector loops. The bits are the same either way; tests compare the two.
	Scalar bool
	// Threads is how many threads share large products and the rows of large steps; 0 means as many as the process
	// has. The bits are the same.
	Threads int
	// BytesMax bounds the memory of one run beside its inputs; 0 means 1 GiB.
	BytesMax int

	// block is how many elements of a value a chain works on at once; 0 means blockElements, and below it there are no
	// chains, no sweep, and tables of zeros are written. Tests choose few.
	block int
}

const (
	// blockElements are 8 KiB of float32: four such values are in a usual first cache together.
	blockElements = 2 << 10

	// programsMax bounds the programs that a plan keeps for inputs of different shapes. Beyond it the oldest is
	// dropped.
	programsMax = 16

	// keyedMax bounds the elements of an input whose value decides a shape.
	keyedMax = 1 << 10
)

// Port is an input or an output of a plan.
type Port struct {
	Name string
	Type onnxop.Type // the zero Type where nothing is known before a run
}

// Plan is a compiled graph. It is immutable to its callers and safe for concurrent use.
type Plan struct {
	src      *source
	set      *kernel.Set
	bytesMax int
	block    int
	inputs   []Port
	outputs  []Port
	fixed    *program // the only program, when the inputs leave nothing open

	mu       sync.Mutex
	programs map[string]*program
	order    []string // the keys of programs, oldest first
}

// Compile compiles a graph. An initializer of the name of an input takes the input's place: the plan does not ask for
// it. Errors are *UnsupportedError, *RuleError, *GraphError and *LimitError.
func Compile(g *onnx.GraphProto, o Options) (*Plan, error) {
	if len(g.GetSparseInitializer()) > 0 {
		return nil, &GraphError{Graph: g.GetName(),
			Reason: "has sparse initializers, which are not supported; want dense ones"}
	}
	src := graph{name: g.GetName(), nodes: g.GetNode(), initializers: g.GetInitializer(), opset: o.Opset}
	if src.opset == 0 {
		src.opset = onnxop.Opset
	}
	given := map[string]bool{}
	for _, p := range g.GetInitializer() {
		given[p.GetName()] = true
	}
	for _, v := range g.GetInput() {
		if given[v.GetName()] {
			continue
		}
		t, ok := onnxop.FromProto(v.GetType())
		if !ok && v.GetType() != nil {
			return nil, &GraphError{Graph: g.GetName(), Reason: fmt.Sprintf("input %q is not a tensor", v.GetName())}
		}
		src.inputs, src.types = append(src.inputs, v.GetName()), append(src.types, t)
	}
	for _, v := range g.GetOutput() {
		src.outputs = append(src.outputs, v.GetName())
	}
	return compile(src, o)
}

// CompileFunction compiles a function whose attributes have been replaced by values. It is Compile otherwise, but what
// the function's value_info says of a value has to hold in each run: its gradients were computed from that.
func CompileFunction(f *onnx.FunctionProto, o Options) (*Plan, error) {
	src := graph{name: f.GetName(), nodes: f.GetNode(), inputs: f.GetInput(), outputs: f.GetOutput(),
		opset: onnxop.Opset}
	for _, i := range f.GetOpsetImport() {
		if i.GetDomain() == "" || i.GetDomain() == "ai.onnx" {
			src.opset = i.GetVersion()
		}
	}
	src.types = make([]onnxop.Type, len(src.inputs))
	src.declared = declaredTypes(f)
	return compile(src, o)
}

// declaredTypes returns what a function's value_info says of its values.
func declaredTypes(f *onnx.FunctionProto) map[string]onnxop.Type {
	types := make(map[string]onnxop.Type, len(f.GetValueInfo()))
	for _, v := range f.GetValueInfo() {
		if t, ok := onnxop.FromProto(v.GetType()); ok {
			types[v.GetName()] = t
		}
	}
	return types
}

func compile(g graph, o Options) (*Plan, error) {
	if o.Inputs != nil {
		if len(o.Inputs) != len(g.inputs) {
			return nil, &GraphError{Graph: g.name, Reason: fmt.Sprintf("%d types given for %d inputs", len(o.Inputs),
				len(g.inputs))}
		}
		g.types = o.Inputs
	}
	src, err := parse(g)
	if err != nil {
		return nil, err
	}
	rules := cmp.Or(o.Rules, kernel.Fused)
	set := kernel.Threads(rules, cmp.Or(o.Threads, runtime.GOMAXPROCS(0)))
	p := &Plan{src: src, set: set, bytesMax: o.BytesMax, programs: map[string]*program{}}
	if o.Scalar {
		p.set = kernel.Scalar(rules)
	}
	if p.block = o.block; p.block == 0 {
		p.block = blockElements
	}
	if p.bytesMax == 0 {
		p.bytesMax = 1 << 30
	}
	types, err := src.infer()
	if err != nil {
		return nil, err
	}
	fixed := true
	for i, name := range g.inputs {
		p.inputs = append(p.inputs, Port{name, g.types[i]})
		fixed = fixed && g.types[i].Static() && (!src.keyed[i] || g.types[i].Value != nil)
	}
	for i, name := range g.outputs {
		p.outputs = append(p.outputs, Port{name, types[src.out[i]]})
	}
	if fixed {
		p.fixed, err = p.specialize(g.types)
	}
	return p, err
}

// infer returns what is certain of the type of every value before a run.
func (s *source) infer() ([]onnxop.Type, error) {
	types := make([]onnxop.Type, len(s.names))
	for id, t := range s.known {
		if t != nil {
			types[id] = onnxop.Of(t)
		}
	}
	for i, id := range s.in {
		types[id] = s.types[i]
	}
	open := make([]bool, len(s.names)) // values of which nothing is known
	for i, id := range s.in {
		open[id] = s.types[i].Absent()
	}
	for _, n := range s.steps {
		in, known := make([]onnxop.Type, len(n.in)), true
		for j, id := range n.in {
			if id >= 0 {
				in[j] = types[id]
				known = known && !open[id]
			}
		}
		if !known {
			for _, id := range n.out {
				open[id] = true
			}
			continue
		}
		out, err := onnxop.Infer(n.proto, in)
		if err != nil {
			return nil, err
		}
		for j, id := range n.out {
			types[id] = out[j]
		}
	}
	return types, nil
}

// Inputs returns the inputs in the order of Run; the caller must not change the slice.
func (p *Plan) Inputs() []Port { return p.inputs }

// Outputs returns the outputs in the order of Run, with what is known of their types before a run; the caller must not
// change the slice.
func (p *Plan) Outputs() []Port { return p.outputs }

// Run computes the outputs from the inputs, which stay as they are. An output may share memory with an input that it
// equals. Errors are *InputError, *RunError, and, for shapes that the plan meets for the first time, those of Compile.
func (p *Plan) Run(in []*tensor.Tensor) ([]*tensor.Tensor, error) { return p.RunInto(in, nil) }

// RunInto is Run in the memory of outputs of an earlier run of the plan that the caller gives up: nobody else holds
// them, and nobody reads them any more. The list and the tensors are given back with what they are now, so that a loop
// which keeps two generations of its values allocates nothing. Where a tensor of the list is nil, memory is new; what
// shares memory with an input or a constant is left alone. After an error what was given up has no sound value. Errors
// are also *SpentError, before anything is overwritten.
func (p *Plan) RunInto(in, spent []*tensor.Tensor) ([]*tensor.Tensor, error) {
	if err := p.admit(in); err != nil {
		return nil, err
	}
	if p.fixed != nil {
		return p.fixed.run(in, spent)
	}
	prog, err := p.program(in)
	if err != nil {
		return nil, err
	}
	return prog.run(in, spent)
}

// admit compares the inputs with what the plan knows of them.
func (p *Plan) admit(in []*tensor.Tensor) error {
	if len(in) != len(p.inputs) {
		return &InputError{Index: len(in), Reason: fmt.Sprintf("%d inputs given; want %d", len(in), len(p.inputs))}
	}
	for i, t := range in {
		want := &p.inputs[i].Type
		switch {
		case t == nil:
			return &InputError{Index: i, Name: p.inputs[i].Name, Reason: "is nil; want a tensor"}
		case want.Absent():
		case t.DType() != want.DType || !(want.Unranked || fits(t.Shape(), want.Shape)):
			return &InputError{Index: i, Name: p.inputs[i].Name, Reason: fmt.Sprintf("is %v; want %v", onnxop.Of(t),
				*want)}
		case want.Value != nil && !want.Value.Equal(t):
			return &InputError{Index: i, Name: p.inputs[i].Name,
				Reason: "differs from the value that the plan was compiled for"}
		}
		if p.src.keyed[i] && t.Len() > keyedMax {
			return &LimitError{What: "elements of an input that decides a shape", Got: t.Len(), Max: keyedMax}
		}
	}
	return nil
}

// fits says whether a shape is one that a type with open dimensions allows.
func fits(shape, want []int) bool {
	return slices.EqualFunc(shape, want, func(d, w int) bool { return d == w || w < 0 })
}

// program returns the program for these inputs, making it when it is not kept. Two runs may make the same one at the
// same time; either is good.
func (p *Plan) program(in []*tensor.Tensor) (*program, error) {
	var buf [256]byte
	key := buf[:0]
	for i, t := range in {
		key = append(key, byte(t.DType()), byte(t.Rank()))
		for _, d := range t.Shape() {
			key = binary.AppendUvarint(key, uint64(d))
		}
		if p.src.keyed[i] {
			key = t.Append(key)
		}
	}
	p.mu.Lock()
	prog := p.programs[string(key)]
	p.mu.Unlock()
	if prog != nil {
		return prog, nil
	}
	types := make([]onnxop.Type, len(in))
	for i, t := range in {
		types[i] = onnxop.Type{DType: t.DType(), Shape: t.Shape()}
		if p.src.keyed[i] {
			types[i].Value = t
		}
	}
	prog, err := p.specialize(types)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.programs[string(key)] == nil {
		if len(p.order) == programsMax {
			delete(p.programs, p.order[0])
			p.order = p.order[1:]
		}
		p.programs[string(key)] = prog
		p.order = append(p.order, string(key))
	}
	return prog, nil
}

// specialize makes the program for inputs of static types.
func (p *Plan) specialize(types []onnxop.Type) (*program, error) {
	l, err := lower(p.src, p.set, p.block, types)
	if err != nil {
		return nil, err
	}
	return place(l, p.bytesMax)
}
