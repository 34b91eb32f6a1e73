package onnxop

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Op is one operator: a line of the catalogue. It is immutable.
type Op struct {
	Domain  string // empty is the standard one
	Name    string
	In, Out Arity
	Attrs   []Attr
	Types   []tensor.DType // what the first input, or where there is none the output, may hold
	Same    bool           // every input has the element type of the first
	Decides []int          // the inputs whose values decide the shape of an output

	rule func(*call) error
}

// Arity bounds the number of inputs or outputs of a node; a Max of Many is no bound.
type Arity struct{ Min, Max int }

// Many is the Max of an Arity that has no bound of its own.
const Many = 1 << 16

var (
	one      = Arity{1, 1}
	two      = Arity{2, 2}
	variadic = Arity{1, Many}

	floats = []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16}
	ints   = []tensor.DType{tensor.Int64, tensor.Int32, tensor.Int16, tensor.Int8, tensor.Uint64, tensor.Uint32,
		tensor.Uint16, tensor.Uint8}
	numbers = slices.Concat(floats, ints)
	signed  = slices.Concat(floats, []tensor.DType{tensor.Int64, tensor.Int32, tensor.Int16, tensor.Int8})
	all     = append(slices.Clone(numbers), tensor.Bool)
	bools   = []tensor.DType{tensor.Bool}
	int64s  = []tensor.DType{tensor.Int64}
)

type opKey struct{ domain, name string }

// catalogue is every operator by domain and name, and sorted lists them. They are filled at start because the rules
// that they hold look defaults up in them.
var (
	catalogue = map[opKey]*Op{}
	sorted    []*Op
)

func init() {
	for _, family := range [][]Op{unaryOps, binaryOps, matrixOps, reduceOps, shapeOps, joinOps, indexOps, constantOps,
		softmaxOps, trainingOps, convOps, poolOps, scatterOps, scanOps, randomOps, chooseOps} {
		for i := range family {
			op := &family[i]
			catalogue[opKey{op.Domain, op.Name}] = op
			sorted = append(sorted, op)
		}
	}
	slices.SortFunc(sorted, func(a, b *Op) int {
		return cmp.Or(strings.Compare(a.Domain, b.Domain), strings.Compare(a.Name, b.Name))
	})
}

// Lookup returns the operator of that name, or nil where there is none. The domains "" and "ai.onnx" are the same.
func Lookup(domain, name string) *Op {
	if domain == "ai.onnx" {
		domain = ""
	}
	return catalogue[opKey{domain, name}]
}

// DomainOf returns the domain of an operator that nodes are made of: Own, where that has the name, and else the
// standard one.
func DomainOf(name string) string {
	if catalogue[opKey{Own, name}] != nil {
		return Own
	}
	return ""
}

// All returns every operator, sorted by domain and name; the caller must not change the slice.
func All() []*Op { return sorted }

// Supported says whether the operator is one that the project runs at that version of its operator set.
func Supported(domain, name string, version int64) bool {
	op := Lookup(domain, name)
	if op == nil {
		return false
	}
	switch op.Domain {
	case Training:
		return version == TrainingVersion
	case Own:
		return version == OwnVersion
	}
	return version >= OpsetMin && version <= OpsetMax
}

// Infer returns the types of a node's outputs, given those of its inputs: the zero Type for an input that is not given.
// Where an input is not fully known the result says no more than is certain. Errors are *UnsupportedError and
// *RuleError.
func Infer(node *onnx.NodeProto, in []Type) ([]Type, error) {
	op := Lookup(node.GetDomain(), node.GetOpType())
	if op == nil {
		return nil, &UnsupportedError{Op: node.GetOpType(), Domain: node.GetDomain()}
	}
	c := &call{node: node, op: op, in: in}
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := op.rule(c); err != nil {
		return nil, err
	}
	if len(node.GetOutput()) > len(c.out) {
		return nil, c.fail("has %d outputs; want at most %d", len(node.GetOutput()), len(c.out))
	}
	for _, t := range c.out {
		if len(t.Shape) > tensor.MaxRank {
			return nil, c.fail("the result %v has %d dimensions; want at most %d", t, len(t.Shape), tensor.MaxRank)
		}
		if extent(t.Shape) > ElementsMax {
			return nil, c.fail("the result %v has more than %d elements, dimensions of 0 apart", t, ElementsMax)
		}
	}
	return c.out[:len(node.GetOutput())], nil
}

// call is one node while its rule runs.
type call struct {
	node *onnx.NodeProto
	op   *Op
	in   []Type
	out  []Type
}

// fail returns the error that the node breaks a rule.
func (c *call) fail(format string, args ...any) error {
	name := c.node.GetName()
	if name == "" && len(c.node.GetOutput()) > 0 {
		name = c.node.GetOutput()[0]
	}
	return &RuleError{Node: name, Op: c.op.Name, Reason: fmt.Sprintf(format, args...)}
}

// check compares counts, attributes and element types with the operator's entry.
func (c *call) check() error {
	if n := len(c.node.GetInput()); n != len(c.in) {
		return c.fail("%d types given for %d inputs", len(c.in), n)
	}
	if n := len(c.in); n < c.op.In.Min || n > c.op.In.Max {
		return c.fail("has %d inputs; want %d to %d", n, c.op.In.Min, c.op.In.Max)
	}
	if n := len(c.node.GetOutput()); n < c.op.Out.Min || n > c.op.Out.Max {
		return c.fail("has %d outputs; want %d to %d", n, c.op.Out.Min, c.op.Out.Max)
	}
	for i := range c.op.In.Min {
		if c.in[i].Absent() {
			return c.fail("input %d is required and not given", i)
		}
	}
	if err := c.checkAttrs(); err != nil {
		return err
	}
	if len(c.in) == 0 {
		return nil
	}
	if !slices.Contains(c.op.Types, c.in[0].DType) {
		return &UnsupportedError{Op: c.op.Name, Domain: c.op.Domain, DType: c.in[0].DType}
	}
	for i, t := range c.in {
		if c.op.Same && !t.Absent() && t.DType != c.in[0].DType {
			return c.fail("input %d is %v and input 0 is %v; want one element type", i, t.DType, c.in[0].DType)
		}
	}
	return nil
}

// at returns input i, the zero Type where the node has fewer.
func (c *call) at(i int) Type {
	if i < len(c.in) {
		return c.in[i]
	}
	return Type{}
}

// give sets the node's outputs.
func (c *call) give(out ...Type) error {
	c.out = out
	return nil
}
