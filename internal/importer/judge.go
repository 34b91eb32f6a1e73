package importer

import (
	"cmp"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/compile/gradient"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// judge finds what stands in the way of running and of training the model, all of it.
func (m *Model) judge() {
	needed := m.d.neededBy(m.output)
	for _, x := range m.d.initials {
		if x.value == nil && needed[x.name] && !m.trainable(x.name) {
			why := "its element type is " + typeName(x.dtype) +
				", which no tensor here has; want float32, float64, integers or bool"
			if tensor.DType(min(max(x.dtype, 0), 255)).Valid() {
				why = "it has a shape and no numbers"
			}
			m.runs.add(-1, "", x.name, "%s", why)
		}
	}
	for _, p := range m.inputs {
		if !p.DType.Valid() {
			m.runs.add(-1, "", p.Name, "the input is of %s, which no tensor here has", p.Type)
		}
	}
	batch := cmp.Or(m.batch.Fixed, 2)
	w, err := m.walk(Inference, batch, []string{m.output}, nil)
	if w == nil {
		if r, ok := err.(*RefusedError); ok {
			m.runs.list = append(m.runs.list, r.Reasons...)
		}
		return
	}
	m.runs.list = append(m.runs.list, w.bad.list...)
	m.ends, m.scores = w.ends()
	if t, ok := w.types[w.resolve(m.output)]; ok && t.Static() {
		m.shape = slices.Clone(t.Shape)
	}
	m.judgeTraining(w)
}

func (m *Model) trainable(name string) bool {
	return slices.ContainsFunc(m.params, func(p Param) bool { return p.Name == name && p.Trainable })
}

// judgeTraining finds what stands in the way of training alone.
func (m *Model) judgeTraining(w *walker) {
	quantized := 0
	for _, n := range m.d.nodes {
		if n.GetOpType() == "QuantizeLinear" || n.GetOpType() == "DequantizeLinear" {
			if quantized++; quantized == 1 {
				m.trains.of(n.from, n.NodeProto, "weights are int8, only scales are float; export the float model")
			}
		}
	}
	m.judgeHalf()
	if len(m.Trained()) == 0 && quantized == 0 {
		m.trains.add(-1, "", "", "the model has no parameter that can be trained: %s", m.whyNone())
	}
	rules := gradient.Ops()
	active, reaches := map[string]bool{}, map[string]bool{w.resolve(m.output): true}
	for name := range w.trained {
		active[name] = true
	}
	for _, n := range w.nodes {
		if slices.ContainsFunc(n.Input, func(in string) bool { return active[in] }) {
			for _, o := range n.Output {
				active[o] = isFloat(w.types[o].DType)
			}
		}
	}
	for i := len(w.nodes) - 1; i >= 0; i-- {
		n := w.nodes[i]
		if !slices.ContainsFunc(n.Output, func(o string) bool { return reaches[o] && active[o] }) {
			continue
		}
		for _, in := range n.Input {
			reaches[in] = true
		}
		if !slices.ContainsFunc(n.Input, func(in string) bool { return active[in] }) ||
			slices.Contains(rules, n.OpType) {
			continue
		}
		at := w.from[i]
		file := m.file.GetGraph().GetNode()[at]
		m.trains.of(at, file, "no gradient passes %s, which stands between a parameter and the output", n.OpType)
	}
	m.judgeReach(w, active, reaches)
	slices.SortStableFunc(m.trains.list, func(a, b Reason) int { return cmp.Compare(a.Node, b.Node) })
	m.trains.list = slices.Compact(m.trains.list)
}

// judgeReach finds whether the output depends on what is trained by floating-point numbers at all, and where not.
func (m *Model) judgeReach(w *walker, active, reaches map[string]bool) {
	for name := range w.trained {
		if reaches[name] {
			return
		}
	}
	for i, n := range w.nodes {
		if slices.ContainsFunc(n.Input, func(in string) bool { return active[in] }) &&
			!slices.ContainsFunc(n.Output, func(o string) bool { return active[o] }) {
			file := m.file.GetGraph().GetNode()[w.from[i]]
			m.trains.of(w.from[i], file, "no gradient passes %s, whose result is no floating-point number", n.OpType)
		}
	}
}

// judgeHalf finds layers of which one half is bfloat16 and the other float32, as folding a BatchNormalization writes.
func (m *Model) judgeHalf() {
	bfloat := int32(onnx.TensorProto_BFLOAT16)
	for _, n := range m.d.nodes {
		if n.GetOpType() != "Conv" && n.GetOpType() != "Gemm" && n.GetOpType() != "ConvTranspose" {
			continue
		}
		some, other := false, false
		for _, in := range n.GetInput() {
			if x := m.d.named[in]; x != nil {
				some, other = some || x.half == bfloat, other || x.half != bfloat
			}
			for _, p := range m.inputs {
				some = some || p.Name == in && p.Type == typeName(bfloat)
			}
		}
		if some && other {
			m.trains.of(n.from, n.NodeProto, "BatchNorm was folded in bfloat16; use optimize=False")
		}
	}
}

// whyNone says why nothing is trained.
func (m *Model) whyNone() string {
	for _, p := range m.params {
		if !p.Trainable {
			return quote(p.Name) + " is none: " + p.Why
		}
	}
	return "it has no floating-point initializer"
}

// ends says what the output goes through last, "softmax", "log-softmax", "sigmoid" or "", and the value before that.
func (w *walker) ends() (kind, scores string) {
	makers := map[string]*onnx.NodeProto{}
	for _, n := range w.nodes {
		for _, o := range n.Output {
			makers[o] = n
		}
	}
	name := w.resolve(w.m.output)
	for range 16 {
		n := makers[name]
		if n == nil {
			return "", ""
		}
		switch n.OpType {
		case "Softmax", "LogSoftmax":
			t := w.types[n.Output[0]]
			axis, ok := onnx.GetInt(n, "axis")
			if !ok {
				axis = -1
			}
			if axis != -1 && int(axis) != len(t.Shape)-1 {
				return "", ""
			}
			if n.OpType == "LogSoftmax" {
				return "log-softmax", n.Input[0]
			}
			return "softmax", n.Input[0]
		case "Sigmoid":
			return "sigmoid", n.Input[0]
		case "Reshape", "Squeeze", "Unsqueeze", "Identity", "Cast":
			if !slices.Equal(w.types[n.Input[0]].Shape, w.types[n.Output[0]].Shape) && n.OpType != "Reshape" {
				return "", ""
			}
			name = n.Input[0]
		case "Div": // a normalizer behind the probabilities of scikit-learn
			name = n.Input[0]
			if m := makers[name]; m == nil || m.OpType != "Softmax" && m.OpType != "Sigmoid" {
				return "", ""
			}
		default:
			return "", ""
		}
	}
	return "", ""
}
