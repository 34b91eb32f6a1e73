package importer

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// mlDomain is the domain of the operators of classical machine learning.
const mlDomain = "ai.onnx.ml"

// mlOps are the operators of that domain that are written as standard ones.
var mlOps map[string]func(d *draft, n *node, m *Model) bool

func init() {
	mlOps = map[string]func(d *draft, n *node, m *Model) bool{
		"LinearClassifier": linearClassifier, "LinearRegressor": linearRegressor, "Scaler": scaler,
		"Normalizer": normalizer, "ArrayFeatureExtractor": arrayFeature, "ZipMap": zipMap, "Imputer": imputer,
		"OneHotEncoder": oneHotEncoder, "Binarizer": binarizer,
	}
}

// ml writes a node of ai.onnx.ml as standard ones and says whether it could.
func (d *draft) ml(n node, m *Model) bool {
	f := mlOps[n.GetOpType()]
	return f != nil && len(n.Input) > 0 && len(n.Output) > 0 && f(d, &n, m)
}

// weights makes an attribute with numbers an initializer, which is written back at export.
func (d *draft) weights(n *node, attr string, shape []int, v []float32) string {
	t, err := tensor.FromFloat32(shape, slices.Clone(v))
	if err != nil {
		panic(err) // the callers have compared the lengths
	}
	name := attr
	if nn := n.GetName(); nn != "" {
		name = nn + "." + attr
	}
	for d.taken[name] {
		name = d.name(attr)
		break
	}
	d.taken[name] = true
	x := &initial{name: name, dtype: int32(tensor.Float32), shape: shape, value: t,
		made: &made{node: n.from, attr: attr}}
	d.initials, d.named[name] = append(d.initials, x), x
	return name
}

// float32s gives the node's first input as float32.
func (d *draft) float32s(n *node) string {
	return d.emit(n, "Cast", []string{n.Input[0]}, onnx.AttrInt("to", int64(tensor.Float32)))
}

// linear is the product that both linear operators begin with: x·Wᵀ+b, W of one row for each result.
func (d *draft) linear(n *node, rows int) (string, bool) {
	coefficients, _ := onnx.GetFloats(n.NodeProto, "coefficients")
	intercepts, _ := onnx.GetFloats(n.NodeProto, "intercepts")
	if rows == 0 {
		rows = len(intercepts)
	}
	if rows == 0 || len(coefficients) == 0 || len(coefficients)%rows != 0 || len(intercepts) != 0 &&
		len(intercepts) != rows {
		return "", false
	}
	in := []string{d.float32s(n), d.weights(n, "coefficients", []int{rows, len(coefficients) / rows}, coefficients)}
	if len(intercepts) > 0 {
		in = append(in, d.weights(n, "intercepts", []int{rows}, intercepts))
	}
	return d.emit(n, "Gemm", in, onnx.AttrInt("transB", 1)), true
}

func linearClassifier(d *draft, n *node, m *Model) bool {
	labels, ints := onnx.GetInts(n.NodeProto, "classlabels_ints")
	words, _ := onnx.GetStrings(n.NodeProto, "classlabels_strings")
	classes := max(len(labels), len(words))
	intercepts, _ := onnx.GetFloats(n.NodeProto, "intercepts")
	after, _ := onnx.GetString(n.NodeProto, "post_transform")
	rows := len(intercepts)
	if rows == 0 {
		rows = classes
	}
	op := map[string]string{"": "Identity", "NONE": "Identity", "SOFTMAX": "Softmax", "LOGISTIC": "Sigmoid"}[after]
	if op == "" || rows != classes && !(rows == 1 && classes == 2) || rows == 1 && op == "Softmax" {
		return false
	}
	z, ok := d.linear(n, rows)
	if !ok {
		return false
	}
	if rows == 1 { // the second class's score; the first one's is what is left of it
		score := d.emit(n, op, []string{z})
		other := d.emit(n, "Neg", []string{score})
		if op == "Sigmoid" {
			other = d.emit(n, "Sub", []string{d.float(1), score})
		}
		z = d.emit(n, "Concat", []string{other, score}, onnx.AttrInt("axis", 1))
	} else {
		z = d.emit(n, op, []string{z})
	}
	if len(n.Output) > 1 && n.Output[1] != "" {
		d.emitTo(n, "Identity", []string{z}, n.Output[1])
	}
	if n.Output[0] == "" {
		return true
	}
	best := d.emit(n, "ArgMax", []string{z}, onnx.AttrInt("axis", 1), onnx.AttrInt("keepdims", 0))
	if ints && len(labels) == classes {
		d.emitTo(n, "Gather", []string{d.ints(slices.Clone(labels)...), best}, n.Output[0])
		return true
	}
	d.notes = append(d.notes,
		"the labels are texts: the output "+quote(n.Output[0])+" gives the number of the class instead")
	d.emitTo(n, "Identity", []string{best}, n.Output[0])
	return true
}

func linearRegressor(d *draft, n *node, _ *Model) bool {
	targets, ok := onnx.GetInt(n.NodeProto, "targets")
	if !ok {
		targets = 1
	}
	after, _ := onnx.GetString(n.NodeProto, "post_transform")
	if targets < 1 || targets > 1<<20 || after != "" && after != "NONE" {
		return false
	}
	z, ok := d.linear(n, int(targets))
	if ok {
		d.emitTo(n, "Identity", []string{z}, n.Output[0])
	}
	return ok
}

func scaler(d *draft, n *node, _ *Model) bool {
	offset, _ := onnx.GetFloats(n.NodeProto, "offset")
	scale, _ := onnx.GetFloats(n.NodeProto, "scale")
	x := d.float32s(n)
	if len(offset) > 0 {
		x = d.emit(n, "Sub", []string{x, d.floats(slices.Clone(offset))})
	}
	if len(scale) > 0 {
		x = d.emit(n, "Mul", []string{x, d.floats(slices.Clone(scale))})
	}
	d.emitTo(n, "Identity", []string{x}, n.Output[0])
	return true
}

// normalizer divides each row by its norm; a row of zeros stays.
func normalizer(d *draft, n *node, _ *Model) bool {
	norm, _ := onnx.GetString(n.NodeProto, "norm")
	x := d.float32s(n)
	axes := d.ints(-1)
	var s string
	switch norm {
	case "", "MAX":
		s = d.emit(n, "ReduceMax", []string{x}, onnx.AttrInts("axes", -1))
	case "L1":
		s = d.emit(n, "ReduceSum", []string{d.emit(n, "Abs", []string{x}), axes})
	case "L2":
		s = d.emit(n, "Sqrt", []string{d.emit(n, "ReduceSumSquare", []string{x}, onnx.AttrInts("axes", -1))})
	default:
		return false
	}
	zero := d.emit(n, "Equal", []string{s, d.float(0)})
	s = d.emit(n, "Where", []string{zero, d.float(1), s})
	d.emitTo(n, "Div", []string{x, s}, n.Output[0])
	return true
}

// arrayFeature takes columns of its first input, which is a row where it has one dimension.
func arrayFeature(d *draft, n *node, _ *Model) bool {
	if len(n.Input) != 2 {
		return false
	}
	x := n.Input[0]
	if t := d.named[x]; t != nil && len(t.shape) == 1 {
		x = d.emit(n, "Unsqueeze", []string{x, d.ints(0)})
	}
	which := d.emit(n, "Reshape", []string{n.Input[1], d.ints(-1)})
	d.emitTo(n, "Gather", []string{x, which}, n.Output[0], onnx.AttrInt("axis", -1))
	return true
}

// zipMap makes a list of maps of a tensor, which nothing here reads: the tensor is given under its name.
func zipMap(d *draft, n *node, _ *Model) bool {
	d.zips[n.Output[0]] = n.Input[0]
	d.notes = append(d.notes, "ZipMap is left out: "+quote(n.Output[0])+" is the tensor "+quote(n.Input[0])+
		" here; in the exported file it stays as it was (export with options={'zipmap': False} to be rid of it)")
	d.emitTo(n, "Identity", []string{n.Input[0]}, n.Output[0])
	return true
}

// zipped returns the port of an output that was a list of maps.
func (d *draft) zipped(name string) (Port, bool) {
	if _, ok := d.zips[name]; !ok {
		return Port{}, false
	}
	return Port{Name: name, DType: tensor.Float32, Type: tensor.Float32.String(), Dims: []int{-1, -1},
		Names: []string{"", ""}}, true
}

func imputer(d *draft, n *node, _ *Model) bool {
	v, ok := onnx.GetFloats(n.NodeProto, "imputed_value_floats")
	replaced, given := onnx.GetFloat(n.NodeProto, "replaced_value_float")
	if !ok || len(v) == 0 {
		return false
	}
	x := d.float32s(n)
	var hit string
	if given && !math.IsNaN(float64(replaced)) {
		hit = d.emit(n, "Equal", []string{x, d.float(replaced)})
	} else { // what is not equal to itself is no number
		hit = d.emit(n, "Not", []string{d.emit(n, "Equal", []string{x, x})})
	}
	d.emitTo(n, "Where", []string{hit, d.floats(slices.Clone(v)), x}, n.Output[0])
	return true
}

func oneHotEncoder(d *draft, n *node, _ *Model) bool {
	cats, ok := onnx.GetInts(n.NodeProto, "cats_int64s")
	if zeros, given := onnx.GetInt(n.NodeProto, "zeros"); !ok || len(cats) == 0 || given && zeros == 0 {
		return false
	}
	x := d.emit(n, "Cast", []string{n.Input[0]}, onnx.AttrInt("to", int64(tensor.Int64)))
	x = d.emit(n, "Unsqueeze", []string{x, d.ints(-1)})
	hit := d.emit(n, "Equal", []string{x, d.ints(slices.Clone(cats)...)})
	d.emitTo(n, "Cast", []string{hit}, n.Output[0], onnx.AttrInt("to", int64(tensor.Float32)))
	return true
}

func binarizer(d *draft, n *node, _ *Model) bool {
	t, _ := onnx.GetFloat(n.NodeProto, "threshold")
	hit := d.emit(n, "Greater", []string{d.float32s(n), d.float(t)})
	d.emitTo(n, "Cast", []string{hit}, n.Output[0], onnx.AttrInt("to", int64(tensor.Float32)))
	return true
}
