package importer

import (
	"fmt"
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// use is what a node does with one of its inputs.
type use uint8

const (
	useOther    use = iota // nothing that a parameter is used for
	useWeight              // as a weight, a bias, a scale or a table: what layers learn
	useOperand             // as an operand of arithmetic, which may be a parameter
	useMean                // as the running mean of a BatchNormalization
	useVariance            // as its running variance
	usePass                // it is moved only; what its reader does with the result counts
)

// read is one use of a value.
type read struct {
	at  int // the node of the draft
	in  int
	use use
}

// roles are the uses of the inputs by operator; those that are not listed are useOther.
var roles = map[string][]use{
	"Conv": {1: useWeight, 2: useWeight}, "ConvTranspose": {1: useWeight, 2: useWeight},
	"Gemm": {useWeight, useWeight, useWeight}, "MatMul": {useWeight, useWeight},
	"Einsum":             {useWeight, useWeight, useWeight},
	"LayerNormalization": {1: useWeight, 2: useWeight}, "InstanceNormalization": {1: useWeight, 2: useWeight},
	"GroupNormalization": {1: useWeight, 2: useWeight}, "RMSNormalization": {1: useWeight},
	"SimplifiedLayerNormalization": {1: useWeight},
	"BatchNormalization":           {1: useWeight, 2: useWeight, 3: useMean, 4: useVariance},
	"PRelu":                        {1: useWeight}, "Gather": {useWeight}, "GatherND": {useWeight},
	"GatherElements": {useWeight},
	"LSTM":           {1: useWeight, 2: useWeight, 3: useWeight, 7: useWeight}, "GRU": {1: useWeight, 2: useWeight,
		3: useWeight},
	"RNN": {1: useWeight, 2: useWeight, 3: useWeight}, "DeformConv": {1: useWeight, 3: useWeight},
	"Attention": {useWeight, useWeight, useWeight},
	"Add":       {useOperand, useOperand}, "Sub": {useOperand, useOperand}, "Mul": {useOperand, useOperand},
	"Div": {useOperand, useOperand}, "Sum": {useOperand, useOperand, useOperand}, "SwiGLU": {useWeight, useWeight},
	"Transpose": {usePass}, "Reshape": {usePass}, "Cast": {usePass}, "CastLike": {usePass}, "Identity": {usePass},
	"Squeeze": {usePass}, "Unsqueeze": {usePass}, "Slice": {usePass}, "Expand": {usePass}, "Split": {usePass},
	"Flatten": {usePass}, "Tile": {usePass}, "Dropout": {usePass}, "Sqrt": {usePass}, "Neg": {usePass},
	"Reciprocal": {usePass}, "Softmax": {usePass}, "Tanh": {usePass}, "Sigmoid": {usePass}, "Exp": {usePass},
	"ReduceMean": {usePass}, "ReduceSum": {usePass}, "ReduceL2": {usePass}, "ReduceSumSquare": {usePass},
}

func useOf(n *onnx.NodeProto, in int) use {
	if n.GetDomain() != "" {
		return useOther
	}
	if n.GetOpType() == "Concat" {
		return usePass
	}
	if r := roles[n.GetOpType()]; in < len(r) {
		return r[in]
	}
	return useOther
}

// reads returns what is done with each value.
func (d *draft) reads() map[string][]read {
	out := map[string][]read{}
	for i, n := range d.nodes {
		for j, in := range n.GetInput() {
			if in != "" {
				out[in] = append(out[in], read{at: i, in: j, use: useOf(n.NodeProto, j)})
			}
		}
	}
	return out
}

// usesMax bounds how far uses are followed, in values.
const usesMax = 512

// uses returns what is done with a value, through the nodes that only move it.
func (d *draft) uses(name string, reads map[string][]read) []read {
	var out []read
	seen := map[string]bool{name: true}
	for queue := []string{name}; len(queue) > 0 && len(seen) < usesMax && len(out) < usesMax; queue = queue[1:] {
		for _, r := range reads[queue[0]] {
			if r.use != usePass {
				out = append(out, r)
				continue
			}
			for _, o := range d.nodes[r.at].GetOutput() {
				if o != "" && !seen[o] {
					seen[o] = true
					queue = append(queue, o)
				}
			}
		}
	}
	return out
}

// classify tells parameters, buffers and constants apart.
func (m *Model) classify(bad *refusals) {
	reads := m.d.reads()
	makers := m.d.makers()
	missing := m.missing()
	needed := m.d.neededBy(m.output)
	for i, x := range m.d.initials {
		if !isFloat(tensor.DType(min(max(x.dtype, 0), 255))) || x.made != nil && x.made.node < 0 {
			continue
		}
		uses := m.d.uses(x.name, reads)
		if role, at := statistics(uses); role != "" && !m.sig.param(x.name) {
			m.buffers = append(m.buffers, Buffer{Name: x.name, Shape: x.shape, Value: x.value, Role: role,
				Node: nodeName(m.d.nodes[at].NodeProto)})
			continue
		}
		p := Param{Name: x.name, Shape: x.shape, Value: x.value, index: i}
		p.Trainable, p.Why = m.learns(x, uses, makers, len(missing) > 0)
		p.learned = p.Trainable
		if p.Trainable && !needed[x.name] {
			p.Trainable, p.Why = false, "the output "+quote(m.output)+" does not depend on it"
		}
		m.params = append(m.params, p)
	}
	m.choose(bad)
}

// statistics says whether a value is only ever a running statistic, which one and where.
func statistics(uses []read) (role string, at int) {
	for _, r := range uses {
		switch r.use {
		case useMean:
			role, at = "mean", r.at
		case useVariance:
			if role == "" {
				role, at = RoleVariance, r.at
			}
		default:
			return "", 0
		}
	}
	return role, at
}

// learns says whether an initializer is a parameter, and why.
func (m *Model) learns(x *initial, uses []read, makers map[string]int, missing bool) (bool, string) {
	switch {
	case m.sig.param(x.name):
		return true, "a parameter of the module, by the exporter's signature"
	case m.sig.buffer(x.name):
		return false, "a buffer of the module, by the exporter's signature"
	case m.sig != nil && !missing && x.made == nil:
		return false, "no parameter of the module, by the exporter's signature"
	case len(uses) == 0:
		return false, "nothing reads it"
	}
	for _, r := range uses {
		n := m.d.nodes[r.at]
		switch r.use {
		case useWeight:
			if m.d.plainGroup(r.at, makers) {
				return false, "ones and zeros of a GroupNormalization that was written as InstanceNormalization"
			}
			if why := notNumbers(x.value); why != "" {
				return false, why
			}
			return true, "by its use: " + n.GetOpType()
		case useOperand:
			if why := notNumbers(x.value); why != "" {
				continue
			}
			if count(x.shape) > 1 || len(x.shape) > 0 && m.d.afterProduct(n, r.in, makers) {
				return true, "by its use: " + n.GetOpType()
			}
		}
	}
	if why := notNumbers(x.value); why != "" {
		return false, why
	}
	if count(x.shape) == 1 {
		return false, "a constant of one number, used by " + m.d.nodes[uses[0].at].GetOpType()
	}
	return false, "by its use it is no parameter: " + m.d.nodes[uses[0].at].GetOpType()
}

// notNumbers says why the numbers are none that anyone trains: masks hold infinities, or what stands for them.
func notNumbers(t *tensor.Tensor) string {
	if t == nil || t.DType() != tensor.Float32 {
		return ""
	}
	const far = -1e4
	low, zero := 0, 0
	for _, v := range t.Float32() {
		switch {
		case math.IsInf(float64(v), 0) || math.IsNaN(float64(v)):
			return "a mask: it holds infinities"
		case v <= far:
			low++
		case v == 0:
			zero++
		}
	}
	if low > 0 && low+zero == t.Len() {
		return "a mask: zeros, and numbers that stand for minus infinity"
	}
	return ""
}

// makers returns the node that makes each value.
func (d *draft) makers() map[string]int {
	out := map[string]int{}
	for i, n := range d.nodes {
		for _, o := range n.GetOutput() {
			out[o] = i
		}
	}
	return out
}

// afterProduct says whether the other operand of an Add comes from a layer, so that this one is its bias.
func (d *draft) afterProduct(n node, in int, makers map[string]int) bool {
	if n.GetOpType() != "Add" || len(n.GetInput()) != 2 {
		return false
	}
	name := n.GetInput()[1-in]
	for range 8 {
		at, ok := makers[name]
		if !ok {
			return false
		}
		switch maker := d.nodes[at]; maker.GetOpType() {
		case "MatMul", "Conv", "ConvTranspose", "Gemm", "Einsum":
			return true
		case "Cast", "Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze":
			name = maker.GetInput()[0]
		default:
			return false
		}
	}
	return false
}

// plainGroup says whether the node is the InstanceNormalization that exporters write for a GroupNormalization: between
// two Reshapes, with ones and zeros for its scale and bias.
func (d *draft) plainGroup(at int, makers map[string]int) bool {
	n := d.nodes[at]
	if n.GetOpType() != "InstanceNormalization" || len(n.GetInput()) != 3 {
		return false
	}
	before, ok := makers[n.GetInput()[0]]
	if !ok || d.nodes[before].GetOpType() != "Reshape" {
		return false
	}
	for i, want := range []float32{1, 0} {
		x := d.named[n.GetInput()[1+i]]
		if x == nil || x.value == nil || x.value.DType() != tensor.Float32 ||
			slices.ContainsFunc(x.value.Float32(), func(v float32) bool { return v != want }) {
			return false
		}
	}
	return true
}

// neededBy returns the values that an output depends on.
func (d *draft) neededBy(outputs ...string) map[string]bool {
	needed := map[string]bool{}
	for _, o := range outputs {
		needed[o] = true
	}
	for i := len(d.nodes) - 1; i >= 0; i-- {
		n := d.nodes[i]
		if slices.ContainsFunc(n.GetOutput(), func(o string) bool { return o != "" && needed[o] }) {
			for _, in := range n.GetInput() {
				needed[in] = true
			}
			for _, in := range captured(n.NodeProto) {
				needed[in] = true
			}
		}
	}
	delete(needed, "")
	return needed
}

// captured returns what the sub-graphs of a node read from outside.
func captured(n *onnx.NodeProto) []string {
	var out []string
	for _, a := range n.GetAttribute() {
		for _, g := range append([]*onnx.GraphProto{a.GetG()}, a.GetGraphs()...) {
			if g == nil {
				continue
			}
			own := map[string]bool{"": true}
			for _, v := range g.GetInput() {
				own[v.GetName()] = true
			}
			for _, t := range g.GetInitializer() {
				own[t.GetName()] = true
			}
			for _, b := range g.GetNode() {
				for _, in := range append(slices.Clone(b.GetInput()), captured(b)...) {
					if !own[in] {
						out = append(out, in)
					}
				}
				for _, o := range b.GetOutput() {
					own[o] = true
				}
			}
			for _, v := range g.GetOutput() {
				if !own[v.GetName()] {
					out = append(out, v.GetName())
				}
			}
		}
	}
	return out
}

// choose applies what the user says of names.
func (m *Model) choose(bad *refusals) {
	var names []string
	for _, p := range m.params {
		names = append(names, p.Name)
	}
	for _, b := range m.buffers { // which stay frozen then
		names = append(names, b.Name)
	}
	checkPatterns("train", m.o.Train, names, bad)
	checkPatterns("freeze", m.o.Freeze, names, bad)
	for i := range m.params {
		p := &m.params[i]
		switch {
		case matches(m.o.Freeze, p.Name):
			p.Trainable, p.Why = false, "frozen, as you said"
		case len(m.o.Train) > 0 && matches(m.o.Train, p.Name):
			p.Trainable, p.Why = true, "trained, as you said"
		case len(m.o.Train) > 0 && p.Trainable:
			p.Trainable, p.Why = false, "not among those that you named to be trained"
		}
	}
}

// missing returns the parameters of the signature that the file does not have.
func (m *Model) missing() []string {
	if m.sig == nil {
		return nil
	}
	var out []string
	for _, p := range m.sig.params {
		if m.d.named[p] == nil {
			out = append(out, p)
		}
	}
	return out
}

func count(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// shapeText writes a shape as [2,3].
func shapeText(shape []int) string {
	s := "["
	for i, d := range shape {
		if i > 0 {
			s += ","
		}
		if d < 0 {
			s += "?"
		} else {
			s += fmt.Sprint(d)
		}
	}
	return s + "]"
}
